//! The history of calls: bounded, by caller, with the tokens of all.

use async_trait::async_trait;
use futures::StreamExt as _;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Error, ErrorKind, Event, EventStream, Layer, Model,
    Provider, Request, Response, Result, Scripted, Settings, Usage, scope,
};
use meanwhile_programs::{CallHistory, Predict, ReAct, SignatureSpec, fields};

use crate::classify::{answer, program};

#[tokio::test]
async fn the_last_calls_are_kept_and_the_tokens_of_all() {
    let model = Scripted::new()
        .reply(answer("label", "first"))
        .reply(answer("label", "second"))
        .error(Error::new(ErrorKind::Server, "down"));
    let program = program(&model);
    let history = CallHistory::new(2);
    let run = async {
        for text in ["one", "two"] {
            program.call(fields! { text: text }).await.unwrap();
        }
        program.call(fields! { text: "three" }).await.unwrap_err();
    };
    scope(Settings::new().observe(history.clone()), run).await;

    let calls = history.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].model, "scripted/any");
    assert_eq!(calls[0].caller, "StringSignature");
    assert!(calls[0].response.as_ref().unwrap().text().contains("second"));
    assert!(calls[1].error.as_ref().unwrap().contains("down"));
    let printed = history.to_string();
    for part in ["two", "second", "three", "failed:", "system:", "assistant:"] {
        assert!(printed.contains(part), "{part} is missing:\n{printed}");
    }
    assert!(!printed.contains("first"), "{printed}");
    // The tokens of the call that is not kept any more count too.
    assert_eq!(history.usage()["scripted/any"].input.total, Some(2));
    history.clear();
    assert!(history.calls().is_empty() && history.usage().is_empty());

    // Nothing is kept of what it does not observe.
    let other = Model::new(Scripted::new().reply("hello"), "any");
    other.call::<String>("Say hello").await.unwrap();
    assert!(history.calls().is_empty());
}

#[tokio::test]
async fn a_call_names_the_signature_that_asks() {
    let model = Scripted::new()
        .reply(answer("label", "good"))
        .reply(answer("label", "bad"))
        .tool_call("1", "submit", r#"{"label": "so"}"#)
        .reply("hello");
    let named = |name: &str| {
        let spec: SignatureSpec = "text -> label".parse().unwrap();
        spec.with_name(name)
    };
    let asks = Model::new(model.clone(), "any");
    let (judge, sort) = (Predict::of(named("Judge")), Predict::of(named("Sort")));
    let (judge, sort) = (judge.model(asks.clone()), sort.model(asks.clone()));
    let agent = ReAct::of(named("Look")).model(asks.clone());
    let history = CallHistory::new(9);
    let run = async {
        judge.call(fields! { text: "one" }).await.unwrap();
        sort.stream(fields! { text: "two" }).finish().await.unwrap();
        agent.call(fields! { text: "three" }).await.unwrap();
        asks.call::<String>("Say hello").await.unwrap();
    };
    scope(Settings::new().observe(history.clone()), run).await;
    let callers: Vec<String> = history.calls().into_iter().map(|call| call.caller).collect();
    assert_eq!(callers, ["Judge", "Sort", "Look", "call"]);
}

/// A layer that has tried in vain before each answer, for three tokens.
#[derive(Debug, Clone)]
struct Tried;

#[derive(Debug)]
struct Trying(AnyProvider);

impl Layer for Tried {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Trying(inner))
    }
}

#[async_trait]
impl Provider for Trying {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let mut cut = Response::new("other", "small");
        cut.usage = Usage::totals(1, 2);
        let error = Error::new(ErrorKind::StreamInterrupted, "cut").with_provider("other");
        let attempt =
            Attempt::new(&error.with_partial(cut), "small", std::time::Duration::from_secs(1));
        let events = self.0.send(request).await?;
        let first = futures::stream::iter([Ok(Event::attempt(attempt))]);
        Ok(EventStream::new(first.chain(events)))
    }
}

#[tokio::test]
async fn tries_that_failed_count_and_answers_that_could_not_be_read_count_once() {
    let model = Scripted::new().reply("no form at all").reply(r#"{"label": "good"}"#);
    let history = CallHistory::new(9);
    let settings = Settings::new().layer(Tried).observe(history.clone());
    let program = program(&model).settings(settings);
    let prediction = program.call(fields! { text: "one" }).await.unwrap();
    let usage = history.usage();
    assert_eq!(usage["other/small"], Usage::totals(2, 4));
    let mut sum = usage["other/small"].clone();
    sum.add(&usage["scripted/any"]);
    assert_eq!(sum, prediction.usage);
}
