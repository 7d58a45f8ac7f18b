//! Spans in a receiver that others wrote: Arize Phoenix, where `MEANWHILE_PHOENIX` says it is
//! (`http://127.0.0.1:6006`). Without it, the test says so and passes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, chain, scope};
use meanwhile_observe::opentelemetry::OpenTelemetryObserver;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::HttpClient as _;
use serde_json::Value;

use crate::sink::{Plain, providers};
use crate::support::{Again, ask, with_tool};

fn get(url: &str) -> Value {
    let request = http::Request::get(url).header("accept", "application/json");
    let request = request.body(Bytes::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(Plain.send_bytes(request)).unwrap();
    assert!(response.status().is_success(), "{url}: {response:?}");
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn phoenix_shows_the_tree_and_its_attributes() {
    let Ok(address) = std::env::var("MEANWHILE_PHOENIX") else {
        eprintln!("skipped: MEANWHILE_PHOENIX does not say where Phoenix is");
        return;
    };
    let (tracers, meters) = providers(&address);
    let observer =
        OpenTelemetryObserver::with(tracers.tracer("meanwhile"), &meters.meter("meanwhile"));
    let name =
        format!("chain-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
    let work = async {
        let busy = Error::new(ErrorKind::Overloaded, "busy").with_status(529);
        let inner = AnyProvider::new(
            meanwhile_core::Scripted::new()
                .error(busy)
                .tool_call("call_1", "double", r#"{"x":2}"#)
                .reply("It is four."),
        );
        let answer = ask(Model::new(Again(inner), "phoenix-test")).await?;
        ask(Model::new(with_tool(r#"{"x":"two"}"#), "phoenix-test")).await?;
        Ok::<_, Error>(answer)
    };
    let observer = observer.with_content().with_server("scripted", "models.example", 8443);
    let settings = meanwhile_core::Settings::new().observe(observer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(scope(settings, chain(name.clone(), work))).unwrap();
    assert_eq!(answer, "It is four.");
    tracers.force_flush().unwrap();

    let url = format!("{address}/v1/projects/default/spans?limit=1000");
    let wanted = format!("invoke_workflow {name}");
    let mut spans = Vec::new();
    for _ in 0..50 {
        spans = get(&url)["data"].as_array().unwrap().clone();
        let root = spans.iter().find(|span| span["name"] == *wanted).cloned();
        if let Some(root) = root {
            spans.retain(|span| span["context"]["trace_id"] == root["context"]["trace_id"]);
            if spans.len() == 9 {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(
        spans.len(),
        9,
        "two calls with two requests and a tool each, and the chain: {spans:#?}"
    );
    let id = |span: &Value| span["context"]["span_id"].clone();
    let root = spans.iter().find(|span| span["name"] == *wanted).unwrap();
    let calls: Vec<&Value> =
        spans.iter().filter(|span| span["name"] == "invoke_workflow ask").collect();
    assert!(calls.len() == 2 && calls.iter().all(|call| call["parent_id"] == id(root)));
    let models: Vec<&Value> =
        spans.iter().filter(|span| span["name"] == "chat phoenix-test").collect();
    assert_eq!(models.len(), 4);
    for model in &models {
        assert!(calls.iter().any(|call| id(call) == model["parent_id"]), "{model:#}");
        let attributes = &model["attributes"];
        assert_eq!(attributes["gen_ai.request.model"], "phoenix-test");
        assert_eq!(attributes["gen_ai.operation.name"], "chat");
        assert_eq!(attributes["server.address"], "models.example");
        assert_eq!(attributes["server.port"], 8443);
        assert_eq!(attributes["gen_ai.usage.input_tokens"], 1);
        // What Phoenix itself makes of the conventions.
        assert_eq!(attributes["llm.model_name"], "phoenix-test", "{model:#}");
    }
    // One calls the tool, one says "It is four."; of each there are two.
    let mut written: Vec<i64> = models
        .iter()
        .filter_map(|model| model["attributes"]["gen_ai.usage.output_tokens"].as_i64())
        .collect();
    written.sort_unstable();
    assert_eq!(written, [1, 1, 3, 3]);
    let retried = models.iter().filter(|model| model["events"][0]["name"] == "retry").count();
    assert_eq!(retried, 1);
    let tools: Vec<&Value> =
        spans.iter().filter(|span| span["name"] == "execute_tool double").collect();
    let failed = tools.iter().filter(|tool| tool["status_code"] == "ERROR").count();
    assert_eq!((tools.len(), failed), (2, 1));
}
