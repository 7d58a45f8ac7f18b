//! What all tests share: reading a text in pieces, and whether one value is the beginning of another.

use meanwhile_json::{JsonError, Outcome, Policy, Reader};
use serde_json::Value;

/// Reads a text in pieces of so many characters.
pub(crate) fn read_in(
    text: &str,
    schema: Option<&Value>,
    policy: Policy,
    size: usize,
) -> Result<Outcome, JsonError> {
    let mut reader = Reader::new(schema, policy);
    for piece in pieces(text, size) {
        reader.push(piece);
    }
    reader.finish()
}

pub(crate) fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Whether a value is a beginning of a later one: texts grow at their end, lists and objects by items.
/// Whatever else is there is equal.
pub(crate) fn is_beginning(one: &Value, whole: &Value) -> bool {
    match (one, whole) {
        (Value::String(one), Value::String(whole)) => whole.starts_with(one),
        (Value::Array(one), Value::Array(whole)) => {
            one.len() <= whole.len() && one.iter().zip(whole).all(|(a, b)| is_beginning(a, b))
        }
        (Value::Object(one), Value::Object(whole)) => {
            one.iter().all(|(key, a)| whole.get(key).is_some_and(|b| is_beginning(a, b)))
        }
        (one, whole) => one == whole,
    }
}

/// The same outcome, kind of error and place, whatever the pieces.
pub(crate) fn check_cuts(text: &str, schema: Option<&Value>, policy: Policy) {
    let whole = read_in(text, schema, policy, usize::MAX);
    for size in [1, 2, 3, 7] {
        let cut = read_in(text, schema, policy, size);
        match (&whole, &cut) {
            (Ok(whole), Ok(cut)) => {
                assert_eq!(whole, cut, "{policy:?} in pieces of {size}: {text}")
            }
            (Err(whole), Err(cut)) => {
                let told = |error: &JsonError| {
                    let place = (error.line(), error.column(), error.offset());
                    (error.to_string(), place, error.value().cloned(), error.repairs().to_vec())
                };
                assert_eq!(told(whole), told(cut), "{policy:?} in pieces of {size}: {text}");
            }
            (whole, cut) => panic!("{policy:?} in pieces of {size}: {text}\n{whole:?}\n{cut:?}"),
        }
    }
}
