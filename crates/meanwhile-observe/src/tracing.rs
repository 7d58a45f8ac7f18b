//! [`TracingObserver`]: a span of the `tracing` crate for each run.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use meanwhile_core::{Moment, Observer, Run, RunId, RunKind};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Level, Span, event, span};

use crate::failure;
use crate::genai::{self, Attributes, Servers, Value};

/// The target of all spans and events, to filter by.
pub const TARGET: &str = "meanwhile";

/// Opens a span for each run, and closes it when the run ends, however it ends.
///
/// Spans have the names and attributes of the OpenTelemetry conventions for generative AI
/// (`gen_ai.request.model`, `gen_ai.usage.input_tokens`, `error.type` and so on), and those that
/// `tracing-opentelemetry` understands (`otel.name`, `otel.kind`, `otel.status_code`). The outermost
/// span is a child of the span in which the run starts; each other one is a child of the run that it
/// is a part of. Chains and models are spans of the level `INFO`, tools of `DEBUG`; a try that failed
/// is an event of the level `WARN` in the span of its model. All have the target [`TARGET`]. Where a
/// filter leaves a span out, what is inside of it belongs to the nearest span around.
///
/// What is said is left out, messages of errors included, which may quote it, unless the observer is
/// made [with content](Self::with_content).
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::tracing::TracingObserver;
/// # futures_util::FutureExt::now_or_never(async {
/// let model = Model::new(Scripted::new().reply("Dune"), "any");
/// let call = model.call::<String>("Recommend a book");
///
/// assert_eq!(call.observe(TracingObserver::new()).await?, "Dune");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug, Default)]
pub struct TracingObserver {
    content: bool,
    servers: Servers,
    open: Mutex<HashMap<RunId, Open>>,
}

#[derive(Debug, Clone)]
struct Open {
    span: Span,
    /// The span that the runs inside belong to: this one, or the nearest one around that is enabled.
    nearest: Span,
    started: Instant,
    /// Whether the time to the first piece of the answer is still to be recorded.
    awaits_first: bool,
    /// Where the last try went; stays empty where the program has said where requests go.
    server: Attributes,
    is_server_known: bool,
}

impl TracingObserver {
    /// Makes an observer that records what happens, without what is said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records what is said, too: messages, arguments and results of tools, and the messages of errors.
    #[must_use]
    pub fn with_content(mut self) -> Self {
        self.content = true;
        self
    }

    /// Records this as `server.address` and `server.port` of the requests to a provider, named as in
    /// `provider/model` strings, instead of the server that the last try was sent to.
    ///
    /// ```
    /// # use meanwhile_observe::tracing::TracingObserver;
    /// let observer = TracingObserver::new().with_server("openai", "api.openai.com", 443);
    /// ```
    #[must_use]
    pub fn with_server(
        mut self,
        provider: impl Into<String>,
        address: impl Into<String>,
        port: u16,
    ) -> Self {
        self.servers.set(provider.into(), address.into(), port);
        self
    }

