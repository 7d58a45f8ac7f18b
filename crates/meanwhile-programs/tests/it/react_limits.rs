//! Agents that come to a limit, and what is known of a run when it ends in the middle of a turn.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::BoxFuture;
use meanwhile_core::{
    AnyTool, Approval, Attempt, Error, ErrorKind, Event, Finish, FinishReason, Model, Response,
    Result, RunLimits, Schema, Scripted, Settings, Tool, ToolCall, ToolContext, ToolOutput,
    ToolSpec, Toolbox, Usage, approval, scope,
};
use meanwhile_programs::{ForcedBy, Protocol, ReAct, ReActStop, Transcript, fields, traced};
use serde_json::{Value, json};

/// Sends mails, and says in which turn; ends the run where it is told to.
#[derive(Debug, Default)]
struct Post(Arc<Mutex<Vec<u32>>>);

#[async_trait]
impl Tool for Post {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("post", "Sends a mail.", Schema::from(json!({"type": "object"})))
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        if call.arguments.contains("nobody") {
            return Err(Error::new(ErrorKind::Budget, "no stamps are left"));
        }
        self.0.lock().unwrap().push(context.turn);
        Ok(ToolOutput::new(format!("sent {}", call.arguments)))
    }
}

fn agent(model: &Scripted, protocol: Protocol) -> (ReAct, Arc<Mutex<Vec<u32>>>) {
    let post = Post::default();
    let sent = post.0.clone();
    let agent = ReAct::parse("question -> answer").unwrap().protocol(protocol);
    let agent = agent.tools(Toolbox::new().with(AnyTool::new(post)));
    (agent.model(Model::new(model.clone(), "any")), sent)
}

/// A turn with calls, as it is written under a protocol.
fn turn(model: Scripted, protocol: Protocol, calls: &[(&str, Value)]) -> Scripted {
    match protocol {
        Protocol::Native => model.tool_calls(calls.iter().enumerate().map(|(id, (name, args))| {
            // As of a host that counts anew in each answer.
            ToolCall::new(format!("call_{id}"), *name, args.to_string())
        })),
        _ => {
            let calls: Vec<Value> =
                calls.iter().map(|(name, args)| json!({"name": name, "args": args})).collect();
            let calls = Value::from(calls);
            model.reply(format!(
                "[[ ## next_thought ## ]]\nOn.\n\n[[ ## next_tool_calls ## ]]\n{calls}"
            ))
        }
    }
}

const BOTH: [Protocol; 2] = [Protocol::Native, Protocol::Text];

fn question() -> meanwhile_programs::Fields {
    fields! { question: "?" }
}

#[tokio::test]
async fn turns_are_limited_by_the_agent_else_by_its_settings_else_by_the_scope() {
    let turns = |turns| Settings::new().limits(RunLimits::new().turns(turns));
    for protocol in BOTH {
        let asked = |own: Option<u32>, settings: Settings, around: Settings| async move {
            let mut model = Scripted::new();
            for _ in 0..6 {
                model = turn(model, protocol, &[("post", json!({}))]);
            }
            let (mut agent, sent) = agent(&model, protocol);
            agent = agent.settings(settings);
            if let Some(own) = own {
                agent = agent.max_turns(own);
            }
            // Nothing is submitted, made to either.
            let outcome = scope(around, agent.call(question())).await;
            assert!(outcome.is_err(), "{protocol:?}");
            let sent = sent.lock().unwrap();
            // The tools are told which turn it is.
            assert_eq!(*sent, (1..=sent.len() as u32).collect::<Vec<_>>(), "{protocol:?}");
            sent.len()
        };
        assert_eq!(asked(None, turns(3), turns(1)).await, 3, "{protocol:?}");
        assert_eq!(asked(None, Settings::new(), turns(2)).await, 2, "{protocol:?}");
        assert_eq!(asked(Some(4), turns(2), Settings::new()).await, 4, "{protocol:?}");
    }
}

