//! [`Told`]: what a run with native tool calls tells a stream, a call of the predictor each turn.

use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{
    Attempt, Error, ErrorKind, Event, Host, Part, PartStart, Response, RunEvent, ToolResult,
};
use serde_json::Value;

use super::compose::THOUGHT;
use super::submit::{SUBMIT, Submit};
use crate::streaming::{Listeners, News, Telling};
use crate::{
    Adapter as _, FieldChange, FieldReader, Fields, JsonAdapter, PredictorId, SignatureSpec,
};

/// Tells of the turns of one run.
pub(super) struct Told {
    host: Host,
    predictor: PredictorId,
    spec: Arc<SignatureSpec>,
    /// The turn that is under way, or was the last one.
    turn: Turn,
}

/// One turn.
#[derive(Default)]
struct Turn {
    listeners: Listeners,
    under_way: bool,
    model: String,
    thought: String,
    /// The outputs that are being submitted, and their place in the answer.
    submitting: Option<(u32, Box<dyn FieldReader>)>,
    fields: Fields,
    /// Outputs were refused: those that were told are forgotten.
    refused: bool,
    /// Outputs were taken, the first ones of the run, which count.
    taken: bool,
}

impl Told {
    /// Where somebody listens to the runs of a predictor, what tells of one.
    pub(super) fn current(
        host: &Host,
        predictor: PredictorId,
        spec: impl FnOnce() -> Arc<SignatureSpec>,
    ) -> Option<Self> {
        let is_told = Telling::is_there(host);
        let turn = Turn::default();
        is_told.then(|| Self { host: host.clone(), predictor, spec: spec(), turn })
    }

    /// Tells of an event of a run with this tool, and waits until that is taken.
    pub(super) async fn event(&mut self, event: &RunEvent, submit: &Submit) {
        match event {
            RunEvent::TurnStart { .. } => {
                let listeners = Telling::listeners(&self.host, self.predictor, &self.spec.name);
                self.turn = Turn { listeners, under_way: true, ..Turn::default() };
                self.turn.listeners.tell(News::Start);
            }
            RunEvent::Event(event) => self.step(event),
            RunEvent::TurnEnd(response) => self.turn_end(response),
            RunEvent::ToolEnd(result) if result.name == SUBMIT => match result.is_error {
                true => self.refused(result),
                false => self.taken(submit),
            },
            // The scope's observer tells of other tools.
            _ => {}
        }
        self.turn.listeners.taken().await;
    }

    fn step(&mut self, event: &Event) {
        match event {
            Event::TextDelta { text, .. } => self.think(text),
            Event::PartStart { index, part: PartStart::ToolCall { name, .. } }
                if name == SUBMIT =>
            {
                self.submit(*index);
            }
            Event::ToolCallDelta { index, arguments } => self.write(*index, arguments),
            Event::Part { index, part } => match &**part {
                Part::Text(text) => self.think(&text.text),
                Part::ToolCall(call) if call.name == SUBMIT => {
                    self.submit(*index);
                    self.write(*index, &call.arguments);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn think(&mut self, delta: &str) {
        if !delta.is_empty() {
            self.turn.thought.push_str(delta);
            self.turn.listeners.change(FieldChange::Text { name: THOUGHT, delta });
        }
    }

    /// Of several submissions of a turn, the first one is told.
    fn submit(&mut self, index: u32) {
        if self.turn.submitting.is_none() {
            self.turn.submitting = Some((index, JsonAdapter::new().reader(&self.spec)));
        }
    }

    fn write(&mut self, index: u32, arguments: &str) {
        let Turn { submitting, listeners, .. } = &mut self.turn;
        if let Some((at, reader)) = submitting
            && *at == index
        {
            reader.push(arguments, &mut |change| listeners.change(change));
        }
    }

    fn turn_end(&mut self, response: &Response) {
        let turn = &mut self.turn;
        turn.model.clone_from(&response.model);
        let listeners = &turn.listeners;
        if !turn.thought.is_empty() {
            let thought = Value::String(std::mem::take(&mut turn.thought));
            listeners.change(FieldChange::Completed { name: THOUGHT, value: &thought });
            turn.fields.insert(THOUGHT, thought);
        }
        if let Some((_, reader)) = turn.submitting.take() {
            // What does not fit, its tool refuses.
            if let Ok(parsed) = reader.finish(&mut |change| listeners.change(change)) {
                for (name, value) in parsed.fields.iter() {
                    turn.fields.insert(name, value.clone());
                }
            }
        }
        listeners.tell(News::End(Ok(&turn.fields)));
        turn.under_way = false;
    }

    /// What is refused behind outputs that were taken changes nothing.
    fn refused(&mut self, result: &ToolResult) {
        if self.turn.taken {
            return;
        }
        self.turn.refused = true;
        let error = Error::new(ErrorKind::Output, result.text());
        let attempt = Attempt::new(&error, self.turn.model.clone(), Duration::ZERO);
        self.turn.listeners.tell(News::Again(&attempt));
    }

    /// Tells the fields once more where those before are forgotten.
    fn taken(&mut self, submit: &Submit) {
        let turn = &mut self.turn;
        if std::mem::replace(&mut turn.taken, true) || !turn.refused {
            return;
        }
        let Some(outputs) = submit.submitted() else { return };
        if let Some(thought) = turn.fields.value(THOUGHT) {
            if let Some(delta) = thought.as_str() {
                turn.listeners.change(FieldChange::Text { name: THOUGHT, delta });
            }
            turn.listeners.change(FieldChange::Completed { name: THOUGHT, value: thought });
        }
        turn.listeners.whole(&self.spec, &outputs);
    }

    /// Tells that the turn has failed that is under way.
    pub(super) async fn failed(&mut self, error: &Error) {
        if std::mem::take(&mut self.turn.under_way) {
            self.turn.listeners.tell(News::End(Err(error)));
            self.turn.listeners.taken().await;
        }
    }
}
