//! Async tools from synchronous code: denied, allowed here, allowed everywhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meanwhile_blocking::{
    AsyncTools, Blocking as _, BlockingTool as _, BlockingToolbox as _, allow_async_tools,
    configure_async_tools,
};
use meanwhile_core::{
    AnyTool, ErrorKind, FunctionTool, Model, Result, Schema, Scripted, TimeoutPhase, Tool,
    ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox,
};
use serde::Deserialize;

const SECOND: Duration = Duration::from_secs(1);

/// Waits, then doubles.
#[derive(Debug, Deserialize)]
struct Double {
    x: u64,
    #[serde(default)]
    wait: u64,
}

impl FunctionTool for Double {
    const NAME: &'static str = "double";

    fn spec() -> ToolSpec {
        ToolSpec::new("double", "Doubles.", Schema::of::<u64>())
    }

    async fn run(self, _: &ToolContext) -> Result<ToolOutput> {
        tokio::time::sleep(Duration::from_millis(self.wait)).await;
        ToolOutput::json(&(self.x * 2))
    }
}

/// The same without a wait.
#[derive(Debug, Deserialize)]
struct Halve {
    x: u64,
}

impl FunctionTool for Halve {
    const NAME: &'static str = "halve";
    const IS_ASYNC: bool = false;

    fn spec() -> ToolSpec {
        ToolSpec::new("halve", "Halves.", Schema::of::<u64>())
    }

    async fn run(self, _: &ToolContext) -> Result<ToolOutput> {
        meanwhile_blocking::off_runtime(move || ToolOutput::json(&(self.x / 2))).await?
    }
}

/// Only known at run time, and so thought to be async.
#[derive(Debug)]
struct Named;

#[async_trait]
impl Tool for Named {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("named", "Says its name.", Schema::of::<()>())
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new(call.name.clone()))
    }
}

/// The tests that allow something everywhere take turns with those that must find it denied.
fn turn<T>(body: impl FnOnce() -> T) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    body()
}

fn double(x: u64) -> Result<ToolOutput> {
    Double { x, wait: 1 }.call_blocking()
}

fn is_denied(outcome: Result<ToolOutput>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config);
            for said in ["is async", "await it", "`allow_async_tools`", "`configure_async_tools`"] {
                assert!(error.message().contains(said), "{error}");
            }
            true
        }
    }
}

#[test]
fn an_async_tool_is_denied_and_a_synchronous_one_is_not() {
    turn(|| {
        assert!(is_denied(double(5)));
        assert_eq!(Halve { x: 8 }.call_blocking().unwrap(), ToolOutput::new("4"));
        let tools: Toolbox =
            [AnyTool::function::<Double>(), AnyTool::function::<Halve>(), AnyTool::new(Named)]
                .into_iter()
                .collect();
        let call = |name: &str| tools.call_blocking(&ToolCall::new("1", name, r#"{"x": 8}"#));
        assert!(is_denied(call("double")) && is_denied(call("named")));
        assert_eq!(call("halve").unwrap(), ToolOutput::new("4"));
        assert_eq!(call("treble").unwrap_err().kind(), ErrorKind::Output);
        let unfit = tools.run_blocking(&ToolCall::new("1", "halve", "{}"));
        assert!(unfit.is_error && unfit.text().contains("do not fit"), "{unfit:?}");
    });
}

#[test]
fn allowed_in_a_piece_of_code_and_nowhere_else() {
    turn(|| {
        allow_async_tools(SECOND, || {
            assert_eq!(double(5).unwrap(), ToolOutput::new("10"));
            let elsewhere = std::thread::spawn(|| is_denied(double(5))).join().unwrap();
            assert!(elsewhere, "on this thread only");
            let named = AnyTool::new(Named).call_blocking(&ToolCall::new("1", "named", "{}"));
            assert_eq!(named.unwrap(), ToolOutput::new("named"));
        });
        assert!(is_denied(double(5)));
        let panicked = std::panic::catch_unwind(|| {
            allow_async_tools(SECOND, || std::panic::resume_unwind(Box::new("gone")))
        });
        assert!(panicked.is_err() && is_denied(double(5)));
    });
}

#[test]
fn allowed_everywhere_until_it_is_not() {
    turn(|| {
        configure_async_tools(AsyncTools::Allow { within: SECOND });
        let outcomes = [double(5), std::thread::spawn(|| double(6)).join().unwrap()];
        configure_async_tools(AsyncTools::default());
        let [here, elsewhere] = outcomes.map(Result::unwrap);
        assert_eq!((here, elsewhere), (ToolOutput::new("10"), ToolOutput::new("12")));
        assert!(is_denied(double(5)));
    });
}

#[test]
fn what_takes_too_long_is_an_error_and_the_innermost_limit_counts() {
    turn(|| {
        let slow = || Double { x: 1, wait: 60_000 }.call_blocking();
        let begun = Instant::now();
        let error =
            allow_async_tools(60 * SECOND, || allow_async_tools(Duration::from_millis(20), slow));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
        assert!(
            error.message().contains("`double`") && error.message().contains("20ms"),
            "{error}"
        );
        assert!(begun.elapsed() < 10 * SECOND);
    });
}

#[test]
fn in_a_task_a_tool_is_to_be_awaited() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let error = allow_async_tools(SECOND, || double(5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("`.await`"), "{error}");
        let off = tokio::task::spawn_blocking(|| allow_async_tools(SECOND, || double(5)));
        assert_eq!(off.await.unwrap().unwrap(), ToolOutput::new("10"));
    });
}

#[test]
fn the_loop_of_a_blocking_call_needs_no_permission() {
    turn(|| {
        let scripted = Scripted::new()
            .tool_calls([
                ToolCall::new("1", "double", r#"{"x": 4, "wait": 1}"#),
                ToolCall::new("2", "halve", r#"{"x": 4}"#),
            ])
            .reply("8 and 2");
        let tools =
            Toolbox::new().with(AnyTool::function::<Double>()).with(AnyTool::function::<Halve>());
        let call = Model::new(scripted.clone(), "m").call::<String>("x").tools(tools);
        assert_eq!(call.blocking().unwrap(), "8 and 2");
        let results: Vec<String> = scripted.requests()[1].messages[2]
            .parts
            .iter()
            .map(|part| match part {
                meanwhile_core::Part::ToolResult(result) => result.text(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(results, ["8", "2"]);
    });
}

/// Runs an async tool, itself a synchronous one.
#[derive(Debug, Deserialize)]
struct Quadruple {
    x: u64,
}

impl FunctionTool for Quadruple {
    const NAME: &'static str = "quadruple";
    const IS_ASYNC: bool = false;

    fn spec() -> ToolSpec {
        ToolSpec::new("quadruple", "Quadruples.", Schema::of::<u64>())
    }

    async fn run(self, _: &ToolContext) -> Result<ToolOutput> {
        meanwhile_blocking::off_runtime(move || double(2 * self.x)).await?
    }
}

#[test]
fn what_is_allowed_holds_inside_of_synchronous_tools() {
    turn(|| {
        assert!(is_denied(Quadruple { x: 2 }.call_blocking()));
        let output = allow_async_tools(SECOND, || Quadruple { x: 2 }.call_blocking());
        assert_eq!(output.unwrap(), ToolOutput::new("8"));
        // The threads are used again.
        assert!(is_denied(Quadruple { x: 2 }.call_blocking()));
    });
}
