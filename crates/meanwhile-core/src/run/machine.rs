//! [`Machine`]: a run with tools as a state machine. What it knows is in its [`RunState`]; what is under
//! way is in its step, and is lost when it is dropped.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::agent::over;
use super::settings::NextTurn;
use super::tools::{Bench, Ran, is_final, sleep};
use super::{RunEvent, RunSettings, RunState, send};
use crate::observe::{Moment, Started};
use crate::prepare::Prepared;
use crate::pricing;
use crate::stream::LARGE;
use crate::tool::{Approval, ToolCall, ToolChoice, ToolContext, ToolResult, Toolbox};
use crate::{
    AnyProvider, Error, ErrorKind, Extract, FinishReason, Message, Part, Provider as _, Reading,
    Request, Response, ResponseStream, Result, Role, TimeoutPhase, Usage, Warning, WarningKind,
};

/// A run with tools.
pub(crate) struct Machine<T> {
    provider: AnyProvider,
    // What every turn asks, without its messages.
    template: Request,
    // The tools of the call, and those of the turn.
    tools: Toolbox,
    turn_tools: Option<Toolbox>,
    // The conversation as the turn that is under way was sent it, where it was changed for it.
    changed: Option<Vec<Message>>,
    settings: RunSettings,
    reading: Reading,
    bench: Bench,
    state: RunState,
    step: Step,
    // Happened, and not told yet.
    events: VecDeque<Result<RunEvent>>,
    tells: bool,
    value: Option<T>,
    paused: bool,
    chain: Option<Started>,
    clock: Clock,
    // The model whose answer cost nobody knows what, where the cost is limited.
    unpriced: Option<String>,
}

