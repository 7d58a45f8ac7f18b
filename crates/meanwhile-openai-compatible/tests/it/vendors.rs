//! What single vendors do beside the dialect, each as one of their answers.

use meanwhile_core::{
    Citation, Error, ErrorKind, FinishReason, Message, Part, Request, Response, Usage, WarningKind,
};
use meanwhile_http::{Codec as _, Framing};
use meanwhile_openai_compatible::{ChatCodec, presets};
use serde_json::{Value, json};

use crate::{acme, fold, whole};

fn vendor(id: &str) -> ChatCodec {
    ChatCodec::new(id.to_owned(), presets::Preset::find(id).unwrap().quirks)
}

fn read_whole(message: Value) -> Response {
    fold(&acme(), Framing::Whole, &whole(&message, &json!("stop"))).unwrap()
}

fn read(chunks: &[Value]) -> Response {
    fold(&acme(), Framing::ServerSentEvents, &body(chunks)).unwrap()
}

fn fail(chunks: &[Value]) -> (Error, Response) {
    fold(&acme(), Framing::ServerSentEvents, &body(chunks)).unwrap_err()
}

fn body(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn delta(delta: Value) -> Value {
    json!({ "id": "r", "model": "m", "created": 1, "choices": [{ "index": 0, "delta": delta }] })
}

fn finish() -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
}

fn usage_of(codec: &ChatCodec, message: Value, usage: Value) -> Usage {
    let mut body: Value = serde_json::from_str(&whole(&message, &json!("stop"))).unwrap();
    body["usage"] = usage;
    fold(codec, Framing::Whole, &body.to_string()).unwrap().usage
}

fn calls(response: &Response) -> Vec<String> {
    let calls = response.tool_calls();
    calls.map(|call| format!("{}({})#{}", call.name, call.arguments, call.id)).collect()
}

fn citations(response: &Response) -> Vec<Citation> {
    let texts = response.message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.citations.clone()),
        _ => None,
    });
    texts.flatten().collect()
}

fn opaque(response: &Response) -> Value {
    let rest = response.message.parts.iter().find_map(|part| match part {
        Part::Opaque(data) => Some(data.value.clone()),
        _ => None,
    });
    rest.unwrap_or_default()
}

/// MiniMax closes a stream with the whole message.
#[test]
fn a_whole_message_after_pieces_says_nothing_again() {
    let call = json!({ "index": 0, "id": "a", "type": "function",
        "function": { "name": "f", "arguments": "{\"x\":1}" } });
    let last = json!({ "object": "chat.completion", "choices": [{ "finish_reason": "tool_calls",
        "index": 0, "message": { "role": "assistant", "content": "so far", "reasoning_content": "hm",
            "tool_calls": [call] } }], "usage": { "prompt_tokens": 3, "completion_tokens": 5 } });
    let response = read(&[
        delta(json!({ "role": "assistant", "reasoning_content": "hm" })),
        delta(json!({ "content": "so" })),
        delta(json!({ "content": " far" })),
        delta(json!({ "tool_calls": [call] })),
        last.clone(),
    ]);
    assert_eq!((response.thinking(), response.text()), ("hm".to_owned(), "so far".to_owned()));
    assert_eq!(calls(&response), ["f({\"x\":1})#a"]);
    assert_eq!(response.message.parts.len(), 3);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
    assert_eq!(response.usage.output.total, Some(5));
    // What no piece brought is taken from it, and all of it where no piece said anything.
    let response = read(&[delta(json!({ "content": "so far" })), last.clone()]);
    assert_eq!((response.text(), calls(&response).len()), ("so far".to_owned(), 1));
    let response = read(&[delta(json!({ "role": "assistant", "content": "" })), last]);
    assert_eq!((response.text(), calls(&response).len()), ("so far".to_owned(), 1));
    // Its sources count once, whoever brings them.
    let cite = json!([{ "type": "url_citation", "url_citation": { "url": "u" } }]);
    let last = json!({ "choices": [{ "index": 0, "finish_reason": "stop",
        "message": { "content": "so", "annotations": cite } }] });
    let response = read(&[delta(json!({ "content": "so" })), last.clone()]);
    assert_eq!(citations(&response).len(), 1);
    let response = read(&[delta(json!({ "content": "so", "annotations": cite })), last]);
    assert_eq!(citations(&response).len(), 1);
}

