//! A decoded turn goes back as it came.

use meanwhile_core::{Message, Part, Request, Response, ToolResult};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{SSE, chunk, fold, google, stream, whole};

/// The parts of the model's turn in the next request.
fn replayed(response: &Response) -> Value {
    let results = response.tool_calls().map(|call| ToolResult::new(call, "ok"));
    let messages = vec![
        Message::user("x"),
        response.message.clone(),
        Message::tool_results(results.collect::<Vec<_>>()),
    ];
    let wire = google().encode(&Request::new("gemini-3-flash-preview", messages)).unwrap();
    assert_eq!(wire.warnings, []);
    let mut body: Value = serde_json::from_slice(&wire.body).unwrap();
    body["contents"][1]["parts"].take()
}

#[test]
fn every_part_goes_back_in_place_with_its_signature() {
    let parts = json!([
        { "text": "Hm.", "thought": true, "thoughtSignature": "t" },
        { "text": "One." },
        { "text": "Two.", "thoughtSignature": "a" },
        { "text": "Three." },
        { "executableCode": { "language": "PYTHON", "code": "1", "id": "c" }, "thoughtSignature": "b" },
        { "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "1", "id": "c" } },
        { "toolCall": { "toolType": "GOOGLE_SEARCH_WEB", "args": { "q": [] }, "id": "s" }, "thoughtSignature": "c" },
        { "toolResponse": { "toolType": "GOOGLE_SEARCH_WEB", "response": {}, "id": "s" } },
        { "inlineData": { "mimeType": "image/png", "data": "AQID" }, "thoughtSignature": "d" },
        { "tomorrowsPart": { "x": 1 } },
        { "functionCall": { "id": "i", "name": "f", "args": { "b": 1, "a": 2 } }, "thoughtSignature": "e" },
        { "functionCall": { "id": "j", "name": "f", "args": {} } },
        { "text": "", "thoughtSignature": "f" },
    ]);
    assert_eq!(replayed(&whole(&parts)), parts);
    // As a stream, chunk by chunk; pieces of text without a signature join.
    let chunks: Vec<Value> =
        parts.as_array().unwrap().iter().map(|part| chunk(&json!([part]), None)).collect();
    let body = stream(&chunks) + &stream(&[chunk(&json!([]), Some("STOP"))]);
    assert_eq!(replayed(&fold(SSE, &body).unwrap()), parts);
}

#[test]
fn what_is_said_about_a_turn_does_not_go_back() {
    let mut answer = chunk(&json!([{ "text": "a" }]), Some("STOP"));
    answer["candidates"][0]["groundingMetadata"] = json!({ "webSearchQueries": ["q"] });
    let response = fold(Framing::Whole, &answer.to_string()).unwrap();
    assert_eq!(response.message.parts.len(), 2);
    assert_eq!(replayed(&response), json!([{ "text": "a" }]));
}

#[test]
fn a_paused_answer_goes_on() {
    let mut answer = chunk(&json!([{ "text": "a" }]), Some("CONTINUATION"));
    answer["candidates"][0]["continuationToken"] = json!("t");
    let response = fold(Framing::Whole, &answer.to_string()).unwrap();
    let sent = |messages: Vec<Message>| -> Value {
        let wire = google().encode(&Request::new("gemini-2.5-flash", messages)).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        body.get("continuationToken").cloned().unwrap_or_default()
    };
    let said = || vec![Message::user("x"), response.message.clone()];
    assert_eq!(sent(said()), "t");
    let mut more = said();
    more.push(Message::user("y"));
    assert_eq!(sent(more), Value::Null);
}

#[test]
fn streamed_arguments_go_back_with_their_signature() {
    let pieces = [
        json!([{ "functionCall": { "name": "f", "willContinue": true }, "thoughtSignature": "s" }]),
        json!([{ "functionCall": { "partialArgs": [{ "jsonPath": "$.a", "numberValue": 1 }], "willContinue": true } }]),
        json!([{ "functionCall": {} }]),
    ];
    let chunks: Vec<Value> = pieces.iter().map(|parts| chunk(parts, None)).collect();
    let body = stream(&chunks) + &stream(&[chunk(&json!([]), Some("STOP"))]);
    assert_eq!(
        replayed(&fold(SSE, &body).unwrap()),
        json!([{ "functionCall": { "id": "call_0", "name": "f", "args": { "a": 1 } }, "thoughtSignature": "s" }])
    );
}

#[test]
fn ids_stay_unique_in_a_conversation() {
    let parts = json!([{ "functionCall": { "name": "f" } }, { "functionCall": { "name": "f" } }]);
    let first = whole(&parts);
    let mut request = Request::new("m", vec![Message::user("x"), first.message]);
    let mut answer = meanwhile_http::Answer::new(google().decoder(&request), Framing::Whole);
    answer.push(chunk(&parts, Some("STOP")).to_string().into());
    answer.end();
    let mut fold = meanwhile_core::Fold::new("google", "m");
    while let Some(event) = answer.next() {
        fold.push(&event.unwrap()).unwrap();
    }
    request.messages.push(fold.finish().unwrap().message);
    let ids = request.messages.iter().flat_map(Message::tool_calls).map(|call| &*call.id);
    assert_eq!(ids.collect::<Vec<_>>(), ["call_0", "call_1", "call_2", "call_3"]);
}

#[test]
fn the_signature_of_a_turn_is_no_text() {
    let response = whole(&json!([{ "text": "a" }, { "text": "", "thoughtSignature": "s" }]));
    assert_eq!((response.text(), response.thinking()), ("a".to_owned(), String::new()));
    assert!(matches!(response.message.parts.as_slice(), [Part::Text(_), Part::Thinking(_)]));
}