enum Step {
    /// Decides from the state what comes next.
    Next,
    /// Waits for a whole answer.
    Asking(BoxFuture<'static, Result<Response>>),
    /// Waits for an answer to begin.
    Sending(BoxFuture<'static, Result<ResponseStream>>),
    /// Reads an answer.
    Reading(Box<ResponseStream>),
    /// Reads the value of an answer; a large one after other tasks have had a turn.
    Value {
        response: Box<Response>,
        waits: bool,
    },
    /// Waits for decisions about tool calls.
    Deciding(BoxFuture<'static, Result<Vec<(usize, Approval)>>>),
    /// Waits for tools.
    Tools {
        running: FuturesUnordered<BoxFuture<'static, Ran>>,
        waiting: VecDeque<usize>,
    },
    Over,
}

/// How long the run has taken, and may take.
struct Clock {
    began: Option<Instant>,
    // Of the time before it was stored.
    before: Duration,
    end: Option<BoxFuture<'static, ()>>,
}

impl<T: Extract> Machine<T> {
    /// Makes the run of a prepared request, from its beginning or from where it was stored.
    pub(crate) fn new(prepared: Prepared, state: Option<RunState>) -> Self {
        let Prepared { provider, mut request, tools, run, reading, origin, scope } = prepared;
        let messages = std::mem::take(&mut request.messages);
        let state = match state {
            Some(state) => state,
            None => RunState::new(messages),
        };
        if state.turns > 0 {
            free_choice(&mut request.tool_choice);
        }
        let bench = Bench {
            origin,
            scope,
            timer: run.timer.clone(),
            tool_timeout: run.limits.tool_timeout,
        };
        Self {
            provider,
            template: request,
            tools,
            turn_tools: None,
            changed: None,
            settings: run,
            reading,
            bench,
            clock: Clock { began: None, before: state.elapsed, end: None },
            state,
            step: Step::Next,
            events: VecDeque::new(),
            tells: false,
            value: None,
            paused: false,
            chain: None,
            unpriced: None,
        }
    }

    /// Tells of every event, as a part of `chain`, which ends with the run.
    pub(crate) fn telling(mut self, chain: Option<Started>) -> Self {
        self.tells = true;
        self.chain = chain;
        self
    }

    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }

    /// Runs to the end.
    pub(crate) async fn run(mut self) -> Result<T> {
        std::future::poll_fn(|cx| {
            loop {
                match ready!(self.poll_event(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Ok(())),
                }
            }
        })
        .await?;
        self.into_value()
    }

    /// The value, once the run is over.
    pub(crate) fn into_value(self) -> Result<T> {
        match self.value {
            Some(value) => Ok(value),
            None if self.paused => {
                let names: Vec<&str> = self.state.undecided().map(|call| &*call.name).collect();
                let message = format!(
                    "the run waits for a decision about {}; decide on its state and resume",
                    names.join(", ")
                );
                let error = Error::new(ErrorKind::Paused, message).with_run_state(self.state);
                Err(error.with_operation(self.template.operation))
            }
            None => Err(over()),
        }
    }

    /// The next event; nothing after the last one.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RunEvent>>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(event));
            }
            if matches!(self.step, Step::Over) {
                return Poll::Ready(None);
            }
            if let Err(error) = ready!(self.poll_step(cx)) {
                let error = self.fail(error);
                self.events.push_back(Err(error));
            }
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Err(error) = self.poll_clock(cx) {
            return Poll::Ready(Err(error));
        }
        let outcome = match &mut self.step {
            Step::Next => self.next(),
            Step::Asking(asking) => {
                let answered = ready!(asking.as_mut().poll(cx));
                answered
                    .map_err(|error| self.with_spent(error))
                    .and_then(|response| self.answered(response))
            }
            Step::Sending(sending) => match ready!(sending.as_mut().poll(cx)) {
                Ok(stream) => {
                    self.step = Step::Reading(Box::new(stream));
                    Ok(())
                }
                Err(error) => Err(self.with_spent(error)),
            },
            Step::Reading(stream) => match ready!(Pin::new(&mut **stream).poll_next(cx)) {
                Some(Ok(event)) => {
                    self.events.push_back(Ok(RunEvent::Event(event)));
                    Ok(())
                }
                Some(Err(error)) => Err(self.with_spent(error)),
                None => match stream.take_response() {
                    Some(response) => self.answered(response),
                    None => Err(over()),
                },
            },
            Step::Value { waits, .. } => {
                if std::mem::take(waits) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.read_value()
            }
            Step::Deciding(deciding) => match ready!(deciding.as_mut().poll(cx)) {
                Ok(decided) => self.decided(decided),
                Err(error) => Err(self.with_spent(error)),
            },
            Step::Tools { running, .. } => match ready!(running.poll_next_unpin(cx)) {
                Some(ran) => self.ran(ran),
                None => self.all_ran(),
            },
            Step::Over => Ok(()),
        };
        Poll::Ready(outcome)
    }

