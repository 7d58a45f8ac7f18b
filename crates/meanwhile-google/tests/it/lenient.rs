//! Answers that a strict reader of JSON refuses: fields named twice, characters cut in two.

use meanwhile_core::FinishReason;
use meanwhile_http::Framing;

use crate::{SSE, fold};

/// A stream of texts, which are written as they are.
fn stream(texts: &[&str]) -> String {
    let chunk = |text: &str, more: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}{more}}}],"responseId":"r"}}"#
        )
    };
    let last = chunk("", r#","finishReason":"STOP""#);
    let chunks = texts.iter().map(|text| chunk(text, "")).chain([last]);
    chunks.map(|chunk| format!("data: {chunk}\r\n\r\n")).collect()
}

#[test]
fn a_field_that_is_named_twice_counts_as_it_came_last() {
    let body = r#"{"responseId":"a","responseId":"b","modelVersion":"m","modelVersion":"n","candidates":[],
        "candidates":[{"index":1,"index":0,"finishReason":"STOP","finishReason":"MAX_TOKENS",
            "content":{"parts":[],"parts":[{"text":"x","text":"y"},
                {"functionCall":{"name":"f","name":"g","args":{},"args":{"a":1}}},
                {"inlineData":{"mimeType":"image/png","mimeType":"image/jpeg","data":"aGk=","data":"aGk="}}]}}],
        "usageMetadata":{"promptTokenCount":1,"promptTokenCount":2,"promptTokensDetails":[
            {"modality":"TEXT","modality":"AUDIO","tokenCount":1,"tokenCount":2}]}}"#;
    let check = |framing, body: &str| {
        let response = fold(framing, body).unwrap();
        assert_eq!((response.id.as_deref(), &*response.model), (Some("b"), "n"));
        assert_eq!((response.text().as_str(), response.message.parts.len()), ("y", 3));
        let call = response.tool_calls().next().unwrap();
        assert_eq!((&*call.name, &*call.arguments), ("g", r#"{"a":1}"#));
        assert_eq!(response.finish_reason(), Some(FinishReason::Length));
        let input = response.usage.input;
        assert_eq!((input.total, input.audio), (Some(2), Some(2)));
    };
    check(Framing::Whole, body);
    check(SSE, &format!("data: {}\n\n", body.replace('\n', "")));
    check(Framing::Whole, &format!("[{body}]"));
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let check = |texts: &[&str], expected: &str| {
        let body = stream(texts);
        assert_eq!(fold(SSE, &body).unwrap().text(), expected, "{texts:?}");
        let list: Vec<&str> =
            body.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: ")).collect();
        let list = format!("[{}]", list.join(","));
        assert_eq!(fold(Framing::Whole, &list).unwrap().text(), expected, "{texts:?}");
    };
    check(&["a\\ud83d", "\\ude00b"], "a\u{1f600}b");
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "b"], "a\u{fffd}b");
    check(&["a\\ud83d"], "a\u{fffd}");
    check(&["\\ud83d"], "\u{fffd}");
    let (_, partial) = fold(
        SSE,
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\ud83d\"}]}}]}\n\n",
    )
    .unwrap_err();
    assert_eq!(partial.text(), "a\u{fffd}");
}

#[test]
fn half_a_character_of_a_whole_answer_takes_nothing_with_it() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"a\ud83d"},
            {"executableCode":{"code":"b\ud83d"}},
            {"functionCall":{"name":"f","args":{"c":"\ud83d"}}}]},"finishReason":"STOP",
        "groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://x.example/","title":"\ude00t"}}]}}]}"#;
    let response = fold(Framing::Whole, body).unwrap();
    assert_eq!(response.text(), "a\u{fffd}");
    assert_eq!(
        response.message.parts[1].data().unwrap().value["executableCode"]["code"],
        "b\u{fffd}"
    );
    assert_eq!(response.tool_calls().next().unwrap().json().unwrap()["c"], "\u{fffd}");
    assert_eq!(response.citations().next().unwrap().title.as_deref(), Some("\u{fffd}t"));
    // Read without the mend, where nothing of it is text that is looked at.
    let body = body.replace("a\\ud83d", "a");
    let response = fold(Framing::Whole, &body).unwrap();
    assert_eq!(
        response.message.parts[1].data().unwrap().value["executableCode"]["code"],
        "b\u{fffd}"
    );
    assert_eq!(response.tool_calls().next().unwrap().json().unwrap()["c"], "\u{fffd}");
    assert_eq!(response.citations().next().unwrap().title.as_deref(), Some("\u{fffd}t"));
    // An error keeps its words.
    let body = r#"{"error":{"code":503,"message":"busy \ud83d","status":"UNAVAILABLE"}}"#;
    let (error, _) = fold(Framing::Whole, body).unwrap_err();
    assert_eq!(error.message(), "busy \u{fffd}");
}
