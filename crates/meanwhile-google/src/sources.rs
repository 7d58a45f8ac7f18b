//! [`Sources`]: what an answer rests on, collected while it comes, and told as citations at its end.
//!
//! Google counts in bytes of one part of its own; a span here counts characters of one of ours. The
//! text that a segment repeats decides where the two differ, as they do in streams.

use meanwhile_core::{Citation, Event, FinishReason, Part, ProviderData};
use meanwhile_http::lenient;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Fields of a candidate that are kept.
const KEPT: [&str; 5] = [
    "groundingMetadata",
    "citationMetadata",
    "urlContextMetadata",
    "groundingAttributions",
    CONTINUATION,
];

/// How harmful the server takes an answer to be: kept where that may be why the model stopped. Averages of
/// probabilities and counts of tokens repeat what others say and are not kept.
const RATINGS: &str = "safetyRatings";

/// What Vertex AI wants back to go on with an answer that it paused.
pub(crate) const CONTINUATION: &str = "continuationToken";

/// The visible text of an answer and what backs it.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    text: String,
    /// Our text parts, by where they begin in the text.
    parts: Vec<(u32, usize)>,
    /// Google's text parts: their index in the content, and where they begin.
    pieces: Vec<(u64, usize)>,
    kept: Map<String, Value>,
    /// The last ratings, as they came.
    ratings: String,
}

impl Sources {
    /// A text part of ours begins.
    pub(crate) fn begin(&mut self, index: u32) {
        self.parts.push((index, self.text.len()));
    }

    /// Text was said; `piece` is the part of Google's that it came in.
    pub(crate) fn say(&mut self, text: &str, piece: u64) {
        self.pieces.push((piece, self.text.len()));
        self.text.push_str(text);
    }

    /// The text part that was begun last.
    pub(crate) fn last(&self) -> Option<u32> {
        self.parts.last().map(|(index, _)| *index)
    }

    /// Keeps a field of a candidate, if it is worth keeping.
    pub(crate) fn keep(&mut self, name: &str, raw: &RawValue) {
        if name == RATINGS {
            // Some models rate every chunk: they are not read before the end.
            return raw.get().clone_into(&mut self.ratings);
        }
        if !KEPT.contains(&name) || matches!(raw.get(), "{}" | "null" | "[]") {
            return;
        }
        let Ok(value) = lenient::value(raw.get().as_bytes()) else { return };
        merge(self.kept.entry(name).or_insert(Value::Null), value);
    }

    /// Tells everything: a citation for each source and stretch, then the fields as they came.
    pub(crate) fn end(
        mut self,
        reason: FinishReason,
        provider: &str,
        next_part: &mut u32,
        events: &mut impl Extend<Event>,
    ) {
        if let Some(ratings) = self.telling_ratings(reason) {
            self.kept.insert(RATINGS.to_owned(), ratings);
        }
        if self.kept.is_empty() {
            return;
        }
        if let Some(last) = self.last() {
            let cite = |(index, citation): (Option<u32>, Citation)| {
                Event::citation(index.unwrap_or(last), citation)
            };
            events.extend(self.grounding(provider).into_iter().map(cite));
            events.extend(self.recitations(provider).into_iter().map(cite));
        }
        let index = *next_part;
        *next_part += 1;
        let value = json!({ "candidate": self.kept });
        events.extend([Event::part(index, Part::opaque(provider, value))]);
    }

    /// The ratings, where the model did not stop of its own accord or one of them blocks.
    fn telling_ratings(&self, reason: FinishReason) -> Option<Value> {
        let ratings = lenient::value(self.ratings.as_bytes()).ok()?;
        let ratings = ratings.as_array().filter(|ratings| !ratings.is_empty())?;
        let is_blocking = |rating: &Value| rating.get("blocked") == Some(&Value::Bool(true));
        let tells = matches!(
            reason,
            FinishReason::ContentFilter | FinishReason::Error | FinishReason::Other
        );
        (tells || ratings.iter().any(is_blocking)).then(|| Value::Array(ratings.clone()))
    }

