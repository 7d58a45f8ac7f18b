//! Runs in which tools are spoken of in text: what was done so far is an input of every turn.

use std::sync::Arc;
use std::time::Instant;

use meanwhile_core::{
    Call, Error, ErrorKind, Message, Part, PendingCall, Prompt, Response, Result, RunLimits,
    RunState, Scope, Settings, TimeoutPhase, ToolCall, ToolResult,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::compose::{CALLS, FINISH, THOUGHT, TOOL_ARGUMENTS, TOOL_NAME, TRAJECTORY};
use super::native::shown;
use super::submit::{SUBMIT, Submit};
use super::{
    CALL, ForcedBy, Protocol, ReAct, ReActOutput, ReActStop, ReActTurn, ToolStep, Transcript,
    settings_here,
};
use crate::adapter::{choose, python_json};
use crate::predict::Spent;
use crate::streaming::{Telling, within};
use crate::{Fields, Predictor};

/// How often what was done so far is made shorter when it is too long to be read.
const SHORTENED: usize = 3;

/// A tool call as a model writes it in text.
#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    args: Value,
}

/// What one run has come to.
struct Progress {
    turns: Vec<ReActTurn>,
    /// How many of the turns are of earlier runs.
    earlier: usize,
    /// The inputs of this run, for the turns of a later one.
    asked: String,
    spent: Spent,
    tool_errors: u32,
    limits: RunLimits,
    began: Instant,
}

