//! The alternatives of an answer, of which one is kept; why it ended; and messages that repeat what was said.

use meanwhile_core::{Error, Event, Finish, FinishReason, Warning};

use super::{ChatDecoder, Events, thinking};
use crate::content::Content;
use crate::tags::Tags;
use crate::wire::{Choice, Choices, Delta};
use crate::{error, usage};

impl ChatDecoder {
    /// The alternative that is kept: the one that came first, except that nothing was said in it before
    /// the one of index 0 came.
    pub(super) fn pick<'a>(
        &mut self,
        choices: Choices<'a>,
        events: &mut Events,
    ) -> Option<Choice<'a>> {
        let mut others = choices.others;
        let choice = choices.first.filter(|choice| {
            let index = choice.index.0.unwrap_or(0);
            let is_kept = self.alternative == Some(index)
                || self.alternative.is_none()
                || (index == 0 && !self.has_spoken());
            others |= !is_kept;
            if is_kept {
                self.alternative = Some(index);
            }
            is_kept
        });
        if others && !self.warned_choices {
            self.warned_choices = true;
            let message = "only the first of several alternatives is kept";
            events.push_back(Event::warning(Warning::dropped("n", message)));
        }
        choice
    }

    fn has_spoken(&self) -> bool {
        self.next_part > 0 || !self.calls.is_empty()
    }

    /// Reads an alternative, and returns the failure that it reports.
    pub(super) fn choice(
        &mut self,
        choice: Choice<'_>,
        whole: bool,
        events: &mut Events,
    ) -> Option<Error> {
        let stopped_by = ["stop_reason", "matched_stop"].map(|name| choice.extra(name));
        // A token alone may be all that its probability is said of.
        let mut token = None;
        match (choice.delta.0, choice.message.0) {
            (delta, Some(mut message)) if whole || delta.is_none() => {
                let is_repeated = !whole && self.has_spoken() && !self.seen.messages;
                if is_repeated {
                    self.leave_out_repeated(&mut message, events);
                }
                self.delta(&mut message, true, events);
                self.seen.messages = !is_repeated && self.has_spoken();
            }
            // Beside a delta, a message repeats what was said so far.
            (Some(mut delta), _) => {
                let is_number = choice.logprobs.is_some_and(|raw| !raw.get().starts_with('{'));
                if let (true, Content::Text(text)) = (is_number, &delta.content) {
                    token = Some(text.clone().into_owned());
                }
                self.delta(&mut delta, whole, events);
            }
            (None, _) => {}
        }
        if let Some(raw) = choice.logprobs {
            self.logprobs(raw, token.as_deref(), whole, events);
        }
        if let Some(raw) = choice.error.filter(|raw| error::is_truthy(raw)) {
            let error = format!("{{\"error\":{}}}", raw.get());
            return Some(error::in_answer(error.as_bytes(), &self.quirks));
        }
        let [stop_reason, matched_stop] = &stopped_by;
        if let Some(raw) = choice.finish_reason.given().or(stop_reason.as_deref()) {
            let reason = usage::finish_reason(raw);
            let cut = [FinishReason::Length, FinishReason::ContentFilter];
            // A later reason is the better one, except that a cut answer stays cut.
            match &self.finish {
                Some(finish) if cut.contains(&finish.reason) && !cut.contains(&reason) => {}
                _ => self.finish = Some(Finish::new(reason).with_raw(raw)),
            }
        }
        // Beside a reason, it is the sequence that made the model stop, unless it is a reason, too.
        let sequence = stop_reason.as_deref().or(matched_stop.as_deref());
        let sequence = sequence.filter(|sequence| {
            choice.finish_reason.given().is_some()
                && (usage::finish_reason(sequence) == FinishReason::Other
                    || self.stops.iter().any(|stop| stop == sequence))
        });
        if let (Some(sequence), Some(finish)) = (sequence, &mut self.finish)
            && finish.reason == FinishReason::Stop
        {
            finish.stop_sequence = Some(sequence.to_owned());
        }
        None
    }

    /// A message after pieces repeats them; what none of them brought is taken from it.
    fn leave_out_repeated(&mut self, message: &mut Delta<'_>, events: &mut Events) {
        if self.latest_text.is_some() {
            message.content = Content::Absent;
        } else if self.tags.has_only_thought() {
            // The thinking in its tags comes again, and whatever answer may stand behind it does not.
            self.flush_tags(events);
            self.tags = Tags::new(self.quirks.thinking_tags);
            self.seen.thinking_field = true;
        }
        if self.seen.refusal {
            message.refusal.0 = None;
        }
        if !self.calls.is_empty() {
            message.tool_calls.0.clear();
            message.function_call.0 = None;
        }
        if self.audio.is_some() {
            message.audio.0 = None;
        }
        if self.seen.thinking {
            message.reasoning_content.0 = None;
            message.reasoning.0 = None;
            message.reasoning_details = None;
        }
        message.extras.retain(|(name, _)| match *name {
            "images" => !self.seen.images,
            "annotations" => !self.seen.annotations,
            name => !(self.seen.thinking && thinking::NAMES.contains(&name)),
        });
    }
}
