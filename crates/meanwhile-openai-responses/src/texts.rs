//! [`Contents`]: the texts and refusals of one message while they grow, with citations and probabilities.

use std::collections::VecDeque;

use meanwhile_core::{Citation, Event, Logprob, ProviderData, Warning, WarningKind};
use meanwhile_http::lenient::{Str, value};
use serde_json::value::RawValue;

use crate::grow::Parts;
use crate::wire;

type Events = VecDeque<Event>;

/// The contents of one message, by their position in it.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    contents: Vec<Content>,
    closed: bool,
}

#[derive(Debug)]
struct Content {
    index: u64,
    refusal: bool,
    part: u32,
    /// Whether any text came in pieces.
    spoken: bool,
    /// How many citations came on their own.
    citations: usize,
    /// Whether probabilities came on their own.
    logprobs: bool,
}

impl Contents {
    /// Adds a piece of a text or refusal, or all of it, which counts where no piece came.
    pub(crate) fn add(
        &mut self,
        index: u64,
        refusal: bool,
        text: &str,
        whole: bool,
        parts: &mut Parts,
        events: &mut Events,
    ) {
        if text.is_empty() || self.closed {
            return;
        }
        let Some(content) = self.open(index, refusal, parts, events) else { return };
        if whole && content.spoken {
            return;
        }
        content.spoken = true;
        let (index, text) = (content.part, text.to_owned());
        events.push_back(match content.refusal {
            true => Event::RefusalDelta { index, text },
            false => Event::TextDelta { index, text },
        });
    }

    /// Adds the probabilities of a piece, or of all of it, which count where no piece had any.
    pub(crate) fn logprobs(
        &mut self,
        index: u64,
        tokens: &[wire::Logprob<'_>],
        whole: bool,
        events: &mut Events,
    ) {
        let found = self.contents.iter_mut().find(|content| content.index == index);
        let Some(content) = found.filter(|content| !content.refusal) else { return };
        if tokens.is_empty() || (whole && content.logprobs) {
            return;
        }
        content.logprobs = true;
        let tokens = tokens.iter().map(logprob).collect();
        events.push_back(Event::Logprobs { index: content.part, tokens });
    }

    /// Adds one citation.
    pub(crate) fn cite(
        &mut self,
        index: u64,
        annotation: &RawValue,
        label: &str,
        parts: &mut Parts,
        events: &mut Events,
    ) {
        if self.closed {
            return;
        }
        let Some(content) = self.open(index, false, parts, events) else { return };
        if let Some(citation) = citation(annotation, label).filter(|_| !content.refusal) {
            content.citations += 1;
            events.push_back(Event::citation(content.part, citation));
        }
    }

    /// Takes from the complete message what did not come in pieces.
    pub(crate) fn fill(
        &mut self,
        item: &wire::Item<'_>,
        label: &str,
        parts: &mut Parts,
        events: &mut Events,
    ) {
        for (index, content) in (0..).zip(&item.content.0) {
            let refusal = content.r#type.text() == "refusal";
            let text = if refusal { &content.refusal } else { &content.text };
            self.add(index, refusal, text.text(), true, parts, events);
            self.logprobs(index, &content.logprobs.0, true, events);
            let kind = content.r#type.text();
            if !["output_text", "text", "refusal", "output_audio", ""].contains(&kind)
                && content.text.given().is_none()
            {
                let message = format!("a content of type `{kind}` cannot be read and is missing");
                let warning = Warning::new(WarningKind::Unreadable, "content", message);
                events.push_back(Event::warning(warning));
            }
            let known = self.contents.iter().find(|known| known.index == index);
            let known = known.map_or(0, |known| known.citations);
            for annotation in content.annotations.values().iter().skip(known) {
                self.cite(index, annotation, label, parts, events);
            }
        }
    }

    /// Ends all texts; the data goes back with each of them.
    pub(crate) fn close(&mut self, data: Option<&ProviderData>, events: &mut Events) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        for content in &self.contents {
            let data = data.cloned().map(Box::new);
            events.push_back(Event::PartEnd { index: content.part, data });
        }
    }

    fn open(
        &mut self,
        index: u64,
        refusal: bool,
        parts: &mut Parts,
        events: &mut Events,
    ) -> Option<&mut Content> {
        let found = self.contents.iter().position(|content| content.index == index);
        let position = found.unwrap_or_else(|| {
            let part = parts.next();
            events.push_back(match refusal {
                true => Event::refusal_start(part),
                false => Event::text_start(part),
            });
            let new =
                Content { index, refusal, part, spoken: false, citations: 0, logprobs: false };
            self.contents.push(new);
            self.contents.len() - 1
        });
        self.contents.get_mut(position)
    }
}

fn logprob(token: &wire::Logprob<'_>) -> Logprob {
    let mut logprob = Logprob::new(token.token.text(), number(token.logprob));
    let top = token.top_logprobs.0.iter();
    logprob.top = top.map(|top| (top.token.text().to_owned(), number(top.logprob))).collect();
    logprob
}

/// A logarithm; that of nothing at all where it is no number.
fn number(raw: Option<&RawValue>) -> f64 {
    raw.and_then(|raw| raw.get().parse().ok()).unwrap_or(f64::NEG_INFINITY)
}

/// Reads a citation; what its provider says about it stays beside it.
fn citation(raw: &RawValue, label: &str) -> Option<Citation> {
    let annotation: wire::Annotation<'_> = serde_json::from_str(raw.get()).ok()?;
    let own = |text: &Str<'_>| text.given().map(str::to_owned);
    let place = |number: Option<u64>| u32::try_from(number?).ok();
    let mut citation = Citation::new();
    citation.url = own(&annotation.url);
    citation.title = own(&annotation.title).or_else(|| own(&annotation.filename));
    citation.document = own(&annotation.file_id);
    let places = (place(annotation.start_index.0), place(annotation.end_index.0));
    citation.span = match places {
        (Some(start), Some(end)) if start <= end => Some(start..end),
        _ => None,
    };
    let data = value(raw.get().as_bytes()).ok()?;
    Some(citation.with_data(ProviderData::new(label, data)))
}
