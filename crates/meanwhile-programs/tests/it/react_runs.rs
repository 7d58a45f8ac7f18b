//! Runs of agents as a whole: gone on with, cut short, failed, limited, and what each of them took.

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Approval, Error, ErrorKind, Message, Model, Part, Request, Result, Role, RunLimits,
    Schema, Scripted, Settings, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox, Usd,
    approval, scope,
};
use meanwhile_programs::{
    Demo, Fields, ForcedBy, ModuleExt as _, Protocol, ReAct, ReActStop, Transcript, fields, traced,
};
use serde_json::json;

/// Says what it is asked, or fails as it is told to.
#[derive(Debug)]
struct Look(&'static str);

#[async_trait]
impl Tool for Look {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "Looks at something.", Schema::from(json!({"type": "object"})))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        if call.arguments.contains("badly") {
            return Err(Error::new(ErrorKind::Other, "seen nothing"));
        }
        Ok(ToolOutput::new("a red ball"))
    }
}

fn agent(model: &Scripted) -> ReAct {
    ReAct::parse("question -> answer")
        .unwrap()
        .tools(Toolbox::new().with(AnyTool::new(Look("look"))))
        .model(Model::new(model.clone(), "any"))
}

fn look(id: &str) -> ToolCall {
    ToolCall::new(id, "look", "{}")
}

fn submit(id: &str, answer: &str) -> ToolCall {
    ToolCall::new(id, "submit", json!({ "answer": answer }).to_string())
}

fn asks(question: &str) -> Fields {
    fields! { question: question }
}

fn too_long() -> Error {
    Error::new(ErrorKind::ContextLength, "too long")
}

/// What each message says or does, in a word.
fn words(request: &Request) -> Vec<String> {
    let word = |message: &Message| match message.role {
        Role::Assistant => {
            message.tool_calls().map(|call| call.name.clone()).collect::<Vec<_>>().join("+")
        }
        Role::Tool => "result".to_owned(),
        _ => message.text(),
    };
    request.messages.iter().skip(1).map(word).collect()
}

#[tokio::test]
async fn a_conversation_is_made_shorter_and_keeps_the_new_question() {
    // The first run has one turn: after it, the oldest turn is the last of the old question.
    let model = Scripted::new()
        .tool_calls([submit("1", "old")])
        .tool_calls([look("2")])
        .error(too_long())
        .tool_calls([submit("3", "new")]);
    let agent = agent(&model);
    let first = agent.call(asks("the first")).await.unwrap();
    let second = agent.continue_with(&first.transcript, asks("the second")).await.unwrap();
    let requests = model.requests();
    assert_eq!(
        words(&requests[2]),
        ["question: the first", "submit", "result", "question: the second", "look", "result"]
    );
    // The old question goes with its last turn.
    assert_eq!(words(&requests[3]), ["question: the second", "look", "result"]);
    assert_eq!(second.text("answer"), Some("new"));
    assert_eq!(second.stop, ReActStop::Forced(ForcedBy::ContextLength));

    // Of two turns of the old question one stays, with the question.
    let model = Scripted::new()
        .tool_calls([look("1")])
        .tool_calls([submit("2", "old")])
        .error(too_long())
        .tool_calls([submit("3", "new")]);
    let agent = self::agent(&model);
    let first = agent.call(asks("the first")).await.unwrap();
    agent.continue_with(&first.transcript, asks("the second")).await.unwrap();
    assert_eq!(
        words(&model.requests()[3]),
        ["question: the first", "submit", "result", "question: the second"]
    );

    // There is nothing to leave out of a conversation without turns.
    let model = Scripted::new().error(too_long());
    let error = self::agent(&model).call(asks("the first")).await.unwrap_err();
    assert_eq!((error.kind(), model.requests().len()), (ErrorKind::ContextLength, 1));
}

#[tokio::test]
async fn a_run_that_is_resumed_is_the_run_that_was_paused() {
    let model = Scripted::new().tool_calls([look("1")]).tool_calls([submit("2", "red")]);
    let careful = approval(|call| async move {
        if call.name == "look" { Approval::Pause } else { Approval::Allow }
    });
    let mut agent = agent(&model).settings(Settings::new().approve(careful));
    agent.react.set_demos([Demo::new(fields! { question: "Before?", answer: "Blue." })]);

    let (run, trace) = traced(async {
        let mut error = agent.call(asks("Which colour?")).await.unwrap_err();
        let mut state = error.take_run_state().unwrap();
        assert!(state.decide("1", Approval::Allow));
        agent.resume(state).await
    })
    .await;

    let run = run.unwrap();
    // Neither demos nor the system message are what was said.
    let transcript = &run.transcript;
    assert_eq!(transcript.messages[0].text(), "question: Which colour?");
    let calls: Vec<&str> =
        transcript.turns.iter().flat_map(|turn| &turn.calls).map(|call| &*call.name).collect();
    assert_eq!(calls, ["look", "submit"]);
    // One call, with all that it took.
    assert_eq!(trace.calls.len(), 1);
    assert_eq!(trace.calls[0].inputs, asks("Which colour?"));
    assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &fields! { answer: "red" });
    assert_eq!((trace.calls[0].requests, trace.usage()), (2, run.usage.clone()));

    // What was paused elsewhere is listed too.
    let model = Scripted::new().tool_calls([look("1")]).tool_calls([submit("2", "red")]);
    let other = self::agent(&model);
    let careful = approval(|_| async { Approval::Pause });
    let paused = self::agent(&model).settings(Settings::new().approve(careful));
    let mut error = paused.call(asks("Which colour?")).await.unwrap_err();
    let mut state = error.take_run_state().unwrap();
    state.decide("1", Approval::Allow);
    let (run, trace) = traced(other.resume(state)).await;
    assert_eq!(run.unwrap().text("answer"), Some("red"));
    assert_eq!(trace.calls[0].requests, 2);
}

