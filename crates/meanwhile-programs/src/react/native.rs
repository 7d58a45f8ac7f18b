//! Runs with native tool calls: the conversation of the core's tool loop, ended by `submit`.

use std::sync::Arc;

use meanwhile_core::{
    AnyTool, Call, Error, ErrorKind, Message, Part, Prompt, Registry, Response, Result, Role,
    RunEvent, RunLimits, RunState, Scope, Settings, ToolCall, ToolChoice, ToolResult, Toolbox,
    Usage, chain,
};
use serde_json::Value;

use super::submit::{Check, SUBMIT, SUBMIT_NOW, Submit};
use super::told::Told;
use super::{CALL, ForcedBy, ReAct, ReActOutput, ReActStop, Transcript};
use crate::adapter::media;
use crate::predict::Plan;
use crate::streaming::within;
use crate::trace::Recorder;
use crate::{Fields, Overlay, PredictorCall, SignatureSpec};

/// How often a conversation that is too long is made shorter.
const SHORTENED: usize = 3;

impl<S> ReAct<S> {
    pub(super) async fn run_native(
        &self,
        transcript: &Transcript,
        inputs: Fields,
        check: impl Fn(&Fields) -> Result<()> + Send + Sync + 'static,
    ) -> Result<ReActOutput> {
        if transcript.messages.is_empty() && !transcript.turns.is_empty() {
            let message = "the transcript is of a run in text, which native tool calls cannot go on from; \
                           go on with an agent of the same protocol";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let host = Scope::current().host();
        let given = Recorder::current(&host).map(|recorder| (recorder, inputs.clone()));
        let plan = self.react.plan(inputs, Settings::new(), &host)?;
        let prompt = conversation(&plan, transcript)?;
        let head = head(&prompt.messages);
        let told = Told::current(&host, self.react.id(), || plan.spec.clone());
        let mut run = Native::new(self, plan.settings.clone(), Arc::new(check), told);
        let outcome = run.named(plan.spec.name.clone(), prompt, head, None).await;
        if let Some((recorder, inputs)) = given {
            recorder.record(self.recorded(plan.spec.clone(), inputs, &outcome, &run.apart));
        }
        outcome
    }

    /// The run as a call of the predictor.
    fn recorded(
        &self,
        spec: Arc<SignatureSpec>,
        inputs: Fields,
        outcome: &Result<ReActOutput>,
        apart: &Usage,
    ) -> PredictorCall {
        let (usage, requests) = match outcome {
            Ok(output) => (output.usage.clone(), output.requests),
            Err(error) => spent_by(error, apart),
        };
        let outcome = match outcome {
            Ok(output) => Ok(output.value.clone()),
            Err(error) => Err(error.clone()),
        };
        PredictorCall { predictor: self.react.id(), spec, inputs, outcome, usage, requests }
    }

    pub(super) async fn resume_native(
        &self,
        state: RunState,
        check: impl Fn(&Fields) -> Result<()> + Send + Sync + 'static,
    ) -> Result<ReActOutput> {
        if self.protocol != super::Protocol::Native {
            let message = "only runs with native tool calls are gone on with from their state; start the \
                           run again with `continue_with`";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let head = head(&state.messages);
        let prompt = Prompt::new().messages(state.messages.iter().cloned());
        let host = Scope::current().host();
        let spec = || {
            let overlay = Overlay::current(&host);
            let laid = overlay.and_then(|one| one.spec_of(self.react.id()).cloned());
            laid.unwrap_or_else(|| Arc::new(self.react.spec().clone()))
        };
        let told = Told::current(&host, self.react.id(), spec);
        let mut run = Native::new(self, self.run_settings(), Arc::new(check), told);
        let recorder = Recorder::current(&host);
        // The first half of a run that is traced here is a part of the whole, whose tokens are all its.
        let before = recorder.as_ref().and_then(|recorder| {
            let is_this = |error: &Error| {
                error.run_state().is_some_and(|known| known.messages == state.messages)
            };
            recorder.take(self.react.id(), &is_this)
        });
        // What the state does not count of it: tries of layers, and what a failed request had sent.
        let uncounted = before.as_ref().map(|call| beyond(&call.usage, &state.usage));
        let outcome = run.named(self.react.name().to_owned(), prompt, head, Some(state)).await;
        if let Some(recorder) = recorder {
            let (spec, inputs) = match before {
                Some(call) => (call.spec, call.inputs),
                None => (spec(), Fields::new()),
            };
            let mut call = self.recorded(spec, inputs, &outcome, &run.apart);
            uncounted.iter().for_each(|usage| call.usage.add(usage));
            recorder.record(call);
        }
        outcome
    }
}

/// How many messages stand in front of what the run says and does: the system's, and the demos.
pub(super) fn head(messages: &[Message]) -> usize {
    let system = messages.iter().take_while(|message| message.role == Role::System).count();
    let exchanges = messages.get(system..).unwrap_or_default().chunks_exact(3);
    let is_example = |(index, exchange): (usize, &[Message])| {
        let mut calls = exchange.iter().flat_map(Message::tool_calls);
        calls.next().is_some_and(|call| call.name == SUBMIT && call.id == example(index))
    };
    let examples = exchanges.enumerate().take_while(|one| is_example(*one)).count();
    system + 3 * examples
}

/// The id of the call by which a demo is shown.
fn example(index: usize) -> String {
    format!("example_{index}")
}

/// A run with native tool calls.
struct Native {
    settings: Settings,
    registry: Registry,
    submit: Submit,
    tools: Toolbox,
    limits: RunLimits,
    max_turns: u32,
    /// The tokens of what layers have tried before the answers, which no answer counts as its own.
    apart: Usage,
    /// Who is told of it, where somebody is.
    told: Option<Told>,
}

/// How the model came to say nothing more by itself.
enum Ended {
    Submitted,
    Silent,
}

impl Native {
    fn new<S>(agent: &ReAct<S>, settings: Settings, check: Check, told: Option<Told>) -> Self {
        let submit = Submit::new(&agent.spec, check);
        let tools = agent.tools.clone().with(AnyTool::new(submit.clone()));
        // Room for the turn that only submits, and for its tool to run.
        let max_turns = agent.most_turns();
        let mut limits = RunLimits::new().turns(max_turns.saturating_add(2));
        if let Some(tools) = agent.tool_concurrency {
            limits = limits.tool_concurrency(tools);
        }
        Self {
            settings,
            registry: agent.react.lookup(),
            submit,
            tools,
            limits,
            max_turns,
            apart: Usage::default(),
            told,
        }
    }

    /// Runs as a chain.
    async fn named(
        &mut self,
        name: String,
        prompt: Prompt,
        head: usize,
        state: Option<RunState>,
    ) -> Result<ReActOutput> {
        if self.told.is_none() {
            return chain(name, self.go_on(prompt, head, state)).await;
        }
        Box::pin(within(Some(SUBMIT), chain(name, self.go_on(prompt, head, state)))).await
    }

    async fn go_on(
        &mut self,
        prompt: Prompt,
        head: usize,
        state: Option<RunState>,
    ) -> Result<ReActOutput> {
        let mut shortened = 0;
        let mut forced = None;
        let mut state = state;
        loop {
            let is_first = state.is_none();
            match self.once(&prompt, state.take(), forced).await {
                Ok((Ended::Submitted, state)) => {
                    let late = state.turns > self.max_turns;
                    let forced = forced.or(late.then_some(ForcedBy::MaxTurns));
                    return self.output(state, head, forced);
                }
                Ok((Ended::Silent, stopped)) => {
                    if forced.is_some() || stopped.turns > self.max_turns {
                        return Err(nothing_submitted(stopped));
                    }
                    let mut stopped = stopped;
                    stopped.answered = false;
                    stopped.messages.push(Message::user(SUBMIT_NOW));
                    forced = Some(ForcedBy::NoToolCall);
                    state = Some(stopped);
                }
                Err(mut error) => {
                    let too_long = error.kind() == ErrorKind::ContextLength;
                    // Before the first answer there is no state.
                    let begun = || is_first.then(|| RunState::new(prompt.messages.clone()));
                    let stopped = too_long.then(|| error.run_state().cloned().or_else(begun));
                    let Some(mut stopped) = stopped.flatten() else { return Err(error) };
                    if shortened == SHORTENED || !shorten(&mut stopped, head) {
                        drop(error.take_run_state());
                        return Err(error.with_run_state(stopped));
                    }
                    shortened += 1;
                    forced = Some(ForcedBy::ContextLength);
                    state = Some(stopped);
                }
            }
        }
    }

    /// Runs until the model submits, says nothing more, or the turns are over.
    async fn once(
        &mut self,
        prompt: &Prompt,
        state: Option<RunState>,
        forced: Option<ForcedBy>,
    ) -> Result<(Ended, RunState)> {
        let mut prompt = prompt.clone();
        prompt.settings = self.settings.clone();
        let turns = state.as_ref().map(|state| state.turns).unwrap_or_default();
        // Once forced, there is one more turn.
        let last = if forced.is_some() { turns } else { self.max_turns };
        let submit = self.submit.clone();
        let limits = match forced {
            Some(_) => self.limits.turns(turns.saturating_add(2)),
            None => self.limits,
        };
        let mut call = Call::<Response>::new(CALL, &self.registry, Ok(prompt))
            .tools(self.tools.clone())
            .limits(limits)
            .stop_when(move |state| submit.submitted().is_some() || state.turns > last)
            .each_turn(move |turn| {
                if turn.turn > last {
                    turn.tool_choice = ToolChoice::Tool(SUBMIT.to_owned());
                    let tools = turn.tools.iter().filter(|tool| tool.spec().name == SUBMIT);
                    turn.tools = tools.cloned().collect();
                }
            });
        if let Some(state) = state {
            call = call.resume(state);
        }
        let mut run = call.run_loop();
        let mut paused = None;
        while let Some(event) = run.next().await {
            if let Some(told) = &mut self.told {
                match &event {
                    Ok(event) => told.event(event, &self.submit).await,
                    Err(error) => told.failed(error).await,
                }
            }
            match event? {
                RunEvent::Paused(calls) => paused = Some(calls),
                RunEvent::TurnEnd(response) => {
                    response.attempts.iter().for_each(|tried| self.apart.add(&tried.usage));
                }
                _ => {}
            }
        }
        let state = run.state().cloned().unwrap_or_default();
        if let Some(calls) = paused {
            let names: Vec<&str> = calls.iter().map(|call| &*call.name).collect();
            let message = format!(
                "the agent waits for a decision about {}; decide on the state and resume",
                names.join(", ")
            );
            return Err(Error::new(ErrorKind::Paused, message).with_run_state(state));
        }
        let ended = match self.submit.submitted() {
            Some(_) => Ended::Submitted,
            None => Ended::Silent,
        };
        Ok((ended, state))
    }

    fn output(
        &self,
        state: RunState,
        head: usize,
        forced: Option<ForcedBy>,
    ) -> Result<ReActOutput> {
        let Some(value) = self.submit.submitted() else { return Err(nothing_submitted(state)) };
        let messages = state.messages.into_iter().skip(head).collect();
        let mut usage = state.usage;
        usage.add(&self.apart);
        Ok(ReActOutput {
            value,
            stop: forced.map_or(ReActStop::Submitted, ReActStop::Forced),
            transcript: Transcript::of(messages),
            usage,
            requests: state.turns,
        })
    }
}

/// What a run took that has failed: its answers, that of the request that failed, and what layers tried.
fn spent_by(error: &Error, apart: &Usage) -> (Usage, u32) {
    let (mut usage, requests) = match error.run_state() {
        Some(state) => (state.usage.clone(), state.turns),
        // The first request has failed.
        None => (Usage::default(), 1),
    };
    // What had come has the answers before it in its count.
    if let Some(partial) = error.partial()
        && partial.usage.total() > usage.total()
    {
        usage.clone_from(&partial.usage);
    }
    usage.add(apart);
    error.attempts().iter().for_each(|tried| usage.add(&tried.usage));
    (usage, requests)
}

/// What is counted in `all` and not in `part` of it.
fn beyond(all: &Usage, part: &Usage) -> Usage {
    let mut rest = all.clone();
    let (input, output) = (&mut rest.input, &mut rest.output);
    for (count, counted) in [
        (&mut input.total, part.input.total),
        (&mut input.uncached, part.input.uncached),
        (&mut input.cache_read, part.input.cache_read),
        (&mut input.cache_write, part.input.cache_write),
        (&mut input.audio, part.input.audio),
        (&mut output.total, part.output.total),
        (&mut output.text, part.output.text),
        (&mut output.reasoning, part.output.reasoning),
        (&mut output.audio, part.output.audio),
    ] {
        *count = count.map(|count| count.saturating_sub(counted.unwrap_or_default()));
    }
    rest
}

fn nothing_submitted(state: RunState) -> Error {
    let newest =
        state.messages.iter().rev().flat_map(|message| &message.parts).find_map(
            |part| match part {
                Part::ToolResult(result) if result.is_error => Some(result.text()),
                _ => None,
            },
        );
    let why = newest.map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!("the model submitted no outputs that fit, asked for them alone too{why}");
    let mut partial = Response::new("", "");
    partial.usage.clone_from(&state.usage);
    Error::new(ErrorKind::Output, message).with_partial(partial).with_run_state(state)
}

/// Leaves out the oldest turn with tools, and what was asked with the last turn that answered it; says
/// whether there was one beside the newest, which is of the newest question.
fn shorten(state: &mut RunState, head: usize) -> bool {
    let messages = &mut state.messages;
    let calls = |message: &Message| message.tool_calls().next().is_some();
    let mut turns = messages.iter().enumerate().skip(head).filter(|(_, one)| calls(one));
    let Some((oldest, _)) = turns.next() else { return false };
    let is_only = turns.next().is_none();
    let behind = messages.iter().skip(oldest + 1);
    let results = behind.take_while(|one| one.role == Role::Tool).count();
    let end = oldest + 1 + results;
    let asks = |at: usize| messages.get(at).is_some_and(|one| one.role == Role::User);
    if is_only && !asks(end) {
        return false;
    }
    let is_answered = oldest > head && asks(oldest - 1) && asks(end);
    messages.drain(oldest - usize::from(is_answered)..end);
    true
}

/// The conversation up to the inputs.
fn conversation(plan: &Plan, transcript: &Transcript) -> Result<Prompt> {
    let mut prompt = Prompt::new().system(system(&plan.spec));
    let demos = plan.demos.iter().filter(|demo| demo.is_usable(&plan.spec));
    // Exchanges of an input that is the conversation so far are shown as demos are.
    for (index, fields) in demos.map(|demo| &demo.fields).chain(&plan.history).enumerate() {
        let (mut inputs, mut outputs) = (Fields::new(), Fields::new());
        for (name, value) in fields.iter() {
            if plan.spec.output(name).is_some() {
                outputs.insert(name, value.clone());
            } else if plan.spec.input(name).is_some() {
                inputs.insert(name, value.clone());
            }
        }
        let call = ToolCall::new(example(index), SUBMIT, outputs.to_string());
        prompt = prompt
            .user(shown(&plan.spec, &inputs)?)
            .assistant(Part::ToolCall(call.clone()))
            .message(Message::tool_results([ToolResult::new(&call, "submitted")]));
    }
    let inputs = shown(&plan.spec, &plan.inputs)?;
    Ok(prompt.messages(transcript.messages.iter().cloned()).user(inputs))
}

/// The instructions, and what is said of the inputs; the outputs are described by `submit`.
fn system(spec: &SignatureSpec) -> String {
    let mut text = spec.instructions.clone();
    let told = |field: &&crate::FieldSpec| {
        field.description.is_some() || field.rules_in_words().next().is_some()
    };
    for field in spec.inputs.iter().filter(told) {
        let mut words: Vec<&str> = field.description.as_deref().into_iter().collect();
        words.extend(field.rules_in_words());
        text.push_str(&format!("\n`{}`: {}", field.name, words.join("; ")));
    }
    text
}

/// Inputs as the model sees them: each under its name, media as what they are.
pub(super) fn shown(spec: &SignatureSpec, inputs: &Fields) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for field in &spec.inputs {
        let Some(value) = inputs.value(&field.name).filter(|value| !value.is_null()) else {
            continue;
        };
        let mut text = if parts.is_empty() { String::new() } else { "\n\n".to_owned() };
        text.push_str(&format!("{}:", field.name));
        if field.ty.is_media() {
            parts.push(Part::text(text));
            parts.extend(media(&field.name, &field.ty, value)?);
            continue;
        }
        match value {
            Value::String(value) => text.push_str(&format!(" {value}")),
            value => text.push_str(&format!(" {value}")),
        }
        parts.push(Part::text(text));
    }
    Ok(parts)
}
