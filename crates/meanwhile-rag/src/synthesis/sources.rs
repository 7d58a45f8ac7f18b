//! Chunks as numbered sources in a prompt, packed by what fits.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Scored;
use crate::splitters::TokenCounter;

/// One chunk as it stands in a prompt: its number, where it is from, its text.
pub(crate) fn source(number: usize, found: &Scored) -> String {
    let mut text = name(number, found);
    text.push('\n');
    text.push_str(found.chunk.text.trim());
    text.push_str("\n\n");
    text
}

/// The number of a chunk and where it is from.
pub(crate) fn name(number: usize, found: &Scored) -> String {
    let mut text = format!("[{number}] {}", found.chunk.document_id);
    for name in ["title", "headings"] {
        match found.chunk.metadata.get(name) {
            Some(Value::String(title)) => {
                let _ = write!(text, " > {title}");
            }
            Some(Value::Array(titles)) => {
                for title in titles.iter().filter_map(Value::as_str) {
                    let _ = write!(text, " > {title}");
                }
            }
            _ => {}
        }
    }
    text
}

/// Chunks one below the other, numbered from `first`.
pub(crate) fn listing(found: &[Scored], first: usize) -> String {
    if found.is_empty() {
        return "Nothing was found.".to_owned();
    }
    (first..).zip(found).map(|(number, found)| source(number, found)).collect()
}

/// Puts as many pieces into one context as it has room for, in their order; at least `fewest`, as far as there
/// are so many.
pub(super) fn pack(
    pieces: &[String],
    tokens: usize,
    counter: &dyn TokenCounter,
    fewest: usize,
) -> Vec<String> {
    let mut contexts = Vec::new();
    let (mut context, mut used, mut held) = (String::new(), 0_usize, 0);
    for piece in pieces {
        let needs = counter.count(piece);
        if held >= fewest && used.saturating_add(needs) > tokens {
            contexts.push(std::mem::take(&mut context));
            (used, held) = (0, 0);
        }
        context.push_str(piece);
        used = used.saturating_add(needs);
        held += 1;
    }
    if held > 0 {
        contexts.push(context);
    }
    contexts
}

/// Adds an answer below those before it.
pub(crate) fn append(text: &mut String, answer: &str) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(answer.trim());
}
