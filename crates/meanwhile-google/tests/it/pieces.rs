//! Arguments of tool calls that come in pieces.

use meanwhile_core::{FinishReason, Response};
use serde_json::{Value, json};

use crate::{SSE, chunk, fold, stream};

fn calls(pieces: &[Value], finish: &str) -> Response {
    let chunks = pieces.iter().map(|call| chunk(&json!([{ "functionCall": call }]), None));
    let chunks: Vec<Value> = chunks.chain([chunk(&json!([]), Some(finish))]).collect();
    fold(SSE, &stream(&chunks)).unwrap()
}

#[test]
fn pieces_join_and_an_empty_call_closes() {
    let response = calls(
        &[
            json!({ "name": "cook", "willContinue": true }),
            json!({ "partialArgs": [{ "jsonPath": "$.r.name", "stringValue": "La", "willContinue": true }], "willContinue": true }),
            json!({ "partialArgs": [{ "jsonPath": "$.r.name", "stringValue": "sagna", "willContinue": true }], "willContinue": true }),
            json!({ "partialArgs": [{ "jsonPath": "$.r.name", "stringValue": "" }], "willContinue": true }),
            json!({ "willContinue": true }),
            json!({ "partialArgs": [
                { "jsonPath": "$.r.steps[0].minutes", "numberValue": 2.5 },
                { "jsonPath": "$.r.steps[0].hot", "boolValue": true },
                { "jsonPath": "$.r.steps[1]", "nullValue": "NULL_VALUE" },
                { "jsonPath": "$.n", "nullValue": null } ], "willContinue": true }),
            json!({}),
            json!({ "name": "next", "args": { "a": 1 }, "id": "x" }),
            json!({}),
        ],
        "STOP",
    );
    let calls: Vec<_> =
        response.tool_calls().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(
        calls,
        [
            (
                "call_0",
                "cook",
                r#"{"r":{"name":"Lasagna","steps":[{"minutes":2.5,"hot":true},null]},"n":null}"#
            ),
            ("x", "next", r#"{"a":1}"#),
        ]
    );
    assert_eq!(response.warnings, []);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
}

#[test]
fn a_call_that_is_cut_off_stays_cut_off() {
    let piece = json!({ "name": "f", "partialArgs": [
        { "jsonPath": "$.a", "stringValue": "x", "willContinue": true } ], "willContinue": true });
    for (finish, expected) in [("MAX_TOKENS", r#"{"a":"x"#), ("STOP", r#"{"a":"x"}"#)] {
        let response = calls(std::slice::from_ref(&piece), finish);
        assert_eq!(response.tool_calls().next().unwrap().arguments, expected);
    }
}

#[test]
fn strange_pieces_are_told_of() {
    let response = calls(
        &[
            json!({ "partialArgs": [{ "jsonPath": "$.a", "stringValue": "x" }] }),
            json!({ "name": "f", "willContinue": true }),
            json!({ "partialArgs": [{ "jsonPath": "nowhere[", "stringValue": "x" }, { "jsonPath": "$.a" }], "willContinue": true }),
            json!({ "args": { "late": true } }),
            json!({ "id": "2", "args": null }),
        ],
        "STOP",
    );
    let calls: Vec<_> =
        response.tool_calls().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(calls, [("call_0", "", r#"{"a":"x"}"#), ("call_1", "f", "{}"), ("2", "", "{}")]);
    assert_eq!(response.warnings.len(), 3, "{:?}", response.warnings);
}
