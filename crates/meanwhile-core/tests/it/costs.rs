//! Limits on what a run costs.

use meanwhile_core::{
    AnyTool, Call, Error, ErrorKind, Event, Finish, FinishReason, Metadata, Part, PartStart,
    Pricing, Response, Result, RunLimits, RunState, Schema, Scripted, Tool, ToolCall, ToolContext,
    ToolOutput, ToolSpec, Toolbox, Usage, Usd,
};

use crate::{model, wait};

/// A dollar a token of `test-model`, two of its turbo.
#[derive(Debug)]
struct Dollars;

impl Pricing for Dollars {
    fn cost(
        &self,
        provider: &str,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Option<Usd> {
        assert_eq!(provider, "scripted");
        let price = if service_tier == Some("turbo") { 2 } else { 1 };
        (model == "test-model").then(|| Usd::dollars(usage.total().unwrap() * price))
    }
}

#[derive(Debug)]
struct Look;

#[async_trait::async_trait]
impl Tool for Look {
    fn spec(&self) -> ToolSpec {
        let schema = serde_json::json!({"type": "object", "properties": {}});
        ToolSpec::new("look", "Looks.", Schema::from(schema))
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new("nothing there"))
    }
}

/// An answer that calls a tool, of so many tokens.
fn calls(id: &str, tokens: u64, metadata: Metadata) -> Vec<Result<Event>> {
    let part = PartStart::ToolCall { id: id.to_owned(), name: "look".to_owned() };
    let events = [
        Event::Metadata(Box::new(metadata)),
        Event::PartStart { index: 0, part },
        Event::PartEnd { index: 0, data: None },
        Event::usage(Usage::totals(tokens - 1, 1)),
        Event::finish(Finish::new(FinishReason::ToolCalls)),
    ];
    events.into_iter().map(Ok).collect()
}

fn ask(scripted: &Scripted, limit: u64) -> Call<'static, String> {
    let tools: Toolbox = [AnyTool::new(Look)].into_iter().collect();
    let limits = RunLimits::new().cost(Usd::dollars(limit));
    model(scripted).call::<String>("go").tools(tools).limits(limits).prices(Dollars)
}

fn state(error: &mut Error) -> RunState {
    error.take_run_state().unwrap()
}

#[test]
fn no_answer_is_asked_for_once_the_cost_is_reached() {
    let script = || {
        let metadata = Metadata::default;
        Scripted::new()
            .events(calls("1", 3, metadata()))
            .events(calls("2", 4, metadata()))
            .reply("a b")
    };
    let scripted = script();
    let mut error = wait(ask(&scripted, 7)).unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Budget, 2));
    assert!(error.message().starts_with("the run has cost $7.00; its limit is $7.00"), "{error}");
    assert_eq!(error.partial().unwrap().usage.total(), Some(7));

    // With more money it goes on, and what was spent stays so across a store.
    let stored = serde_json::to_string(&state(&mut error)).unwrap();
    let stored: RunState = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored.cost, Usd::dollars(7));
    let error = wait(ask(&scripted, 7).resume(stored.clone())).unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Budget, 2));
    assert_eq!(wait(ask(&scripted, 8).resume(stored)).unwrap(), "a b");

    let scripted = script();
    assert_eq!(wait(ask(&scripted, 8)).unwrap(), "a b");
}

#[test]
fn the_cost_is_that_of_who_answered() {
    let mut turbo = Metadata::default();
    turbo.service_tier = Some("turbo".to_owned());
    let mut error = wait(ask(&Scripted::new().events(calls("1", 3, turbo)), 5)).unwrap_err();
    assert_eq!((error.kind(), state(&mut error).cost), (ErrorKind::Budget, Usd::dollars(6)));

    let mut cached = Metadata::default();
    cached.cached = true;
    let scripted = Scripted::new().events(calls("1", 3, cached)).reply("done");
    assert!(wait(ask(&scripted, 1)).is_ok());

    // A name of the answer that nobody knows is the model that was asked.
    let mut dated = Metadata::default();
    dated.model = Some("test-model-of-june".to_owned());
    let mut error = wait(ask(&Scripted::new().events(calls("1", 3, dated)), 3)).unwrap_err();
    assert_eq!(state(&mut error).cost, Usd::dollars(3));

    // But not where a layer asked for another model: nobody knows what that one costs.
    let mut other = Metadata::default();
    other.model = Some("other-of-june".to_owned());
    other.requested_model = Some("other".to_owned());
    let mut error = wait(ask(&Scripted::new().events(calls("1", 3, other)), 3)).unwrap_err();
    assert!(error.message().contains("`other-of-june`"), "{error}");
    assert_eq!(state(&mut error).cost, Usd::ZERO);

    // And its price is found by the name that it was asked for by.
    let mut known = Metadata::default();
    known.model = Some("of-june".to_owned());
    known.requested_model = Some("test-model".to_owned());
    let mut error = wait(ask(&Scripted::new().events(calls("1", 3, known)), 3)).unwrap_err();
    assert_eq!(state(&mut error).cost, Usd::dollars(3));
}

#[test]
fn without_a_price_nothing_is_sent() {
    let limits = RunLimits::new().cost(Usd::cents(1));
    let scripted = Scripted::new().reply("hi");
    let call = || model(&scripted).call::<String>("go").limits(limits);
    let error = wait(call()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains(".prices("), "{error}");

    for error in [
        wait(call().prices(Dollars).model(meanwhile_core::Model::new(scripted.clone(), "other"))),
        wait(async {
            call().prices(Dollars).model(other(&scripted)).stream().await?.finish().await
        }),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Budget);
        assert!(error.message().contains("`scripted/other` is not known"), "{error}");
    }
    assert_eq!(scripted.requests().len(), 0);
    assert_eq!(wait(call().prices(Dollars)).unwrap(), "hi");
}

fn other(scripted: &Scripted) -> meanwhile_core::Model {
    meanwhile_core::Model::new(scripted.clone(), "other")
}

/// Knows the price of nothing but nothing.
#[derive(Debug)]
struct Unsure;

impl Pricing for Unsure {
    fn cost(&self, _: &str, _: &str, _: Option<&str>, usage: &Usage) -> Option<Usd> {
        (usage.total() == Some(0)).then_some(Usd::ZERO)
    }
}

#[test]
fn an_answer_whose_cost_is_unknown_is_the_last_one() {
    let scripted = Scripted::new().events(calls("1", 3, Metadata::default()));
    let mut error = wait(ask(&scripted, 5).prices(Unsure)).unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Budget, 1));
    assert!(error.message().contains("`test-model` cost is not known"), "{error}");
    assert_eq!(state(&mut error).turns, 1);

    // One that needs no other counts, with a warning.
    let scripted = Scripted::new().parts([Part::text("hi")]);
    let call = ask(&scripted, 5).prices(Unsure).output::<meanwhile_core::Extracted<String>>();
    let answer: Response = wait(call).unwrap().response;
    assert_eq!(answer.warnings.len(), 1, "{:?}", answer.warnings);
}
