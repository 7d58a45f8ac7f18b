//! [`MistralOptions`]: what only Mistral can be told.

use meanwhile_core::Params;
use serde_json::{Map, Value, json};

use crate::ID;

/// Settings of [Mistral's chat API](https://docs.mistral.ai/api/endpoint/chat) beside the common ones
/// of [`Params`].
///
/// Each is one vendor option of the provider `mistral`, so settings of several scopes merge one by
/// one. Fields that have no method here go through [`Params::option`].
///
/// ```
/// use meanwhile_core::Params;
/// use meanwhile_mistral::MistralOptions;
///
/// let params = MistralOptions::new().safe_prompt(true).apply(Params::new().temperature(0.2));
/// assert_eq!(params.options["mistral"]["safe_prompt"], true);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MistralOptions {
    fields: Map<String, Value>,
}

impl MistralOptions {
    /// Sets nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether Mistral puts a prompt about safety in front of the conversation.
    #[must_use]
    pub fn safe_prompt(self, on: bool) -> Self {
        self.set("safe_prompt", on)
    }

    /// Whether models that always think get Mistral's system prompt for that.
    #[must_use]
    pub fn reasoning_prompt(self, on: bool) -> Self {
        self.set("prompt_mode", if on { json!("reasoning") } else { Value::Null })
    }

    /// Text that most of the answer is expected to be, such as a file that is changed a little.
    #[must_use]
    pub fn prediction(self, content: impl Into<String>) -> Self {
        let content: String = content.into();
        self.set("prediction", json!({ "type": "content", "content": content }))
    }

    /// Words that are kept with the request, for the account's own statistics.
    #[must_use]
    pub fn metadata(self, metadata: Map<String, Value>) -> Self {
        self.set("metadata", metadata)
    }

    /// [Guardrails](https://docs.mistral.ai/capabilities/guardrailing) that watch the request.
    #[must_use]
    pub fn guardrails(self, guardrails: Vec<Value>) -> Self {
        self.set("guardrails", guardrails)
    }

    fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the settings to `params`, over the ones that are there.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(ID.to_owned()).or_default().extend(self.fields);
        params
    }
}
