//! Agents: tools at the same time, what goes wrong told to the model, and every way to an end.

use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Approval, Error, ErrorKind, Model, Request, Result, Schema, Scripted, Settings, Tool,
    ToolCall, ToolChoice, ToolContext, ToolOutput, ToolSpec, Toolbox, approval,
};
use meanwhile_programs::{
    Demo, ForcedBy, ModuleExt as _, Overlay, Protocol, ReAct, ReActStop, Transcript, fields,
    traced, with_overlay,
};
use serde_json::json;

/// Takes its time and doubles a number.
#[derive(Debug)]
struct Double;

#[async_trait]
impl Tool for Double {
    fn spec(&self) -> ToolSpec {
        let schema =
            json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
        ToolSpec::new("double", "Doubles a number.", Schema::from(schema))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let x = call.json()?["x"].as_i64();
        let x = x.ok_or_else(|| Error::new(ErrorKind::Output, "`x` is no whole number"))?;
        // The first one takes the longest.
        tokio::time::sleep(Duration::from_millis(200_u64.saturating_sub(x.unsigned_abs()))).await;
        ToolOutput::json(&(x * 2))
    }
}

fn tools() -> Toolbox {
    Toolbox::new().with(AnyTool::new(Double))
}

fn agent(model: &Scripted) -> ReAct {
    ReAct::parse("question -> sum: int")
        .unwrap()
        .tools(tools())
        .model(Model::new(model.clone(), "any"))
}

fn double(id: &str, x: i64) -> ToolCall {
    ToolCall::new(id, "double", json!({ "x": x }).to_string())
}

fn submit(id: &str, sum: impl Into<serde_json::Value>) -> ToolCall {
    ToolCall::new(id, "submit", json!({ "sum": sum.into() }).to_string())
}

fn question() -> meanwhile_programs::Fields {
    fields! { question: "What is the sum?" }
}

/// The results of tools in the newest message.
fn results(request: &Request) -> Vec<(String, bool)> {
    let newest = request.messages.last().unwrap();
    let parts = newest.parts.iter().filter_map(|part| match part {
        meanwhile_core::Part::ToolResult(result) => Some((result.text(), result.is_error)),
        _ => None,
    });
    parts.collect()
}

#[tokio::test(start_paused = true)]
async fn tools_of_a_turn_run_at_the_same_time_and_answer_in_order() {
    let model = Scripted::new()
        .tool_calls([double("1", 1), double("2", 20), double("3", 100)])
        .tool_calls([submit("4", 242)]);
    let began = tokio::time::Instant::now();
    let run = agent(&model).call(question()).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    assert_eq!((run.get::<i64>("sum").unwrap(), run.stop), (242, ReActStop::Submitted));
    let texts = results(&model.requests()[1]);
    assert_eq!(
        texts,
        [("2".to_owned(), false), ("40".to_owned(), false), ("200".to_owned(), false)]
    );
    assert_eq!((run.requests, run.usage.output.total), (2, Some(2)));
    let steps = &run.transcript.turns[0].calls;
    assert_eq!((&*steps[2].name, &steps[2].arguments), ("double", &json!({"x": 100})));

    let model = Scripted::new()
        .tool_calls([double("1", 1), double("2", 20), double("3", 100)])
        .tool_calls([submit("4", 242)]);
    let began = tokio::time::Instant::now();
    agent(&model).tool_concurrency(1).call(question()).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(450), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_told_to_the_model() {
    let model = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "tripple", "{}"),
            ToolCall::new("2", "double", r#"{"x": "two"}"#),
            ToolCall::new("3", "double", "{"),
        ])
        .tool_calls([submit("4", "a lot")])
        .tool_calls([ToolCall::new("5", "submit", "{}")])
        .tool_calls([submit("6", "42"), submit("7", 43)]);
    let run = agent(&model).call(question()).await.unwrap();
    // Of two that are submitted the first counts; a number as text is one.
    assert_eq!((run.get::<i64>("sum").unwrap(), run.stop), (42, ReActStop::Submitted));
    let told: Vec<Vec<(String, bool)>> = model.requests()[1..].iter().map(results).collect();
    assert!(told.iter().flatten().all(|(_, is_error)| *is_error));
    for (text, words) in told.iter().flatten().map(|(text, _)| text).zip([
        "tripple",
        "`x` is no whole number",
        "not JSON",
        "`sum` (whole number)",
        "`sum`",
    ]) {
        assert!(text.contains(words), "{text}");
    }
}

/// Whether a request leaves the model nothing but to submit.
fn is_forced(request: &Request) -> bool {
    let only = request.tools.iter().map(|tool| &*tool.name).eq(["submit"]);
    only && request.tool_choice == ToolChoice::Tool("submit".into())
}

