//! [`CohereOptions`]: settings that only Cohere has.

use meanwhile_core::Params;
use serde_json::{Map, Value, json};

use crate::config::ID;

/// Settings that only Cohere has. [`apply`](Self::apply) adds them to the params of a call.
///
/// ```
/// use meanwhile_cohere::CohereOptions;
/// use meanwhile_core::Params;
///
/// let options = CohereOptions::new().safety_mode("STRICT").citation_mode("FAST");
/// let params = options.apply(Params::new().max_tokens(100));
/// # assert_eq!(params.options["cohere"]["safety_mode"], "STRICT");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct CohereOptions {
    fields: Map<String, Value>,
}

impl CohereOptions {
    /// Makes empty options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which instructions about safety the model gets: `CONTEXTUAL`, `STRICT` or `OFF`.
    pub fn safety_mode(self, mode: impl Into<String>) -> Self {
        self.set("safety_mode", Value::String(mode.into()))
    }

    /// Sets how citations are made: `ENABLED`, `FAST`, `ACCURATE` or `OFF`.
    pub fn citation_mode(self, mode: impl Into<String>) -> Self {
        self.set("citation_options", json!({ "mode": mode.into() }))
    }

    /// Holds the arguments of calls to the schemas of the tools.
    pub fn strict_tools(self, strict: bool) -> Self {
        self.set("strict_tools", Value::Bool(strict))
    }

    /// Adds a document that the model may cite, with the fields that it reads.
    pub fn document(mut self, id: impl Into<String>, data: Map<String, Value>) -> Self {
        let documents = self.fields.entry("documents").or_insert_with(|| json!([]));
        if let Some(documents) = documents.as_array_mut() {
            documents.push(json!({ "id": id.into(), "data": data }));
        }
        self
    }

    /// Sets how soon the request is handled, 0 first, where the account allows it.
    pub fn priority(self, priority: u32) -> Self {
        self.set("priority", Value::from(priority))
    }

    /// Adds the options to `params`, key by key.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(ID.to_owned()).or_default().extend(self.fields);
        params
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }
}