fn written(calls: serde_json::Value) -> String {
    format!(
        "[[ ## next_thought ## ]]\nHm.\n\n[[ ## next_tool_calls ## ]]\n{calls}\n\n[[ ## completed ## ]]"
    )
}

fn looks() -> String {
    written(json!([{"name": "look", "args": {}}]))
}

fn submits(answer: &str) -> String {
    written(json!([{"name": "submit", "args": {"answer": answer}}]))
}

#[tokio::test]
async fn a_run_in_text_is_gone_on_with_in_text_alone() {
    let model = Scripted::new().reply(looks()).reply(submits("red")).reply(submits("blue"));
    let text = agent(&model).protocol(Protocol::Text);
    let first = text.call(asks("Which colour?")).await.unwrap();

    let error = agent(&model).continue_with(&first.transcript, asks("And now?")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(model.requests().len(), 2);

    let second = text.continue_with(&first.transcript, asks("And now?")).await.unwrap();
    let requests = model.requests();
    let seen = requests[2].messages.last().unwrap().text();
    // The question to which the turns belong, and no other.
    let [before, behind] = ["[[ ## asked_0 ## ]]\nquestion: Which colour?", "thought_0"];
    assert!(seen.find(before).unwrap() < seen.find(behind).unwrap(), "{seen}");
    assert!(!requests[1].messages.last().unwrap().text().contains("asked_0"));
    assert_eq!(second.transcript.turns.len(), 3);
    assert_eq!(second.transcript.turns[2].asked.as_deref(), Some("question: And now?"));
    let stored = serde_json::to_string(&second.transcript).unwrap();
    assert_eq!(serde_json::from_str::<Transcript>(&stored).unwrap(), second.transcript);
}

#[tokio::test(start_paused = true)]
async fn limits_hold_for_a_run_in_text_as_for_a_native_one() {
    let endless = || Scripted::new().reply_with(|_| looks());
    let limited = |model: &Scripted, limits: RunLimits| {
        agent(model).protocol(Protocol::Text).settings(Settings::new().limits(limits))
    };
    let used = {
        let model = Scripted::new().reply(looks()).reply(submits("red"));
        agent(&model).protocol(Protocol::Text).call(asks("?")).await.unwrap().usage
    };
    let used = used.total().unwrap();
    let model = endless();
    let error = limited(&model, RunLimits::new().tokens(used)).call(asks("?")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget, "{error}");
    assert!(model.requests().len() < 4, "{}", model.requests().len());

    let model = Scripted::new()
        .reply_with(|_| written(json!([{"name": "look", "args": {"how": "badly"}}])));
    let run = limited(&model, RunLimits::new().tool_errors(2)).call(asks("?")).await;
    assert!(run.is_err());
    assert_eq!(model.requests().len(), 3);

    let model = endless();
    let cost = RunLimits::new().cost(Usd::cents(1));
    let error = limited(&model, cost).call(asks("?")).await.unwrap_err();
    assert_eq!((error.kind(), model.requests().len()), (ErrorKind::Config, 0), "{error}");
    // Of the scope, too.
    let text = agent(&model).protocol(Protocol::Text);
    let error = scope(Settings::new().limits(cost), text.call(asks("?"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn an_error_of_a_run_in_text_carries_what_was_done_and_taken() {
    let model = Scripted::new()
        .reply(looks())
        .reply("nothing of the form")
        .reply(r#"{"next_thought": "Hm.", "next_tool_calls": [{"name": "look", "args": {}}]}"#)
        .error(Error::new(ErrorKind::Overloaded, "try later"))
        .reply(submits("red"));
    let text = agent(&model).protocol(Protocol::Text);
    let error = text.call(asks("Which colour?")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let state = error.run_state().unwrap();
    // The answer that could not be read was an answer.
    assert_eq!((state.turns, state.usage.input.total), (4, Some(3)));

    let transcript = Transcript::of_error(&error).unwrap();
    assert_eq!(transcript.turns.len(), 2);
    assert_eq!(transcript.turns[0].calls[0].observation, "a red ball");
    let run = text.continue_with(&transcript, asks("Which colour?")).await.unwrap();
    assert_eq!(run.text("answer"), Some("red"));
    let seen = model.requests().last().unwrap().messages.last().unwrap().text();
    assert!(seen.contains("asked_0") && seen.contains("observation_1"), "{seen}");

    // Of a native run as well: without the call that nobody has answered.
    let model = Scripted::new()
        .tool_calls([look("1")])
        .error(Error::new(ErrorKind::Overloaded, "try later"));
    let mut native = agent(&model);
    native.react.set_demos([Demo::new(fields! { question: "Before?", answer: "Blue." })]);
    let error = native.call(asks("Which colour?")).await.unwrap_err();
    let transcript = Transcript::of_error(&error).unwrap();
    assert_eq!(transcript.messages.len(), 3);
    assert_eq!(transcript.turns[0].asked.as_deref(), Some("question: Which colour?"));
    assert!(Transcript::of_error(&Error::new(ErrorKind::Other, "no run")).is_none());
}

#[tokio::test]
async fn requests_of_answers_that_could_not_be_read_count() {
    let model = Scripted::new()
        .reply("nothing of the form")
        .reply("nothing again")
        .reply("[[ ## reasoning ## ]]\nHm.\n\n[[ ## answer ## ]]\nred\n\n[[ ## completed ## ]]");
    let run = agent(&model).protocol(Protocol::Text).call(asks("?")).await.unwrap();
    assert_eq!(run.stop, ReActStop::Forced(ForcedBy::Unreadable));
    assert_eq!((run.requests, run.usage.input.total), (3, Some(3)));
}

#[tokio::test]
async fn an_unknown_tool_is_told_to_the_model_in_the_words_of_dspy_too() {
    let turn = |name: &str| {
        format!(
            "[[ ## next_thought ## ]]\nHm.\n\n[[ ## next_tool_name ## ]]\n{name}\n\n\
             [[ ## next_tool_args ## ]]\n{{}}\n\n[[ ## completed ## ]]"
        )
    };
    let model =
        Scripted::new().reply(turn("peek")).reply(turn("'look'")).reply(turn("finish")).reply(
            "[[ ## reasoning ## ]]\nHm.\n\n[[ ## answer ## ]]\nred\n\n[[ ## completed ## ]]",
        );
    let run = agent(&model).protocol(Protocol::Dspy).call(asks("?")).await.unwrap();
    assert_eq!((run.stop, run.requests), (ReActStop::Submitted, 4));
    let calls: Vec<(&str, bool)> = run
        .transcript
        .turns
        .iter()
        .flat_map(|turn| &turn.calls)
        .map(|call| (&*call.name, call.is_error))
        .collect();
    assert_eq!(calls, [("peek", true), ("look", false), ("finish", false)]);
    let requests = model.requests();
    assert!(requests[1].messages.last().unwrap().text().contains("Execution error in peek"));
    // The prompt says which there are.
    assert!(requests[0].messages[0].text().contains("look, finish"));
}

#[tokio::test]
async fn tools_are_named_beside_the_instructions() {
    let model = Scripted::new().reply_with(|_| submits("red"));
    let text = || agent(&model).protocol(Protocol::Text);
    let mut taught = text();
    let mut state = taught.state();
    state.predictors[0].1.instructions = Some("Look closely.".to_owned());
    assert!(!text().react.spec().instructions.contains("The tools"));
    taught.load_state(&state).unwrap();
    let taught = taught.tools(Toolbox::new().with(AnyTool::new(Look("listen"))));
    taught.call(asks("?")).await.unwrap();
    let system = model.requests()[0].messages[0].text();
    assert!(system.starts_with("Look closely.\n\nThe tools"), "{system}");
    for tool in ["- look: ", "- listen: ", "- submit: "] {
        assert_eq!(system.matches(tool).count(), 1, "{system}");
    }
}

#[tokio::test]
async fn names_that_the_agent_needs_are_refused() {
    let model = Scripted::new();
    let with = |tool: &'static str, signature: &str, protocol: Protocol| {
        ReAct::parse(signature)
            .unwrap()
            .tools(Toolbox::new().with(AnyTool::new(Look(tool))))
            .protocol(protocol)
            .model(Model::new(model.clone(), "any"))
    };
    for (tool, protocol) in
        [("submit", Protocol::Native), ("submit", Protocol::Text), ("finish", Protocol::Dspy)]
    {
        let error = with(tool, "question -> answer", protocol).call(asks("?")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.message().contains(tool), "{error}");
    }
    let agent = with("look", "trajectory -> answer", Protocol::Text);
    let error = agent.call(fields! { trajectory: "mine" }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(model.requests().is_empty());
}

#[tokio::test]
async fn a_picture_may_be_an_address() {
    let model = Scripted::new().tool_calls([submit("1", "red")]);
    let agent = ReAct::parse("photos: list[Image] -> answer").unwrap();
    let agent = agent.model(Model::new(model.clone(), "any"));
    agent.call(fields! { photos: ["https://example.org/ball.png"] }).await.unwrap();
    let request = &model.requests()[0];
    let images = request.messages.iter().flat_map(|message| &message.parts);
    assert_eq!(images.filter(|part| matches!(part, Part::Image(_))).count(), 1);
}
