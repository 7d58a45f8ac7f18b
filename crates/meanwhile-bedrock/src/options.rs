//! [`BedrockOptions`]: settings that only Bedrock has.

use std::collections::BTreeMap;

use meanwhile_core::Params;
use serde_json::{Map, Value, json};

use crate::config::ID;

/// Settings that only Bedrock has. [`apply`](Self::apply) adds them to the params of a call.
///
/// ```
/// use meanwhile_bedrock::{BedrockOptions, Guardrail};
/// use meanwhile_core::Params;
///
/// let options = BedrockOptions::new().guardrail(Guardrail::new("5zwrmdlsra2e", "DRAFT").trace());
/// let params = options.apply(Params::new().max_tokens(100));
/// # assert_eq!(params.options["bedrock"]["guardrailConfig"]["trace"], "enabled");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct BedrockOptions {
    fields: Map<String, Value>,
}

/// A guardrail, which checks what goes in and what comes out.
///
/// ```
/// use meanwhile_bedrock::{BedrockOptions, Guardrail};
/// use meanwhile_core::Params;
///
/// let guardrail = Guardrail::new("5zwrmdlsra2e", "DRAFT").trace();
/// let params = BedrockOptions::new().guardrail(guardrail).apply(Params::new());
/// let written = &params.options["bedrock"]["guardrailConfig"];
/// assert_eq!(written["guardrailIdentifier"], "5zwrmdlsra2e");
/// assert_eq!(written["trace"], "enabled");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Guardrail {
    fields: Map<String, Value>,
}

impl BedrockOptions {
    /// Makes empty options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies a guardrail (`guardrailConfig`).
    pub fn guardrail(self, guardrail: Guardrail) -> Self {
        self.set("guardrailConfig", Value::Object(guardrail.fields))
    }

    /// Sets one field of the model's own request (`additionalModelRequestFields`).
    pub fn model_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let fields = self.fields.entry("additionalModelRequestFields").or_insert_with(|| json!({}));
        if let Value::Object(fields) = fields {
            fields.insert(name.into(), value.into());
        }
        self
    }

    /// Asks for fields of the model's own answer by their JSON pointers
    /// (`additionalModelResponseFieldPaths`). They come as an opaque part of the message.
    pub fn response_fields(self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        self.set("additionalModelResponseFieldPaths", json!(paths))
    }

    /// Sets the latency of the model, `standard` or `optimized` (`performanceConfig`).
    pub fn latency(self, latency: impl Into<String>) -> Self {
        self.set("performanceConfig", json!({ "latency": latency.into() }))
    }

    /// Marks the request in the logs of invocations (`requestMetadata`).
    pub fn request_metadata(self, metadata: BTreeMap<String, String>) -> Self {
        self.set("requestMetadata", json!(metadata))
    }

    /// Fills one variable of a managed prompt whose ARN is the model (`promptVariables`).
    pub fn prompt_variable(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let variables = self.fields.entry("promptVariables").or_insert_with(|| json!({}));
        if let Value::Object(variables) = variables {
            variables.insert(name.into(), json!({ "text": text.into() }));
        }
        self
    }

    /// Lets the model use a tool that the service runs itself, such as `nova_grounding`.
    pub fn system_tool(mut self, name: impl Into<String>) -> Self {
        let config = self.fields.entry("toolConfig").or_insert_with(|| json!({ "tools": [] }));
        if let Some(tools) = config.get_mut("tools").and_then(Value::as_array_mut) {
            tools.push(json!({ "systemTool": { "name": name.into() } }));
        }
        self
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

impl Guardrail {
    /// Names a guardrail and its version, a number or `DRAFT`.
    pub fn new(id: impl Into<String>, version: impl Into<String>) -> Self {
        let mut fields = Map::new();
        fields.insert("guardrailIdentifier".to_owned(), Value::String(id.into()));
        fields.insert("guardrailVersion".to_owned(), Value::String(version.into()));
        Self { fields }
    }

    /// Asks what the guardrail found; it comes as an opaque part of the message.
    pub fn trace(mut self) -> Self {
        self.fields.insert("trace".to_owned(), json!("enabled"));
        self
    }

    /// Lets a streamed answer go on while it is checked. What is found late has been seen then.
    pub fn asynchronous(mut self) -> Self {
        self.fields.insert("streamProcessingMode".to_owned(), json!("async"));
        self
    }
}
