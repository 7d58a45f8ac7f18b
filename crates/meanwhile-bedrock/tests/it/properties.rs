//! What holds for any bytes.

use meanwhile_core::{Event, Fold};
use meanwhile_http::Framing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{CLAUDE, ask, events, stream};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4_u32).prop_map(Value::from),
        "[a-z{}\"]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let name = prop::sample::select(vec![
            "text",
            "toolUse",
            "toolResult",
            "reasoningContent",
            "reasoningText",
            "signature",
            "redactedContent",
            "citation",
            "citationsContent",
            "citations",
            "content",
            "image",
            "source",
            "bytes",
            "format",
            "input",
            "name",
            "toolUseId",
            "type",
            "location",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..3).prop_map(|fields| {
                Value::Object(
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

fn event() -> impl Strategy<Value = (&'static str, Value)> {
    let name = prop::sample::select(vec![
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "other",
    ]);
    (name, 0..3_u32, value()).prop_map(|(name, index, value)| {
        (
            name,
            json!({ "contentBlockIndex": index, "start": value, "delta": value,
            "stopReason": "end_turn", "usage": value, "trace": value }),
        )
    })
}

proptest! {
    #[test]
    fn any_events_keep_to_the_grammar(sent in prop::collection::vec(event(), 0..12), size in 1..200_usize) {
        let body = stream(&sent);
        let request = ask(CLAUDE).streamed();
        let found = events(&request, Framing::AwsEventStream, &body, size);
        let whole = events(&request, Framing::AwsEventStream, &body, body.len());
        prop_assert_eq!(format!("{found:?}"), format!("{whole:?}"));
        let mut fold = Fold::new("bedrock", "m");
        for event in found.iter().flatten() {
            prop_assert!(fold.push(event).is_ok(), "{event:?}");
        }
        let last_is_terminal = match found.last() {
            Some(Ok(event)) => matches!(event, Event::Finish(_)),
            Some(Err(_)) => true,
            None => false,
        };
        prop_assert!(last_is_terminal);
    }

    #[test]
    fn any_content_is_read(content in prop::collection::vec(value(), 0..4)) {
        let body = json!({ "output": { "message": { "content": content } }, "stopReason": "end_turn" });
        let found = events(&ask(CLAUDE), Framing::Whole, body.to_string().as_bytes(), 1 << 20);
        let mut fold = Fold::new("bedrock", "m");
        for event in found.iter().flatten() {
            prop_assert!(fold.push(event).is_ok(), "{event:?}");
        }
    }

    #[test]
    fn any_bytes_are_events_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for framing in [Framing::Whole, Framing::AwsEventStream] {
            let found = events(&ask(CLAUDE), framing, &bytes, 7);
            prop_assert!(matches!(found.last(), Some(Err(_))));
        }
    }
}
