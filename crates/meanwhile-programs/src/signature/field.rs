//! [`FieldSpec`]: one input or output of a signature.

use meanwhile_core::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FieldType;

/// One input or output of a signature.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{FieldSpec, FieldType, Predict, SignatureSpec, fields};
/// # futures::executor::block_on(async {
/// // A signature that is only known at run time.
/// let priority = FieldSpec::new("priority", FieldType::one_of(["low", "high"]))
///     .description("How soon somebody has to look");
/// let spec = SignatureSpec::new("Triage", [FieldSpec::text("ticket")], [priority]);
/// # let model = Model::new(Scripted::new().reply("[[ ## priority ## ]]\nhigh"), "any");
/// let out = Predict::of(spec).model(model).call(fields! { ticket: "The lamp burns!" }).await?;
/// assert_eq!(out.text("priority"), Some("high"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
    /// What the type of a derived signature says of its values, in words: "at most 255". Not shown where
    /// prompts equal those of DSPy, which has no such types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
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
            rules: Vec::new(),
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

    /// Adds what a schema says of the values beyond what they are, in words; of those of a list as of each.
    pub(crate) fn with_rules(mut self, schema: &Schema) -> Self {
        let root = schema.as_value();
        self.rules.extend(rules(root, root.get("$defs"), ""));
        self
    }

    /// All that must hold of the values: the constraints, and what the type says.
    pub(crate) fn rules_in_words(&self) -> impl Iterator<Item = &str> {
        self.constraints.iter().chain(&self.rules).map(String::as_str)
    }

    /// The value that stands for an output which the model left out: the default, else null where the
    /// type allows that, else there is none and the answer is not usable.
    #[must_use]
    pub fn fallback(&self) -> Option<Value> {
        self.default.clone().or_else(|| self.ty.allows_null().then_some(Value::Null))
    }
}

/// The rules of JSON Schema for simple values and lists, each as words around its value.
const RULES: [(&str, &str, &str); 9] = [
    ("minimum", "at least ", ""),
    ("maximum", "at most ", ""),
    ("exclusiveMinimum", "greater than ", ""),
    ("exclusiveMaximum", "less than ", ""),
    ("multipleOf", "a multiple of ", ""),
    ("minLength", "at least ", " characters"),
    ("maxLength", "at most ", " characters"),
    ("minItems", "at least ", " items"),
    ("maxItems", "at most ", " items"),
];

/// What a schema of something simple says, as words. What a record says is shown with its schema.
fn rules(schema: &Value, defs: Option<&Value>, whose: &str) -> Vec<String> {
    let inner = schema.get("$ref").and_then(Value::as_str).and_then(|path| {
        let found = defs?.get(path.rsplit('/').next()?)?;
        // A record may hold itself.
        found.get("properties").is_none().then_some(found)
    });
    if let Some(found) = inner {
        return rules(found, None, whose);
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let is_null = |choice: &&Value| choice.get("type").is_some_and(|ty| ty == "null");
        let mut some = choices.iter().filter(|choice| !is_null(choice));
        return match (some.next(), some.next()) {
            (Some(one), None) => rules(one, defs, whose),
            _ => Vec::new(),
        };
    }
    if schema.get("properties").is_some() {
        return Vec::new();
    }
    let number = |(key, before, behind): (&str, &str, &str)| {
        Some(format!("{whose}{before}{}{behind}", schema.get(key)?))
    };
    let mut all: Vec<String> = RULES.into_iter().filter_map(number).collect();
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        all.push(format!("{whose}as the regular expression `{pattern}` says"));
    }
    // Those of numbers say how many bits they have.
    if let Some(format) = schema.get("format").and_then(Value::as_str)
        && schema.get("minimum").is_none()
        && !["int8", "int16", "int32", "int64", "int128", "float", "double"].contains(&format)
        && !format.starts_with("uint")
    {
        all.push(format!("{whose}in the format `{format}`"));
    }
    if let Some(items) = schema.get("items") {
        all.extend(rules(items, defs, "each "));
    }
    all
}
