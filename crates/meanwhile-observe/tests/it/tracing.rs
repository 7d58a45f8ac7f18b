//! Spans of the `tracing` crate: names, parents, attributes, and that they close.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use meanwhile_core::{AnyProvider, AnyTool, Error, ErrorKind, Model, Scripted, Toolbox};
use meanwhile_observe::tracing::TracingObserver;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::support::{Again, Asking, Located, SECRET, Slow, ask, with_tool};

#[derive(Debug, Clone, Default)]
struct Seen {
    name: String,
    parent: Option<u64>,
    fields: BTreeMap<String, String>,
    events: Vec<BTreeMap<String, String>>,
    closed: bool,
}

/// Writes down all spans.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Seen>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent().map(|up| up.id().into_u64()));
        let name = attributes.metadata().name().to_owned();
        let mut seen = Seen { name, parent, ..Seen::default() };
        attributes.record(&mut Fields(&mut seen.fields));
        self.0.lock().unwrap().insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        values.record(&mut Fields(&mut spans.get_mut(&id.into_u64()).unwrap().fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let mut spans = self.0.lock().unwrap();
        spans.get_mut(&span.id().into_u64()).unwrap().events.push(fields);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.0.lock().unwrap().get_mut(&id.into_u64()).unwrap().closed = true;
    }
}

impl Spans {
    /// The spans in the order in which they were opened.
    fn all(&self) -> Vec<(u64, Seen)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }

    #[track_caller]
    fn named(&self, name: &str) -> (u64, Seen) {
        let all = self.all();
        let found = all.iter().find(|(_, seen)| seen.fields.get("otel.name").unwrap() == name);
        found.unwrap_or_else(|| panic!("no {name} in {all:#?}")).clone()
    }
}

fn observe(observer: TracingObserver, work: impl AsyncFnOnce(TracingObserver)) -> Spans {
    observe_at(LevelFilter::TRACE, observer, work)
}

fn observe_at(
    level: LevelFilter,
    observer: TracingObserver,
    work: impl AsyncFnOnce(TracingObserver),
) -> Spans {
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone()).with(level);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work(observer)));
    spans
}