#[test]
fn a_success_of_minimax_is_no_error() {
    let fine =
        json!({ "choices": null, "base_resp": { "status_code": 0, "status_msg": "success" } });
    let response = read(&[delta(json!({ "content": "so" })), finish(), fine]);
    assert_eq!(response.text(), "so");
    let refused =
        json!({ "choices": null, "base_resp": { "status_code": 1002, "status_msg": "slow down" } });
    let (error, _) =
        fold(&vendor("minimax"), Framing::ServerSentEvents, &body(&[refused])).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::RateLimit, "slow down"));
}

#[test]
fn what_alibaba_writes_into_a_cache_is_counted() {
    let check = |details: Value| {
        let usage = json!({ "prompt_tokens": 29719, "completion_tokens": 2,
            "prompt_tokens_details": details });
        let input = usage_of(&vendor("alibaba"), json!({ "content": "x" }), usage).input;
        let found = [input.total, input.uncached, input.cache_read, input.cache_write];
        assert_eq!(found, [Some(29719), Some(6), Some(0), Some(29713)]);
    };
    check(json!({ "cached_tokens": 0, "cache_creation_input_tokens": 29713,
        "cache_creation": { "ephemeral_5m_input_tokens": 29713 }, "cache_type": "ephemeral" }));
    check(json!({ "cached_tokens": 0,
        "cache_creation": { "ephemeral_5m_input_tokens": 29000, "ephemeral_1h_input_tokens": 713 } }));
    check(
        json!({ "cached_tokens": 0, "cache_creation": { "cache_creation_input_tokens": 29713 } }),
    );
    let session = json!({ "input_tokens": 120, "output_tokens": 40, "x_details": [{
        "x_billing_type": "response_api", "prompt_tokens_details": {
            "cached_tokens": 60, "cache_creation_input_tokens": 20 } }] });
    let input = usage_of(&vendor("alibaba"), json!({ "content": "x" }), session).input;
    let found = [input.total, input.uncached, input.cache_read, input.cache_write];
    assert_eq!(found, [Some(120), Some(40), Some(60), Some(20)]);
}

#[test]
fn reasoning_that_is_counted_apart_is_added() {
    let usage = |total: u64| {
        json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": total,
            "completion_tokens_details": { "reasoning_tokens": 25 } })
    };
    let check = |codec: &ChatCodec, message: Value, usage: Value, expected: [Option<u64>; 3]| {
        let output = usage_of(codec, message, usage).output;
        assert_eq!([output.total, output.text, output.reasoning], expected);
    };
    // Vercel's gateway hands on what Google counted beside a sum that leaves it out.
    let google = json!({ "content": "x", "provider_metadata": { "google": { "usageMetadata": {
        "candidatesTokenCount": 2, "thoughtsTokenCount": 25, "totalTokenCount": 36 } } } });
    let gateway = vendor("vercel-gateway");
    check(&gateway, google.clone(), usage(11), [Some(27), Some(2), Some(25)]);
    // Where nothing tells, no count is made up.
    check(&gateway, json!({ "content": "x" }), usage(11), [Some(2), None, Some(25)]);
    let inside = json!({ "prompt_tokens": 9, "completion_tokens": 27, "total_tokens": 36,
        "completion_tokens_details": { "reasoning_tokens": 25 } });
    check(&gateway, google, inside, [Some(27), Some(2), Some(25)]);
    let deep = json!({ "prompt_tokens": 33, "completion_tokens": 7163, "total_tokens": 7196,
        "citation_tokens": 20016, "reasoning_tokens": 193947 });
    let perplexity = vendor("perplexity");
    let message = json!({ "content": "x" });
    check(&perplexity, message.clone(), deep, [Some(201110), Some(7163), Some(193947)]);
    let plain = json!({ "prompt_tokens": 33, "completion_tokens": 7, "total_tokens": 40 });
    check(&perplexity, message, plain, [Some(7), None, None]);
}

#[test]
fn one_number_is_the_probability_of_the_token_beside_it() {
    let piece = |text: &str, logprobs: Value| json!({ "choices": [{ "index": 0, "delta": { "content": text }, "logprobs": logprobs }] });
    let response =
        read(&[piece("so", json!(-0.25)), piece(" far", json!(-1)), piece("", json!(0)), finish()]);
    let Part::Text(text) = &response.message.parts[0] else { panic!("not text") };
    let found: Vec<_> =
        text.logprobs.iter().map(|token| (token.token.as_str(), token.logprob)).collect();
    assert_eq!(found, [("so", -0.25), (" far", -1.0)]);
    assert!(response.warnings.is_empty());
    let response = read(&[piece("so", json!("?")), finish()]);
    assert_eq!(response.warnings[0].kind, WarningKind::Unreadable, "it is told, not dropped");
}

