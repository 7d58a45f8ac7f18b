//! The same question to several models.

use meanwhile_concurrency::compare;
use meanwhile_core::{
    AnyTool, Call, Error, ErrorKind, Message, Model, Prompt, Registry, Response, Result, Schema,
    Scripted, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox, Usage, Usd,
};
use meanwhile_layers::{Backoff, Price, Prices, Retry};
use tokio::time::Instant;

use crate::support::{Slow, down, ms, wait};

fn slow(id: &'static str, first: u64, pause: u64) -> Slow {
    Slow { id, first: ms(first), pause: ms(pause), streaming: true }
}

fn ask(registry: &Registry) -> Call<'static, String> {
    Call::new("ask", registry, Ok(Prompt::from("Summarise.")))
}

fn prices() -> Prices {
    let price = Price::new(Usd::dollars(1), Usd::dollars(10));
    Prices::none().with("fast", "m", price.clone()).with("slow", "m", price)
}

#[tokio::test(start_paused = true)]
async fn each_model_is_timed_counted_and_priced() {
    let registry = Registry::new();
    let streamless = Slow { streaming: false, ..slow("whole", 30, 50) };
    for slow in [slow("fast", 10, 40), slow("slow", 60, 700), streamless] {
        registry.insert(slow.into());
    }
    registry.insert_as("down", Scripted::new().error(down("down")).into());

    let start = Instant::now();
    let models = ["slow/m", "down/m", "fast/m", "whole/m", "nowhere/m"];
    let outcomes = compare(models, |model| ask(&registry).model(model))
        .each_within(ms(500))
        .prices(prices())
        .await;

    assert_eq!(start.elapsed(), ms(500), "all ran at once");
    let labels: Vec<&str> = outcomes.iter().map(|outcome| outcome.model.as_str()).collect();
    assert_eq!(labels, models);
    let [slow, down, fast, whole, nowhere] = &outcomes[..] else { panic!("{outcomes:?}") };

    assert_eq!(fast.answer().unwrap(), "one two");
    assert_eq!((fast.latency, fast.time_to_first_token), (ms(50), Some(ms(10))));
    assert_eq!(fast.usage, Usage::totals(10, 2));
    assert_eq!(fast.cost, Some("0.00003".parse().unwrap()));
    assert_eq!(
        fast.to_string(),
        "fast/m: answered in 0.05s, first token after 0.01s, 10 tokens in, 2 out, $0.00003"
    );

    assert!(slow.is_timeout() && !down.is_timeout());
    assert_eq!((slow.latency, slow.time_to_first_token), (ms(500), Some(ms(60))));
    assert_eq!(slow.usage, Usage::totals(10, 0), "what was counted before the clock rang");
    assert!(slow.to_string().starts_with("slow/m: timed out after 0.50s, first token"), "{slow}");

    assert_eq!(down.result.as_ref().unwrap_err().kind(), ErrorKind::Server);
    assert_eq!((down.usage.clone(), down.cost), (Usage::default(), None));
    assert_eq!(down.to_string(), "down/m: failed after 0.00s: server error: down");

    assert_eq!((whole.latency, whole.time_to_first_token), (ms(80), Some(ms(80))));
    assert_eq!(whole.cost, None, "its price is not known");
    assert_eq!(nowhere.result.as_ref().unwrap_err().kind(), ErrorKind::UnknownProvider);
}

#[tokio::test(start_paused = true)]
async fn answers_may_be_asked_for_whole() {
    let model = Model::new(slow("fast", 10, 40), "m");
    let outcomes = compare([&model], |model| ask(&Registry::new()).model(model)).whole().await;
    assert_eq!(outcomes[0].model, "fast/m");
    assert_eq!((outcomes[0].latency, outcomes[0].time_to_first_token), (ms(50), Some(ms(50))));
}

#[tokio::test(start_paused = true)]
async fn what_never_began_is_late_without_a_time() {
    let model = Model::new(slow("slow", 100, 100), "m");
    let outcomes = compare([&model, &model], |model| ask(&Registry::new()).model(model))
        .limit(1)
        .within(ms(150))
        .await;
    assert!(outcomes.iter().all(|outcome| outcome.is_timeout()));
    assert_eq!((outcomes[0].latency, outcomes[1].latency), (ms(150), ms(0)));
    assert_eq!(outcomes[1].time_to_first_token, None);
}

#[derive(Debug)]
struct Now;

#[async_trait::async_trait]
impl Tool for Now {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("now", "Says when it is.", Schema::of::<()>())
    }

    async fn call(&self, _call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new("noon"))
    }
}

#[test]
fn every_request_of_a_tool_loop_counts() {
    let scripted = Scripted::new().tool_call("1", "now", "{}").reply("It is noon.");
    let model = Model::new(scripted, "m");
    let price = Price::new(Usd::dollars(1), Usd::dollars(1));
    let prices = Prices::none().with("scripted", "m", price);
    let tools = || Toolbox::new().with(AnyTool::new(Now));
    let call = |model| ask(&Registry::new()).model(model).tools(tools());
    let outcomes = wait(compare([model], call).prices(prices));
    assert_eq!(outcomes[0].answer().unwrap(), "It is noon.");
    // One token in and one out for the tool call; one in and three out for the answer.
    assert_eq!(outcomes[0].usage, Usage::totals(2, 4));
    assert_eq!(outcomes[0].cost, Some("0.000006".parse().unwrap()));
}

#[test]
fn calls_inside_of_futures_are_measured_as_well() {
    let registry = Registry::new();
    registry.insert(Scripted::new().reply("one").reply("two words").into());
    let outcomes = wait(compare(["scripted/m"], |model| {
        let registry = registry.clone();
        async move {
            let first = ask(&registry).model(model.clone()).await?;
            let messages = [Message::user(first)].to_vec();
            Call::<String>::new("again", &registry, Ok(Prompt::from(messages))).model(model).await
        }
    }));
    assert_eq!(outcomes[0].answer().unwrap(), "two words");
    assert_eq!(outcomes[0].usage, Usage::totals(2, 3));
    assert!(outcomes[0].time_to_first_token.is_some());
}

/// A failure that says what it used.
fn used(model: &str, read: u64, written: u64) -> Error {
    let mut partial = Response::new("scripted", model);
    partial.usage = Usage::totals(read, written);
    down("overloaded").with_provider("scripted").with_model(model).with_partial(partial)
}

#[tokio::test(start_paused = true)]
async fn tries_of_layers_on_the_registry_count() {
    let check = async |scripted: Scripted, usage: Usage, cost: &str| {
        let registry = Registry::new();
        registry.layer(Retry::new().retries(1).backoff(Backoff::none()));
        registry.insert(scripted.into());
        let price = Price::new(Usd::dollars(1), Usd::dollars(1));
        let prices = Prices::none().with("scripted", "m", price);
        let outcomes =
            compare(["scripted/m"], |model| ask(&registry).model(model)).prices(prices).await;
        assert_eq!(outcomes[0].usage, usage, "{outcomes:?}");
        assert_eq!(outcomes[0].cost, Some(cost.parse().unwrap()));
    };
    // One token in and two out for the answer, beside what the failed try took.
    let answered = Scripted::new().error(used("m", 30, 7)).reply("two words");
    check(answered, Usage::totals(31, 9), "0.00004").await;
    // A refusal was free.
    let refused = Scripted::new().error(down("busy")).reply("two words");
    check(refused, Usage::totals(1, 2), "0.000003").await;
    let failed = Scripted::new().error(used("m", 30, 7)).error(used("m", 5, 1));
    check(failed, Usage::totals(35, 8), "0.000043").await;
}