    fn grounding(&self, provider: &str) -> Vec<(Option<u32>, Citation)> {
        let list = |name: &str| {
            let metadata = self.kept.get("groundingMetadata");
            metadata.and_then(|metadata| metadata.get(name)).and_then(Value::as_array)
        };
        // Where a stream tells of chunks little by little, indices count through all of them.
        let chunks = list("groundingChunks").map(Vec::as_slice).unwrap_or_default();
        let mut used = vec![false; chunks.len()];
        let mut citations = Vec::new();
        for support in list("groundingSupports").into_iter().flatten() {
            let segment = support.get("segment").unwrap_or(&Value::Null);
            let place = self.segment(segment);
            let indexes = support.get("groundingChunkIndices").and_then(Value::as_array);
            for index in indexes.into_iter().flatten() {
                let Some(index) = index.as_u64().and_then(|index| usize::try_from(index).ok())
                else {
                    continue;
                };
                let Some(chunk) = chunks.get(index) else { continue };
                if let Some(used) = used.get_mut(index) {
                    *used = true;
                }
                let mut citation = chunk_citation(chunk, provider);
                citation.span = place.as_ref().map(|(_, span)| span.clone());
                citations.push((place.as_ref().map(|(part, _)| *part), citation));
            }
        }
        let unused = chunks.iter().zip(used).filter(|(_, used)| !used);
        citations.extend(unused.map(|(chunk, _)| (None, chunk_citation(chunk, provider))));
        citations
    }

    /// Where the model repeats a source word for word.
    fn recitations(&self, provider: &str) -> Vec<(Option<u32>, Citation)> {
        let metadata = self.kept.get("citationMetadata");
        let lists = ["citations", "citationSources"].into_iter();
        let lists = lists.filter_map(|name| metadata?.get(name)?.as_array());
        let sources = lists.flatten().filter(|source| {
            // An entry without any field says nothing.
            source.as_object().is_some_and(|fields| !fields.is_empty())
        });
        let cited = sources.map(|source| {
            let mut citation = Citation::new();
            citation.url = text(source, &["uri"]);
            citation.title = text(source, &["title"]);
            citation.data = Some(Box::new(ProviderData::new(provider, source.clone())));
            let place = source.get("endIndex").and_then(|_| self.segment(source));
            citation.span = place.as_ref().map(|(_, span)| span.clone());
            (place.map(|(part, _)| part), citation)
        });
        cited.collect()
    }

    /// The part of ours that a segment lies in, and which of its characters it covers.
    fn segment(&self, segment: &Value) -> Option<(u32, std::ops::Range<u32>)> {
        let number = |name: &str| segment.get(name).and_then(Value::as_u64);
        let offset = |name: &str| usize::try_from(number(name).unwrap_or(0)).ok();
        let (start, end) = (offset("startIndex")?, offset("endIndex")?);
        let words = segment.get("text").and_then(Value::as_str).filter(|text| !text.is_empty());
        let piece = number("partIndex").unwrap_or(0);
        let own = self.pieces.iter().filter(|(index, _)| *index == piece).map(|(_, base)| *base);
        let bases = own.chain([0]).chain(self.parts.iter().map(|(_, base)| *base));
        let mut fitting = bases.filter_map(|base| {
            let range = base.checked_add(start)?..base.checked_add(end)?;
            let said = self.text.get(range.clone()).filter(|said| !said.is_empty())?;
            words.is_none_or(|words| words == said).then_some(range)
        });
        let found = fitting.next().or_else(|| {
            let start = self.text.find(words?)?;
            Some(start..start + words?.len())
        })?;
        let (part, base) = self.parts.iter().rfind(|(_, base)| *base <= found.start)?;
        let next = self.parts.iter().map(|(_, base)| *base).find(|base| base > &found.start);
        let end = next.map_or(found.end, |next| found.end.min(next));
        let count = |range: std::ops::Range<usize>| {
            u32::try_from(self.text.get(range)?.chars().count()).ok()
        };
        let from = count(*base..found.start)?;
        Some((*part, from..from.checked_add(count(found.start..end)?)?))
    }
}

fn chunk_citation(chunk: &Value, provider: &str) -> Citation {
    // One field says what kind of source it is: `web`, `retrievedContext`, `maps`, `image`.
    let fields = || chunk.as_object().into_iter().flat_map(|fields| fields.values());
    let known = |source: &&Value| text(source, &["uri", "sourceUri", "title", "text"]).is_some();
    let source = fields().find(known).or_else(|| fields().next()).unwrap_or(chunk);
    let mut citation = Citation::new();
    citation.url = text(source, &["uri", "sourceUri"]);
    citation.title = text(source, &["title"]);
    citation.quote = text(source, &["text"]);
    citation.document = text(source, &["documentName", "fileSearchStore"]);
    citation.with_data(ProviderData::new(provider, chunk.clone()))
}

fn text(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| object.get(name)?.as_str()).map(str::to_owned)
}

/// Adds what a later chunk of a stream says: lists grow, unless the later one repeats the earlier.
fn merge(known: &mut Value, more: Value) {
    match (known, more) {
        (Value::Object(known), Value::Object(more)) => {
            for (name, value) in more {
                merge(known.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(known), Value::Array(more)) => {
            if more.starts_with(known) {
                *known = more;
            } else {
                known.extend(more);
            }
        }
        (known, more) => *known = more,
    }
}