#[tokio::test(start_paused = true)]
async fn the_model_is_made_to_submit() {
    let calls = || Scripted::new().tool_calls([double("1", 1)]).tool_calls([double("2", 2)]);
    for (model, forced_by, requests) in [
        (calls().tool_calls([submit("3", 6)]), ForcedBy::MaxTurns, 3),
        (Scripted::new().reply("It is 6.").tool_calls([submit("1", 6)]), ForcedBy::NoToolCall, 2),
        (
            calls()
                .error(Error::new(ErrorKind::ContextLength, "too long"))
                .tool_calls([submit("3", 6)]),
            ForcedBy::ContextLength,
            4,
        ),
    ] {
        let turns = if forced_by == ForcedBy::ContextLength { 5 } else { 2 };
        let run = agent(&model).max_turns(turns).call(question()).await.unwrap();
        assert_eq!((run.get::<i64>("sum").unwrap(), run.stop), (6, ReActStop::Forced(forced_by)));
        let asked = model.requests();
        assert_eq!(asked.len(), requests);
        let forced: Vec<bool> = asked.iter().map(is_forced).collect();
        assert!(forced[requests - 1] && !forced[..requests - 1].contains(&true), "{forced:?}");
        if forced_by == ForcedBy::ContextLength {
            // The oldest turn is left out, with its results.
            assert_eq!(asked[3].messages.len() + 2, asked[2].messages.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_submits_nothing_is_an_error_with_all_that_was_done() {
    for model in [
        Scripted::new().reply("6").reply("I said 6."),
        Scripted::new().tool_calls([double("1", 1)]).tool_calls([submit("2", "no number")]),
    ] {
        let error = agent(&model).max_turns(1).call(question()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output, "{error}");
        assert!(error.message().contains("submitted no outputs that fit"), "{error}");
        assert_eq!(error.run_state().unwrap().turns, 2);
        assert_eq!(model.requests().len(), 2);
    }
    let model = Scripted::new().error(Error::new(ErrorKind::Authentication, "no"));
    let error = agent(&model).call(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_gone_on_with_from_its_transcript() {
    let model = Scripted::new()
        .tool_calls([double("1", 1)])
        .tool_calls([submit("2", 2)])
        .tool_calls([submit("3", 3)]);
    let agent = agent(&model);
    let first = agent.call(question()).await.unwrap();
    let stored = serde_json::to_string(&first.transcript).unwrap();
    let transcript: Transcript = serde_json::from_str(&stored).unwrap();
    assert_eq!(transcript, first.transcript);

    let second =
        agent.continue_with(&transcript, fields! { question: "And one more?" }).await.unwrap();

    let asked = model.requests();
    // The system message, what was said before, the new question.
    assert_eq!(asked[2].messages.len(), 1 + first.transcript.messages.len() + 1);
    assert!(asked[2].messages.last().unwrap().text().contains("And one more?"));
    assert_eq!(second.transcript.messages[..first.transcript.messages.len()], transcript.messages);
    assert_eq!(second.transcript.turns.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_decision_pauses_the_run() {
    let model = Scripted::new().tool_calls([double("1", 1)]).tool_calls([submit("2", 2)]);
    let careful = approval(|call| async move {
        if call.name == "double" { Approval::Pause } else { Approval::Allow }
    });
    let agent = agent(&model).settings(Settings::new().approve(careful));
    let mut error = agent.call(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Paused, "{error}");
    let mut state = error.take_run_state().unwrap();
    assert!(state.decide("1", Approval::Allow));
    let stored = serde_json::to_string(&state).unwrap();

    let run = agent.resume(serde_json::from_str(&stored).unwrap()).await.unwrap();

    assert_eq!((run.get::<i64>("sum").unwrap(), run.stop), (2, ReActStop::Submitted));
    assert_eq!(results(&model.requests()[1]), [("2".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn demos_instructions_and_traces_are_those_of_a_predictor() {
    let model = Scripted::new().tool_calls([submit("1", 6)]);
    let agent = agent(&model);
    let demo = Demo::new(fields! { question: "1 + 1?", sum: 2 });
    let overlay =
        Overlay::new().instructions(&agent.react, "Add up.").demos(agent.react.id(), vec![demo]);
    let (run, trace) = with_overlay(overlay, traced(agent.call(question()))).await;
    run.unwrap();
    let messages = &model.requests()[0].messages;
    assert_eq!(messages[0].text(), "Add up.");
    let example = messages[2].tool_calls().next().unwrap();
    assert_eq!((&*example.name, &*example.arguments), ("submit", r#"{"sum":2}"#));
    assert_eq!(trace.calls.len(), 1);
    assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &fields! { sum: 6 });
    assert_eq!(agent.named_predictors(), [("react".to_owned(), trace.calls[0].predictor)]);
}

fn written(thought: &str, calls: serde_json::Value) -> String {
    format!(
        "[[ ## next_thought ## ]]\n{thought}\n\n[[ ## next_tool_calls ## ]]\n{calls}\n\n[[ ## completed ## ]]"
    )
}

#[tokio::test(start_paused = true)]
async fn tools_can_be_spoken_of_in_text() {
    let call = |x: i64| json!({"name": "double", "args": {"x": x}});
    let submit = |sum: serde_json::Value| json!({"name": "submit", "args": {"sum": sum}});
    let model = Scripted::new()
        .reply(written("Both.", json!([call(1), call(20), {"name": "none", "args": {}}])))
        .reply(written("Add.", json!([submit("many".into())])))
        .reply(written("Add.", json!([submit(42.into())])));
    let began = tokio::time::Instant::now();
    let run = agent(&model).protocol(Protocol::Text).call(question()).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    assert_eq!((run.get::<i64>("sum").unwrap(), run.stop), (42, ReActStop::Submitted));
    let asked = model.requests();
    let seen = asked[1].messages.last().unwrap().text();
    for words in
        ["observation_0_0 ## ]]\n2\n", "observation_0_1 ## ]]\n40\n", "Execution error in none"]
    {
        assert!(seen.contains(words), "{seen}");
    }
    assert!(asked[2].messages.last().unwrap().text().contains("Execution error in submit"));
    assert_eq!(run.requests, 3);

    // Without a submission the outputs are read out of what was done.
    let model = Scripted::new()
        .reply(written("One.", json!([call(1)])))
        .reply("[[ ## reasoning ## ]]\nSeen.\n\n[[ ## sum ## ]]\n2\n\n[[ ## completed ## ]]");
    let run = agent(&model).protocol(Protocol::Text).max_turns(1).call(question()).await.unwrap();
    assert_eq!(
        (run.get::<i64>("sum").unwrap(), run.stop),
        (2, ReActStop::Forced(ForcedBy::MaxTurns))
    );
}
