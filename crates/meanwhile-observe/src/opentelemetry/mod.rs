//! [`OpenTelemetryObserver`]: spans and metrics through the OpenTelemetry API.

mod metrics;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use meanwhile_core::{Error, Moment, Observer, Run, RunId, RunKind};
use opentelemetry::global::{self, BoxedTracer, ObjectSafeTracer};
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, StringValue};
use tokio::time::Instant;

use crate::failure;
use crate::genai::{self, Attributes, Servers, Value};
use metrics::Metrics;

/// Records a span for each run, and the metrics of models and tools, by the OpenTelemetry conventions
/// for generative AI.
///
/// The outermost span is a child of the context that is current where the run starts; each other one
/// is a child of the run that it is a part of. Spans are `invoke_workflow NAME` for chains,
/// `chat MODEL` for requests, `execute_tool NAME` for tools; a try that failed is an event `retry` of
/// its request. `server.address` and `server.port` are those of the last try. Failures and cancelled runs have the status of an error, and its kind as
/// `error.type`. Labels of the call are attributes under `meanwhile.tag.`.
///
/// Metrics are `gen_ai.client.operation.duration`, `gen_ai.client.token.usage`, for streamed requests
/// `gen_ai.client.operation.time_to_first_chunk`, for tools `gen_ai.execute_tool.duration`, and for
/// outermost chains `gen_ai.workflow.duration`.
///
/// What is said is left out, messages of errors included, which may quote it, unless the observer is
/// made [with content](Self::with_content). The API of OpenTelemetry alone records nothing: the program sets up an SDK and its exporters, which work
/// beside the calls.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::opentelemetry::OpenTelemetryObserver;
/// # futures_util::FutureExt::now_or_never(async {
/// // Records to the tracer and meter providers that the program has set up as global.
/// let observer = OpenTelemetryObserver::new();
/// let model = Model::new(Scripted::new().reply("Dune"), "any");
///
/// assert_eq!(model.call::<String>("Recommend a book").observe(observer).await?, "Dune");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
pub struct OpenTelemetryObserver {
    tracer: BoxedTracer,
    metrics: Metrics,
    content: bool,
    servers: Servers,
    open: Mutex<HashMap<RunId, Open>>,
}

/// A run whose span is open.
struct Open {
    context: Context,
    started: Instant,
    /// What tells the measurements of this run apart.
    identity: Vec<KeyValue>,
    /// Whether the time to the first piece of the answer is still to be recorded.
    awaits_first: bool,
    first: Option<f64>,
    /// Where the last try went; stays empty where the program has said where requests go.
    server: Attributes,
    is_server_known: bool,
}

impl OpenTelemetryObserver {
    /// Records to the global tracer and meter providers, as they are now.
    #[must_use]
    pub fn new() -> Self {
        Self::make(global::tracer(genai::SCOPE), &global::meter(genai::SCOPE))
    }

    /// Records to a tracer and a meter of the program's choice.
    #[must_use]
    pub fn with(tracer: impl ObjectSafeTracer + Send + Sync + 'static, meter: &Meter) -> Self {
        Self::make(BoxedTracer::new(Box::new(tracer)), meter)
    }

    fn make(tracer: BoxedTracer, meter: &Meter) -> Self {
        let metrics = Metrics::new(meter);
        Self {
            tracer,
            metrics,
            content: false,
            servers: Servers::default(),
            open: Mutex::default(),
        }
    }

    /// Records what is said, too: instructions, messages, arguments and results of tools, and
    /// the messages of errors.
    #[must_use]
    pub fn with_content(mut self) -> Self {
        self.content = true;
        self
    }

    /// Records this as `server.address` and `server.port` with spans and metrics of the requests to a
    /// provider, named as in `provider/model` strings, instead of the server that the last try was sent
    /// to. A sampler, which decides when a span begins, sees no others.
    ///
    /// ```
    /// # use meanwhile_observe::opentelemetry::OpenTelemetryObserver;
    /// let observer = OpenTelemetryObserver::new()
    ///     .with_server("openai", "api.openai.com", 443)
    ///     .with_server("ollama", "localhost", 11434);
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

