//! Events to response: the grammar, interleaving, and what an interrupted answer leaves.

use meanwhile_core::{
    ErrorKind, Event, EventStream, Finish, FinishReason, Fold, Part, ProviderData, Response,
    ResponseStream, Usage,
};
use proptest::prelude::*;

use crate::wait;

fn fold(events: &[Event]) -> Result<Response, ErrorKind> {
    let mut fold = Fold::new("p", "m");
    for event in events {
        fold.push(event).map_err(|error| error.kind())?;
    }
    fold.finish().map_err(|error| error.kind())
}

fn stop() -> Event {
    Event::finish(Finish::new(FinishReason::Stop).with_raw("end"))
}

#[test]
fn interleaved_parts_keep_the_order_of_their_starts() {
    let signature = ProviderData::new("p", serde_json::json!({"signature": "s"}));
    let response = fold(&[
        Event::thinking_start(7),
        Event::tool_call_start(2, "a", "first"),
        Event::tool_call_start(9, "b", "second"),
        Event::tool_call_delta(9, "{\"y\""),
        Event::tool_call_delta(2, "{\"x\":"),
        Event::thinking_delta(7, "hm"),
        Event::tool_call_delta(9, ":2}"),
        Event::tool_call_delta(2, "1}"),
        Event::PartEnd { index: 7, data: Some(Box::new(signature.clone())) },
        Event::part_end(2),
        Event::part_end(9),
        Event::usage(Usage::totals(3, 4)),
        stop(),
    ])
    .unwrap();

    let calls: Vec<_> = response.tool_calls().map(|c| (&*c.id, &*c.arguments)).collect();
    assert_eq!(calls, [("a", "{\"x\":1}"), ("b", "{\"y\":2}")]);
    assert_eq!(response.message.parts[0].data(), Some(&signature));
    assert_eq!(response.thinking(), "hm");
    assert_eq!(response.usage.total(), Some(7));
    assert_eq!(response.finish.unwrap().raw.as_deref(), Some("end"));
}

#[test]
fn broken_grammar_is_an_error() {
    let check = |events: &[Event]| assert_eq!(fold(events), Err(ErrorKind::Decode), "{events:?}");
    check(&[Event::text_delta(0, "no start")]);
    check(&[Event::text_start(0), Event::text_start(0)]);
    check(&[Event::text_start(0), Event::thinking_delta(0, "other kind")]);
    check(&[Event::text_start(0), Event::part_end(0), Event::text_delta(0, "after the end")]);
    check(&[Event::part_end(0)]);
    check(&[stop(), Event::text_start(0)]);
    assert_eq!(fold(&[Event::text_start(0)]), Err(ErrorKind::StreamInterrupted));
}

#[test]
fn arguments_that_never_came_are_an_empty_object() {
    let response = fold(&[Event::tool_call_start(0, "a", "now"), Event::part_end(0), stop()]);
    assert_eq!(response.unwrap().tool_calls().next().unwrap().arguments, "{}");
}

#[test]
fn a_stream_without_a_finish_is_interrupted_and_keeps_what_came() {
    let events = vec![Ok(Event::text_start(0)), Ok(Event::text_delta(0, "half a"))];
    let stream = ResponseStream::<String>::new(EventStream::from_events(events), "p", "m");
    let error = wait(stream.finish()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
    assert_eq!(error.partial().unwrap().text(), "half a");
    assert!(!error.is_retryable(), "something had been received");
}

#[test]
fn a_stream_that_breaks_at_once_may_be_retried() {
    let stream = ResponseStream::<String>::new(EventStream::from_events(Vec::new()), "p", "m");
    let error = wait(stream.finish()).unwrap_err();
    assert!(error.is_retryable());
}

#[test]
fn nothing_follows_the_terminal_item() {
    let events = vec![Ok(Event::text_start(0)), Ok(stop()), Ok(Event::text_start(1))];
    let mut stream = ResponseStream::<Response>::new(EventStream::from_events(events), "p", "m");
    wait(async {
        assert!(stream.next().await.is_some());
        assert!(matches!(stream.next().await, Some(Ok(Event::Finish(_)))));
        assert!(stream.next().await.is_none());
        assert!(stream.next().await.is_none());
    });
}

proptest! {
    /// However the deltas of several parts interleave and are cut, the parts come out the same.
    #[test]
    fn interleaving_and_cutting_change_nothing(
        texts in prop::collection::vec("[a-zé]{0,12}", 1..5),
        picks in prop::collection::vec((0_usize..5, 1_usize..4), 0..40),
    ) {
        let mut rest: Vec<Vec<char>> = texts.iter().map(|text| text.chars().collect()).collect();
        let mut events: Vec<Event> = (0..).take(texts.len()).map(Event::text_start).collect();
        let all = picks.into_iter().chain((0..texts.len()).map(|index| (index, usize::MAX)));
        for (index, count) in all {
            let index = index % texts.len();
            let count = count.min(rest[index].len());
            let piece: String = rest[index].drain(..count).collect();
            events.push(Event::text_delta(index as u32, piece));
        }
        events.extend((0..).take(texts.len()).map(Event::part_end));
        events.push(stop());
        let response = fold(&events).unwrap();
        let parts: Vec<&str> = response.message.parts.iter().filter_map(Part::as_text).collect();
        prop_assert_eq!(parts, texts);
    }
}
