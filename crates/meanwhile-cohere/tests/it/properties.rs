//! What holds for any bytes.

use meanwhile_core::Fold;
use meanwhile_http::Framing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{events, stream};

fn value() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        Just(json!({ "content": { "type": "text", "text": "a" } })),
        Just(json!({ "content": { "text": "é" } })),
        Just(json!({ "content": { "type": "thinking", "thinking": "b" } })),
        Just(json!({ "content": [] })),
        Just(json!({ "tool_plan": "p" })),
        Just(json!({ "tool_calls": { "id": "i", "function": { "name": "n", "arguments": "{" } } })),
        Just(json!({ "tool_calls": { "function": { "arguments": "}" } } })),
        Just(json!({ "citations": { "start": 0, "end": 1, "type": "TEXT_CONTENT" } })),
        Just(json!({ "citations": [{ "start": -1, "content_index": 7 }] })),
        Just(Value::Null),
    ];
    let kind = prop::sample::select(vec![
        "message-start",
        "content-start",
        "content-delta",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "citation-end",
        "other",
    ]);
    (kind, 0..3_u32, content).prop_map(|(kind, index, message)| {
        json!({ "type": kind, "index": index, "delta": { "message": message } })
    })
}

proptest! {
    #[test]
    fn any_events_keep_to_the_grammar(
        mut sent in prop::collection::vec(value(), 0..12),
        ends: bool,
        size in 1..100_usize,
    ) {
        if ends {
            sent.push(json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } }));
        }
        let body = stream(&sent);
        let found = events(Framing::ServerSentEvents, body.as_bytes(), size);
        let whole = events(Framing::ServerSentEvents, body.as_bytes(), body.len());
        prop_assert_eq!(format!("{found:?}"), format!("{whole:?}"));
        let mut fold = Fold::new("cohere", "m");
        for event in found.iter().flatten() {
            prop_assert!(fold.push(event).is_ok(), "{event:?}");
        }
        prop_assert_eq!(found.last().is_some_and(Result::is_err), !ends);
    }

    #[test]
    fn any_bytes_are_events_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for framing in [Framing::Whole, Framing::ServerSentEvents] {
            let found = events(framing, &bytes, 7);
            prop_assert!(matches!(found.last(), Some(Err(_))));
        }
    }
}
