//! Spans and metrics as a receiver of OTLP gets them.

use std::collections::BTreeMap;

use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, Scripted};
use meanwhile_observe::opentelemetry::OpenTelemetryObserver;
use opentelemetry::Context;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, metric};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::sink::{Received, providers, receiver};
use crate::support::{Again, Located, SECRET, Slow, ask, with_tool};

fn shown(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |value: &any_value::Value| match value {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::IntValue(number) => number.to_string(),
        any_value::Value::DoubleValue(number) => number.to_string(),
        any_value::Value::BoolValue(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    let of = |pair: &KeyValue| pair.value.as_ref().and_then(|any| any.value.as_ref()).map(value);
    attributes.iter().map(|pair| (pair.key.clone(), of(pair).unwrap_or_default())).collect()
}

/// Observes what `work` does, in a span around it, and returns what a receiver got.
fn observe(content: bool, work: impl AsyncFnOnce(OpenTelemetryObserver)) -> Received {
    let (address, received) = receiver();
    let (tracers, meters) = providers(&address);
    let tracer = tracers.tracer("program");
    let observer =
        OpenTelemetryObserver::with(tracers.tracer("meanwhile"), &meters.meter("meanwhile"));
    let observer = if content { observer.with_content() } else { observer };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let around = Context::new().with_span(tracer.start("handler"));
    {
        let _current = around.clone().attach();
        runtime.block_on(work(observer));
    }
    around.span().end();
    tracers.force_flush().unwrap();
    meters.force_flush().unwrap();
    received
}

#[track_caller]
fn named(spans: &[Span], name: &str) -> Span {
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("{name} in {names:?}"))
        .clone()
}

fn points(received: &Received, name: &str) -> (String, Vec<HistogramDataPoint>) {
    let metric = received.metrics().into_iter().find(|metric| metric.name == name);
    let metric = metric.unwrap_or_else(|| panic!("no {name}"));
    match metric.data {
        Some(metric::Data::Histogram(histogram)) => (metric.unit, histogram.data_points),
        other => panic!("{other:?}"),
    }
}

#[test]
fn spans_nest_in_the_context_around_and_carry_the_attributes() {
    let received = observe(false, async |observer| {
        let model = Slow::model(with_tool(r#"{"x":2}"#), 100, 10);
        ask(model).observe(observer).await.unwrap();
    });
    let spans = received.spans();
    let (around, chain) = (named(&spans, "handler"), named(&spans, "invoke_workflow ask"));
    assert_eq!((&chain.parent_span_id, &chain.trace_id), (&around.span_id, &around.trace_id));
    let tool = named(&spans, "execute_tool double");
    assert_eq!((&tool.parent_span_id, tool.kind), (&chain.span_id, 1));
    let tool = shown(&tool.attributes);
    assert_eq!(tool["gen_ai.operation.name"], "execute_tool");
    assert!(!tool.contains_key("gen_ai.tool.call.arguments"));
    let models: Vec<&Span> = spans.iter().filter(|span| span.name == "chat slow-1").collect();
    assert_eq!(models.len(), 2);
    for model in &models {
        assert_eq!((&model.parent_span_id, model.kind), (&chain.span_id, 3));
        assert!(model.status.as_ref().is_none_or(|status| status.code == 0));
    }
    let attributes = shown(&models[1].attributes);
    let expected = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "scripted"),
        ("gen_ai.request.model", "slow-1"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.response.model", "slow-1"),
        ("gen_ai.usage.input_tokens", "1"),
        ("gen_ai.usage.output_tokens", "3"),
        ("meanwhile.tag.user", "7"),
    ];
    for (name, value) in expected {
        assert_eq!(attributes[name], value, "{name}");
    }
    assert!(attributes["gen_ai.response.finish_reasons"].contains("\"stop\""));
    assert!(!attributes.contains_key("gen_ai.input.messages"));
}

#[test]
fn the_server_is_recorded_where_the_program_says_where_it_is() {
    let check = |provider: &str, expected: Option<(&str, &str)>| {
        let received = observe(false, async |observer| {
            let observer = observer.with_server(provider, "old.example", 1);
            let observer = observer.with_server(provider, "models.example", 8443);
            ask(Model::new(with_tool(r#"{"x":2}"#), "any")).observe(observer).await.unwrap();
        });
        let (_, points) = points(&received, "gen_ai.client.operation.duration");
        let measured = points.iter().map(|point| shown(&point.attributes));
        let spans = received.spans();
        let models = spans.iter().filter(|span| span.name == "chat any");
        let all: Vec<_> = models.map(|span| shown(&span.attributes)).chain(measured).collect();
        assert_eq!(all.len(), 3, "two requests, and one series of measurements");
        for attributes in all {
            let server = attributes.get("server.address").zip(attributes.get("server.port"));
            assert_eq!(server.map(|(address, port)| (&**address, &**port)), expected);
        }
        assert!(
            !shown(&named(&spans, "execute_tool double").attributes).contains_key("server.port")
        );
    };
    check("scripted", Some(("models.example", "8443")));
    check("another", None);
}

#[test]
fn the_server_of_the_last_try_is_recorded_by_itself() {
    let check = |said: bool, expected: (&str, &str)| {
        let received = observe(false, async |observer| {
            let observer = match said {
                true => observer.with_server("scripted", "proxy.example", 9),
                false => observer,
            };
            let busy = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
            let inner = Located::new(Scripted::new().error(busy).reply("It is four."));
            let model = Model::new(Again(AnyProvider::new(inner)), "any");
            ask(model).observe(observer).await.unwrap();
        });
        let (_, points) = points(&received, "gen_ai.client.operation.duration");
        let span = named(&received.spans(), "chat any");
        for attributes in [&span.attributes, &points[0].attributes] {
            let told = |name: &str| {
                let mut all = attributes.iter().filter(|pair| pair.key == name);
                assert!(
                    all.next().is_some() && all.next().is_none(),
                    "{name} once: {attributes:?}"
                );
                shown(attributes)[name].clone()
            };
            let server = (told("server.address"), told("server.port"));
            assert_eq!((&*server.0, &*server.1), expected);
        }
    };
    check(false, ("models.example", "8002"));
    check(true, ("proxy.example", "9"));
}

#[test]
fn content_is_recorded_where_that_is_asked_for() {
    let received = observe(true, async |observer| {
        ask(Model::new(with_tool(r#"{"x":2}"#), "any")).observe(observer).await.unwrap();
    });
    let spans = received.spans();
    let tool = shown(&named(&spans, "execute_tool double").attributes);
    assert_eq!(tool["gen_ai.tool.call.arguments"], r#"{"x":2}"#);
    assert_eq!(tool["gen_ai.tool.call.result"], "4");
    let model = spans.iter().rfind(|span| span.name == "chat any").unwrap();
    let model = shown(&model.attributes);
    let messages: serde_json::Value =
        serde_json::from_str(&model["gen_ai.input.messages"]).unwrap();
    assert_eq!(messages[0]["parts"][0]["content"], "Twice two?");
    let answer: serde_json::Value = serde_json::from_str(&model["gen_ai.output.messages"]).unwrap();
    assert_eq!(answer[0]["parts"][0]["content"], "It is four.");
}

#[test]
fn metrics_have_the_names_buckets_and_attributes_of_the_conventions() {
    let received = observe(false, async |observer| {
        let observer = std::sync::Arc::new(observer);
        let model = Slow::model(with_tool(r#"{"x":2}"#).reply("one two"), 100, 10);
        ask(model.clone()).observe(std::sync::Arc::clone(&observer)).await.unwrap();
        let mut stream = ask(model).observe(observer).stream().await.unwrap();
        while stream.next().await.is_some() {}
    });
    let (unit, duration) = points(&received, "gen_ai.client.operation.duration");
    assert_eq!((unit.as_str(), duration.len()), ("s", 1));
    let one = &duration[0];
    assert_eq!((one.count, one.explicit_bounds.len(), one.explicit_bounds[0]), (3, 14, 0.01));
    // 160 ms, 180 ms, 170 ms.
    assert!((one.sum.unwrap() - 0.51).abs() < 1e-9, "{one:?}");
    let attributes = shown(&one.attributes);
    assert_eq!(attributes["gen_ai.provider.name"], "scripted");
    assert_eq!(attributes["gen_ai.response.model"], "slow-1");
    assert!(!attributes.contains_key("error.type"));

    let (unit, tokens) = points(&received, "gen_ai.client.token.usage");
    assert_eq!((unit.as_str(), tokens.len()), ("{token}", 2));
    let mut sums: Vec<(String, f64)> = tokens
        .iter()
        .map(|point| (shown(&point.attributes)["gen_ai.token.type"].clone(), point.sum.unwrap()))
        .collect();
    sums.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(sums, [("input".to_owned(), 3.0), ("output".to_owned(), 6.0)]);
    assert_eq!(tokens[0].explicit_bounds[..3], [1.0, 4.0, 16.0]);
    assert_eq!(tokens[0].explicit_bounds[13], 67_108_864.0);

    // Only the streamed request has a first chunk.
    let (_, first) = points(&received, "gen_ai.client.operation.time_to_first_chunk");
    assert_eq!((first[0].count, first[0].sum.map(|sum| (sum * 1e6).round())), (1, Some(120_000.0)));
    let (_, tools) = points(&received, "gen_ai.execute_tool.duration");
    assert_eq!(shown(&tools[0].attributes)["gen_ai.tool.name"], "double");
    let (_, chains) = points(&received, "gen_ai.workflow.duration");
    assert_eq!(
        (chains[0].count, &*shown(&chains[0].attributes)["gen_ai.workflow.name"]),
        (2, "ask")
    );
}

#[test]
fn failures_cancelled_runs_and_retries_are_recorded() {
    let received = observe(false, async |observer| {
        let busy = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
        let inner = AnyProvider::new(Scripted::new().error(busy).reply("one two three"));
        let model = Model::new(Again(inner), "any");
        let mut stream = ask(model).observe(observer).stream().await.unwrap();
        for _ in 0..4 {
            stream.next().await.unwrap().unwrap();
        }
    });
    let spans = received.spans();
    let model = named(&spans, "chat any");
    assert_eq!(model.status.as_ref().unwrap().code, 2);
    assert_eq!(shown(&model.attributes)["error.type"], "cancelled");
    assert!(shown(&model.attributes).contains_key("gen_ai.response.time_to_first_chunk"));
    assert_eq!(model.events[0].name, "retry");
    let retry = shown(&model.events[0].attributes);
    assert_eq!(
        (&*retry["error.type"], &*retry["http.response.status_code"]),
        ("overloaded", "529")
    );
    assert_eq!(named(&spans, "invoke_workflow ask").status.unwrap().code, 2);
    let (_, duration) = points(&received, "gen_ai.client.operation.duration");
    assert_eq!(shown(&duration[0].attributes)["error.type"], "cancelled");

    let received = observe(false, async |observer| {
        let refused = Error::new(ErrorKind::RateLimit, "slow down").with_status(429);
        ask(Model::new(Scripted::new().error(refused), "any")).observe(observer).await.unwrap_err();
    });
    let model = named(&received.spans(), "chat any");
    assert_eq!(model.status.as_ref().unwrap().message, "rate limited (status 429)");
    let attributes = shown(&model.attributes);
    assert_eq!(attributes["error.type"], "rate_limit");
    assert_eq!(attributes["http.response.status_code"], "429");
}

#[test]
fn messages_of_errors_count_as_content() {
    for content in [false, true] {
        let received = observe(content, async |observer| {
            let busy = || Error::new(ErrorKind::Overloaded, SECRET);
            let inner = AnyProvider::new(Scripted::new().error(busy()).error(busy()));
            ask(Model::new(Again(inner), "any")).observe(observer).await.unwrap_err();
        });
        let spans = received.spans();
        let model = named(&spans, "chat any");
        let words = if content { SECRET } else { "overloaded" };
        assert_eq!(model.status.as_ref().unwrap().message, words);
        assert_eq!(shown(&model.events[0].attributes)["error.message"], words);
        assert_eq!(format!("{spans:?}").contains(SECRET), content);
    }
}
