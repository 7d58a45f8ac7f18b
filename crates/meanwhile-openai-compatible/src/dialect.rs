//! What the other wires of the same family share with this one: warnings, the strict schema, errors. For crates that bring such a wire; programs need none of it.

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Effort, Error, ErrorKind, Reasoning, Result, Usage};
use serde_json::value::RawValue;

use crate::{Quirks, error};

pub use meanwhile_http::Notes;

pub use crate::schema::strict as strict_schema;
pub use crate::written::{BETWEEN, Data, Url, url};

/// The level that stands for `reasoning` on a wire that takes levels: of those that are known, the nearest.
///
/// # Errors
///
/// [`Unsupported`](ErrorKind::Unsupported), where the request wants that instead of a warning.
pub fn effort(reasoning: Reasoning, known: &[Effort], notes: &mut Notes) -> Result<Effort> {
    let asked = match reasoning {
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => {
            let message = "this provider takes a level instead of a number of tokens";
            notes.changed("reasoning", message)?;
            match tokens {
                0 => Effort::None,
                1..=2048 => Effort::Low,
                2049..=12_288 => Effort::Medium,
                _ => Effort::High,
            }
        }
        _ => Effort::Medium,
    };
    notes.nearest_effort(asked, known)
}

/// Error codes of one wire or vendor, which count before those of the family.
pub type ErrorCodes = &'static [(&'static str, ErrorKind)];

/// Reads an answer whose status is not a success.
#[must_use]
pub fn error_of_status(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    codes: ErrorCodes,
) -> Error {
    error::of_status(status, headers, body, &quirks(codes))
}

/// Reads an error that came inside an answer with a successful status.
#[must_use]
pub fn error_in_answer(data: &[u8], codes: ErrorCodes) -> Error {
    error::in_answer(data, &quirks(codes))
}

/// Whether JSON without an answer in it is an error of any known shape.
#[must_use]
pub fn is_error(data: &[u8]) -> bool {
    error::is_error(data)
}

/// Makes the error for data that is not of the dialect, with the beginning of it.
#[must_use]
pub fn not_understood(message: &'static str, data: &[u8]) -> Error {
    error::decode(message, data)
}

/// Reads the counters of an answer, where there are any; inconsistent ones saturate, and the raw ones
/// are kept.
#[must_use]
pub fn usage(raw: &RawValue) -> Option<Usage> {
    crate::usage::usage(raw, &Quirks::new(), None).map(|counted| counted.usage)
}

fn quirks(codes: ErrorCodes) -> Quirks {
    Quirks { error_codes: codes, ..Quirks::new() }
}
