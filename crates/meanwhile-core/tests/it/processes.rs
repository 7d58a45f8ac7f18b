//! A run that is stored in one process and gone on with in another ends as one that nobody disturbed.
//!
//! The second process is this test binary again: it runs `the_second_process`, which finds in its
//! environment what to go on from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Approval, Call, Capabilities, Error, ErrorKind, Event, EventStream, Extracted, Finish,
    FinishReason, Message, Model, Part, Provider, ProviderData, Request, Result, Role, RunEvent,
    RunState, Schema, Thinking, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox, Usage,
    approval,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::wait;

const STORED: &str = "MEANWHILE_TEST_STORED_RUN";

/// Answers by how far the conversation has come, so that it does the same in every process.
#[derive(Debug)]
struct Librarian;

#[async_trait]
impl Provider for Librarian {
    fn id(&self) -> &str {
        "librarian"
    }

    fn capabilities(&self, _: &str) -> Capabilities {
        Capabilities::text()
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let turn = request.messages.iter().filter(|one| one.role == Role::Assistant).count();
        let thinking = Thinking::new("Hm.")
            .with_data(ProviderData::new("librarian", json!({ "signature": format!("s{turn}") })));
        let call = |id: &str, name: &str, arguments: &str| {
            let mut call = ToolCall::new(id, name, arguments);
            call.data = Some(Box::new(ProviderData::new("librarian", json!({ "of": id }))));
            Part::ToolCall(call)
        };
        let (parts, reason) = match turn {
            0 => {
                let calls = [call("1", "look", r#"{"at":"shelf"}"#), call("2", "buy", "{}")];
                let parts = [Part::Thinking(thinking), Part::text("I look.")];
                (parts.into_iter().chain(calls).collect(), FinishReason::ToolCalls)
            }
            1 => (vec![call("3", "burn", "{}")], FinishReason::ToolCalls),
            2 => (vec![call("4", "look", r#"{"at":"cellar"}"#)], FinishReason::ToolCalls),
            _ => {
                let results = request.messages.iter().filter(|one| one.role == Role::Tool);
                let said: Vec<String> = results
                    .flat_map(|message| &message.parts)
                    .filter_map(|part| match part {
                        Part::ToolResult(result) => Some(result.text()),
                        _ => None,
                    })
                    .collect();
                (vec![Part::text(said.join(" / "))], FinishReason::Stop)
            }
        };
        let parts = (0..).zip(parts).map(|(index, part)| Event::part(index, part));
        let counts = Usage::totals(10 + turn as u64, 1 + turn as u64);
        let end = [Event::usage(counts), Event::finish(Finish::new(reason))];
        Ok(EventStream::from_events(parts.chain(end).map(Ok).collect::<Vec<_>>()))
    }
}

#[derive(Debug)]
struct Shop(&'static str);

#[async_trait]
impl Tool for Shop {
    fn spec(&self) -> ToolSpec {
        let schema = json!({ "type": "object", "properties": { "at": { "type": "string" } } });
        ToolSpec::new(self.0, "Does what it is called.", Schema::from(schema))
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        if self.0 == "burn" {
            return Err(Error::new(ErrorKind::Tool, "books do not burn here"));
        }
        Ok(ToolOutput::new(format!("{} {} in turn {}", self.0, call.arguments, context.turn)))
    }
}

/// The agent. Buying waits for a decision where it asks.
fn agent(asks: bool) -> Call<'static, Extracted<String>> {
    let tools: Toolbox =
        ["look", "buy", "burn"].map(|name| AnyTool::new(Shop(name))).into_iter().collect();
    let prompt = vec![Message::system("You keep books."), Message::user("What is there?")];
    let call = Model::new(Librarian, "any").call(prompt).tools(tools);
    if !asks {
        return call;
    }
    call.approve(approval(|call: ToolCall| async move {
        if call.name == "buy" { Approval::Pause } else { Approval::Allow }
    }))
}

/// How a run ended.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct End {
    value: String,
    state: RunState,
}

/// Runs to the end.
fn end(call: Call<'static, Extracted<String>>) -> End {
    wait(async {
        let mut run = call.run_loop();
        while let Some(event) = run.next().await {
            event.unwrap();
        }
        let mut state = run.state().unwrap().clone();
        state.elapsed = Duration::ZERO;
        End { value: run.finish().await.unwrap().value, state }
    })
}

/// The state after so many events; `None` where there are not so many.
fn state_after(events: usize) -> Option<RunState> {
    wait(async {
        let mut run = agent(false).run_loop();
        for _ in 0..events {
            run.next().await?.unwrap();
        }
        run.state().cloned()
    })
}

/// Goes on with a stored run in another process, and returns how it ended there and where.
fn elsewhere(folder: &Path, state: &RunState) -> (End, u32) {
    let stored = folder.join("run.json");
    fs::write(&stored, serde_json::to_vec(state).unwrap()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_second_process", "--nocapture"])
        .env(STORED, &stored)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ended = fs::read(folder.join("end.json")).unwrap();
    fs::remove_file(folder.join("end.json")).unwrap();
    serde_json::from_slice(&ended).unwrap()
}

/// Does nothing but in the process that [`elsewhere`] starts.
#[test]
fn the_second_process() {
    let Some(stored) = std::env::var_os(STORED).map(PathBuf::from) else { return };
    let mut state: RunState = serde_json::from_slice(&fs::read(&stored).unwrap()).unwrap();
    let waiting: Vec<String> = state.undecided().map(|call| call.id.clone()).collect();
    for id in waiting {
        state.decide(&id, Approval::Allow);
    }
    let ended = (end(agent(false).resume(state)), process::id());
    fs::write(stored.with_file_name("end.json"), serde_json::to_vec(&ended).unwrap()).unwrap();
}

#[test]
fn a_run_ends_in_another_process_as_if_nobody_had_disturbed_it() {
    let folder = std::env::temp_dir().join(format!("meanwhile-runs-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let whole = end(agent(false));
    assert_eq!((whole.state.turns, whole.state.tool_errors), (4, 1));
    let said = "look {\"at\":\"shelf\"} in turn 1 / buy {} in turn 1 / books do not burn here / \
                look {\"at\":\"cellar\"} in turn 3";
    assert_eq!(whole.value, said);
    assert_eq!(whole.state.usage.total(), Some((10 + 11 + 12 + 13) + (1 + 2 + 3 + 4)));

    let mut places = 0;
    for events in 1.. {
        let Some(state) = state_after(events) else { break };
        let (there, process) = elsewhere(&folder, &state);
        assert_ne!(process, process::id());
        assert_eq!(there, whole, "stored after {events} events");
        places += 1;
    }
    assert!(places > 20, "stored at {places} places");

    // Paused for a person, who decides there.
    let paused = wait(async {
        let mut run = agent(true).run_loop();
        while let Some(event) = run.next().await {
            if let RunEvent::Paused(calls) = event.unwrap() {
                assert_eq!(calls.len(), 1);
                return run.state().unwrap().clone();
            }
        }
        panic!("the run did not pause");
    });
    assert_eq!(elsewhere(&folder, &paused).0, whole);
    fs::remove_dir_all(&folder).unwrap();
}
