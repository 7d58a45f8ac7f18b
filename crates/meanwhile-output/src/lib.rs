//! Typed answers of models: read when they are not quite what was asked for ([`JsonReader`]), and while
//! they are still being written ([`Partials`]).
//!
//! The `meanwhile` facade reads every typed answer through a [`JsonReader`] once strict reading has
//! failed, and re-exports the rest.

mod growing;
mod partials;
mod reader;
mod values;

#[doc(hidden)]
pub use growing::Progress;
pub use growing::{Growing, HasPartial, Partial};
pub use meanwhile_json::{JsonError, JsonErrorKind, Policy};
pub use partials::{CallPartials, PartialReader, Partials};
pub use reader::JsonReader;
pub use values::{PartialBox, PartialList, PartialText, PartialValue};

// What the derive of `HasPartial` writes.
#[doc(hidden)]
pub use meanwhile_json::{Change, Step};
#[doc(hidden)]
pub use serde_json::Value;