#[tokio::test]
async fn what_was_done_in_the_turn_that_ends_a_run_is_not_done_again() {
    for protocol in BOTH {
        let both = [("post", json!({"to": "Ada"})), ("post", json!({"to": "nobody"}))];
        let model = turn(Scripted::new(), protocol, &both);
        let model = turn(model, protocol, &[("submit", json!({"answer": "done"}))]);
        let (agent, sent) = agent(&model, protocol);
        let error = agent.call(question()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Budget, "{protocol:?}");
        assert_eq!(sent.lock().unwrap().len(), 1);

        let transcript = Transcript::of_error(&error).unwrap();
        let [done] = &transcript.turns[..] else { panic!("{protocol:?}: {transcript:?}") };
        let [step] = &done.calls[..] else { panic!("{protocol:?}: {done:?}") };
        assert_eq!(step.observation, r#"sent {"to":"Ada"}"#, "{protocol:?}");
        let run = agent.continue_with(&transcript, question()).await.unwrap();
        assert_eq!(run.text("answer"), Some("done"));
        // The model sees it.
        let asked = model.requests().pop().unwrap();
        let seen = serde_json::to_string(&asked.messages).unwrap();
        assert!(seen.contains("sent {") && !seen.contains("nobody"), "{protocol:?}: {seen}");
    }
}

#[tokio::test]
async fn a_call_has_the_result_of_its_own_turn() {
    let model = turn(Scripted::new(), Protocol::Native, &[("post", json!({"to": "Ada"}))]);
    let model = turn(model, Protocol::Native, &[("post", json!({"to": "Bob"}))]);
    let model = turn(model, Protocol::Native, &[("submit", json!({"answer": "done"}))]);
    let run = agent(&model, Protocol::Native).0.call(question()).await.unwrap();
    let seen: Vec<&str> =
        run.transcript.turns.iter().map(|turn| &*turn.calls[0].observation).collect();
    assert_eq!(seen, [r#"sent {"to":"Ada"}"#, r#"sent {"to":"Bob"}"#, "submitted"]);
    assert_eq!(run.stop, ReActStop::Submitted);
}

/// A try of a layer that took so many tokens.
fn tried(tokens: u64) -> Attempt {
    let mut partial = Response::new("scripted", "any");
    partial.usage = Usage::totals(tokens, 0);
    let error = Error::new(ErrorKind::Overloaded, "try later").with_partial(partial);
    Attempt::new(&error, "any", Duration::ZERO)
}

/// An answer of 11 tokens that calls a tool, behind a try that took some.
fn behind(tried: Attempt, tool: &str) -> Vec<Result<Event>> {
    let events = [
        Event::attempt(tried),
        Event::tool_call_start(0, "1", tool),
        Event::tool_call_delta(0, r#"{"answer": "a"}"#),
        Event::part_end(0),
        Event::usage(Usage::totals(10, 1)),
        Event::finish(Finish::new(FinishReason::ToolCalls)),
    ];
    events.into_iter().map(Ok).collect()
}

#[tokio::test]
async fn what_layers_have_tried_before_a_run_is_gone_on_with_is_counted() {
    let answers = || {
        let model = Scripted::new().events(behind(tried(100), "post"));
        model.events(behind(tried(1000), "submit"))
    };
    let careful = approval(|call| async move {
        if call.name == "post" { Approval::Pause } else { Approval::Allow }
    });
    let (paused, _) = agent(&answers(), Protocol::Native);
    let paused = paused.settings(Settings::new().approve(careful));
    let (run, trace) = traced(async {
        let mut state = paused.call(question()).await.unwrap_err().take_run_state().unwrap();
        assert!(state.decide("1", Approval::Allow));
        paused.resume(state).await
    })
    .await;
    // The run knows of its state alone, which holds the answers.
    assert_eq!(run.unwrap().usage.total(), Some(1022));
    assert_eq!((trace.usage().total(), trace.calls.len()), (Some(1122), 1));

    // What a request had sent when it failed counts as well.
    let mut partial = Response::new("scripted", "any");
    partial.usage = Usage::totals(5, 0);
    let error = Error::new(ErrorKind::StreamInterrupted, "cut").with_partial(partial);
    let error = error.with_attempts(vec![tried(10_000)]);
    let model = Scripted::new().events(behind(tried(100), "post")).error(error);
    let (fails, _) = agent(&model.events(behind(tried(1000), "submit")), Protocol::Native);
    let (run, trace) = traced(async {
        let state = fails.call(question()).await.unwrap_err().take_run_state().unwrap();
        fails.resume(state).await
    })
    .await;
    assert_eq!(run.unwrap().text("answer"), Some("a"));
    assert_eq!((trace.usage().total(), trace.calls.len()), (Some(11_127), 1));
}

#[tokio::test]
async fn what_layers_have_tried_for_an_agent_is_counted() {
    // In front of an answer.
    let (ok, _) = agent(&Scripted::new().events(behind(tried(100), "submit")), Protocol::Native);
    let (run, trace) = traced(ok.call(question())).await;
    assert_eq!(run.unwrap().usage.total(), Some(111));
    assert_eq!(trace.usage().total(), Some(111));
    // With an error, of the first request.
    let mut partial = Response::new("scripted", "any");
    partial.usage = Usage::totals(10, 0);
    let error = Error::new(ErrorKind::StreamInterrupted, "cut").with_partial(partial);
    let error = error.with_attempts(vec![tried(100)]);
    let (fails, _) = agent(&Scripted::new().error(error), Protocol::Native);
    let (run, trace) = traced(fails.call(question())).await;
    assert!(run.is_err());
    assert_eq!((trace.usage().total(), trace.calls[0].requests), (Some(110), 1));
}

#[derive(Debug)]
struct Tokio;

impl meanwhile_core::Timer for Tokio {
    fn sleep(&self, time: Duration) -> Result<BoxFuture<'static, ()>> {
        Ok(Box::pin(tokio::time::sleep(time)))
    }
}

#[tokio::test]
async fn the_time_of_a_run_in_text_is_that_of_all_turns() {
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = asked.clone();
    let looks = r#"[[ ## next_thought ## ]]
On.

[[ ## next_tool_calls ## ]]
[{"name": "post", "args": {}}]"#;
    let slow = Scripted::new().reply_later(move |_| {
        noted.lock().unwrap().push(Instant::now());
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(looks.to_owned())
        }
    });
    let limit = Duration::from_secs(60);
    let limited = |limit| Settings::new().limits(RunLimits::new().time(limit)).timer(Tokio);
    let text = || agent(&slow, Protocol::Text).0.max_turns(2);
    let run = text().settings(limited(limit)).call(question()).await;
    assert!(run.is_err(), "nothing is submitted");
    // Each request may take what is left: less by what has passed between the two.
    let left = |at: usize| slow.requests()[at].timeouts.whole.unwrap();
    let between = {
        let asked = asked.lock().unwrap();
        asked[1] - asked[0]
    };
    assert!(left(0) <= limit && left(0) - left(1) >= Duration::from_millis(20), "{between:?}");
    // No more than a request of its own or of the scope may take.
    for around in [false, true] {
        let short = Settings::new().timeout(Duration::from_secs(5));
        let asked = slow.requests().len();
        let agent = text().settings(limited(limit));
        let outcome = match around {
            true => scope(short, agent.call(question())).await,
            false => agent.settings(short).call(question()).await,
        };
        assert!(outcome.is_err());
        assert_eq!(left(asked), Duration::from_secs(5), "around: {around}");
    }
    // When nothing is left, nobody is asked.
    let asked = slow.requests().len();
    let none = text().settings(limited(Duration::from_nanos(1)));
    let error = none.call(question()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert_eq!(slow.requests().len(), asked);
    // The end that was forced says why.
    let forced = ReActStop::Forced(ForcedBy::MaxTurns);
    let done = Scripted::new()
        .reply(looks)
        .reply("[[ ## reasoning ## ]]\nSo.\n\n[[ ## answer ## ]]\ndone");
    let run = agent(&done, Protocol::Text).0.max_turns(1).call(question()).await.unwrap();
    assert_eq!((run.stop, run.text("answer")), (forced, Some("done")));
}