impl<S> ReAct<S> {
    pub(super) async fn run_text(
        &self,
        transcript: &Transcript,
        inputs: Fields,
        check: impl Fn(&Fields) -> Result<()> + Send + Sync + 'static,
    ) -> Result<ReActOutput> {
        let limits = self.run_settings().or(Scope::current().settings()).run;
        let limits = limits.map(|run| run.limits).unwrap_or_default();
        if limits.cost.is_some() {
            let message = "the cost of a run whose tools are spoken of in text is not counted; limit it \
                           with a budget, which is a layer, or use native tool calls";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut shown_inputs = inputs.clone();
        if let Some(history) = self.spec.history() {
            shown_inputs.remove(&history.name);
        }
        let asked = Message::user(shown(&self.spec, &shown_inputs)?).text();
        let mut progress = Progress {
            turns: transcript.turns.clone(),
            earlier: transcript.turns.len(),
            asked,
            spent: Spent::default(),
            tool_errors: 0,
            limits,
            began: Instant::now(),
        };
        let submit = Submit::new(&self.spec, Arc::new(check));
        let is_told = Telling::is_there(&Scope::current().host());
        let turns = self.turns(&mut progress, inputs, &submit);
        let ended = match is_told {
            true => within(None, Box::pin(turns)).await,
            false => turns.await,
        };
        match ended {
            Ok((value, stop)) => Ok(progress.output(value, stop)),
            Err(error) => Err(progress.failed(error)),
        }
    }

    /// Takes turns until the model submits, and has the outputs read out of what was done where it does
    /// not.
    async fn turns(
        &self,
        progress: &mut Progress,
        inputs: Fields,
        submit: &Submit,
    ) -> Result<(Fields, ReActStop)> {
        let Some(extract) = &self.extract else {
            let message =
                "an agent that speaks of tools in text has a predictor that reads the outputs";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let mut stop = ReActStop::Forced(ForcedBy::MaxTurns);
        for turn in 0..self.most_turns() {
            let decided = match progress.ask(&self.react, &inputs).await {
                Ok(decided) => decided,
                Err(error) => match error.kind() {
                    ErrorKind::Output => {
                        stop = ReActStop::Forced(ForcedBy::Unreadable);
                        break;
                    }
                    ErrorKind::ContextLength => {
                        stop = ReActStop::Forced(ForcedBy::ContextLength);
                        break;
                    }
                    _ => return Err(error),
                },
            };
            let Ok(calls) = self.calls(&decided, turn) else {
                stop = ReActStop::Forced(ForcedBy::Unreadable);
                break;
            };
            let thought = decided.text(THOUGHT).unwrap_or_default().to_owned();
            if calls.is_empty() {
                progress.push(thought, Vec::new());
                stop = ReActStop::Forced(ForcedBy::NoToolCall);
                break;
            }
            let Ran { steps, submitted, ended } =
                self.run_tools(calls, turn, submit, progress).await?;
            let finished = steps.iter().any(|step| step.name == FINISH);
            if ended.is_none() || !steps.is_empty() {
                progress.push(thought, steps);
            }
            if let Some(error) = ended {
                return Err(error);
            }
            if let Some(value) = submitted {
                return Ok((value, ReActStop::Submitted));
            }
            if finished && self.protocol == Protocol::Dspy {
                stop = ReActStop::Submitted;
                break;
            }
        }
        let read = progress.ask(&extract.predict.predictor, &inputs).await?;
        // Checked as outputs that are submitted are.
        let given: Fields = self
            .spec
            .outputs
            .iter()
            .filter_map(|field| Some((field.name.clone(), read.value(&field.name)?.clone())))
            .collect();
        Ok((submit.read(&given.to_string())?, stop))
    }

    /// The calls of one turn.
    fn calls(&self, decided: &Fields, turn: u32) -> Result<Vec<ToolCall>> {
        let written: Vec<Written> = match self.protocol {
            Protocol::Dspy => {
                let (name, args) =
                    (decided.get::<String>(TOOL_NAME)?, decided.get(TOOL_ARGUMENTS)?);
                vec![Written { name: self.meant(&name), args }]
            }
            _ => decided.get(CALLS)?,
        };
        let calls = written.into_iter().enumerate().map(|(index, Written { name, args })| {
            let args = if args.is_null() { Value::Object(Map::new()) } else { args };
            ToolCall::new(format!("call_{turn}_{index}"), name, args.to_string())
        });
        Ok(calls.collect())
    }

    /// The tool that a name means: without quotes and the like, or as it stands where there is none such.
    fn meant(&self, name: &str) -> String {
        let known = self.tools.specs().map(|spec| Value::from(spec.name.as_str()));
        let known: Vec<Value> = known.chain([FINISH.into()]).collect();
        let meant = choose(&known, name).and_then(Value::as_str);
        meant.unwrap_or(name).to_owned()
    }

    /// Runs the tools of one turn, and takes the outputs where they are submitted.
    ///
    /// The core's tool loop does it, without asking a model: with its limits, approval and observers.
    async fn run_tools(
        &self,
        calls: Vec<ToolCall>,
        turn: u32,
        submit: &Submit,
        progress: &mut Progress,
    ) -> Result<Ran> {
        let (mut submitted, mut ended) = (None, None);
        let mut results: Vec<Option<ToolResult>> = vec![None; calls.len()];
        // Nobody is sent it: the loop goes on where a model has just called these tools.
        let called: Vec<Part> = calls.iter().cloned().map(Part::ToolCall).collect();
        let mut state = RunState::new(vec![Message::assistant(called)]);
        // What the run has taken until now counts against its limits.
        state.usage.clone_from(&progress.spent.usage);
        state.elapsed = progress.began.elapsed();
        state.tool_errors = progress.tool_errors;
        state.turns = turn.saturating_add(1);
        for (call, result) in calls.iter().zip(&mut results) {
            match (self.protocol, call.name.as_str()) {
                (Protocol::Text, SUBMIT) => {
                    *result = Some(match submit.read(&call.arguments) {
                        Ok(fields) => {
                            submitted.get_or_insert(fields);
                            ToolResult::new(call, "submitted")
                        }
                        Err(error) => ToolResult::error(call, error.message().to_owned()),
                    });
                }
                (Protocol::Dspy, FINISH) => *result = Some(ToolResult::new(call, "Completed.")),
                _ => state.calls.push(pending(call)?),
            }
        }
        if !state.calls.is_empty() {
            let mut prompt = Prompt::new();
            prompt.settings = self.run_settings();
            // The turns are counted here.
            let mut limits = RunLimits::new().turns(u32::MAX);
            if let Some(tools) = self.tool_concurrency {
                limits = limits.tool_concurrency(tools);
            }
            let mut run = Call::<Response>::new(CALL, &self.react.lookup(), Ok(prompt))
                .tools(self.tools.clone())
                .limits(limits)
                .stop_when(|_| true)
                .resume(state)
                .run_loop();
            while let Some(event) = run.next().await {
                let event = match event {
                    Ok(event) => event,
                    Err(error) => {
                        ended = Some(error);
                        break;
                    }
                };
                if let meanwhile_core::RunEvent::Paused(calls) = event {
                    let names: Vec<&str> = calls.iter().map(|call| &*call.name).collect();
                    let message = format!(
                        "tools of an agent that speaks of them in text cannot wait for a decision, as {} \
                         would; decide at once, or use native tool calls",
                        names.join(", ")
                    );
                    ended = Some(Error::new(ErrorKind::Config, message));
                    break;
                }
            }
            if let Some(state) = run.state() {
                progress.tool_errors = state.tool_errors;
                // Where the run was ended, those that had answered are not in the conversation yet.
                let open = state.calls.iter().filter_map(|call| call.result.as_ref());
                for found in state.messages.iter().flat_map(Message::results).chain(open) {
                    let place = calls.iter().position(|call| call.id == found.call_id);
                    if let Some(slot) = place.and_then(|at| results.get_mut(at)) {
                        *slot = Some(found.clone());
                    }
                }
            }
        }
        let is_whole = ended.is_none();
        let steps = calls.iter().zip(results).filter_map(|(call, result)| {
            let (text, is_error) = match result {
                Some(result) => (result.text(), result.is_error),
                None if is_whole => Default::default(),
                // It did not come to that.
                None => return None,
            };
            Some(ToolStep {
                name: call.name.clone(),
                arguments: call.json().unwrap_or_else(|_| Value::from(call.arguments.as_str())),
                observation: if is_error {
                    format!("Execution error in {}: {text}", call.name)
                } else {
                    text
                },
                is_error,
            })
        });
        Ok(Ran { steps: steps.collect(), submitted, ended })
    }
}

/// What came of the tools of one turn.
struct Ran {
    steps: Vec<ToolStep>,
    submitted: Option<Fields>,
    /// What ended the run.
    ended: Option<Error>,
}

/// The results in a message.
trait Results {
    fn results(&self) -> impl Iterator<Item = &ToolResult>;
}

impl Results for Message {
    fn results(&self) -> impl Iterator<Item = &ToolResult> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolResult(result) => Some(result),
            _ => None,
        })
    }
}

