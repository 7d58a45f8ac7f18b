//! [`Telling`]: what tells a stream of a program of the predictors, tools and chains in it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use meanwhile_core::{
    Host, HostType, InScope, Moment, Observer, Run, RunId, RunKind, Scope, Settings, ToolCall,
    ToolResult, scope,
};
use serde_json::Value;

use super::{Listener, Listeners, News, ProgramEvent, Queue, Writer};
use crate::module::each;
use crate::{FieldChange, Module, PredictorId};

/// An event of a run that is not over.
type Told = ProgramEvent<Infallible>;

/// Whom the predictors of a run tell; a value of the scope.
pub(crate) struct Telling {
    queue: Arc<Queue<Told>>,
    names: HashMap<PredictorId, String>,
    calls: AtomicU32,
    /// That of a run around this one.
    outer: Option<Arc<Telling>>,
}

impl Telling {
    pub(super) fn new<M: Module + ?Sized>(program: &M, host: &Host) -> Self {
        let mut names = HashMap::new();
        each(program, |path, predictor| drop(names.insert(predictor.id(), path.to_owned())));
        let queue = Arc::new(Queue::new());
        Self { queue, names, calls: AtomicU32::new(0), outer: host.get() }
    }

    pub(super) fn queue(&self) -> Arc<Queue<Told>> {
        self.queue.clone()
    }

    pub(super) fn observer(&self) -> impl Observer {
        Statuses { queue: self.queue.clone(), running: Mutex::default() }
    }

    /// Whether somebody is told.
    pub(crate) fn is_there(host: &Host) -> bool {
        host.has(HostType::of::<Self>())
    }

    /// Those who are told of a call of this predictor that begins now.
    pub(crate) fn listeners(host: &Host, predictor: PredictorId, signature: &str) -> Listeners {
        let mut listeners = Listeners::default();
        let mut telling = host.get::<Self>();
        while let Some(one) = telling {
            let name = one.names.get(&predictor).map_or(signature, String::as_str);
            listeners.add(Arc::new(OneCall {
                events: Writer::new(one.queue.clone()),
                predictor: name.to_owned(),
                call: one.calls.fetch_add(1, Ordering::Relaxed),
            }));
            telling = one.outer.clone();
        }
        listeners
    }
}

/// One call of a predictor.
struct OneCall {
    events: Writer<Told>,
    predictor: String,
    call: u32,
}

impl Listener for OneCall {
    fn hear(&self, news: News<'_>) {
        let (predictor, call) = (self.predictor.clone(), self.call);
        self.events.push(match news {
            News::Start => ProgramEvent::PredictorStart { predictor, call },
            News::Change(FieldChange::Text { name, delta }) => {
                let (name, delta) = (name.to_owned(), delta.to_owned());
                ProgramEvent::Text { predictor, call, name, delta, last: false }
            }
            News::Change(FieldChange::Completed { name, value: Value::String(_) }) => {
                let (name, delta) = (name.to_owned(), String::new());
                ProgramEvent::Text { predictor, call, name, delta, last: true }
            }
            News::Change(FieldChange::Completed { name, value }) => {
                let (name, value) = (name.to_owned(), value.clone());
                ProgramEvent::Value { predictor, call, name, value }
            }
            News::Again(attempt) => {
                ProgramEvent::Again { predictor, call, attempt: Box::new(attempt.clone()) }
            }
            News::End(outcome) => {
                let outcome = outcome.cloned().map_err(Clone::clone);
                ProgramEvent::PredictorEnd { predictor, call, outcome }
            }
        });
    }

    fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.events.poll_taken(cx)
    }
}

/// What is within a call of a predictor; a value of the scope. Chains there are the library's own, but for
/// those of the tools that an agent calls.
struct Within {
    /// The tool by which an agent submits, which is none of the program's.
    submits: Option<&'static str>,
}

