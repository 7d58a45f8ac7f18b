//! [`FieldSpec`]: one input or output of a signature.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FieldType;

/// One input or output of a signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FieldSpec {
    /// The name that the model sees.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What else must hold of its values, in words: "at least 3".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// The value of an output that the model leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The words that stood before its value in old prompts of DSPy: kept for its state files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

impl FieldSpec {
    /// Makes a field of this name and type.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: FieldType) -> Self {
        Self {
            name: name.into(),
            ty,
            description: None,
            constraints: Vec::new(),
            default: None,
            prefix: None,
        }
    }

    /// Makes a field of text.
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, FieldType::String)
    }

    /// Says what it means.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds what must hold of its values.
    #[must_use]
    pub fn constraint(mut self, constraint: impl Into<String>) -> Self {
        self.constraints.push(constraint.into());
        self
    }

    /// Sets the value of an output that the model leaves out.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The value that stands for an output which the model left out: the default, else null where the
    /// type allows that, else there is none and the answer is not usable.
    #[must_use]
    pub fn fallback(&self) -> Option<Value> {
        self.default.clone().or_else(|| self.ty.allows_null().then_some(Value::Null))
    }
}
