//! What the OpenTelemetry conventions for generative AI call things: attributes of spans and metrics.
//!
//! Source: the "Semantic conventions for generative AI" of OpenTelemetry, spans and metrics, as of
//! 2026. `gen_ai.system`, the older name of `gen_ai.provider.name`, is written too: tools still read it.

mod messages;

use std::borrow::Cow;
use std::time::Duration;

#[cfg(feature = "opentelemetry")]
use meanwhile_core::Attempt;
use meanwhile_core::{
    Error, ErrorKind, Moment, OutputFormat, Request, Response, Run, ToolCall, ToolResult,
};

#[cfg(feature = "opentelemetry")]
use crate::failure;

/// The scope under which spans and metrics are recorded.
#[cfg(feature = "opentelemetry")]
pub(crate) const SCOPE: &str = "meanwhile";

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Texts(Vec<String>),
}

pub(crate) type Attributes = Vec<(&'static str, Value)>;

fn text(value: impl Into<String>) -> Value {
    Value::Text(Cow::Owned(value.into()))
}

fn fixed(value: &'static str) -> Value {
    Value::Text(Cow::Borrowed(value))
}

fn int(value: impl TryInto<i64>) -> Value {
    Value::Int(value.try_into().unwrap_or(i64::MAX))
}

/// Adds an attribute where its value is known.
fn add(attributes: &mut Attributes, name: &'static str, value: Option<Value>) {
    attributes.extend(value.map(|value| (name, value)));
}

/// Where providers are asked, as far as the program has said.
#[derive(Debug, Default)]
pub(crate) struct Servers(Vec<Server>);

#[derive(Debug)]
struct Server {
    provider: String,
    address: String,
    port: u16,
}

impl Servers {
    /// Sets where a provider is asked.
    pub(crate) fn set(&mut self, provider: String, address: String, port: u16) {
        self.0.retain(|known| known.provider != provider);
        self.0.push(Server { provider, address, port });
    }

    /// Whether the program has said where the requests of a run go.
    pub(crate) fn know(&self, moment: &Moment<'_>) -> bool {
        matches!(moment, Moment::ModelStart { provider, .. } if self.of(provider).is_some())
    }

    fn of(&self, provider: &str) -> Option<&Server> {
        self.0.iter().find(|known| known.provider == provider)
    }
}

/// The name of the span, and its attributes, of a chain.
pub(crate) fn chain(run: &Run) -> (String, Attributes) {
    let attributes = vec![
        ("gen_ai.operation.name", fixed("invoke_workflow")),
        ("gen_ai.workflow.name", text(run.name())),
    ];
    (format!("invoke_workflow {}", run.name()), attributes)
}

/// The name of the span, and its attributes, of a request to a model.
pub(crate) fn model(
    provider: &str,
    request: &Request,
    servers: &Servers,
    content: bool,
) -> (String, Attributes) {
    let params = &request.params;
    let mut all = identity(provider, &request.model, servers);
    all.push(("gen_ai.system", text(provider_name(provider))));
    if request.is_streamed() {
        all.push(("gen_ai.request.stream", Value::Bool(true)));
    }
    let output = match request.output {
        OutputFormat::Text => "text",
        _ => "json",
    };
    all.push(("gen_ai.output.type", fixed(output)));
    add(&mut all, "gen_ai.request.temperature", params.temperature.map(Value::Float));
    add(&mut all, "gen_ai.request.top_p", params.top_p.map(Value::Float));
    add(&mut all, "gen_ai.request.top_k", params.top_k.map(|k| Value::Float(k.into())));
    add(&mut all, "gen_ai.request.max_tokens", params.max_tokens.map(int));
    add(&mut all, "gen_ai.request.seed", params.seed.map(int));
    add(&mut all, "gen_ai.request.stop_sequences", params.stop.clone().map(Value::Texts));
    let penalty = params.frequency_penalty.map(Value::Float);
    add(&mut all, "gen_ai.request.frequency_penalty", penalty);
    let penalty = params.presence_penalty.map(Value::Float);
    add(&mut all, "gen_ai.request.presence_penalty", penalty);
    if content {
        add(&mut all, "gen_ai.system_instructions", messages::instructions(request).map(text));
        all.push(("gen_ai.input.messages", text(messages::input(request))));
        add(&mut all, "gen_ai.tool.definitions", messages::tools(request).map(text));
    }
    (format!("chat {}", request.model), all)
}

/// What tells series of measurements apart.
pub(crate) fn identity(provider: &str, model: &str, servers: &Servers) -> Attributes {
    let mut all = vec![
        ("gen_ai.operation.name", fixed("chat")),
        ("gen_ai.provider.name", text(provider_name(provider))),
        ("gen_ai.request.model", text(model)),
    ];
    if let Some(Server { address, port, .. }) = servers.of(provider) {
        all.extend(server(address, *port));
    }
    all
}

/// Where a request goes.
pub(crate) fn server(address: &str, port: u16) -> Attributes {
    vec![("server.address", text(address)), ("server.port", int(port))]
}

/// The attributes of an answer, complete or not.
pub(crate) fn response(response: &Response, content: bool) -> Attributes {
    let mut all = vec![("gen_ai.response.model", text(&response.model))];
    add(&mut all, "gen_ai.response.id", response.id.clone().map(text));
    let reason = response.finish_reason().map(|reason| reason.as_str().to_owned());
    add(&mut all, "gen_ai.response.finish_reasons", reason.map(|one| Value::Texts(vec![one])));
    let (input, output) = (&response.usage.input, &response.usage.output);
    add(&mut all, "gen_ai.usage.input_tokens", input.total.map(int));
    add(&mut all, "gen_ai.usage.output_tokens", output.total.map(int));
    add(&mut all, "gen_ai.usage.cache_read.input_tokens", input.cache_read.map(int));
    add(&mut all, "gen_ai.usage.cache_creation.input_tokens", input.cache_write.map(int));
    add(&mut all, "gen_ai.usage.reasoning.output_tokens", output.reasoning.map(int));
    if content && !response.message.parts.is_empty() {
        all.push(("gen_ai.output.messages", text(messages::output(response))));
    }
    all
}

/// The name of the span, and its attributes, of a tool.
pub(crate) fn tool(call: &ToolCall, content: bool) -> (String, Attributes) {
    let mut all = vec![
        ("gen_ai.operation.name", fixed("execute_tool")),
        ("gen_ai.tool.name", text(&call.name)),
        ("gen_ai.tool.type", fixed("function")),
        ("gen_ai.tool.call.id", text(&call.id)),
    ];
    if content {
        all.push(("gen_ai.tool.call.arguments", text(&call.arguments)));
    }
    (format!("execute_tool {}", call.name), all)
}

/// The attributes of a tool's answer.
pub(crate) fn tool_result(result: &ToolResult, content: bool) -> Attributes {
    if !content {
        return Vec::new();
    }
    vec![("gen_ai.tool.call.result", text(messages::tool_result(result)))]
}

/// The attributes of a failure. `error.type` is the error's kind: `rate_limit`, `timeout`,
/// `cancelled`.
pub(crate) fn error(error: &Error) -> Attributes {
    let mut all = vec![("error.type", Value::Text(error_type(error.kind())))];
    add(&mut all, "http.response.status_code", error.status().map(int));
    all
}

/// The attributes of a try that failed.
#[cfg(feature = "opentelemetry")]
pub(crate) fn attempt(attempt: &Attempt, content: bool) -> Attributes {
    let mut all = vec![
        ("error.type", Value::Text(error_type(attempt.kind))),
        ("error.message", text(failure::of_attempt(attempt, content))),
        ("gen_ai.request.model", text(&attempt.model)),
        ("retry.elapsed", seconds(attempt.elapsed)),
        ("retry.wait", seconds(attempt.wait)),
    ];
    add(&mut all, "gen_ai.provider.name", attempt.provider.as_deref().map(provider_name).map(text));
    add(&mut all, "http.response.status_code", attempt.status.map(int));
    all
}

pub(crate) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

pub(crate) fn seconds(duration: Duration) -> Value {
    Value::Float(duration.as_secs_f64())
}

/// The kind of an error, in a word.
pub(crate) fn error_type(kind: ErrorKind) -> Cow<'static, str> {
    if matches!(kind, ErrorKind::Timeout(_)) {
        return Cow::Borrowed("timeout");
    }
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => Cow::Owned(name),
        _ => Cow::Borrowed("_OTHER"),
    }
}

/// The name that the conventions have for a provider; its own id where they have none.
pub(crate) fn provider_name(id: &str) -> &str {
    match id {
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "gemini" | "google" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "xai" => "x_ai",
        other => other,
    }
}