/// Runs the call of a predictor that is told of.
pub(crate) fn within<F: Future>(submits: Option<&'static str>, call: F) -> InScope<F> {
    scope(Settings::new().host(Within { submits }), call)
}

/// Tells of tools, and of chains that the program names.
struct Statuses {
    queue: Arc<Queue<Told>>,
    /// What was told to have begun.
    running: Mutex<HashMap<RunId, Begun>>,
}

struct Begun {
    /// The call of a tool; a chain has none.
    tool: Option<ToolCall>,
    /// The call of a predictor that it is within.
    within: Option<Arc<Within>>,
}

impl Statuses {
    fn running(&self) -> MutexGuard<'_, HashMap<RunId, Begun>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, run: &Run, begun: Begun, event: Told) {
        self.running().insert(run.id(), begun);
        self.queue.push(event);
    }

    /// Whether what begins within a call of a predictor is a piece of something there that was told, as of
    /// the tool of an agent. What a predictor does that such a tool calls is within another call.
    fn is_told_in(&self, run: &Run, within: &Arc<Within>) -> bool {
        let Some(parent) = run.parent() else { return false };
        let running = self.running();
        let around = running.get(&parent).and_then(|begun| begun.within.as_ref());
        around.is_some_and(|around| Arc::ptr_eq(around, within))
    }
}

impl Observer for Statuses {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let within = || Scope::current().host().get::<Within>();
        match moment {
            Moment::ChainStart => {
                let within = within();
                if within.as_ref().is_none_or(|within| self.is_told_in(run, within)) {
                    let name = run.name().to_owned();
                    let begun = Begun { tool: None, within };
                    self.begins(run, begun, ProgramEvent::ChainStart { name });
                }
            }
            Moment::ToolStart { call } => {
                let within = within();
                let submits = |within: &Arc<Within>| {
                    within.submits == Some(run.name()) && !self.is_told_in(run, within)
                };
                if !within.as_ref().is_some_and(submits) {
                    let call = ToolCall::clone(call);
                    let begun = Begun { tool: Some(call.clone()), within };
                    self.begins(run, begun, ProgramEvent::ToolStart(call));
                }
            }
            moment if moment.is_end() && run.kind() != RunKind::Model => {
                let Some(Begun { tool, .. }) = self.running().remove(&run.id()) else { return };
                let event = match (tool, moment) {
                    (None, _) => ProgramEvent::ChainEnd { name: run.name().to_owned() },
                    (Some(_), Moment::ToolEnd { result }) => {
                        ProgramEvent::ToolEnd(ToolResult::clone(result))
                    }
                    (Some(call), Moment::Error(error)) => {
                        let why = error.message().to_owned();
                        ProgramEvent::ToolEnd(ToolResult::error(&call, why))
                    }
                    _ => return,
                };
                self.queue.push(event);
            }
            _ => {}
        }
    }

    fn wants_events(&self) -> bool {
        false
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statuses(..)")
    }
}

impl Told {
    /// The event as one of a run that answers with `T`.
    pub(super) fn typed<T>(self) -> ProgramEvent<T> {
        use ProgramEvent as To;
        match self {
            Self::PredictorStart { predictor, call } => To::PredictorStart { predictor, call },
            Self::Text { predictor, call, name, delta, last } => {
                To::Text { predictor, call, name, delta, last }
            }
            Self::Value { predictor, call, name, value } => {
                To::Value { predictor, call, name, value }
            }
            Self::Again { predictor, call, attempt } => To::Again { predictor, call, attempt },
            Self::PredictorEnd { predictor, call, outcome } => {
                To::PredictorEnd { predictor, call, outcome }
            }
            Self::ToolStart(call) => To::ToolStart(call),
            Self::ToolEnd(result) => To::ToolEnd(result),
            Self::ChainStart { name } => To::ChainStart { name },
            Self::ChainEnd { name } => To::ChainEnd { name },
            Self::Done(never) => match *never {},
        }
    }
}
