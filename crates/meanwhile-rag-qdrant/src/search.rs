//! Search: the server ranks, and what it cannot decide is decided here.

use http::Method;
use meanwhile_core::Result;
use meanwhile_rag::{Filter, Origin, Scored};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::condition::Pushed;
use crate::points::{ChunkPayload, payload};
use crate::server::Server;

/// What is asked for beyond the limit, so that those equal to the last one are mostly there.
const BEYOND: usize = 8;

/// What is searched by: `query` and the name of the vectors.
pub(crate) struct Asked {
    pub(crate) query: Value,
    pub(crate) using: &'static str,
    pub(crate) origin: Origin,
    pub(crate) exact: bool,
}

#[derive(Deserialize)]
struct Found {
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    score: f32,
    payload: Value,
}

/// What is left of an answer when it has been checked.
struct Checked {
    hits: Vec<Scored>,
    /// How many points the server sent, and the score of the last one.
    sent: usize,
    worst: f32,
}

impl Found {
    fn check(self, filter: Option<&Filter>, origin: Origin) -> Result<Checked> {
        let sent = self.points.len();
        let worst = self.points.last().map_or(f32::NEG_INFINITY, |point| point.score);
        let mut hits = Vec::with_capacity(sent);
        for point in self.points {
            let chunk = payload::<ChunkPayload>(point.payload)?.into_chunk();
            if filter.is_none_or(|filter| filter.matches(&chunk.metadata)) {
                hits.push(Scored::new(chunk, point.score, origin));
            }
        }
        Ok(Checked { hits, sent, worst })
    }
}

/// Finds the chunks that fit best, of equals the one of the smaller document and index first.
///
/// Asks for more until it is certain of all: of chunks as good as the worst, there may be more that the
/// server has not sent; and of those that it has sent, a condition that it could not check may leave few.
pub(crate) async fn search(
    server: &Server,
    collection: &str,
    asked: &Asked,
    filter: Option<&Filter>,
    limit: usize,
) -> Result<Vec<Scored>> {
    let pushed = filter.map(Pushed::of);
    let mut fetched = limit.saturating_add(BEYOND);
    loop {
        let mut request = json!({
            "query": asked.query, "using": asked.using, "limit": fetched, "with_payload": true,
            "params": {"exact": asked.exact},
        });
        let condition = pushed.as_ref().and_then(|pushed| pushed.condition.clone());
        if let (Some(condition), Some(request)) = (condition, request.as_object_mut()) {
            let all = Map::from_iter([("must".to_owned(), Value::Array(vec![condition]))]);
            request.insert("filter".to_owned(), Value::Object(all));
        }
        let path = format!("{collection}/points/query");
        let exact = pushed.as_ref().is_none_or(|pushed| pushed.exact);
        let (left, origin) = (filter.filter(|_| !exact).cloned(), asked.origin);
        let check = move |found: Found| found.check(left.as_ref(), origin);
        let checked = server.ask_then(Method::POST, &path, &request, check).await?;
        let Checked { mut hits, sent, worst } = checked;
        let certain = hits.iter().filter(|hit| hit.score > worst).count();
        if sent < fetched || certain >= limit {
            hits.sort_by(|left, right| {
                let place = |hit: &Scored| (hit.chunk.document_id.clone(), hit.chunk.index);
                right.score.total_cmp(&left.score).then_with(|| place(left).cmp(&place(right)))
            });
            hits.truncate(limit);
            return Ok(hits);
        }
        fetched = fetched.saturating_mul(4);
    }
}