    fn start(&self, run: &Run, moment: &Moment<'_>) {
        let (name, attributes, kind) = match moment {
            Moment::ModelStart { provider, request } => {
                let (name, attributes) =
                    genai::model(provider, request, &self.servers, self.content);
                (name, attributes, SpanKind::Client)
            }
            Moment::ToolStart { call } => {
                let (name, attributes) = genai::tool(call, self.content);
                (name, attributes, SpanKind::Internal)
            }
            _ => {
                let (name, attributes) = genai::chain(run);
                (name, attributes, SpanKind::Internal)
            }
        };
        let identity = match moment {
            Moment::ModelStart { provider, request } => {
                keys(genai::identity(provider, &request.model, &self.servers))
            }
            Moment::ToolStart { call } => vec![
                KeyValue::new("gen_ai.tool.name", call.name.clone()),
                KeyValue::new("gen_ai.tool.type", "function"),
            ],
            _ => vec![KeyValue::new("gen_ai.workflow.name", run.name().to_owned())],
        };
        let parent = run.parent().and_then(|id| self.context(id)).unwrap_or_else(Context::current);
        let tags = run.tags().iter();
        let tags =
            tags.map(|(name, value)| KeyValue::new(format!("meanwhile.tag.{name}"), value.clone()));
        let builder = self.tracer.span_builder(name).with_kind(kind);
        let builder = builder.with_attributes(keys(attributes).into_iter().chain(tags));
        let span = self.tracer.build_with_context(builder, &parent);
        let streamed =
            matches!(moment, Moment::ModelStart { request, .. } if request.is_streamed());
        let open = Open {
            context: parent.with_span(span),
            started: Instant::now(),
            identity,
            awaits_first: streamed,
            first: None,
            server: Attributes::new(),
            is_server_known: self.servers.know(moment),
        };
        self.with_open(|all| all.insert(run.id(), open));
    }

    /// The context in which the span of an open run is the current one.
    fn context(&self, run: RunId) -> Option<Context> {
        self.with_open(|all| all.get(&run).map(|open| open.context.clone()))
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
                open.first = Some(open.started.elapsed().as_secs_f64());
            }
        });
    }

    fn end(&self, run: &Run, moment: &Moment<'_>) {
        let Some(mut open) = self.with_open(|all| all.remove(&run.id())) else { return };
        let taken = open.started.elapsed().as_secs_f64();
        let span = open.context.span();
        let server = keys(open.server);
        open.identity.extend(server.iter().cloned());
        span.set_attributes(server);
        let (response, error): (_, Option<&Error>) = match moment {
            Moment::ModelEnd { response } => (Some(*response), None),
            Moment::Error(error) if run.kind() == RunKind::Model => (error.partial(), Some(*error)),
            Moment::Error(error) => (None, Some(*error)),
            _ => (None, None),
        };
        if let Some(response) = response {
            span.set_attributes(keys(genai::response(response, self.content)));
            open.identity.push(KeyValue::new("gen_ai.response.model", response.model.clone()));
        }
        if let Moment::ToolEnd { result } = moment {
            span.set_attributes(keys(genai::tool_result(result, self.content)));
        }
        if let Some(first) = open.first {
            span.set_attribute(KeyValue::new(genai::FIRST_CHUNK, first));
            self.metrics.first_chunk(first, &open.identity);
        }
        if let Some(response) = response {
            self.metrics.tokens(&response.usage, &open.identity);
        }
        if let Some(error) = error {
            span.set_attributes(keys(genai::error(error)));
            span.set_status(Status::error(failure::of_error(error, self.content).into_owned()));
            open.identity.push(KeyValue::new("error.type", genai::error_type(error.kind())));
        }
        self.metrics.duration(run, taken, &open.identity);
        span.end();
    }
}

impl Default for OpenTelemetryObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for OpenTelemetryObserver {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        match moment {
            Moment::ChainStart | Moment::ModelStart { .. } | Moment::ToolStart { .. } => {
                self.start(run, moment);
            }
            Moment::Sending { address, port } => self.sending(run, address, *port),
            Moment::Event(event) if event.is_answer() => self.arrived(run),
            Moment::Retry(attempt) => {
                if let Some(context) = self.context(run.id()) {
                    context.span().add_event("retry", keys(genai::attempt(attempt, self.content)));
                }
            }
            moment if moment.is_end() => self.end(run, moment),
            _ => {}
        }
    }
}

impl fmt::Debug for OpenTelemetryObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetryObserver")
            .field("content", &self.content)
            .field("open", &self.with_open(|open| open.len()))
            .finish_non_exhaustive()
    }
}

fn keys(attributes: Attributes) -> Vec<KeyValue> {
    let key = |(name, value)| KeyValue::new(name, otel(value));
    attributes.into_iter().map(key).collect()
}

fn otel(value: Value) -> opentelemetry::Value {
    match value {
        Value::Text(text) => text.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Bool(value) => value.into(),
        Value::Texts(texts) => {
            let texts = texts.into_iter().map(StringValue::from).collect();
            opentelemetry::Value::Array(opentelemetry::Array::String(texts))
        }
    }
}
