//! What single hosts do beside the dialect: statuses, names and shapes of their own.

use meanwhile_core::{ErrorKind, FinishReason, Response};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{completed, fold, read, stream};

fn answer(status: &Value, details: &Value) -> Response {
    let body = json!({ "id": "r", "status": status, "incomplete_details": details, "output": [
        { "type": "message", "content": [{ "type": "output_text", "text": "so" }] }] });
    fold(Framing::Whole, &body.to_string()).unwrap()
}

#[test]
fn only_a_complete_answer_is_one_that_stopped() {
    let check = |status: Value, reason: Value, expected: FinishReason, raw: Option<&str>| {
        let response = answer(&status, &json!({ "reason": reason }));
        let finish = response.finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (expected, raw), "{status} {reason}");
    };
    let null = Value::Null;
    check(json!("completed"), null.clone(), FinishReason::Stop, Some("completed"));
    check(null.clone(), null.clone(), FinishReason::Stop, None);
    check(json!("expired"), null.clone(), FinishReason::Other, Some("expired"));
    check(json!("in_progress"), null.clone(), FinishReason::Other, Some("in_progress"));
    check(json!("incomplete"), null, FinishReason::Other, Some("incomplete"));
    // Why it is incomplete counts, whatever the status says.
    let length = json!("max_output_tokens");
    check(json!("incomplete"), length.clone(), FinishReason::Length, Some("max_output_tokens"));
    check(json!("completed"), length, FinishReason::Length, Some("max_output_tokens"));
    let filter = json!("content_filter");
    check(Value::Null, filter, FinishReason::ContentFilter, Some("content_filter"));
}

#[test]
fn an_error_has_two_names() {
    for kind in ["error", "response.error"] {
        let error = json!({ "code": "rate_limit_exceeded", "message": "slow down" });
        let body = stream(&[json!({ "type": kind, "error": error })]);
        let (error, _) = fold(Framing::ServerSentEvents, &body).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::RateLimit, "slow down"), "{kind}");
    }
}

#[test]
fn the_content_of_a_message_may_be_a_text() {
    let response = read(&json!([{ "type": "message", "role": "assistant", "content": "so" }]));
    assert_eq!(response.text(), "so");
    let response =
        read(&json!([{ "type": "message", "content": { "type": "output_text", "text": "so" } }]));
    assert_eq!(response.text(), "so");
}

#[test]
fn a_field_that_is_named_twice_counts_once() {
    let body = r#"{"id":"a","id":"b","status":"x","status":"completed","output":[
        {"type":"message","type":"message","content":[{"type":"output_text","text":"a","text":"so"}]}]}"#;
    let response = fold(Framing::Whole, body).unwrap();
    assert_eq!((response.id.as_deref(), response.text()), (Some("b"), "so".to_owned()));
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let delta = |text: &str| {
        format!(
            "data: {{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\"}}\n\n"
        )
    };
    let check = |texts: &[&str], expected: &str| {
        let body: String = texts.iter().map(|text| delta(text)).collect();
        let body = body + &stream(&[completed()]);
        assert_eq!(fold(Framing::ServerSentEvents, &body).unwrap().text(), expected, "{texts:?}");
    };
    check(&["a\\ud83d", "\\ude00b"], "a\u{1f600}b");
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "b"], "a\u{fffd}b");
    // At the end it stays alone, and where it stood.
    check(&["a\\ud83d"], "a\u{fffd}");
    let done = "data: {\"type\":\"response.output_text.done\",\"output_index\":0,\"content_index\":0,\"text\":\"a\\ud83d\"}\n\n";
    let call = "data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"}}\n\ndata: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{}\"}\n\n";
    let body = delta("a\\ud83d") + done + call + &stream(&[completed()]);
    let response = fold(Framing::ServerSentEvents, &body).unwrap();
    let arguments: Vec<_> = response.tool_calls().map(|call| &*call.arguments).collect();
    assert_eq!((response.text().as_str(), arguments), ("a\u{fffd}", vec!["{}"]));
    let (_, partial) = fold(Framing::ServerSentEvents, &delta("a\\ud83d")).unwrap_err();
    assert_eq!(partial.text(), "a\u{fffd}");
    let body = r#"{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a\ud83d"}]}]}"#;
    assert_eq!(fold(Framing::Whole, body).unwrap().text(), "a\u{fffd}");
}
