//! Runs in which tools are spoken of in text: what was done so far is an input of every turn.

use std::sync::Arc;

use meanwhile_core::{
    Call, Error, ErrorKind, Message, Part, PendingCall, Prompt, Response, Result, RunLimits,
    RunState, ToolCall, ToolResult, Usage,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::compose::{CALLS, FINISH, THOUGHT, TOOL_ARGUMENTS, TOOL_NAME, TRAJECTORY};
use super::submit::{SUBMIT, Submit};
use super::{ForcedBy, Protocol, ReAct, ReActOutput, ReActTurn, Stop, ToolStep, Transcript};
use crate::{ChainOfThought, Fields, Prediction, Predictor};

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
#[derive(Default)]
struct Progress {
    turns: Vec<ReActTurn>,
    usage: Usage,
    requests: u32,
}

impl<S> ReAct<S> {
    pub(super) async fn run_text(
        &self,
        transcript: &Transcript,
        inputs: Fields,
        check: impl Fn(&Fields) -> Result<()> + Send + Sync + 'static,
    ) -> Result<ReActOutput> {
        let Some(extract) = &self.extract else {
            let message =
                "an agent that speaks of tools in text has a predictor that reads the outputs";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let submit = Submit::new(&self.spec, Arc::new(check));
        let mut progress = Progress { turns: transcript.turns.clone(), ..Progress::default() };
        let mut stop = Stop::Forced(ForcedBy::MaxTurns);
        for turn in 0..self.max_turns {
            let decided = match progress.ask(&self.react, &inputs).await {
                Ok(decided) => decided,
                Err(error) => match error.kind() {
                    ErrorKind::Output => {
                        stop = Stop::Forced(ForcedBy::Unreadable);
                        break;
                    }
                    ErrorKind::ContextLength => {
                        stop = Stop::Forced(ForcedBy::ContextLength);
                        break;
                    }
                    _ => return Err(error),
                },
            };
            let calls = match self.calls(&decided, turn) {
                Ok(calls) => calls,
                Err(_) => {
                    stop = Stop::Forced(ForcedBy::Unreadable);
                    break;
                }
            };
            let thought = decided.text(THOUGHT).unwrap_or_default().to_owned();
            if calls.is_empty() {
                progress.turns.push(ReActTurn { thought, calls: Vec::new() });
                stop = Stop::Forced(ForcedBy::NoToolCall);
                break;
            }
            let (steps, submitted) = self.run_tools(calls, &submit).await?;
            let finished = steps.iter().any(|step| step.name == FINISH);
            progress.turns.push(ReActTurn { thought, calls: steps });
            if let Some(value) = submitted {
                return Ok(progress.output(value, Stop::Submitted));
            }
            if finished && self.protocol == Protocol::Dspy {
                stop = Stop::Submitted;
                break;
            }
        }
        self.extract_outputs(extract, progress, inputs, &submit, stop).await
    }

    /// Reads the outputs out of what was done.
    async fn extract_outputs(
        &self,
        extract: &ChainOfThought,
        mut progress: Progress,
        inputs: Fields,
        submit: &Submit,
        stop: Stop,
    ) -> Result<ReActOutput> {
        let prediction = progress.ask(&extract.predict.predictor, &inputs).await?;
        // Checked as outputs that are submitted are.
        let given: Fields = self
            .spec
            .outputs
            .iter()
            .filter_map(|field| Some((field.name.clone(), prediction.value(&field.name)?.clone())))
            .collect();
        let value = submit.read(&given.to_string())?;
        Ok(progress.output(value, stop))
    }

    /// The calls of one turn.
    fn calls(&self, decided: &Fields, turn: u32) -> Result<Vec<ToolCall>> {
        let written: Vec<Written> = match self.protocol {
            Protocol::Dspy => {
                vec![Written { name: decided.get(TOOL_NAME)?, args: decided.get(TOOL_ARGUMENTS)? }]
            }
            _ => decided.get(CALLS)?,
        };
        let calls = written.into_iter().enumerate().map(|(index, Written { name, args })| {
            let args = if args.is_null() { Value::Object(Map::new()) } else { args };
            ToolCall::new(format!("call_{turn}_{index}"), name, args.to_string())
        });
        Ok(calls.collect())
    }

    /// Runs the tools of one turn, and takes the outputs where they are submitted.
    ///
    /// The core's tool loop does it, without asking a model: with its limits, approval and observers.
    async fn run_tools(
        &self,
        calls: Vec<ToolCall>,
        submit: &Submit,
    ) -> Result<(Vec<ToolStep>, Option<Fields>)> {
        let mut submitted = None;
        let mut results: Vec<Option<ToolResult>> = vec![None; calls.len()];
        // Nobody is sent it: the loop goes on where a model has just called these tools.
        let called: Vec<Part> = calls.iter().cloned().map(Part::ToolCall).collect();
        let mut state = RunState::new(vec![Message::assistant(called)]);
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
            let mut limits = RunLimits::new();
            if let Some(tools) = self.concurrent_tools {
                limits = limits.tool_concurrency(tools);
            }
            let mut run = Call::<Response>::new("react", &self.react.lookup(), Ok(prompt))
                .tools(self.tools.clone())
                .limits(limits)
                .stop_when(|_| true)
                .resume(state)
                .run_loop();
            while let Some(event) = run.next().await {
                if let meanwhile_core::RunEvent::Paused(calls) = event? {
                    let names: Vec<&str> = calls.iter().map(|call| &*call.name).collect();
                    let message = format!(
                        "tools of an agent that speaks of them in text cannot wait for a decision, as {} \
                         would; decide at once, or use native tool calls",
                        names.join(", ")
                    );
                    return Err(Error::new(ErrorKind::Config, message));
                }
            }
            let messages = run.state().map(|state| state.messages.clone()).unwrap_or_default();
            for found in messages.iter().flat_map(Message::results) {
                let place = calls.iter().position(|call| call.id == found.call_id);
                if let Some(slot) = place.and_then(|at| results.get_mut(at)) {
                    *slot = Some(found.clone());
                }
            }
        }
        let steps = calls.iter().zip(results).map(|(call, result)| {
            let (text, is_error) =
                result.map(|result| (result.text(), result.is_error)).unwrap_or_default();
            ToolStep {
                name: call.name.clone(),
                arguments: call.json().unwrap_or_else(|_| Value::from(call.arguments.as_str())),
                observation: if is_error {
                    format!("Execution error in {}: {text}", call.name)
                } else {
                    text
                },
                is_error,
            }
        });
        Ok((steps.collect(), submitted))
    }
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
    async fn ask(&mut self, predictor: &Predictor, inputs: &Fields) -> Result<Prediction> {
        let mut shortened = 0;
        loop {
            let inputs = inputs.clone().with(TRAJECTORY, trajectory(&self.turns));
            match predictor.predict(inputs).await {
                Ok(prediction) => {
                    self.usage.add(&prediction.usage);
                    self.requests = self.requests.saturating_add(prediction.requests);
                    return Ok(prediction);
                }
                Err(error) => {
                    self.requests = self.requests.saturating_add(1);
                    if let Some(partial) = error.partial() {
                        self.usage.add(&partial.usage);
                    }
                    let too_long = error.kind() == ErrorKind::ContextLength;
                    if !too_long || shortened == SHORTENED || self.turns.len() < 2 {
                        return Err(error);
                    }
                    shortened += 1;
                    self.turns.remove(0);
                }
            }
        }
    }

    fn output(self, value: Fields, stop: Stop) -> ReActOutput {
        let transcript = Transcript { turns: self.turns, messages: Vec::new() };
        ReActOutput { value, stop, transcript, usage: self.usage, requests: self.requests }
    }
}

/// What was done so far, as DSPy writes it; calls of one turn have a number each where there are several.
fn trajectory(turns: &[ReActTurn]) -> String {
    let mut sections = Vec::new();
    let mut section = |name: String, value: &str| {
        sections.push(format!("[[ ## {name} ## ]]\n{value}"));
    };
    for (index, turn) in turns.iter().enumerate() {
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

/// JSON with the spaces that Python puts into it.
fn python_json(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", Value::from(key.as_str()), python_json(value))
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
