//! What must hold for any answer: its pieces do not matter, and no single field is essential.

use meanwhile_core::Result;
use meanwhile_http::Framing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{ask, events, read, stream};

fn sample() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [
            { "type": "thinking", "thinking": "a", "signature": "b" },
            { "type": "redacted_thinking", "data": "c" },
            { "type": "text", "text": "d", "citations": [
                { "type": "char_location", "cited_text": "e", "document_index": 0 }] },
            { "type": "tool_use", "id": "f", "name": "g", "input": { "h": 1 },
              "caller": { "type": "direct" } },
            { "type": "server_tool_use", "id": "i", "name": "j", "input": {} },
        ],
        "container": { "id": "k", "expires_at": "l" },
        "context_management": { "applied_edits": [] },
        "stop_reason": "tool_use", "stop_sequence": null,
        "stop_details": { "type": "refusal", "explanation": "m" },
        "usage": { "input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 3,
            "cache_creation": { "ephemeral_5m_input_tokens": 3 }, "service_tier": "standard",
            "output_tokens_details": { "thinking_tokens": 1 },
            "iterations": [{ "type": "compaction", "input_tokens": 1 }] },
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

fn strange() -> [Value; 9] {
    [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!("?"),
        json!([]),
        json!([1]),
        json!({}),
        json!({ "x": [] }),
    ]
}

#[test]
fn no_single_field_of_another_type_is_fatal() {
    let mut all = Vec::new();
    paths(&sample(), "", &mut all);
    // Without a list of content there is no answer.
    for path in all.iter().filter(|path| *path != "/content") {
        for value in strange() {
            let mut body = sample();
            *body.pointer_mut(path).unwrap() = value.clone();
            let read = read(Framing::Whole, &body.to_string());
            assert!(read.is_ok(), "{path} = {value}: {:?}", read.unwrap_err().0);
        }
        let mut body = sample();
        let (parent, name) = path.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!(),
        }
        assert!(read(Framing::Whole, &body.to_string()).is_ok(), "without {path}");
    }
}

#[test]
fn no_single_field_of_a_stream_is_fatal() {
    let body = stream(
        &[
            (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                vec![
                    json!({ "type": "thinking_delta", "thinking": "a" }),
                    json!({ "type": "signature_delta", "signature": "b" }),
                ],
            ),
            (
                json!({ "type": "text", "text": "" }),
                vec![
                    json!({ "type": "text_delta", "text": "c" }),
                    json!({ "type": "citations_delta", "citation": { "type": "c" } }),
                ],
            ),
            (
                json!({ "type": "tool_use", "id": "d", "name": "e", "input": {} }),
                vec![json!({ "type": "input_json_delta", "partial_json": "{}" })],
            ),
            (
                json!({ "type": "server_tool_use", "id": "d", "name": "e", "input": {} }),
                vec![json!({ "type": "input_json_delta", "partial_json": "{}" })],
            ),
        ],
        "end_turn",
    );
    let lines: Vec<&str> = body.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let data: Value = serde_json::from_str(data).unwrap();
        let mut all = Vec::new();
        paths(&data, "", &mut all);
        // The type is in the event's name, too, but another type is another event.
        for path in all.iter().filter(|path| *path != "/type") {
            for value in strange() {
                let mut data = data.clone();
                *data.pointer_mut(path).unwrap() = value.clone();
                let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
                lines[at] = format!("data: {data}");
                let read = read(Framing::ServerSentEvents, &(lines.join("\n") + "\n\n"));
                assert!(read.is_ok(), "{data}: {:?}", read.unwrap_err().0);
            }
        }
    }
}

fn block() -> impl Strategy<Value = (Value, Vec<Value>)> {
    let text = || prop::collection::vec("[a-zé\u{1F600}\" \\\\\n]{0,6}", 0..4);
    let deltas = |texts: Vec<String>, kind: &str, field: &str| -> Vec<Value> {
        texts.into_iter().map(|text| json!({ "type": kind, field: text })).collect()
    };
    prop_oneof![
        text().prop_map(move |texts| (
            json!({ "type": "text", "text": "" }),
            deltas(texts, "text_delta", "text")
        )),
        text().prop_map(move |texts| (
            json!({ "type": "thinking", "thinking": "" }),
            deltas(texts, "thinking_delta", "thinking")
        )),
        text().prop_map(move |texts| (
            json!({ "type": "tool_use", "id": "a", "name": "f", "input": {} }),
            deltas(texts, "input_json_delta", "partial_json")
        )),
        text().prop_map(move |texts| (
            json!({ "type": "server_tool_use", "id": "a", "name": "f", "input": {} }),
            deltas(texts, "input_json_delta", "partial_json")
        )),
    ]
}

fn shown<T: std::fmt::Debug>(events: &[Result<T>]) -> String {
    format!("{events:?}")
}

proptest! {
    #[test]
    fn the_pieces_of_a_stream_do_not_matter(
        blocks in prop::collection::vec(block(), 0..6),
        size in 1..40_usize,
    ) {
        let body = stream(&blocks, "end_turn");
        let request = ask("x");
        let at_once = events(&request, Framing::ServerSentEvents, &body, body.len());
        let in_pieces = events(&request, Framing::ServerSentEvents, &body, size);
        prop_assert_eq!(shown(&at_once), shown(&in_pieces));
        let said = |kind: &str, field: &str| -> String {
            let deltas = blocks.iter().filter(|(start, _)| start["type"] == kind);
            deltas.flat_map(|(_, deltas)| deltas).filter_map(|delta| delta[field].as_str()).collect()
        };
        let response = read(Framing::ServerSentEvents, &body).unwrap();
        prop_assert_eq!(response.text(), said("text", "text"));
        prop_assert_eq!(response.thinking(), said("thinking", "thinking"));
        prop_assert_eq!(response.message.parts.len(), blocks.len());
    }

    #[test]
    fn any_bytes_give_events_or_an_error(body in ".{0,200}", size in 1..50_usize) {
        let request = ask("x");
        for framing in [Framing::ServerSentEvents, Framing::Whole] {
            prop_assert!(!events(&request, framing, &body, size).is_empty());
        }
        let text = json!({ "content": [{ "type": "text", "text": body }] });
        prop_assert_eq!(read(Framing::Whole, &text.to_string()).unwrap().text(), body);
    }

    #[test]
    fn a_stream_cut_anywhere_is_interrupted(cut in 0..600_usize) {
        let text = json!({ "type": "text", "text": "" });
        let delta = json!({ "type": "text_delta", "text": "hej \u{e5}" });
        let body = stream(&[(text, vec![delta])], "end_turn");
        let end = body.find("event: message_stop").unwrap();
        let mut cut = cut % end;
        while !body.is_char_boundary(cut) {
            cut -= 1;
        }
        let (error, _) = read(Framing::ServerSentEvents, &body[..cut]).unwrap_err();
        prop_assert_eq!(error.kind(), meanwhile_core::ErrorKind::StreamInterrupted);
    }
}
