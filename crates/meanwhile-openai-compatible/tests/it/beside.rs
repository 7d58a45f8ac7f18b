//! What answers say about their text, beside the text: sources and probabilities.

use meanwhile_core::{Citation, Logprob, Message, Part, Request, Response, Text};
use meanwhile_http::{Codec as _, Framing};
use meanwhile_openai_compatible::{ChatCodec, presets};
use serde_json::{Value, json};

use crate::{acme, fold, stream, whole};

fn text(response: &Response) -> &Text {
    let text = response.message.parts.iter().find_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    text.expect("an answer with text")
}

/// Citations as `url|title|quote|span`.
fn cited(response: &Response) -> Vec<String> {
    let show = |text: &Option<String>| text.clone().unwrap_or_default();
    let citations = text(response).citations.iter();
    let line = |citation: &Citation| {
        let Citation { url, title, quote, span, .. } = citation;
        let span = span.as_ref().map(|span| format!("{}-{}", span.start, span.end));
        format!("{}|{}|{}|{}", show(url), show(title), show(quote), show(&span))
    };
    citations.map(line).collect()
}

fn annotation(url: &str, start: u32, end: u32) -> Value {
    json!({ "type": "url_citation", "url_citation": {
        "url": url, "title": "T", "content": "c", "start_index": start, "end_index": end } })
}

#[test]
fn annotations_cite_the_text() {
    let expected = ["a|T|c|0-2", "b|T|c|"];
    let annotations = json!([annotation("a", 0, 2), annotation("b", 0, 0)]);
    let message = json!({ "content": "so", "annotations": annotations });
    let response = fold(&acme(), Framing::Whole, &whole(&message, &json!("stop"))).unwrap();
    assert_eq!(cited(&response), expected);
    assert_eq!(text(&response).citations[1].data.as_ref().unwrap().value, annotations[1]);

    // In a stream they may come one by one, and before the text.
    let deltas = [
        json!({ "annotations": [annotation("a", 0, 2)] }),
        json!({ "content": "so" }),
        json!({ "annotations": [annotation("b", 0, 0)] }),
        json!({ "annotations": [{ "type": "file", "file": { "hash": "h" } }] }),
    ];
    let response = fold(&acme(), Framing::ServerSentEvents, &stream(&deltas, "stop")).unwrap();
    let mut found = cited(&response);
    found.sort();
    assert_eq!(found, expected);
    let Some(Part::Opaque(rest)) = response.message.parts.last() else { panic!("a file is lost") };
    assert_eq!(rest.value["annotations"][0]["file"]["hash"], "h");
}

#[test]
fn annotations_go_back_to_routers() {
    let openrouter = ChatCodec::new("openrouter", presets::OPENROUTER.quirks);
    let sent = json!([
        annotation("a", 0, 2), { "type": "file", "file": { "hash": "h" } } ]);
    let message = json!({ "content": "so", "annotations": sent });
    let answer = fold(&openrouter, Framing::Whole, &whole(&message, &json!("stop"))).unwrap();
    let request = Request::new("m", vec![answer.message.clone(), Message::user("more")]);
    let written = openrouter.encode(&request).unwrap();
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(body["messages"][0]["annotations"], sent);
    // Another provider gets the text alone, and the program is told.
    let other = acme().encode(&request).unwrap();
    assert_eq!(other.warnings.len(), 1, "{:?}", other.warnings);
}

#[test]
fn lists_of_sources_are_repeated_and_joined() {
    let results = json!([
        { "url": "a", "title": "A", "snippet": "about a", "date": null },
        { "url": "c", "title": "C" },
    ]);
    let chunk = |content: &str, finish: Value| {
        let chunk = json!({ "choices": [{ "delta": { "content": content }, "finish_reason": finish }],
            "citations": ["a", "b"], "search_results": results });
        format!("data: {chunk}\n\n")
    };
    let body = chunk("so", Value::Null) + &chunk(" it", Value::Null) + &chunk(" is", json!("stop"));
    let response = fold(&acme(), Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(cited(&response), ["a|A|about a|", "b|||", "c|C||"]);

    let venice = json!({ "choices": [{ "message": { "content": "so" }, "finish_reason": "stop" }],
        "venice_parameters": { "web_search_citations": [{ "url": "a", "title": "A", "content": "x" }] } });
    let response = fold(&acme(), Framing::Whole, &venice.to_string()).unwrap();
    assert_eq!(cited(&response), ["a|A|x|"]);

    // Without a text they are kept as they are.
    let silent = json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "stop" }],
        "citations": ["a"] });
    let response = fold(&acme(), Framing::Whole, &silent.to_string()).unwrap();
    let Some(Part::Opaque(rest)) = response.message.parts.first() else {
        panic!("sources are lost")
    };
    assert_eq!(rest.value, json!({ "citations": ["a"] }));
}

