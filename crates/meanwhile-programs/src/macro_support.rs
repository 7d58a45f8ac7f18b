//! What the macros call. Not part of the public API: it may change in any version.

use std::fmt::Debug;

use meanwhile_core::Schema;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{FieldSpec, FieldType};

pub use crate::module::{visit_part, visit_part_mut};
pub use meanwhile_core::{Audio, Document, Image};
pub use serde_json::Value;

/// What the type of a field has to be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a signature",
    label = "lacks one of `JsonSchema`, `Serialize`, `Deserialize`, `Debug`, `Clone`",
    note = "derive these five for it"
)]
pub trait FieldValue: JsonSchema + Serialize + DeserializeOwned + Debug + Clone {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema + Serialize + DeserializeOwned + Debug + Clone> FieldValue for T {}

/// The type of a field by its schema.
#[must_use]
pub fn field_type<T: FieldValue>() -> FieldType {
    FieldType::of::<T>()
}

/// An output, with what the schema of its type says of its values beyond what they are.
#[must_use]
pub fn with_rules<T: JsonSchema>(field: FieldSpec) -> FieldSpec {
    field.with_rules(&Schema::of::<T>())
}

/// A default as JSON. What does not serialise stands for nothing.
pub fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