    /// Keeps the time of the run.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(began) = self.clock.began else {
            self.clock.began = Some(Instant::now());
            let Some(limit) = self.settings.limits.time else { return Ok(()) };
            let left = limit.saturating_sub(self.clock.before);
            self.clock.end = Some(sleep(self.settings.timer.as_deref(), left)?);
            return self.poll_clock(cx);
        };
        if let Some(end) = &mut self.clock.end
            && end.as_mut().poll(cx).is_ready()
        {
            self.clock.end = None;
            self.state.elapsed = self.clock.before + began.elapsed();
            let limit = self.settings.limits.time.unwrap_or_default();
            let message = format!("the run did not finish within {limit:?}");
            let error = Error::new(ErrorKind::Timeout(TimeoutPhase::Whole), message);
            return Err(self.with_spent(error));
        }
        Ok(())
    }

    fn tell(&mut self, event: impl FnOnce() -> RunEvent) {
        if self.tells {
            self.events.push_back(Ok(event()));
        }
    }

    /// Goes on from the state: with its open tool calls, or with the next turn.
    fn next(&mut self) -> Result<()> {
        if self.state.answered {
            self.value_of(self.newest_answer());
            return Ok(());
        }
        self.check_limits()?;
        if self.state.calls.is_empty() {
            self.ask();
            return Ok(());
        }
        if self.turn_tools.is_none() && !self.settings.each_turn.is_empty() {
            // Goes on in the middle of a turn: with the tools of that turn.
            let turn = self.change_turn(self.state.turns);
            self.turn_tools = Some(turn.tools);
        }
        self.decide()
    }

    fn check_limits(&self) -> Result<()> {
        let limits = &self.settings.limits;
        let needs_timer =
            limits.tool_timeout.is_some() || self.tools.iter().any(|tool| tool.timeout().is_some());
        if needs_timer && self.settings.timer.is_none() {
            return sleep(None, Duration::ZERO).map(drop);
        }
        if self.state.turns >= limits.most_turns() {
            return Err(self.turn_limit(None));
        }
        if let Some(limit) = limits.tokens
            && let used = tokens(&self.state.usage)
            && used >= limit
        {
            let message = format!(
                "the run has used {used} tokens; its limit is {limit}. Raise it, or go on from the error's `run_state`"
            );
            return Err(self.with_spent(Error::new(ErrorKind::Budget, message)));
        }
        let Some(limit) = limits.cost else { return Ok(()) };
        let cost = self.state.cost;
        let message = match &self.unpriced {
            Some(model) => format!(
                "what the answer of `{model}` cost is not known, and the cost of the run is limited to \
                 {limit}. Give the call prices that hold it, or go on from the error's `run_state`"
            ),
            None if cost >= limit => format!(
                "the run has cost {cost}; its limit is {limit}. Raise it, or go on from the error's `run_state`"
            ),
            None => return Ok(()),
        };
        Err(self.with_spent(Error::new(ErrorKind::Budget, message)))
    }

    /// Counts what an answer cost, where that is limited.
    fn count_cost(&mut self, response: &mut Response) {
        let RunSettings { limits, prices, .. } = &self.settings;
        let (Some(_), Some(prices)) = (limits.cost, prices) else { return };
        let id = self.provider.id();
        match pricing::cost_of(&**prices, id, &self.template.model, response) {
            Some(cost) => self.state.cost += cost,
            None => {
                let message = "what the answer cost is not known, and is not counted";
                response.warnings.push(Warning::new(WarningKind::Other, "cost limit", message));
                self.unpriced = Some(response.model.clone());
            }
        }
    }

    fn ask(&mut self) {
        let turn = self.state.turns + 1;
        let mut request = self.template.clone();
        if !self.settings.each_turn.is_empty() {
            let changed = self.change_turn(turn);
            request.tools = changed.tools.specs().cloned().collect();
            request.tool_choice = changed.tool_choice;
            self.turn_tools = Some(changed.tools);
            request.messages.clone_from(&changed.messages);
            self.changed = Some(changed.messages);
        } else {
            request.messages.clone_from(&self.state.messages);
        }
        request.choose_output(self.settings.output_mode.unwrap_or_default(), &self.provider);
        self.tell(|| RunEvent::TurnStart { turn });
        let provider = self.provider.clone();
        let origin = self.bench.origin.clone();
        let sending =
            async move { send::<Response>(&provider, request, Reading::new(), &origin).await };
        self.step = if self.tells {
            Step::Sending(Box::pin(sending))
        } else {
            Step::Asking(Box::pin(async move { sending.await?.response().await }))
        };
    }

    /// Lets the call change a turn. What it does to the conversation is kept once the turn is answered.
    fn change_turn(&self, turn: u32) -> NextTurn {
        let mut next = NextTurn {
            turn,
            messages: self.state.messages.clone(),
            tools: self.tools.clone(),
            tool_choice: self.template.tool_choice.clone(),
        };
        for change in &self.settings.each_turn {
            change.change(&mut next);
        }
        next
    }

    /// Takes an answer: to be gone on with, to be answered with tools, or to be read.
    fn answered(&mut self, mut response: Response) -> Result<()> {
        self.state.turns += 1;
        if let Some(changed) = self.changed.take() {
            self.state.messages = changed;
        }
        self.keep_time();
        self.count_cost(&mut response);
        // A forced call is made once; forcing it again would never end.
        free_choice(&mut self.template.tool_choice);
        if self.tells {
            self.events.push_back(Ok(RunEvent::TurnEnd(Box::new(response.clone()))));
        }
        let cut = response.is_cut();
        let gives_value = cut || self.reading.output_call(&response).is_some();
        if !gives_value && response.tool_calls().next().is_some() && !self.tools().is_empty() {
            // Nobody would read what the tools answer, so they do not run.
            let over = self.state.turns >= self.settings.limits.most_turns();
            let over = over.then(|| self.turn_limit(Some(response.clone())));
            self.state.usage.add(&response.usage);
            self.state.paused.clear();
            self.state.ask(response.tool_calls().cloned());
            self.state.messages.push(response.message);
            self.step = Step::Next;
            return over.map_or(Ok(()), Err);
        }
        if !gives_value && response.finish_reason() == Some(FinishReason::Paused) {
            self.state.usage.add(&response.usage);
            self.state.paused.extend(response.message.parts.iter().cloned());
            self.state.messages.push(response.message);
            self.step = Step::Next;
            return Ok(());
        }
        response.usage.add(&self.state.usage);
        self.state.usage.clone_from(&response.usage);
        // One that was cut holds no value: whoever goes on asks again.
        if !cut {
            self.state.messages.push(response.message.clone());
            self.state.answered = true;
        }
        // What the pauses before it held is a part of the answer.
        response.message.parts.splice(0..0, self.state.paused.iter().cloned());
        if gives_value && !cut && response.tool_calls().nth(1).is_some() {
            let message = "tools that were called beside the final answer did not run";
            response.warnings.push(Warning::dropped("tool calls", message));
        }
        self.value_of(response);
        Ok(())
    }

    fn value_of(&mut self, response: Response) {
        let texts = response.message.parts.iter().filter_map(Part::as_text);
        let waits = texts.map(str::len).sum::<usize>() > LARGE;
        self.step = Step::Value { response: Box::new(response), waits };
    }

    /// The newest answer, as far as the state holds it.
    fn newest_answer(&self) -> Response {
        let mut response = Response::new(self.provider.id(), self.template.model.clone());
        let newest = self.state.messages.iter().rev().find(|one| one.role == Role::Assistant);
        if let Some(newest) = newest {
            response.message = newest.clone();
        }
        response.message.parts.splice(0..0, self.state.paused.iter().cloned());
        response.usage.clone_from(&self.state.usage);
        response
    }

    /// Whether another answer may be asked for when this one does not hold the value. One that was
    /// cut or refused would be so again.
    fn may_ask_again(&self, response: &Response) -> bool {
        let attempts = self.settings.attempts.unwrap_or(1);
        self.state.failed_outputs.saturating_add(1) < attempts
            && self.state.turns < self.settings.limits.most_turns()
            && !response.is_cut()
            && response.refusal().is_none()
    }

    fn read_value(&mut self) -> Result<()> {
        let Step::Value { response, .. } = std::mem::replace(&mut self.step, Step::Over) else {
            return Ok(());
        };
        let again = self.may_ask_again(&response);
        let calls: Vec<ToolCall> = response.tool_calls().cloned().collect();
        let answered_by = self.reading.output_call(&response).map(|call| call.id.clone());
        self.reading.failed = self.state.failed_outputs;
        self.reading.repairs.clear();
        let error = match T::extract(*response, &mut self.reading) {
            Ok(value) => {
                self.value = Some(value);
                if let Some(chain) = self.chain.take() {
                    chain.end(&Moment::ChainEnd);
                }
                return Ok(());
            }
            Err(error) if again && error.kind() == ErrorKind::Output => error,
            Err(error) => return Err(error),
        };
        // The model sees its answer, and what is wrong with it.
        self.state.answered = false;
        self.state.paused.clear();
        self.state.failed_outputs += 1;
        let message = format!("{}. Give the whole answer again, corrected.", error.message());
        self.state.messages.push(if calls.is_empty() {
            Message::user(format!("Your answer could not be used: {message}"))
        } else {
            // Every call has to be answered, also those that nobody ran.
            Message::tool_results(calls.iter().map(|call| match &answered_by {
                Some(id) if *id != call.id => ToolResult::error(call, "this call did not run"),
                _ => ToolResult::error(call, message.clone()),
            }))
        });
        self.tell(|| RunEvent::OutputFailed { message: error.message().to_owned() });
        self.step = Step::Next;
        Ok(())
    }

    /// Has every open call decided, and runs the tools.
    fn decide(&mut self) -> Result<()> {
        let approve = self.settings.approve.clone();
        if approve.is_empty() {
            // A call that waits for a decision still waits where nobody decides.
            return self.decided(Vec::new());
        }
        let open = |(index, pending): (usize, &super::PendingCall)| {
            let decided = !matches!(pending.approval, None | Some(Approval::Pause));
            (pending.result.is_none() && !decided).then(|| (index, pending.call.clone()))
        };
        let open: Vec<_> = self.state.calls.iter().enumerate().filter_map(open).collect();
        let context = self.context();
        let deciding = async move {
            let mut decided = Vec::with_capacity(open.len());
            for (index, mut call) in open {
                let mut approval = Approval::Allow;
                for one in &approve {
                    match one.approve(&call, &context).await? {
                        Approval::Allow => {}
                        Approval::Edit(arguments) => {
                            // The next one decides about what would run.
                            call.arguments.clone_from(&arguments);
                            if approval != Approval::Pause {
                                approval = Approval::Edit(arguments);
                            }
                        }
                        Approval::Pause => approval = Approval::Pause,
                        denied @ Approval::Deny(_) => {
                            approval = denied;
                            break;
                        }
                    }
                }
                decided.push((index, approval));
            }
            Ok(decided)
        };
        self.step = Step::Deciding(Box::pin(self.bench.scope.clone().run(deciding)));
        Ok(())
    }

    fn decided(&mut self, decided: Vec<(usize, Approval)>) -> Result<()> {
        for (index, approval) in decided {
            if let Some(pending) = self.state.calls.get_mut(index) {
                pending.approval = Some(approval);
            }
        }
        let waits = |pending: &super::PendingCall| {
            pending.result.is_none() && pending.approval == Some(Approval::Pause)
        };
        if self.state.calls.iter().any(waits) {
            return self.pause();
        }
        let mut waiting = VecDeque::new();
        for index in 0..self.state.calls.len() {
            let Some(pending) = self.state.calls.get_mut(index) else { continue };
            if pending.result.is_some() {
                continue;
            }
            if let Some(Approval::Deny(reason)) = &pending.approval {
                let result =
                    ToolResult::error(&pending.call, format!("the call was not allowed: {reason}"));
                pending.result = Some(result.clone());
                self.tell(|| RunEvent::ToolEnd(result));
            } else {
                waiting.push_back(index);
            }
        }
        self.step = Step::Tools { running: FuturesUnordered::new(), waiting };
        self.start_tools();
        Ok(())
    }

    fn pause(&mut self) -> Result<()> {
        self.keep_time();
        self.paused = true;
        let calls: Vec<ToolCall> = self.state.undecided().cloned().collect();
        self.tell(|| RunEvent::Paused(calls));
        self.step = Step::Over;
        if let Some(chain) = self.chain.take() {
            chain.fail(&Error::new(ErrorKind::Paused, "the run waits for a decision"));
        }
        Ok(())
    }

    /// Starts tools while there is room.
    fn start_tools(&mut self) {
        let most = self.settings.limits.most_tools();
        loop {
            let Step::Tools { running, waiting } = &mut self.step else { return };
            if running.len() >= most {
                return;
            }
            let Some(index) = waiting.pop_front() else { return };
            let Some(pending) = self.state.calls.get(index) else { continue };
            let mut call = pending.call.clone();
            if let Some(Approval::Edit(arguments)) = &pending.approval {
                call.arguments.clone_from(arguments);
            }
            // Not by `tools()`: what runs is borrowed from the step meanwhile.
            let tools = self.turn_tools.as_ref().unwrap_or(&self.tools);
            let tool = tools.find(&call).cloned();
            let context = ToolContext { host: self.settings.host.clone(), turn: self.state.turns };
            running.push(self.bench.start(index, call.clone(), tool, context));
            self.tell(|| RunEvent::ToolStart(call));
        }
    }

    fn ran(&mut self, Ran { index, outcome }: Ran) -> Result<()> {
        let Some(pending) = self.state.calls.get_mut(index) else { return Ok(()) };
        let (result, failure) = match outcome {
            Ok(output) => (ToolResult::new(&pending.call, output.parts), None),
            Err(error) if is_final(&error) => return Err(self.with_spent(error)),
            Err(error) => {
                let message = error.message().to_owned();
                (ToolResult::error(&pending.call, message), Some(error))
            }
        };
        pending.result = Some(result.clone());
        self.keep_time();
        self.tell(|| RunEvent::ToolEnd(result));
        if let Some(error) = failure {
            self.state.tool_errors += 1;
            let most = self.settings.limits.tool_errors;
            if most.is_some_and(|most| self.state.tool_errors > most) {
                let message = format!(
                    "{} tool calls have failed, more than the limit allows; the last one: {}",
                    self.state.tool_errors,
                    error.message()
                );
                return Err(self.with_spent(Error::new(ErrorKind::Tool, message)));
            }
        }
        self.start_tools();
        Ok(())
    }

    fn all_ran(&mut self) -> Result<()> {
        self.state.answer();
        if self.settings.stop_when.iter().any(|stop| stop.holds(&self.state)) {
            let response = self.newest_answer();
            self.settings.attempts = None;
            self.value_of(response);
            return Ok(());
        }
        self.step = Step::Next;
        Ok(())
    }

    fn tools(&self) -> &Toolbox {
        self.turn_tools.as_ref().unwrap_or(&self.tools)
    }

    fn context(&self) -> ToolContext {
        ToolContext { host: self.settings.host.clone(), turn: self.state.turns }
    }

    fn keep_time(&mut self) {
        if let Some(began) = self.clock.began {
            self.state.elapsed = self.clock.before + began.elapsed();
        }
    }

    fn turn_limit(&self, last: Option<Response>) -> Error {
        let message = format!(
            "the model had not come to its answer after {} turns; raise `max_turns` or look at its calls",
            self.state.turns
        );
        let error = Error::new(ErrorKind::TurnLimit, message);
        let error = error.with_provider(self.provider.id().to_owned());
        self.with_spent(match last {
            Some(last) => error.with_partial(last),
            None => error,
        })
    }

    /// Puts on an error what the turns before it used.
    fn with_spent(&self, mut error: Error) -> Error {
        if self.state.usage == Usage::default() {
            return error;
        }
        let partial = error.take_partial();
        let mut partial = partial
            .unwrap_or_else(|| Response::new(self.provider.id(), self.template.model.clone()));
        partial.usage.add(&self.state.usage);
        error.with_partial(partial)
    }

    /// Ends the run; nothing of it is lost.
    fn fail(&mut self, mut error: Error) -> Error {
        self.step = Step::Over;
        // That of a run within this one, which is a part of a tool.
        drop(error.take_run_state());
        self.keep_time();
        let error =
            if self.state.turns > 0 { error.with_run_state(self.state.clone()) } else { error };
        let error = error.with_operation(self.template.operation.clone());
        if let Some(chain) = self.chain.take() {
            chain.fail(&error);
        }
        error
    }
}

fn free_choice(choice: &mut ToolChoice) {
    if matches!(choice, ToolChoice::Required | ToolChoice::Tool(_)) {
        *choice = ToolChoice::Auto;
    }
}

/// All tokens that are known of.
fn tokens(usage: &Usage) -> u64 {
    usage.input.total.unwrap_or_default().saturating_add(usage.output.total.unwrap_or_default())
}