#[test]
fn tools_that_the_provider_ran_are_kept_with_what_they_found() {
    let ran = |output: Value| {
        json!({ "executed_tools": [{ "index": 0, "type": "search", "arguments": "{}", "output": output,
            "search_results": { "results": [{ "url": "a", "title": "A", "content": "x" }] } }] })
    };
    let deltas = [ran(Value::Null), ran(json!("found")), json!({ "content": "so" })];
    let response = fold(&acme(), Framing::ServerSentEvents, &stream(&deltas, "stop")).unwrap();
    assert_eq!(cited(&response), ["a|A|x|"]);
    let Some(Part::Opaque(rest)) = response.message.parts.last() else { panic!("a tool is lost") };
    let tools = rest.value["executed_tools"].as_array().unwrap();
    assert_eq!((tools.len(), &tools[0]["output"]), (1, &json!("found")));
}

/// A whole answer with these probabilities.
fn probable(content: &str, logprobs: &Value) -> Response {
    let body = json!({ "choices": [{ "message": { "content": content }, "finish_reason": "stop",
        "logprobs": logprobs }] });
    fold(&acme(), Framing::Whole, &body.to_string()).unwrap()
}

#[test]
fn probabilities_belong_to_the_text() {
    let token = |token: &str| {
        json!({ "token": token, "logprob": -0.5, "bytes": [104],
            "top_logprobs": [{ "token": token, "logprob": -0.5 }, { "token": "no", "logprob": -3.0 }] })
    };
    let mut hi = Logprob::new("Hi", -0.5);
    hi.top = vec![("Hi".to_owned(), -0.5), ("no".to_owned(), -3.0)];
    let response = probable("Hi", &json!({ "content": [token("Hi")], "refusal": null }));
    assert_eq!(text(&response).logprobs, [hi.clone()]);
    assert!(response.warnings.is_empty());

    let chunk = |content: &str, finish: Value| {
        let chunk = json!({ "choices": [{ "delta": { "content": content }, "finish_reason": finish,
            "logprobs": { "content": [token(content)] } }] });
        format!("data: {chunk}\n\n")
    };
    let body = chunk("Hi", Value::Null) + &chunk("ho", json!("stop"));
    let response = fold(&acme(), Framing::ServerSentEvents, &body).unwrap();
    let tokens: Vec<_> =
        text(&response).logprobs.iter().map(|token| token.token.as_str()).collect();
    assert_eq!(tokens, ["Hi", "ho"]);
    assert_eq!(text(&response).logprobs[0], hi);
}

#[test]
fn probabilities_in_the_form_of_older_completions() {
    let logprobs = json!({ "tokens": ["Hi", "?"], "token_logprobs": [-0.5, null],
        "top_logprobs": [{ "no": -3.0, "Hi": -0.5 }, null] });
    let mut hi = Logprob::new("Hi", -0.5);
    hi.top = vec![("Hi".to_owned(), -0.5), ("no".to_owned(), -3.0)];
    assert_eq!(text(&probable("Hi?", &logprobs)).logprobs, [hi]);
}

#[test]
fn probabilities_of_what_is_no_text_are_reported_missing() {
    let token = json!([{ "token": "hm", "logprob": -1 }]);
    for (content, logprobs, warnings) in [
        ("", json!({ "content": token }), 1),
        ("x", json!({ "content": [], "reasoning_content": token }), 1),
        ("x", json!({ "refusal": token }), 1),
        ("x", json!({ "content": "?" }), 0),
        ("x", json!({ "content": [{ "token": "x" }] }), 0),
        ("x", json!({ "content": [{ "logprob": "x" }] }), 1),
        ("x", json!(null), 0),
        ("x", json!([]), 0),
        ("x", json!({ "content": null, "refusal": [] }), 0),
    ] {
        let response = probable(content, &logprobs);
        assert_eq!(response.warnings.len(), warnings, "{logprobs}");
    }
}
