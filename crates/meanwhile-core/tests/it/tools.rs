//! Tools and the loop that runs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Call, Error, ErrorKind, Event, Finish, FinishReason, FunctionTool, Part, Reading,
    Response, Result, Role, Schema, Scripted, Tool, ToolCall, ToolChoice, ToolContext, ToolOutput,
    ToolSet, ToolSpec, Toolbox, Turn,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{model, wait};

/// What `#[tool]` writes for a function, by hand.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

impl FunctionTool for Add {
    const NAME: &'static str = "add";

    fn spec() -> ToolSpec {
        ToolSpec::new("add", "Adds.", Schema::of::<Self>())
    }

    async fn run(self, _: &ToolContext) -> Result<ToolOutput> {
        ToolOutput::json(&(self.a + self.b))
    }
}

impl ToolSet for Add {
    fn toolbox() -> Toolbox {
        Toolbox::new().with(AnyTool::function::<Self>())
    }

    fn from_call(call: &ToolCall) -> Result<Self> {
        call.downcast()?.ok_or_else(|| meanwhile_core::tool::unknown_tool(call, &Self::toolbox()))
    }

    fn has(name: &str) -> bool {
        name == Self::NAME
    }

    async fn run(self, context: &ToolContext) -> Result<ToolOutput> {
        FunctionTool::run(self, context).await
    }
}

#[derive(Debug)]
struct Failing;

#[async_trait]
impl Tool for Failing {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("fail", "Fails.", Schema::from(serde_json::json!({"type": "object"})))
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Err(meanwhile_core::Error::new(ErrorKind::Tool, "out of order"))
    }
}

fn ask(scripted: &Scripted) -> Call<'static, String> {
    model(scripted).call::<String>("go").tool::<Add>()
}

#[test]
fn the_loop_runs_tools_and_sends_results_in_call_order() {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "add", r#"{"a":1,"b":2}"#),
            ToolCall::new("2", "fail", "{}"),
            ToolCall::new("3", "nothing", "{}"),
            ToolCall::new("4", "add", r#"{"a":"x"}"#),
        ])
        .reply("3");
    let call = ask(&scripted).tools(Toolbox::new().with(AnyTool::new(Failing)));
    assert_eq!(wait(call.tool_choice(ToolChoice::Required)).unwrap(), "3");

    let requests = scripted.requests();
    assert_eq!(requests.len(), 2);
    let names: Vec<&str> = requests[0].tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["add", "fail"]);
    assert_eq!(requests[1].tool_choice, ToolChoice::Auto, "a forced call is made once");
    let [_, calls, results] = &requests[1].messages[..] else { panic!("three messages") };
    assert_eq!((calls.role, results.role), (Role::Assistant, Role::Tool));
    let results: Vec<(&str, bool, String)> = results
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => (&*result.call_id, result.is_error, result.text()),
            part => panic!("{part:?}"),
        })
        .collect();
    assert_eq!(results[0], ("1", false, "3".to_owned()));
    assert_eq!(results[1], ("2", true, "out of order".to_owned()));
    assert!(results[2].1 && results[2].2.contains("the tools are: add, fail"), "{results:?}");
    assert!(results[3].1 && results[3].2.contains("do not fit"), "{results:?}");
}

