//! From an answer in the cache to the events of one.

use meanwhile_core::{
    Event, EventStream, Metadata, Part, PartStart, ProviderData, Refusal, Text, Thinking,
};

use super::CachedAnswer;
use meanwhile_core::tool::ToolCall;

/// Plays an answer again. Every part comes in one piece, whatever pieces it came in at first.
pub(super) fn replay(answer: &CachedAnswer) -> EventStream {
    EventStream::from_events(events(answer).into_iter().map(Ok))
}

/// The events whose fold is the answer again, marked as cached.
fn events(answer: &CachedAnswer) -> Vec<Event> {
    let response = &answer.response;
    let mut metadata = Metadata::default();
    metadata.provider = Some(response.provider.clone());
    metadata.model = Some(response.model.clone());
    metadata.requested_model.clone_from(&response.requested_model);
    metadata.id.clone_from(&response.id);
    metadata.request_id.clone_from(&response.request_id);
    metadata.created = response.created;
    metadata.service_tier.clone_from(&response.service_tier);
    metadata.cached = true;

    let mut events = vec![Event::Metadata(Box::new(metadata))];
    events.extend(response.warnings.iter().cloned().map(Event::warning));
    events.extend(response.raw.iter().map(|frame| Event::Raw(frame.as_str().into())));
    for (index, part) in (0..).zip(&response.message.parts) {
        part_events(index, part, &mut events);
    }
    events.push(Event::usage(response.usage.clone()));
    events.extend(response.finish.clone().map(Event::finish));
    events
}

fn part_events(index: u32, part: &Part, events: &mut Vec<Event>) {
    let mut piece = |start: PartStart,
                     delta: Option<Event>,
                     more: Vec<Event>,
                     data: &Option<Box<ProviderData>>| {
        events.push(Event::PartStart { index, part: start });
        events.extend(delta);
        events.extend(more);
        events.push(Event::PartEnd { index, data: data.clone() });
    };
    let some = |text: &String, delta: fn(u32, String) -> Event| {
        (!text.is_empty()).then(|| delta(index, text.clone()))
    };
    match part {
        Part::Text(Text { text, citations, logprobs, data, .. }) => {
            let citations = citations.iter().cloned().map(|one| Event::citation(index, one));
            let mut more: Vec<Event> = citations.collect();
            if !logprobs.is_empty() {
                more.push(Event::Logprobs { index, tokens: logprobs.clone() });
            }
            piece(PartStart::Text, some(text, Event::text_delta), more, data);
        }
        Part::Thinking(Thinking { text, data, .. }) => {
            piece(PartStart::Thinking, some(text, Event::thinking_delta), Vec::new(), data);
        }
        Part::Refusal(Refusal { text, data, .. }) => {
            piece(PartStart::Refusal, some(text, Event::refusal_delta), Vec::new(), data);
        }
        Part::ToolCall(ToolCall { id, name, arguments, data, .. }) => {
            let start = PartStart::ToolCall { id: id.clone(), name: name.clone() };
            piece(start, some(arguments, Event::tool_call_delta), Vec::new(), data);
        }
        whole => events.push(Event::part(index, whole.clone())),
    }
}