#[test]
fn runs_are_spans_with_the_attributes_of_the_conventions() {
    let observer = TracingObserver::new().with_server("scripted", "models.example", 8443);
    let spans = observe(observer, async |observer| {
        let around = tracing::info_span!("request", "otel.name" = "request");
        let _entered = around.enter();
        let model = Slow::model(with_tool(r#"{"x":2}"#), 100, 10);
        ask(model).max_tokens(9).observe(observer).await.unwrap();
    });
    let (around, _) = spans.named("request");
    let (chain, seen) = spans.named("invoke_workflow ask");
    assert_eq!((seen.parent, seen.name.as_str(), seen.closed), (Some(around), "chain", true));
    assert_eq!(seen.fields["gen_ai.workflow.name"], "ask");
    assert_eq!(seen.fields["tags"], r#"[("user", "7")]"#);
    let (_, tool) = spans.named("execute_tool double");
    assert_eq!((tool.parent, tool.closed), (Some(chain), true));
    assert_eq!(tool.fields["gen_ai.tool.call.id"], "call_1");
    assert!(!tool.fields.contains_key("gen_ai.tool.call.arguments"));
    let models: Vec<Seen> =
        spans.all().into_iter().map(|(_, seen)| seen).filter(|seen| seen.name == "model").collect();
    assert_eq!(models.len(), 2);
    assert!(models.iter().all(|model| model.parent == Some(chain) && model.closed));
    let fields: Vec<(&str, &str)> =
        models[1].fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        fields,
        [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.output.type", "text"),
            ("gen_ai.provider.name", "scripted"),
            ("gen_ai.request.max_tokens", "9"),
            ("gen_ai.request.model", "slow-1"),
            ("gen_ai.request.temperature", "0.5"),
            ("gen_ai.response.finish_reasons", r#"["stop"]"#),
            ("gen_ai.response.model", "slow-1"),
            ("gen_ai.system", "scripted"),
            ("gen_ai.usage.input_tokens", "1"),
            ("gen_ai.usage.output_tokens", "3"),
            ("otel.kind", "client"),
            ("otel.name", "chat slow-1"),
            ("server.address", "models.example"),
            ("server.port", "8443"),
            ("tags", r#"[("user", "7")]"#),
        ]
    );
}

#[test]
fn the_server_of_the_last_try_is_recorded_by_itself() {
    let check = |observer: TracingObserver, address: &str, port: &str| {
        let spans = observe(observer, async |observer| {
            let busy = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
            let inner = Located::new(Scripted::new().error(busy).reply("It is four."));
            let model = Model::new(Again(AnyProvider::new(inner)), "any");
            ask(model).observe(observer).await.unwrap();
        });
        let (_, model) = spans.named("chat any");
        assert_eq!(
            (&*model.fields["server.address"], &*model.fields["server.port"]),
            (address, port)
        );
    };
    check(TracingObserver::new(), "models.example", "8002");
    let said = TracingObserver::new().with_server("scripted", "proxy.example", 9);
    check(said, "proxy.example", "9");
}

#[test]
fn content_is_recorded_where_that_is_asked_for() {
    let spans = observe(TracingObserver::new().with_content(), async |observer| {
        ask(Model::new(with_tool(r#"{"x":2}"#), "any")).observe(observer).await.unwrap();
    });
    let (_, tool) = spans.named("execute_tool double");
    assert_eq!(tool.fields["gen_ai.tool.call.arguments"], r#"{"x":2}"#);
    assert_eq!(tool.fields["gen_ai.tool.call.result"], "4");
    let model = spans.all().into_iter().rfind(|(_, seen)| seen.name == "model").unwrap().1;
    assert_eq!(
        model.fields["gen_ai.system_instructions"],
        r#"[{"type":"text","content":"Be brief."}]"#
    );
    assert_eq!(
        model.fields["gen_ai.input.messages"],
        concat!(
            r#"[{"role":"user","parts":[{"type":"text","content":"Twice two?"}]},"#,
            r#"{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"double","#,
            r#""arguments":{"x":2}}]},"#,
            r#"{"role":"tool","parts":[{"type":"tool_call_response","id":"call_1","response":"4"}]}]"#,
        )
    );
    assert_eq!(
        model.fields["gen_ai.output.messages"],
        r#"[{"role":"assistant","parts":[{"type":"text","content":"It is four."}],"finish_reason":"stop"}]"#
    );
    assert!(model.fields["gen_ai.tool.definitions"].contains(r#""name":"double""#));
}

#[test]
fn streams_failures_and_retries_are_recorded() {
    let spans = observe(TracingObserver::new(), async |observer| {
        let busy = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
        let slow = Slow::model(Scripted::new().error(busy).reply("one two three"), 100, 10);
        let model = Model::new(Again(AnyProvider::new(slow.provider)), "any");
        let mut stream = ask(model).observe(observer).stream().await.unwrap();
        for _ in 0..4 {
            stream.next().await.unwrap().unwrap();
        }
    });
    let (_, model) = spans.named("chat any");
    // Two tries of 100 ms, the metadata, the start of the text.
    assert_eq!(model.fields["gen_ai.response.time_to_first_chunk"], "0.22");
    assert_eq!(model.fields["gen_ai.request.stream"], "true");
    assert_eq!(model.fields["error.type"], "cancelled");
    assert_eq!(model.fields["otel.status_code"], "ERROR");
    let retry = &model.events[0];
    assert_eq!(retry["message"], "retry");
    assert_eq!(
        (&*retry["error.type"], &*retry["http.response.status_code"]),
        ("overloaded", "529")
    );
    assert_eq!(retry["retry.wait"], "0.5");
    assert_eq!(retry["error.message"], "overloaded (status 529)");
    assert!(spans.all().iter().all(|(_, seen)| seen.closed), "{:#?}", spans.all());
    assert_eq!(spans.named("invoke_workflow ask").1.fields["error.type"], "cancelled");

    let spans = observe(TracingObserver::new(), async |observer| {
        let refused = Error::new(ErrorKind::RateLimit, "slow down").with_status(429);
        let model = Model::new(Scripted::new().error(refused), "any");
        ask(model).observe(observer).await.unwrap_err();
    });
    let (_, model) = spans.named("chat any");
    assert_eq!(model.fields["error.type"], "rate_limit");
    assert_eq!(model.fields["http.response.status_code"], "429");
    assert_eq!(model.fields["otel.status_description"], "rate limited (status 429)");
}

#[test]
fn what_is_inside_of_a_span_that_is_filtered_out_belongs_to_the_one_around() {
    for level in [LevelFilter::TRACE, LevelFilter::INFO] {
        let spans = observe_at(level, TracingObserver::new(), async |observer| {
            let inner = Model::new(Scripted::new().reply("deep"), "inner");
            let tools = Toolbox::new().with(AnyTool::new(Asking(inner)));
            let scripted = Scripted::new().tool_call("1", "asking", "{}").reply("done");
            let call = Model::new(scripted, "outer").call::<String>("x").tools(tools);
            call.observe(observer).await.unwrap();
        });
        let parent = spans.named("chat inner").1.parent;
        let parent = spans.all().into_iter().find(|(id, _)| Some(*id) == parent).unwrap().1;
        let inner = spans.named("invoke_workflow call").0;
        assert_eq!(parent.fields["otel.name"], "invoke_workflow call");
        let inside: Vec<_> = spans.all().into_iter().filter(|(_, s)| s.parent.is_none()).collect();
        assert_eq!((inside.len(), inside[0].0), (1, inner), "one root at {level}: {inside:#?}");
    }
}

#[test]
fn messages_of_errors_count_as_content() {
    for (observer, is_written) in
        [(TracingObserver::new(), false), (TracingObserver::new().with_content(), true)]
    {
        let spans = observe(observer, async |observer| {
            let busy = || Error::new(ErrorKind::Overloaded, SECRET).with_provider("bedrock");
            let inner = AnyProvider::new(Scripted::new().error(busy()).error(busy()));
            ask(Model::new(Again(inner), "any")).observe(observer).await.unwrap_err();
        });
        assert_eq!(format!("{:?}", spans.all()).contains(SECRET), is_written);
        let (_, model) = spans.named("chat any");
        assert_eq!(model.events[0]["gen_ai.provider.name"], "aws.bedrock");
    }
}