#[test]
fn a_call_of_a_tool_that_takes_free_text_is_a_call() {
    let custom = |id: &str, name: &str, input: &str| json!({ "index": 0, "id": id, "type": "custom", "custom": { "name": name, "input": input } });
    let input = "print(\"hi\")\n";
    let check = |response: Response| {
        let call = response.tool_calls().next().unwrap();
        assert_eq!((call.name.as_str(), call.id.as_str()), ("code", "a"));
        assert_eq!(serde_json::from_str::<String>(&call.arguments).unwrap(), input);
        assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
        assert!(response.warnings.is_empty(), "{:?}", response.warnings);
        let request = Request::new("m", vec![Message::user("q"), response.message]);
        let wire = acme().encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        let written = &body["messages"][1]["tool_calls"][0];
        let expected =
            json!({ "id": "a", "type": "custom", "custom": { "name": "code", "input": input } });
        assert_eq!(*written, expected);
    };
    check(read_whole(json!({ "content": null, "tool_calls": [custom("a", "code", input)] })));
    check(read(&[
        delta(json!({ "tool_calls": [custom("a", "code", "")] })),
        delta(json!({ "tool_calls": [{ "index": 0, "custom": { "input": "print(\"" } }] })),
        delta(json!({ "tool_calls": [{ "index": 0, "custom": { "input": "hi\")\n" } }] })),
        finish(),
    ]));
}

#[test]
fn what_backs_an_answer_is_cited_and_the_rest_is_kept() {
    // Azure, on the program's own data.
    let context = json!({ "citations": [{ "content": "c", "title": "t", "url": null,
        "filepath": "f.pdf", "chunk_id": "0" }], "intent": "[\"i\"]" });
    let response = read(&[
        delta(json!({ "role": "assistant", "context": context })),
        delta(json!({ "content": "so [doc1]" })),
        finish(),
    ]);
    let cited = &citations(&response)[0];
    assert_eq!(cited.title.as_deref(), Some("t"));
    assert_eq!((cited.quote.as_deref(), cited.document.as_deref()), (Some("c"), Some("f.pdf")));
    assert_eq!(opaque(&response)["context"], json!({ "intent": "[\"i\"]" }));
    // Z.ai and Perplexity say it beside the choices.
    let mut answer = delta(json!({ "content": "so" }));
    answer["web_search"] = json!([{ "title": "t", "link": "l", "content": "c", "media": "m" }]);
    answer["images"] = json!([{ "image_url": "i" }]);
    answer["related_questions"] = json!(["why?"]);
    answer["moderation"] = json!({ "flagged": false });
    let response = read(&[answer, finish()]);
    let cited = &citations(&response)[0];
    assert_eq!((cited.url.as_deref(), cited.quote.as_deref()), (Some("l"), Some("c")));
    let kept = json!({ "images": [{ "image_url": "i" }], "related_questions": ["why?"],
        "moderation": { "flagged": false } });
    assert_eq!(opaque(&response), kept);
    // Writer.
    let response = read_whole(json!({ "content": "so",
        "graph_data": { "sources": [{ "file_id": "f", "snippet": "s" }], "status": "finished" },
        "web_search_data": { "sources": [{ "url": "u", "raw_content": "r" }] } }));
    let cited = citations(&response);
    assert_eq!((cited[0].document.as_deref(), cited[0].quote.as_deref()), (Some("f"), Some("s")));
    assert_eq!((cited[1].url.as_deref(), cited[1].quote.as_deref()), (Some("u"), Some("r")));
    assert_eq!(opaque(&response), json!({ "graph_data": { "status": "finished" } }));
}

#[test]
fn a_field_that_is_named_twice_counts_once() {
    let chunk = r#"{"id":"a","id":"b","choices":[{"index":0,"index":0,"delta":{"content":"x",
        "content":"so","tool_calls":[{"id":"c","id":"d","function":{"name":"f","name":"g",
        "arguments":"{}"}}]},"finish_reason":null,"finish_reason":"stop"}]}"#;
    let chunk = chunk.replace('\n', " ");
    let response = fold(&acme(), Framing::ServerSentEvents, &format!("data: {chunk}\n\n")).unwrap();
    assert_eq!((response.id.as_deref(), response.text()), (Some("b"), "so".to_owned()));
    assert_eq!(calls(&response), ["g({})#d"]);
}

