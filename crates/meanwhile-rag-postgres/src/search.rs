//! Search by vector, and by words with BM25 over the words that Postgres keeps.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::Client;
use meanwhile_core::Result;
use meanwhile_rag::{Filter, Origin, Scored};
use tokio_postgres::Row;

use crate::conditions::Conditions;
use crate::failure::failed;
use crate::read::{CHUNK, chunk, column, query};
use crate::schema::Schema;
use crate::words;

/// The most chunks that are scored by their words: those with the rarest words of the question.
const CANDIDATES: i64 = 5_000;

/// From so many chunks on, their number and length are counted once in [`KEPT`].
const MANY: f64 = 10_000.0;
const KEPT: Duration = Duration::from_secs(60);

/// How much is gained by a word that comes again, and by a short text: as in most of the literature.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Finds the chunks nearest to `vector` among all.
pub(crate) async fn nearest(
    client: &Client,
    schema: &Schema,
    vector: &[f32],
    filter: Option<&Filter>,
    limit: i64,
) -> Result<Vec<Scored>> {
    let mut conditions = Conditions::default();
    let asked = conditions.add(vector.to_vec());
    let limit = conditions.add(limit);
    let condition = conditions.of(filter);
    // Not ordered by the distance itself: an index on it would be used, which finds most and not all.
    let sql = format!(
        "SELECT {CHUNK}, score FROM (SELECT *, coalesce(nullif(1 - distance, 'NaN'), 0) AS score FROM
            (SELECT *, vector <=> {asked}::float4[]::vector AS distance FROM {schema}.chunks
            WHERE vector IS NOT NULL AND {condition}) AS far) AS near
        ORDER BY score DESC, document, position LIMIT {limit}"
    );
    scored(&query(client, &sql, &conditions.parameters()).await?, Origin::Dense)
}

/// Finds chunks near to `vector` by the index on vectors.
pub(crate) async fn nearly_nearest(
    client: &mut Client,
    schema: &Schema,
    vector: &[f32],
    filter: Option<&Filter>,
    limit: i64,
) -> Result<Vec<Scored>> {
    let mut conditions = Conditions::default();
    let asked = conditions.add(vector.to_vec());
    let most = conditions.add(limit);
    let condition = conditions.of(filter);
    let sql = format!(
        "SELECT {CHUNK}, coalesce(nullif(1 - distance, 'NaN'), 0) AS score FROM
            (SELECT *, vector <=> {asked}::float4[]::vector AS distance FROM {schema}.chunks
            WHERE vector IS NOT NULL AND {condition}
            ORDER BY vector <=> {asked}::float4[]::vector LIMIT {most}) AS near
        ORDER BY score DESC, document, position"
    );
    let transaction = client.transaction().await.map_err(failed)?;
    // It goes on where the condition leaves too few, and looks at twice as many as are wanted.
    let effort = limit.saturating_mul(2).clamp(40, 1_000);
    let settings = format!(
        "SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = {effort}"
    );
    transaction.batch_execute(&settings).await.map_err(failed)?;
    let statement = transaction.prepare_cached(&sql).await.map_err(failed)?;
    let rows = transaction.query(&statement, &conditions.parameters()).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    scored(&rows, Origin::Dense)
}

/// How many chunks there are and how many words they have, as it was when it was last counted.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<Option<(Instant, Size)>>);

#[derive(Debug, Clone, Copy)]
struct Size {
    chunks: f64,
    average: f64,
}

impl Sizes {
    async fn get(&self, client: &Client, schema: &Schema) -> Result<Size> {
        let kept = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((counted, size)) = kept
            && size.chunks >= MANY
            && counted.elapsed() < KEPT
        {
            return Ok(size);
        }
        let sql = format!(
            "SELECT count(*)::float8, coalesce(avg(length), 0)::float8 FROM {schema}.chunks"
        );
        let rows = query(client, &sql, &[]).await?;
        let mut size = Size { chunks: 0.0, average: 0.0 };
        if let Some(row) = rows.first() {
            size = Size { chunks: column(row, 0)?, average: column(row, 1)? };
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), size));
        Ok(size)
    }
}

/// A lexeme of the question, and how many chunks have it, counted up to one more than [`CANDIDATES`].
struct Asked {
    lexeme: String,
    holders: i64,
}