#[test]
fn usage_of_all_turns_adds_up() {
    let scripted = Scripted::new().tool_call("1", "add", r#"{"a":1,"b":2}"#).reply("it is 3");
    let stream = ask(&scripted).output::<Counted>();
    assert_eq!(wait(stream).unwrap().0, Some(1 + 1 + 1 + 3));
}

struct Counted(Option<u64>);

impl meanwhile_core::Extract for Counted {
    const RUNS_TOOLS: bool = true;

    fn output() -> meanwhile_core::OutputFormat {
        meanwhile_core::OutputFormat::Text
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    fn extract(response: Response, _: &mut Reading) -> Result<Self> {
        Ok(Self(response.usage.total()))
    }
}

#[test]
fn an_endless_loop_ends_with_the_last_calls_attached() {
    let mut scripted = Scripted::new();
    for _ in 0..3 {
        scripted = scripted.tool_call("1", "add", r#"{"a":1,"b":2}"#);
    }
    let error = wait(ask(&scripted).max_turns(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TurnLimit);
    assert_eq!(error.partial().unwrap().tool_calls().count(), 1);
    assert_eq!(error.partial().unwrap().usage.total(), Some(6));
}

#[test]
fn a_turn_that_fails_keeps_what_the_turns_before_it_used() {
    let broken = Error::new(ErrorKind::Server, "down");
    let scripted = Scripted::new().tool_call("1", "add", r#"{"a":1,"b":2}"#).error(broken);
    let error = wait(ask(&scripted)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.partial().unwrap().usage.total(), Some(2));
}

#[test]
fn tools_do_not_run_where_nobody_would_read_their_answer() {
    #[derive(Debug)]
    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl Tool for Counting {
        fn spec(&self) -> ToolSpec {
            ToolSpec::new("count", "Counts.", Schema::from(serde_json::json!({"type": "object"})))
        }

        async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(ToolOutput::default())
        }
    }

    let runs = Arc::new(AtomicU32::new(0));
    let scripted = Scripted::new().tool_call("1", "count", "{}").tool_call("2", "count", "{}");
    let tools = Toolbox::new().with(AnyTool::new(Counting(Arc::clone(&runs))));
    let call = model(&scripted).call::<String>("go").tools(tools).max_turns(2);
    assert_eq!(wait(call).unwrap_err().kind(), ErrorKind::TurnLimit);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[test]
fn a_cut_call_does_not_run() {
    let scripted = Scripted::new().events([
        Ok(Event::tool_call_start(0, "1", "add")),
        Ok(Event::tool_call_delta(0, r#"{"a":1,"#)),
        Ok(Event::part_end(0)),
        Ok(Event::finish(Finish::new(FinishReason::Length))),
    ]);
    let error = wait(ask(&scripted)).unwrap_err();
    assert!(error.message().contains("max_tokens"), "{error}");
    assert_eq!(scripted.requests().len(), 1);
}

#[test]
fn a_turn_is_a_value_or_typed_calls() {
    let scripted = Scripted::new()
        .tool_calls([ToolCall::new("1", "add", r#"{"a":1,"b":2}"#), ToolCall::new("2", "add", "[")])
        .reply("done");
    let model = model(&scripted);
    let Turn::ToolCalls(turn) = wait(model.call::<Turn<String, Add>>("go")).unwrap() else {
        panic!("the model asked for tools")
    };
    assert_eq!(turn.calls[0].tool.as_ref().unwrap(), &Add { a: 1, b: 2 });
    assert_eq!(turn.calls[1].tool.as_ref().unwrap_err().kind(), ErrorKind::Output);
    let messages = turn.messages([turn.calls[0].result("3"), turn.calls[1].result("?")]);
    assert_eq!(messages[1].parts.len(), 2);
    let Turn::Final(text) = wait(model.call::<Turn<String, Add>>(messages)).unwrap() else {
        panic!("the model answered")
    };
    assert_eq!(text, "done");
    assert_eq!(scripted.requests()[0].tools.len(), 1);
}

#[test]
fn arguments_are_read_as_models_write_them() {
    let check = |arguments: &str, expected: Option<&str>| {
        let json = ToolCall::new("1", "t", arguments).json();
        assert_eq!(json.ok().map(|v| v.to_string()).as_deref(), expected, "{arguments}");
    };
    check("", Some("{}"));
    check("null", Some("{}"));
    check("{}{\"a\":1}", Some("{\"a\":1}"));
    check(" {\"a\":1} ", Some("{\"a\":1}"));
    check("{\"a\":1}{\"a\":2}", None);
    check("{\"a\":", None);
}

#[test]
fn an_unknown_tool_choice_is_refused_before_sending() {
    let scripted = Scripted::new();
    let call = ask(&scripted).tool_choice(ToolChoice::Tool("sub".to_owned()));
    assert_eq!(wait(call).unwrap_err().kind(), ErrorKind::Config);
    assert!(scripted.requests().is_empty());
}
