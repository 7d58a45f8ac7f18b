//! What the registry puts around every provider without asking.

use meanwhile::layers::{LayerSettings as _, Price, Prices};
use meanwhile::prelude::*;
use meanwhile::{Capabilities, EventStream, Provider, Request, RunLimits, Usd};

fn broken() -> Error {
    Error::new(ErrorKind::Server, "something broke")
}

#[tokio::test(start_paused = true)]
async fn two_retries_are_on_without_asking() {
    let scripted = Scripted::new().error(broken()).error(broken()).reply("at last");
    registry().insert_as("flaky", scripted.clone().into());
    let answer: Response = meanwhile::call("flaky/any", "hi").await.unwrap();
    assert_eq!((answer.text().as_str(), answer.attempts.len()), ("at last", 2));

    let scripted = Scripted::new().error(broken()).reply("not asked for");
    registry().insert_as("flaky", scripted.clone().into());
    let once = meanwhile::call::<String>("flaky/any", "hi").retries(0);
    assert_eq!(once.await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(scripted.requests().len(), 1);
}

/// A scripted provider under another name.
#[derive(Debug)]
struct Named(&'static str, Scripted);

#[async_trait::async_trait]
impl Provider for Named {
    fn id(&self) -> &str {
        self.0
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.1.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        self.1.send(request).await
    }
}

/// Looks something up.
#[tool]
fn look() -> &'static str {
    "nothing there"
}

#[tokio::test]
async fn the_cost_of_a_run_is_limited_by_the_prices_that_come_with_it() {
    // Each call of a tool is one token read and one written.
    let script =
        || Scripted::new().tool_call("1", "look", "{}").tool_call("2", "look", "{}").reply("a");
    let ask = |scripted: &Scripted, limit: &str| {
        let model = Model::new(Named("openai", scripted.clone()), "gpt-4o-mini");
        let limits = RunLimits::new().cost(limit.parse::<Usd>().unwrap());
        meanwhile::call::<String>(model, "go").tool::<Look>().limits(limits)
    };
    // $0.15 and $0.60 for a million.
    let scripted = script();
    assert_eq!(ask(&scripted, "0.0000016").await.unwrap(), "a");
    let scripted = script();
    let error = ask(&scripted, "0.0000015").await.unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Budget, 2));
    assert_eq!(error.run_state().unwrap().cost, "0.0000015".parse().unwrap());

    // Nobody knows what a scripted answer costs, unless somebody says so.
    let scripted = script();
    let limits = RunLimits::new().cost(Usd::cents(1));
    let call = || {
        let model = Model::new(scripted.clone(), "any");
        meanwhile::call::<String>(model, "go").tool::<Look>().limits(limits)
    };
    let error = call().await.unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Budget, 0));
    assert!(error.message().contains("`scripted/any` is not known"), "{error}");
    let prices = Prices::none().with("scripted", "*", Price::free());
    assert_eq!(call().prices(prices).await.unwrap(), "a");
}

/// Never ends.
#[tool(timeout = "10ms")]
async fn wait_forever() -> String {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_model_by_value_has_the_timer_and_the_reader_of_the_registry() {
    let scripted = Scripted::new().tool_call("1", "wait_forever", "{}").reply("Sure: [1, 2,]");
    let model = Model::new(scripted.clone(), "any");
    let call = meanwhile::call::<Vec<u8>>(model, "go").tool::<WaitForever>();
    assert_eq!(call.await.unwrap(), [1, 2]);
    let last = scripted.requests().pop().unwrap();
    let Part::ToolResult(result) = &last.messages.last().unwrap().parts[0] else { panic!() };
    assert!(result.text().contains("did not finish within 10ms"), "{}", result.text());
}
