//! [`Citation`], a place in an answer and the place in a document that it is from.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Scored;

/// A number in square brackets in an answer, and the chunk that it stands for.
///
/// Providers that cite sources in their own way tell so in the response: see
/// [`Response::citations`](meanwhile_core::Response::citations).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Citation {
    /// The chunk that is cited, as its place in [`Answer::chunks`](crate::Answer::chunks), from 0: one
    /// less than the number in the text.
    pub chunk: usize,
    /// The number with its brackets, in bytes of the answer's text.
    pub marker: Range<usize>,
    /// What it stands behind: from the end of the sentence before to the number, in bytes of the
    /// answer's text.
    pub statement: Range<usize>,
    /// The document that is cited.
    pub document_id: String,
    /// The stretch of the document that is cited, in bytes of its text.
    pub span: Range<usize>,
}

/// Finds `[1]`, `[2, 3]` and `[4][5]` in a text. Numbers of no chunk are passed over: they are in the text
/// for the reader to see.
pub(super) fn citations(text: &str, chunks: &[Scored]) -> Vec<Citation> {
    let mut found = Vec::new();
    // Where the statement of the next marker begins, and whether only markers came since.
    let mut statement = 0;
    let mut last_end = None;
    let mut previous = 0..0;
    for (open, _) in text.match_indices('[') {
        let Some(inside) = text.get(open + 1..) else { continue };
        let Some(length) = inside.find(']') else { break };
        let Some(inside) = inside.get(..length) else { continue };
        let numbers: Option<Vec<usize>> =
            inside.split(',').map(|number| number.trim().parse().ok()).collect();
        let Some(numbers) = numbers else { continue };
        let places: Vec<usize> = numbers
            .into_iter()
            .map(|number| number.wrapping_sub(1))
            .filter(|place| *place < chunks.len())
            .collect();
        if places.is_empty() {
            continue;
        }
        let marker = open..open + length + 2;
        let between = last_end.and_then(|end| text.get(end..open));
        // Two markers in a row stand behind the same statement.
        let range = if between.is_some_and(|between| between.trim().is_empty()) {
            previous.clone()
        } else {
            trimmed(text, begin(text, statement, open)..open)
        };
        for place in places {
            if let Some(cited) = chunks.get(place) {
                found.push(Citation {
                    chunk: place,
                    marker: marker.clone(),
                    statement: range.clone(),
                    document_id: cited.chunk.document_id.clone(),
                    span: cited.chunk.span.clone(),
                });
            }
        }
        statement = marker.end;
        last_end = Some(marker.end);
        previous = range;
    }
    found
}

/// Where the sentence begins that ends at `end`: after the last end of a sentence, not before `from`.
fn begin(text: &str, from: usize, end: usize) -> usize {
    // A full stop that the marker stands directly behind belongs to the statement.
    let before = text.get(from..end).unwrap_or_default();
    let before = before.trim_end().trim_end_matches(['.', '!', '?']);
    let sentence = [". ", "! ", "? ", "\n"]
        .into_iter()
        .filter_map(|mark| before.rfind(mark).map(|at| at + mark.len()))
        .max();
    from + sentence.unwrap_or(0)
}

/// The range without the white space, and the rest of the sentence before, at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = text.get(range.clone()).unwrap_or_default();
    let front = inside.trim_start_matches(|c: char| c.is_whitespace() || ".,;:!?".contains(c));
    let start = range.end - front.len();
    start..start + front.trim_end().len()
}
