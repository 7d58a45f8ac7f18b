//! What must hold for any answer: its pieces do not matter, and no single field is essential.

use meanwhile_http::Framing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{acme, events, fold, stream, whole};

fn sample() -> Value {
    json!({
        "id": "r", "object": "chat.completion", "created": 1, "model": "m", "service_tier": "default",
        "system_fingerprint": null,
        "choices": [{
            "index": 0, "finish_reason": "tool_calls", "logprobs": { "content": [] },
            "message": {
                "role": "assistant", "content": "a", "refusal": null, "reasoning_content": "b",
                "reasoning_details": [{ "type": "reasoning.text", "index": 0, "text": "b" }],
                "annotations": [{ "type": "url_citation" }],
                "audio": { "id": "au", "data": "QUJD", "transcript": "abc", "expires_at": 1 },
                "tool_calls": [{ "index": 0, "id": "c", "type": "function",
                    "function": { "name": "f", "arguments": "{}" } }],
            },
        }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
            "prompt_tokens_details": { "cached_tokens": 1 } },
    })
}

/// The paths of all fields.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => return,
    };
    for (name, value) in children {
        let path = format!("{path}/{name}");
        paths(value, &path, found);
        found.push(path);
    }
}

#[test]
fn no_single_field_of_another_type_is_fatal() {
    // Without a message and without choices there is no answer.
    const ESSENTIAL: [&str; 2] = ["/choices", "/choices/0"];
    let mut all = Vec::new();
    paths(&sample(), "", &mut all);
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!("?"),
        json!([]),
        json!([1]),
        json!({}),
        json!({ "x": [] }),
    ];
    for path in all.iter().filter(|path| !ESSENTIAL.contains(&path.as_str())) {
        for value in &strange {
            let mut body = sample();
            *body.pointer_mut(path).unwrap() = value.clone();
            let read = fold(&acme(), Framing::Whole, &body.to_string());
            assert!(read.is_ok(), "{path} = {value}: {:?}", read.unwrap_err().0);
        }
        let mut body = sample();
        let (parent, name) = path.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(name)),
            Value::Array(items) => drop(items.remove(0)),
            _ => unreachable!(),
        }
        assert!(fold(&acme(), Framing::Whole, &body.to_string()).is_ok(), "without {path}");
    }
}

fn delta() -> impl Strategy<Value = Value> {
    let text = "[a-zé\u{1F600}\" \\\\\n]{0,6}";
    prop_oneof![
        text.prop_map(|text| json!({ "content": text })),
        text.prop_map(|text| json!({ "reasoning": text })),
        text.prop_map(|text| json!({ "refusal": text })),
        (0..3_u64, prop::option::of("[a-c]"), prop::option::of("[fg]"), text).prop_map(
            |(index, id, name, arguments)| json!({ "tool_calls": [{ "index": index, "id": id,
                "function": { "name": name, "arguments": arguments } }] })
        ),
        Just(json!({ "content": null, "tool_calls": null })),
    ]
}

proptest! {
    #[test]
    fn the_pieces_of_a_stream_do_not_matter(
        deltas in prop::collection::vec(delta(), 0..12),
        size in 1..40_usize,
    ) {
        let body = stream(&deltas, "stop");
        let at_once = events(&acme(), Framing::ServerSentEvents, &body, body.len());
        let in_pieces = events(&acme(), Framing::ServerSentEvents, &body, size);
        let text = |events: &[meanwhile_core::Result<_>]| format!("{events:?}");
        prop_assert_eq!(text(&at_once), text(&in_pieces));
        // Whatever the fragments, the events keep to their grammar and nothing is lost.
        let response = fold(&acme(), Framing::ServerSentEvents, &body).unwrap();
        let said: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
        prop_assert_eq!(response.text(), said);
        let arguments: usize = deltas.iter()
            .filter_map(|delta| delta["tool_calls"][0]["function"]["arguments"].as_str())
            .map(|fragment| fragment.split_whitespace().map(str::len).sum::<usize>()).sum();
        let kept: usize = response.tool_calls().map(|call| call.arguments.trim().len()).sum();
        // A call whose arguments are blank has an empty object in their place.
        prop_assert!(kept >= arguments);
    }

    #[test]
    fn any_bytes_give_events_or_an_error(body in ".{0,200}", size in 1..50_usize) {
        for framing in [Framing::ServerSentEvents, Framing::Whole] {
            let found = events(&acme(), framing, &body, size);
            prop_assert!(found.last().is_some());
        }
        let wrapped = whole(&json!({ "content": body }), &json!("stop"));
        prop_assert_eq!(fold(&acme(), Framing::Whole, &wrapped).unwrap().text(), body);
    }
}
