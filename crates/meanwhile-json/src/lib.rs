//! JSON as models write it: a tolerant, schema-guided, incremental reader.
//!
//! A [`Reader`] takes text as it comes and has the value so far at any time. A [`Policy`] says how much it
//! forgives: nothing ([`Policy::Strict`], exactly what `serde_json` accepts), slips of syntax
//! ([`Policy::Repair`]), and values of another type than the schema asks for ([`Policy::Coerce`]). Whatever
//! it mends is a [`Repair`] in a list; where a text can be read in two ways, it is an error that says where
//! and what was expected.
//!
//! ```
//! use meanwhile_json::{Policy, read};
//! use serde_json::json;
//!
//! let schema = json!({
//!     "type": "object",
//!     "properties": {
//!         "city": {"type": "string"},
//!         "inhabitants": {"type": "integer"},
//!         "size": {"enum": ["small", "large"]},
//!         "tags": {"type": "array", "items": {"type": "string"}},
//!     },
//!     "required": ["city", "inhabitants", "size", "tags"],
//! });
//! let reply = r#"Sure! {"City": "Lima", "inhabitants": "10,092,000", "size": "Large", "tags": "coast"}"#;
//!
//! let outcome = read(reply, Some(&schema), Policy::Coerce)?;
//! assert_eq!(
//!     outcome.value,
//!     json!({"city": "Lima", "inhabitants": 10_092_000, "size": "large", "tags": ["coast"]})
//! );
//! for repair in &outcome.repairs {
//!     println!("{repair}");
//! }
//! # Ok::<(), meanwhile_json::JsonError>(())
//! ```
//!
//! A schema leads, it does not judge: keywords such as `minimum` or `pattern` are not looked at.

// What is said to the outside.
mod change;
mod error;
mod policy;
mod repair;

// The text, byte by byte.
mod core;
mod quote;
mod reader;
mod seek;
mod text;
mod value;

// The value, and what it should be.
mod build;
mod fit;
mod guide;
mod scalar;
mod tree;

pub use change::{Change, Kind, Path, Step};
pub use error::{JsonError, JsonErrorKind};
pub use guide::Guide;
pub use policy::{Limits, Policy};
pub use reader::{Outcome, Reader};
pub use repair::{Repair, RepairKind};

/// Reads a whole text at once.
///
/// # Errors
///
/// As [`Reader::finish`].
pub fn read(
    text: &str,
    schema: Option<&serde_json::Value>,
    policy: Policy,
) -> Result<Outcome, JsonError> {
    let mut reader = Reader::new(schema, policy);
    reader.push(text);
    reader.finish()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