    fn with_open<T>(&self, work: impl FnOnce(&mut HashMap<RunId, Open>) -> T) -> T {
        work(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The span for what belongs to a run.
    fn nearest(&self, run: RunId) -> Option<Span> {
        self.with_open(|open| open.get(&run).map(|open| open.nearest.clone()))
    }

    fn start(&self, run: &Run, moment: &Moment<'_>) {
        let parent = run.parent().and_then(|id| self.nearest(id));
        // The span around, where the run is the outermost one that is observed.
        let parent = parent.unwrap_or_else(Span::current);
        let mut awaits_first = false;
        let (span, attributes) = match moment {
            Moment::ModelStart { provider, request } => {
                awaits_first = request.is_streamed();
                let (name, attributes) =
                    genai::model(provider, request, &self.servers, self.content);
                (model_span(&parent, &name), attributes)
            }
            Moment::ToolStart { call } => {
                let (name, attributes) = genai::tool(call, self.content);
                (tool_span(&parent, &name), attributes)
            }
            _ => {
                let (name, attributes) = genai::chain(run);
                (chain_span(&parent, &name), attributes)
            }
        };
        let nearest = if span.is_disabled() {
            parent
        } else {
            record(&span, &attributes);
            if !run.tags().is_empty() {
                span.record("tags", tracing::field::debug(run.tags()));
            }
            span.clone()
        };
        let is_server_known = self.servers.know(moment);
        let (started, server) = (Instant::now(), Attributes::new());
        let open = Open { span, nearest, started, awaits_first, server, is_server_known };
        self.with_open(|all| all.insert(run.id(), open));
    }

    /// A try is sent to a server.
    fn sending(&self, run: &Run, address: &str, port: u16) {
        self.with_open(|all| {
            if let Some(open) = all.get_mut(&run.id()).filter(|open| !open.is_server_known) {
                open.server = genai::server(address, port);
            }
        });
    }

    /// The first piece of an answer.
    fn arrived(&self, run: &Run) {
        self.with_open(|all| {
            if let Some(open) = all.get_mut(&run.id()).filter(|open| open.awaits_first) {
                open.awaits_first = false;
                record(&open.span, &[(genai::FIRST_CHUNK, genai::seconds(open.started.elapsed()))]);
            }
        });
    }

    fn end(&self, run: &Run, moment: &Moment<'_>) {
        let Some(open) = self.with_open(|all| all.remove(&run.id())) else { return };
        record(&open.span, &open.server);
        match moment {
            Moment::ModelEnd { response } => {
                record(&open.span, &genai::response(response, self.content));
            }
            Moment::ToolEnd { result } => {
                record(&open.span, &genai::tool_result(result, self.content));
            }
            Moment::Error(error) => {
                record(&open.span, &genai::error(error));
                open.span.record("otel.status_code", "ERROR");
                open.span
                    .record("otel.status_description", &*failure::of_error(error, self.content));
                if let (true, Some(partial)) = (run.kind() == RunKind::Model, error.partial()) {
                    record(&open.span, &genai::response(partial, self.content));
                }
            }
            _ => {}
        }
    }
}

impl Observer for TracingObserver {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        match moment {
            Moment::ChainStart | Moment::ModelStart { .. } | Moment::ToolStart { .. } => {
                self.start(run, moment);
            }
            Moment::Sending { address, port } => self.sending(run, address, *port),
            Moment::Event(event) if event.is_answer() => self.arrived(run),
            Moment::Retry(attempt) => {
                let Some(span) = self.nearest(run.id()) else { return };
                let provider = attempt.provider.as_deref().map(genai::provider_name);
                event!(
                    target: TARGET,
                    parent: &span,
                    Level::WARN,
                    {
                    "error.type" = &*genai::error_type(attempt.kind),
                    "error.message" = &*failure::of_attempt(attempt, self.content),
                    "gen_ai.provider.name" = provider,
                    "gen_ai.request.model" = attempt.model,
                    "http.response.status_code" = attempt.status,
                    "retry.elapsed" = attempt.elapsed.as_secs_f64(),
                    "retry.wait" = attempt.wait.as_secs_f64(),
                    },
                    "retry"
                );
            }
            moment if moment.is_end() => self.end(run, moment),
            _ => {}
        }
    }
}

/// Records what the span has a field for.
fn record(span: &Span, attributes: &[(&'static str, Value)]) {
    for (name, value) in attributes {
        match value {
            Value::Text(text) => span.record(*name, &**text),
            Value::Int(number) => span.record(*name, number),
            Value::Float(number) => span.record(*name, number),
            Value::Bool(value) => span.record(*name, value),
            Value::Texts(texts) => span.record(*name, tracing::field::debug(texts)),
        };
    }
}

/// Opens a span with fields for the attributes of its kind, and for those that all kinds have.
macro_rules! open {
    ($level:ident, $parent:ident, $title:literal, $name:ident, $kind:literal, $($field:tt),+) => {
        span!(
            target: TARGET,
            parent: $parent,
            Level::$level,
            $title,
            "otel.name" = $name,
            "otel.kind" = $kind,
            "otel.status_code" = Empty,
            "otel.status_description" = Empty,
            "error.type" = Empty,
            "http.response.status_code" = Empty,
            "gen_ai.operation.name" = Empty,
            tags = Empty,
            $($field = Empty,)+
        )
    };
}

fn chain_span(parent: &Span, name: &str) -> Span {
    open!(INFO, parent, "chain", name, "internal", "gen_ai.workflow.name")
}

fn tool_span(parent: &Span, name: &str) -> Span {
    open!(
        DEBUG,
        parent,
        "tool",
        name,
        "internal",
        "gen_ai.tool.name",
        "gen_ai.tool.type",
        "gen_ai.tool.call.id",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result"
    )
}

fn model_span(parent: &Span, name: &str) -> Span {
    open!(
        INFO,
        parent,
        "model",
        name,
        "client",
        "gen_ai.provider.name",
        "gen_ai.system",
        "gen_ai.output.type",
        "gen_ai.request.model",
        "gen_ai.request.stream",
        "gen_ai.request.temperature",
        "gen_ai.request.top_p",
        "gen_ai.request.top_k",
        "gen_ai.request.max_tokens",
        "gen_ai.request.seed",
        "gen_ai.request.stop_sequences",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.presence_penalty",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.system_instructions",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.tool.definitions",
        "server.address",
        "server.port"
    )
}
