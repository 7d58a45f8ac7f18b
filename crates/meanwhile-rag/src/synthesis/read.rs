//! [`read`], the text of a run with tools, piece by piece.

use futures_util::Stream;
use futures_util::stream;
use meanwhile_core::{AgentRun, Event, Extracted, Message, Part, Result, RunEvent, Usage};

use crate::spent::usage_of;

/// What a run has written.
pub(crate) enum Read {
    /// More text.
    Delta(String),
    /// The answer begins anew: what came before was said with tool calls.
    Turn,
    /// It is complete.
    Done(Box<Finished>),
}

/// A run that has ended.
pub(crate) struct Finished {
    pub(crate) answered: Extracted<String>,
    /// What the run has added to the conversation.
    pub(crate) messages: Vec<Message>,
    /// What its answers took, each for itself: some of them may have been had before.
    pub(crate) usage: Usage,
}

type Run = AgentRun<'static, Extracted<String>>;

/// Begins a run, and returns when its first answer has begun; what it writes comes as a stream.
///
/// # Errors
///
/// Whatever fails before the answer begins.
pub(crate) async fn read(
    mut run: Run,
) -> Result<impl Stream<Item = Result<Read>> + Send + 'static> {
    let mut first = None;
    while let Some(event) = run.next().await {
        match event? {
            RunEvent::TurnStart { .. } => {}
            event => {
                first = Some(event);
                break;
            }
        }
    }
    let asked = run.state().map_or(0, |state| state.messages.len());
    let begun = Some((run, first, Usage::default()));
    Ok(stream::try_unfold(begun, move |begun| async move {
        let Some((mut run, mut first, mut usage)) = begun else { return Ok(None) };
        loop {
            let event = match first.take() {
                Some(event) => event,
                None => match run.next().await {
                    Some(event) => event?,
                    None => break,
                },
            };
            match event {
                RunEvent::Event(event) => {
                    if let Some(text) = text(event) {
                        return Ok(Some((Read::Delta(text), Some((run, None, usage)))));
                    }
                }
                RunEvent::TurnStart { .. } => {
                    return Ok(Some((Read::Turn, Some((run, None, usage)))));
                }
                RunEvent::TurnEnd(response) => usage.add(&usage_of(&response)),
                _ => {}
            }
        }
        let messages = run.state().map(|state| state.messages.clone()).unwrap_or_default();
        let messages = messages.into_iter().skip(asked).collect();
        let answered = run.finish().await?;
        let done = Read::Done(Box::new(Finished { answered, messages, usage }));
        Ok(Some((done, None)))
    }))
}

fn text(event: Event) -> Option<String> {
    match event {
        Event::TextDelta { text, .. } => Some(text).filter(|text| !text.is_empty()),
        Event::Part { part, .. } => match *part {
            Part::Text(part) => Some(part.text).filter(|text| !text.is_empty()),
            _ => None,
        },
        _ => None,
    }
}
