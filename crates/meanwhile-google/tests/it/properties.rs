//! Whatever comes, there is one end, and it does not depend on how the bytes arrive.

use meanwhile_core::{Event, Fold, Message, Part, Request, Result, ToolCall, ToolResult};
use meanwhile_http::{Codec as _, Framing};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{SSE, events, google};

const FRAMINGS: [Framing; 3] = [Framing::Whole, SSE, Framing::JsonLines];

fn facts(events: &[Result<Event>]) -> Vec<String> {
    let fact = |event: &Result<Event>| match event {
        Ok(event) => format!("{event:?}"),
        Err(error) => format!("{:?} {}", error.kind(), error.message()),
    };
    events.iter().map(fact).collect()
}

fn check(body: &str, size: usize) {
    for framing in FRAMINGS {
        let all = events(framing, body, body.len().max(1));
        let ends = all.iter().filter(|item| item.as_ref().map_or(true, Event::is_terminal));
        assert_eq!(ends.count(), 1, "{framing:?} {body}");
        let mut fold = Fold::new("google", "m");
        for event in all.iter().flatten() {
            fold.push(event).unwrap();
        }
        assert_eq!(facts(&all), facts(&events(framing, body, size)), "{framing:?} {body}");
    }
}

/// JSON in which the names of the wire occur, with values of every kind.
fn drifting() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z$.\\[\\]0-9\"é]{0,6}".prop_map(Value::from),
        Just(json!("STOP")),
        Just(json!("$.a.b[0]")),
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        let name = prop::sample::select(vec![
            "candidates",
            "content",
            "parts",
            "text",
            "thought",
            "thoughtSignature",
            "functionCall",
            "name",
            "args",
            "id",
            "partialArgs",
            "jsonPath",
            "stringValue",
            "numberValue",
            "nullValue",
            "willContinue",
            "inlineData",
            "mimeType",
            "data",
            "finishReason",
            "usageMetadata",
            "promptTokenCount",
            "groundingMetadata",
            "groundingChunks",
            "groundingSupports",
            "segment",
            "groundingChunkIndices",
            "endIndex",
            "web",
            "uri",
            "promptFeedback",
            "blockReason",
            "error",
            "logprobsResult",
            "chosenCandidates",
            "other",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

/// An answer whose parts drift.
fn answers() -> impl Strategy<Value = Value> {
    let finish = prop::option::of(prop::sample::select(vec!["STOP", "MAX_TOKENS"]));
    (prop::collection::vec(drifting(), 0..4), finish, drifting()).prop_map(
        |(parts, finish, more)| {
            json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": finish,
            "groundingMetadata": more, "logprobsResult": more }], "usageMetadata": more })
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_end_once(body in ".{0,200}", size in 1_usize..20) {
        check(&body, size);
    }

    #[test]
    fn any_json_ends_once(values in prop::collection::vec(drifting(), 0..4), size in 1_usize..20) {
        let body: String = values.iter().map(|value| format!("data: {value}\r\n\r\n")).collect();
        check(&body, size);
        check(&Value::from(values).to_string(), size);
    }

    #[test]
    fn any_answer_ends_once(values in prop::collection::vec(answers(), 1..4), size in 1_usize..20) {
        let body: String = values.iter().map(|value| format!("data: {value}\r\n\r\n")).collect();
        check(&body, size);
        check(&values[0].to_string(), size);
    }

    #[test]
    fn pieces_of_arguments_are_json(
        names in prop::collection::btree_map("[a-z\"\\\\]{1,3}", ".{0,8}", 1..5),
        split in 0_usize..8,
    ) {
        let mut parts = vec![json!({ "functionCall": { "name": "f", "willContinue": true } })];
        for (name, text) in &names {
            let path = format!("$['{}']", name.replace('\\', "\\\\"));
            let at = text.char_indices().map(|(at, _)| at).nth(split).unwrap_or(text.len());
            for (text, more) in [(&text[..at], true), (&text[at..], false)] {
                parts.push(json!({ "functionCall": { "willContinue": true, "partialArgs": [
                    { "jsonPath": path, "stringValue": text, "willContinue": more }] } }));
            }
        }
        let body = format!("data: {}\n\n", crate::chunk(&Value::from(parts), Some("STOP")));
        let response = crate::fold(SSE, &body).unwrap();
        let call = response.tool_calls().next().unwrap();
        let expected = names.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
        prop_assert_eq!(call.json().unwrap(), Value::Object(expected));
    }

    #[test]
    fn the_same_request_gives_the_same_bytes(text in ".{0,40}", arguments in ".{0,20}", result in ".{0,20}") {
        let call = ToolCall::new("i", "f", arguments);
        let messages = vec![
            Message::system(text.clone()),
            Message::user(text),
            Message::assistant([Part::from(call.clone())]),
            Message::tool_results([ToolResult::new(&call, result)]),
        ];
        let request = Request::new("gemini-3-flash-preview", messages);
        let first = google().encode(&request).unwrap().body;
        prop_assert_eq!(&first, &google().encode(&request).unwrap().body);
        prop_assert!(serde_json::from_slice::<Value>(&first).is_ok());
    }
}