/// A call about which nothing is decided.
fn pending(call: &ToolCall) -> Result<PendingCall> {
    serde_json::from_value(json!({ "call": call })).map_err(|error| {
        Error::new(ErrorKind::Other, format!("the tool call cannot be kept: {error}"))
            .with_source(error)
    })
}

impl Progress {
    /// Asks a predictor, which sees what was done so far: less of it, where that is too long.
    async fn ask(&mut self, predictor: &Predictor, inputs: &Fields) -> Result<Fields> {
        let mut shortened = 0;
        loop {
            let settings = self.left(predictor)?;
            let inputs = inputs.clone().with(TRAJECTORY, self.trajectory());
            let mut spent = Spent::default();
            let asked = predictor.ask(inputs, settings, &mut spent, &mut |_| Ok(())).await;
            self.spent.usage.add(&spent.usage);
            self.spent.requests = self.spent.requests.saturating_add(spent.requests);
            let error = match asked {
                Ok(answer) => return Ok(answer.parsed.fields),
                Err(error) => error,
            };
            let too_long = error.kind() == ErrorKind::ContextLength;
            if !too_long || shortened == SHORTENED || self.turns.len() < 2 {
                return Err(error);
            }
            shortened += 1;
            self.forget();
        }
    }

    /// What the next request of the run may still take.
    fn left(&self, predictor: &Predictor) -> Result<Settings> {
        let used = self.spent.usage.total().unwrap_or_default();
        if let Some(limit) = self.limits.tokens.filter(|limit| used >= *limit) {
            let message = format!("the run has used {used} tokens; its limit is {limit}. Raise it");
            return Err(Error::new(ErrorKind::Budget, message));
        }
        let Some(limit) = self.limits.time else { return Ok(Settings::new()) };
        let left = limit.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            let message = format!("the run did not finish within {limit:?}");
            return Err(Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message));
        }
        let whole = settings_here(predictor).or(Scope::current().settings()).timeouts.whole;
        Ok(Settings::new().timeout(whole.map_or(left, |whole| whole.min(left))))
    }

    fn push(&mut self, thought: String, calls: Vec<ToolStep>) {
        let is_first = self.turns.len() == self.earlier;
        let asked = is_first.then(|| self.asked.clone());
        self.turns.push(ReActTurn { asked, thought, calls });
    }

    /// Leaves out the oldest turn, and its question with the last of its turns.
    fn forget(&mut self) {
        let ReActTurn { asked, .. } = self.turns.remove(0);
        if let Some(next) = self.turns.first_mut()
            && next.asked.is_none()
        {
            next.asked = asked;
        }
        self.earlier = self.earlier.saturating_sub(1);
    }

    /// What was done so far, as DSPy writes it; calls of one turn have a number each where there are
    /// several. What was asked in earlier runs stands before its turns.
    fn trajectory(&self) -> String {
        let mut sections = Vec::new();
        let mut section = |name: String, value: &str| {
            sections.push(format!("[[ ## {name} ## ]]\n{value}"));
        };
        for (index, turn) in self.turns.iter().enumerate() {
            if let Some(asked) = turn.asked.as_ref().filter(|_| index < self.earlier) {
                section(format!("asked_{index}"), asked);
            }
            section(format!("thought_{index}"), &turn.thought);
            for (number, call) in turn.calls.iter().enumerate() {
                let place = match turn.calls.len() {
                    1 => index.to_string(),
                    _ => format!("{index}_{number}"),
                };
                section(format!("tool_name_{place}"), &call.name);
                section(format!("tool_args_{place}"), &python_json(&call.arguments));
                section(format!("observation_{place}"), &call.observation);
            }
        }
        sections.join("\n\n")
    }

    /// Puts what was done on an error, as a conversation, and what it took.
    fn failed(self, mut error: Error) -> Error {
        // Of the tools of one turn alone.
        drop(error.take_run_state());
        let mut messages = Vec::new();
        for (index, turn) in self.turns.into_iter().enumerate() {
            turn.say(index, &mut messages);
        }
        let mut state = RunState::new(messages);
        state.turns = self.spent.requests;
        state.usage = self.spent.usage;
        state.tool_errors = self.tool_errors;
        state.elapsed = self.began.elapsed();
        error.with_run_state(state)
    }

    fn output(self, value: Fields, stop: ReActStop) -> ReActOutput {
        let transcript = Transcript { turns: self.turns, messages: Vec::new() };
        let Spent { usage, requests, .. } = self.spent;
        ReActOutput { value, stop, transcript, usage, requests }
    }
}