/// Finds chunks by the words of a text.
pub(crate) async fn with_words(
    client: &Client,
    schema: &Schema,
    sizes: &Sizes,
    (language, text): (&str, &str),
    filter: Option<&Filter>,
    limit: i64,
) -> Result<Vec<Scored>> {
    let mut asked = held(client, schema, language, text).await?;
    asked.sort_by_key(|asked| asked.holders);
    let mut sum = 0;
    // The rarest are mostly enough to choose by; all are counted in the score.
    let rare = asked.iter().take_while(|asked| {
        let first = sum == 0;
        sum += asked.holders;
        first || sum <= CANDIDATES
    });
    let rare = words::any_of(rare.map(|asked| asked.lexeme.as_str()));
    if rare.is_empty() {
        return Ok(Vec::new());
    }
    let all = words::any_of(asked.iter().map(|asked| asked.lexeme.as_str()));
    let size = sizes.get(client, schema).await?;
    #[expect(clippy::cast_precision_loss, reason = "it is a few thousand at most")]
    let weight = |asked: &Asked| {
        let holders = asked.holders as f64;
        let others = (size.chunks - holders).max(0.0);
        (1.0 + (others + 0.5) / (holders + 0.5)).ln() * (K1 + 1.0)
    };
    let weights: Vec<f64> = asked.iter().map(weight).collect();
    let lexemes: Vec<String> = asked.into_iter().map(|asked| asked.lexeme).collect();
    let asked = Question { lexemes, weights, average: size.average.max(1.0), rare, all };

    let choice = [&asked.rare, &asked.all];
    let mut found = Vec::new();
    for choosing in choice {
        found = asked.rank(client, schema, choosing, filter, limit).await?;
        // Common words are looked for where the rare ones do not find as many as are wanted.
        if i64::try_from(found.len()).is_ok_and(|found| found >= limit) || asked.rare == asked.all {
            break;
        }
    }
    Ok(found)
}

/// The lexemes of a question with what each is worth, and expressions for the rare ones and for all.
struct Question {
    lexemes: Vec<String>,
    weights: Vec<f64>,
    average: f64,
    rare: String,
    all: String,
}

impl Question {
    /// Scores chunks that match `choosing`, those with a rare word before others.
    async fn rank(
        &self,
        client: &Client,
        schema: &Schema,
        choosing: &str,
        filter: Option<&Filter>,
        limit: i64,
    ) -> Result<Vec<Scored>> {
        let mut conditions = Conditions::default();
        let choosing = conditions.add(choosing.to_owned());
        let rare = conditions.add(self.rare.clone());
        let all = conditions.add(self.all.clone());
        let lexemes = conditions.add(self.lexemes.clone());
        let weights = conditions.add(self.weights.clone());
        let average = conditions.add(self.average);
        let limit = conditions.add(limit);
        let condition = conditions.of(filter);
        let sql = format!(
            "WITH candidates AS MATERIALIZED (
                SELECT document, position, words, length FROM {schema}.chunks
                WHERE words @@ {choosing}::text::tsquery AND {condition}
                ORDER BY words @@ {rare}::text::tsquery DESC,
                    ts_rank(words, {all}::text::tsquery) DESC, document, position
                LIMIT {CANDIDATES}
            ), scores AS (
                SELECT document, position, sum(weight * cardinality(positions) / (cardinality(positions)
                    + {K1} * (1 - {B} + {B} * length / {average}::float8)))::float4 AS score
                FROM candidates
                CROSS JOIN LATERAL unnest(words) AS held (lexeme, positions, weights)
                JOIN unnest({lexemes}::text[], {weights}::float8[]) AS asked (lexeme, weight)
                    USING (lexeme)
                GROUP BY document, position
                ORDER BY score DESC, document, position LIMIT {limit}
            )
            SELECT {CHUNK}, score::float8 FROM scores JOIN {schema}.chunks USING (document, position)
            ORDER BY score DESC, document, position"
        );
        scored(&query(client, &sql, &conditions.parameters()).await?, Origin::Text)
    }
}

/// The lexemes of a text that some chunk has.
async fn held(client: &Client, schema: &Schema, language: &str, text: &str) -> Result<Vec<Asked>> {
    let (plain, count) = words::plain(text);
    if count == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        r"SELECT lexeme, (SELECT count(*) FROM (SELECT FROM {schema}.chunks
                WHERE words @@ quoted::tsquery LIMIT {CANDIDATES} + 1) AS held) AS holders
        FROM unnest(to_tsvector($1::text::regconfig, $2)) AS asked,
            LATERAL (SELECT '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''') AS q (quoted)"
    );
    let mut asked = Vec::new();
    for row in query(client, &sql, &[&language, &plain]).await? {
        let (lexeme, holders) = (column(&row, 0)?, column(&row, 1)?);
        if holders > 0 {
            asked.push(Asked { lexeme, holders });
        }
    }
    Ok(asked)
}

/// Reads rows of a chunk and its score.
fn scored(rows: &[Row], origin: Origin) -> Result<Vec<Scored>> {
    let score = |row: &Row| {
        #[expect(clippy::cast_possible_truncation, reason = "a score needs no more")]
        let score = column::<f64>(row, 7)? as f32;
        Ok(Scored::new(chunk(row)?, score, origin))
    };
    rows.iter().map(score).collect()
}