#[test]
fn a_character_that_was_cut_in_two_is_put_together() {
    let text = |text: &str| {
        format!(
            "data: {{\"id\":\"r\",\"model\":\"m\",\"created\":1,\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
        )
    };
    let check = |texts: &[&str], expected: &str| {
        let body: String = texts.iter().map(|piece| text(piece)).collect();
        let body = body + "data: [DONE]\n\n";
        let response = fold(&acme(), Framing::ServerSentEvents, &body).unwrap();
        assert_eq!(response.text(), expected, "{texts:?}");
    };
    check(&["a", "b \\ud83d", "\\ude00 c"], "ab \u{1f600} c");
    check(&["\\ud83d", "\\ude00\\ud83d", "\\ude00"], "\u{1f600}\u{1f600}");
    check(&["\\ud83d\\ude00 \\u00e9"], "\u{1f600} \u{e9}");
    // Alone, either half is told as what cannot be shown.
    check(&["a\\ud83d", "b"], "a\u{fffd}b");
    check(&["a\\ud83d", "", "b"], "a\u{fffd}b");
    check(&["a\\ude00", "\\ud83db"], "a\u{fffd}\u{fffd}b");
    check(&["a\\ud83d"], "a\u{fffd}");
    // A backslash before it is no escape.
    check(&["a\\\\ud83d", "b\\\""], "a\\ud83db\"");
    // In the arguments of a call, whose own escapes are the program's.
    let call = |arguments: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"a\",\"function\":{{\"name\":\"f\",\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
        )
    };
    let body = call("{\\\"x\\\":\\\"\\ud83d") + &call("\\ude00\\\"}") + "data: [DONE]\n\n";
    let response = fold(&acme(), Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(calls(&response), ["f({\"x\":\"\u{1f600}\"})#a"]);
    // What is no JSON stays none.
    let (error, _) =
        fold(&acme(), Framing::ServerSentEvents, "data: {\"a\":\"\\ud83d\n\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn arguments_that_are_no_text_stay_as_they_were_written() {
    let check = |arguments: &str| {
        let body = format!(
            r#"{{"choices":[{{"message":{{"tool_calls":[{{"id":"a","function":{{"name":"f","arguments":{arguments}}}}}]}},"finish_reason":"stop"}}]}}"#
        );
        let response = fold(&acme(), Framing::Whole, &body).unwrap();
        assert_eq!(calls(&response), [format!("f({arguments})#a")]);
    };
    check(r#"{"x": 340282366920938463463374607431768211455, "y": 1e400}"#);
    check("[1,2]");
}

#[test]
fn one_thing_may_stand_where_a_list_is_expected() {
    let call = json!({ "id": "a", "function": { "name": "f", "arguments": "{}" } });
    assert_eq!(calls(&read_whole(json!({ "tool_calls": call }))), ["f({})#a"]);
    assert_eq!(read_whole(json!({ "content": 5 })).text(), "5");
}

/// Claude on Databricks.
#[test]
fn the_signature_of_a_summary_is_kept() {
    let response = read_whole(json!({ "content": [
        { "type": "reasoning",
            "summary": [{ "type": "summary_text", "text": "hm", "signature": "s" }] },
        { "type": "text", "text": "so" },
    ] }));
    assert_eq!((response.thinking(), response.text()), ("hm".to_owned(), "so".to_owned()));
    assert_eq!(response.message.parts[0].data().unwrap().value, json!({ "signature": "s" }));
}

#[test]
fn the_sequence_that_made_the_model_stop_is_kept() {
    let check = |name: &str, why: Value, reason: &str, expected: Option<&str>| {
        let mut choice = json!({ "message": { "content": "x" }, "finish_reason": reason });
        choice[name] = why;
        let body = json!({ "choices": [choice] }).to_string();
        let finish = fold(&acme(), Framing::Whole, &body).unwrap().finish.unwrap();
        assert_eq!(
            (finish.stop_sequence.as_deref(), finish.raw.as_deref()),
            (expected, Some(reason))
        );
    };
    check("stop_reason", json!("###"), "stop", Some("###"));
    check("matched_stop", json!("###"), "stop", Some("###"));
    // The number of a token, and a reason in other words.
    check("stop_reason", json!(151645), "stop", None);
    check("stop_reason", json!("end_turn"), "stop", None);
    check("stop_reason", json!("###"), "length", None);
}

#[test]
fn the_only_alternative_is_kept_whatever_its_number() {
    let choice = |index: u64, name: &str, text: &str| {
        json!({ "id": "r", "model": "m", "created": 1,
            "choices": [{ "index": index, name: { "content": text }, "finish_reason": null }] })
    };
    let response = fold(&acme(), Framing::Whole, &choice(1, "message", "so").to_string()).unwrap();
    assert_eq!((response.text().as_str(), response.warnings.len()), ("so", 0));
    let end = json!({ "choices": [{ "index": 1, "delta": {}, "finish_reason": "stop" }] });
    let pieces = ["so", " far", "."].map(|text| choice(1, "delta", text));
    let response = read(&[&pieces[..], &[end]].concat());
    assert_eq!((response.text().as_str(), response.warnings.len()), ("so far.", 0));
    // The one that came first goes on, and the others are told of.
    let mixed = [
        choice(0, "delta", "a"),
        choice(1, "delta", "x"),
        choice(0, "delta", "b"),
        choice(1, "delta", "y"),
        finish(),
    ];
    let response = read(&mixed);
    assert_eq!((response.text().as_str(), response.warnings.len()), ("ab", 1));
    let response = read(&[choice(1, "delta", ""), choice(0, "delta", "a"), finish()]);
    assert_eq!(response.text(), "a");
}

#[test]
fn what_came_with_an_error_is_handed_on() {
    let mut last = delta(json!({ "content": " far" }));
    last["error"] = json!({ "message": "gone", "code": 502 });
    let (error, partial) = fail(&[delta(json!({ "content": "so" })), last]);
    assert_eq!((error.message(), partial.text().as_str()), ("gone", "so far"));
}

#[test]
fn codes_of_single_vendors_are_known() {
    let check = |id: &str, error: Value, kind: ErrorKind| {
        let (found, _) = fold(&vendor(id), Framing::ServerSentEvents, &body(&[error])).unwrap_err();
        assert_eq!(found.kind(), kind, "{found}");
        found
    };
    let coded = |code: &str| json!({ "error": { "message": "m", "code": code } });
    for code in
        ["Throttling.RateQuota", "Throttling.AllocationQuota", "limit_requests", "limit_burst_rate"]
    {
        check("dashscope", coded(code), ErrorKind::RateLimit);
    }
    let databricks = |code: &str| json!({ "error_code": code, "message": "m" });
    let found = check("databricks", databricks("REQUEST_LIMIT_EXCEEDED"), ErrorKind::RateLimit);
    assert_eq!(found.code(), Some("REQUEST_LIMIT_EXCEEDED"));
    check("databricks", databricks("RESOURCE_DOES_NOT_EXIST"), ErrorKind::ModelNotFound);
    let google = json!({ "error": { "message": "m", "code": 429, "details": [
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "39.5s" }] } });
    let found = check("otari", google, ErrorKind::RateLimit);
    assert_eq!(found.retry_after().unwrap().as_secs_f64(), 39.5);
}

#[test]
fn words_for_the_end_of_an_answer_are_known() {
    let check = |words: &[&str], reason: FinishReason| {
        for word in words {
            let body = whole(&json!({ "content": "x" }), &json!(word));
            let response = fold(&acme(), Framing::Whole, &body).unwrap();
            assert_eq!(response.finish_reason(), Some(reason), "{word}");
        }
    };
    check(
        &[
            "content_filtered",
            "content-filter",
            "guardrail_intervened",
            "RECITATION",
            "blocklist",
            "prohibited_content",
            "SPII",
            "image_safety",
        ],
        FinishReason::ContentFilter,
    );
    check(&["MALFORMED_FUNCTION_CALL"], FinishReason::Error);
    check(&["tool-calls"], FinishReason::ToolCalls);
    check(&["pause_turn"], FinishReason::Paused);
}

#[test]
fn a_stream_of_pieces_reads_the_same_in_the_short_way_and_the_long() {
    // Past the first chunk, plain text is read in the short way; the last one here in the long one.
    let deltas = ["so", " far", "."].map(|text| json!({ "content": text }));
    let mut chunks: Vec<Value> = deltas.into_iter().map(delta).collect();
    chunks.push(finish());
    let mut odd = chunks.clone();
    for chunk in &mut odd {
        chunk["odd"] = json!(1);
    }
    assert_eq!(read(&chunks).message, read(&odd).message);
}
