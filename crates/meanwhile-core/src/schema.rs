//! [`Schema`]: a JSON Schema, cheap to clone.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A JSON Schema (draft 2020-12), shared behind a pointer.
///
/// ```
/// use meanwhile_core::Schema;
/// use schemars::JsonSchema;
///
/// #[derive(JsonSchema)]
/// struct Book {
///     title: String,
///     pages: u32,
/// }
///
/// let schema = Schema::of::<Book>();
/// assert!(schema.is_object());
/// assert_eq!(schema.as_value()["properties"]["pages"]["type"], "integer");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Arc<Value>);

impl Schema {
    /// Generates the schema of `T`. Costs some microseconds: keep the result.
    #[must_use]
    pub fn of<T: JsonSchema + ?Sized>() -> Self {
        let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
        let mut schema = generator.root_schema_for::<T>().to_value();
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("$schema");
        }
        Self(Arc::new(schema))
    }

    /// Returns the schema as JSON.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// Whether the schema describes an object, which is what most providers ask of a root.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.get("type").and_then(Value::as_str) == Some("object")
    }
}

impl From<Value> for Schema {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
