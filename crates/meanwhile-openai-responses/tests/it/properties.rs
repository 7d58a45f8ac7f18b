//! What must hold for any answer: its pieces do not matter, and no single field is essential.

use meanwhile_http::Framing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{completed, events, fold, stream, whole};

fn sample() -> Value {
    json!({
        "id": "r", "object": "response", "created_at": 1, "model": "m", "service_tier": "default",
        "status": "completed", "error": null, "incomplete_details": { "reason": null },
        "output": [
            { "type": "reasoning", "id": "rs", "status": "completed", "encrypted_content": "e",
                "summary": [{ "type": "summary_text", "text": "a" }],
                "content": [{ "type": "reasoning_text", "text": "b" }] },
            { "type": "message", "id": "msg", "role": "assistant", "status": "completed", "phase": "x",
                "content": [
                    { "type": "output_text", "text": "c",
                        "annotations": [{ "type": "url_citation", "url": "u", "title": "t",
                            "start_index": 0, "end_index": 1 }],
                        "logprobs": [{ "token": "c", "logprob": -0.5, "bytes": [99],
                            "top_logprobs": [{ "token": "c", "logprob": -0.5 }] }] },
                    { "type": "refusal", "refusal": "d" },
                ] },
            { "type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}" },
            { "type": "custom_tool_call", "id": "ct", "call_id": "c2", "name": "g", "input": "x" },
            { "type": "image_generation_call", "id": "ig", "result": "AQID", "output_format": "png" },
            { "type": "shell_call", "id": "sh", "environment": { "type": "local" } },
        ],
        "usage": { "input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
            "input_tokens_details": { "cached_tokens": 1 } },
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
    // An error that is not empty is one.
    const ESSENTIAL: [&str; 1] = ["/error"];
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
            let read = fold(Framing::Whole, &body.to_string());
            assert!(read.is_ok(), "{path} = {value}: {:?}", read.unwrap_err().0);
            let event = json!({ "type": "response.completed", "response": body });
            let read = fold(Framing::ServerSentEvents, &stream(&[event]));
            assert!(read.is_ok(), "{path} = {value} in a stream: {:?}", read.unwrap_err().0);
        }
        let mut body = sample();
        let (parent, name) = path.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(name)),
            Value::Array(items) => drop(items.remove(0)),
            _ => unreachable!(),
        }
        assert!(fold(Framing::Whole, &body.to_string()).is_ok(), "without {path}");
    }
}

fn event() -> impl Strategy<Value = Value> {
    let text = "[a-zé\u{1F600}\" \\\\\n]{0,6}";
    let place = (prop::option::of(0..3_u64), prop::option::of("[a-c]"), 0..2_u64);
    let deltas = prop::sample::select(vec![
        "output_text.delta",
        "output_text.done",
        "refusal.delta",
        "reasoning_summary_text.delta",
        "reasoning_text.delta",
        "reasoning_text.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "custom_tool_call_input.delta",
        "output_text.annotation.added",
        "audio.delta",
        "unknown",
    ]);
    let kinds = prop::sample::select(vec![
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "web_search_call",
        "image_generation_call",
    ]);
    let ends = prop::sample::select(vec!["output_item.added", "output_item.done"]);
    prop_oneof![
        (deltas, place.clone(), text).prop_map(|(kind, (index, id, content), text)| json!({
            "type": format!("response.{kind}"), "output_index": index, "item_id": id,
            "content_index": content, "summary_index": content, "delta": text, "text": text,
            "arguments": text, "annotation": { "url": text } })),
        (ends, kinds, place, prop::option::of(text)).prop_map(|(end, kind, (index, id, _), text)| {
            json!({ "type": format!("response.{end}"), "output_index": index, "item": {
                "type": kind, "id": id, "call_id": id, "name": text, "arguments": text, "input": text,
                "content": [{ "type": "output_text", "text": text }] } })
        }),
    ]
}

proptest! {
    #[test]
    fn the_pieces_of_a_stream_do_not_matter(
        items in prop::collection::vec(event(), 0..14),
        size in 1..40_usize,
    ) {
        let mut items = items;
        items.push(completed());
        let body = stream(&items);
        let at_once = events(Framing::ServerSentEvents, &body, body.len());
        let in_pieces = events(Framing::ServerSentEvents, &body, size);
        let text = |events: &[meanwhile_core::Result<_>]| format!("{events:?}");
        prop_assert_eq!(text(&at_once), text(&in_pieces));
        // Whatever comes, the events keep to their grammar.
        prop_assert!(fold(Framing::ServerSentEvents, &body).is_ok());
    }

    #[test]
    fn any_bytes_give_events_or_an_error(body in ".{0,200}", size in 1..50_usize) {
        for framing in [Framing::ServerSentEvents, Framing::Whole] {
            let found = events(framing, &body, size);
            prop_assert!(found.last().is_some());
        }
        let wrapped = whole(&json!([{ "type": "message", "content": [
            { "type": "output_text", "text": body }] }]));
        prop_assert_eq!(fold(Framing::Whole, &wrapped).unwrap().text(), body);
    }
}
