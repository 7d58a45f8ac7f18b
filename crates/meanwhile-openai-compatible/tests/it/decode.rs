//! Answers: one small case for each thing that servers do.

use meanwhile_core::{
    Error, ErrorKind, Event, FinishReason, Part, Request, Response, Usage, WarningKind,
};
use meanwhile_http::{Codec as _, Decoder as _, Frame, Framing};
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use serde_json::{Value, json};

use crate::{acme, events, fold, stream, whole};

fn read_whole(message: Value) -> Response {
    fold(&acme(), Framing::Whole, &whole(&message, &json!("stop"))).unwrap()
}

fn read_stream(deltas: &[Value]) -> Response {
    read(&stream(deltas, "stop"))
}

fn read(body: &str) -> Response {
    fold(&acme(), Framing::ServerSentEvents, body).unwrap()
}

fn fail(body: &str) -> (Error, Response) {
    fold(&acme(), Framing::ServerSentEvents, body).unwrap_err()
}

/// Calls as `name(arguments)#id`.
fn calls(response: &Response) -> Vec<String> {
    response
        .tool_calls()
        .map(|call| format!("{}({})#{}", call.name, call.arguments, call.id))
        .collect()
}

fn fragment(call: Value) -> Value {
    json!({ "tool_calls": [call] })
}

#[test]
fn whole_and_streamed_answers_fold_to_the_same_message() {
    let call = json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{}" } });
    let message = json!({ "reasoning_content": "hm", "content": "so", "tool_calls": [call] });
    let whole = read_whole(message.clone());
    let streamed = read_stream(&[message]);
    assert_eq!(whole.message, streamed.message);
    assert_eq!(whole.finish_reason(), Some(FinishReason::ToolCalls), "`stop` with a call");
    assert_eq!(whole.finish.unwrap().raw.unwrap(), "stop");
}

/// Mistral's models on Bedrock: messages in place of deltas, and another name for the reason.
#[test]
fn pieces_may_be_messages() {
    let piece = |message: Value, reason: Value| {
        format!(
            "data: {}\n\n",
            json!({ "choices": [{ "index": 0, "message": message, "stop_reason": reason }] })
        )
    };
    let body = piece(json!({ "role": "assistant", "content": "so" }), Value::Null)
        + &piece(json!({ "content": " far" }), Value::Null)
        + &piece(json!({ "content": "" }), json!("length"));
    let response = read(&body);
    assert_eq!((response.text(), response.message.parts.len()), ("so far".to_owned(), 1));
    assert_eq!(response.finish_reason(), Some(FinishReason::Length));
    // vLLM names there what made it stop; the reason itself is elsewhere.
    let body = json!({ "choices": [{ "message": { "content": "x" }, "finish_reason": "stop", "stop_reason": "END" }] });
    let response = fold(&acme(), Framing::Whole, &body.to_string()).unwrap();
    assert_eq!(response.finish.unwrap().raw.as_deref(), Some("stop"));
}

#[test]
fn text_is_read_however_it_is_escaped() {
    let check = |written: &str, expected: &str| {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"{written}"}},"finish_reason":"stop"}}]}}"#
        );
        let found = fold(&acme(), Framing::Whole, &body).unwrap();
        assert_eq!(found.text(), expected, "{written}");
    };
    check("plain, caf\u{e9}", "plain, caf\u{e9}");
    check(r#"\"a\" \\ b\n\tc\r\/\b\f"#, "\"a\" \\ b\n\tc\r/\u{8}\u{c}");
    check(r"\\n\\\n", "\\n\\\n");
    check(r"a\nb \u00e9 \ud83e\udd80 c\n", "a\nb \u{e9} \u{1f980} c\n");
    check(r"\n", "\n");
    let half = r#"{"choices":[{"message":{"content":"\n \ud83e"},"finish_reason":"stop"}]}"#;
    assert_eq!(fold(&acme(), Framing::Whole, half).unwrap().text(), "\n \u{fffd}");
}

#[test]
fn a_counter_that_is_named_twice_counts_once() {
    let body = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":1,"prompt_tokens":5,"input_tokens":9,"completion_tokens":2.0}}"#;
    let usage = fold(&acme(), Framing::Whole, body).unwrap().usage;
    assert_eq!((usage.input.total, usage.output.total), (Some(5), Some(2)));
    assert!(usage.raw.unwrap().text().starts_with(r#"{"prompt_tokens":1,"#), "as it was written");
}

#[test]
fn text_chunks_give_one_part() {
    let body = stream(
        &[
            json!({ "role": "assistant", "content": "" }),
            json!({ "content": "He" }),
            json!({ "content": "j\u{e5}" }),
        ],
        "length",
    );
    let found: Vec<Event> = events(&acme(), Framing::ServerSentEvents, &body, 1)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    insta::assert_debug_snapshot!(found.iter().skip(1).collect::<Vec<_>>(), @r#"
    [
        PartStart {
            index: 0,
            part: Text,
        },
        TextDelta {
            index: 0,
            text: "He",
        },
        TextDelta {
            index: 0,
            text: "jå",
        },
        PartEnd {
            index: 0,
            data: None,
        },
        Finish(
            Finish {
                reason: Length,
                raw: Some(
                    "length",
                ),
                stop_sequence: None,
            },
        ),
    ]
    "#);
}

#[test]
fn tool_fragments_find_their_call() {
    let call = |index: Value, id: &str, name: &str, arguments: &str| {
        fragment(json!({ "index": index, "id": id,
            "function": { "name": name, "arguments": arguments } }))
    };
    let check = |deltas: &[Value], expected: &[&str]| {
        assert_eq!(calls(&read_stream(deltas)), expected, "{deltas:?}");
    };
    // Interleaved by index.
    check(
        &[
            call(json!(0), "a", "f", "{\"x\""),
            call(json!(1), "b", "g", "{\"y\""),
            call(json!(0), "", "", ":1}"),
            call(json!(1), "", "", ":2}"),
        ],
        &["f({\"x\":1})#a", "g({\"y\":2})#b"],
    );
    // Whole calls, all under index 0.
    check(
        &[call(json!(0), "a", "f", "{}"), call(json!(0), "b", "f", "{}")],
        &["f({})#a", "f({})#b"],
    );
    // Id and name repeated with every fragment.
    check(
        &[call(json!(0), "a", "f", "{\"x\""), call(json!(0), "a", "f", ":1}")],
        &["f({\"x\":1})#a"],
    );
    // A new id with every fragment, but no name.
    check(&[call(json!(0), "a", "f", "{"), call(json!(0), "z", "", "}")], &["f({})#a"]);
    // Neither ids nor indices.
    check(
        &[
            call(Value::Null, "", "f", "{"),
            call(Value::Null, "", "", "}"),
            call(Value::Null, "", "f", "{}"),
        ],
        &["f({})#call_0", "f({})#call_1"],
    );
    // The same index and name again, without an id.
    check(
        &[call(json!(0), "", "f", "{\"x\":1}"), call(json!(0), "", "f", "{\"x\":2}")],
        &["f({\"x\":1})#call_0", "f({\"x\":2})#call_1"],
    );
    // The index as text, the name after the arguments.
    check(
        &[call(json!("0"), "a", "", "{\"x\""), call(json!("0"), "", "f", ":1}")],
        &["f({\"x\":1})#a"],
    );
    // Arguments that are not text.
    check(
        &[fragment(json!({ "id": "a", "function": { "name": "f", "arguments": { "x": 1 } } }))],
        &["f({\"x\":1})#a"],
    );
    // No arguments at all.
    check(&[fragment(json!({ "id": "a", "function": { "name": "f" } }))], &["f({})#a"]);
    // What tools were called before.
    check(
        &[
            json!({ "function_call": { "name": "f", "arguments": "{" } }),
            json!({ "function_call": { "arguments": "}" } }),
        ],
        &["f({})#call_0"],
    );
}

#[test]
fn whole_calls_are_calls_of_their_own() {
    let call =
        |id: &str| json!({ "index": 0, "id": id, "function": { "name": "f", "arguments": "{}" } });
    let response =
        read_whole(json!({ "content": null, "tool_calls": [call("a"), call("a"), call("")] }));
    assert_eq!(calls(&response), ["f({})#a", "f({})#call_1", "f({})#call_2"]);
}

#[test]
fn made_up_ids_do_not_repeat_those_of_the_conversation() {
    let mut request = Request::new("m", Vec::new());
    let earlier = read_whole(json!({ "function_call": { "name": "f", "arguments": "{}" } }));
    request.messages.push(earlier.message);
    let mut decoder = acme().decoder(&request);
    let mut events = std::collections::VecDeque::new();
    let body = whole(&json!({ "function_call": { "name": "f" } }), &json!("function_call"));
    decoder.frame(Frame::Body(body.as_bytes()), &mut events).unwrap();
    let started = events.iter().any(|event| *event == Event::tool_call_start(0, "call_1", "f"));
    assert!(started, "{events:?}");
}

#[test]
fn a_call_without_a_name_is_kept_with_a_warning() {
    let response =
        read_stream(&[fragment(json!({ "id": "a", "function": { "arguments": "{}" } }))]);
    assert_eq!(calls(&response), ["({})#a"]);
    assert_eq!(response.warnings[0].kind, WarningKind::Unreadable);
}

#[test]
fn thinking_is_taken_once() {
    let detail = |text: &str| json!([{ "type": "reasoning.text", "index": 0, "text": text }]);
    let response = read_stream(&[
        json!({ "reasoning": "a", "reasoning_content": "a", "reasoning_details": detail("a") }),
        json!({ "reasoning_details": detail("b") }),
        json!({ "reasoning_details": [{ "type": "reasoning.text", "index": 0, "signature": "s" }] }),
        json!({ "content": "c" }),
    ]);
    assert_eq!((response.thinking(), response.text()), ("ab".into(), "c".into()));
    let data = response.message.parts[0].data().unwrap();
    assert_eq!(data.provider, "acme");
    let joined = json!([{ "type": "reasoning.text", "index": 0, "text": "ab", "signature": "s" }]);
    assert_eq!(data.value, json!({ "reasoning_details": joined }));
}

#[test]
fn content_may_be_a_list_of_parts() {
    let response = read_whole(json!({ "content": [
        { "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }], "signature": "s" },
        { "type": "text", "text": "so" },
        { "type": "reference", "reference_ids": [1, "b"] },
        { "type": "text", "text": ", or not" },
        { "type": "tool_file", "file_id": "f" },
    ] }));
    assert_eq!((response.thinking(), response.text()), ("hm".into(), "so, or not".into()));
    assert_eq!(response.message.parts[0].data().unwrap().value, json!({ "signature": "s" }));
    let Part::Text(text) = &response.message.parts[1] else { panic!("not text") };
    let cited: Vec<_> =
        text.citations.iter().map(|cited| cited.document.as_deref().unwrap_or_default()).collect();
    assert_eq!((text.text.as_str(), cited), ("so", vec!["1", "b"]));
    let sent = text.citations[0].data.as_ref().unwrap();
    assert_eq!(sent.value["reference_ids"], json!([1, "b"]));
    assert!(text.citations[1].data.is_none(), "it goes back once");
    let Part::Opaque(data) = &response.message.parts[3] else { panic!("the file is lost") };
    assert_eq!(data.value["content"][0]["file_id"], "f");
}

#[test]
fn refusals_speech_pictures_and_citations_have_their_parts() {
    let response = read_whole(json!({
        "content": null, "refusal": "no",
        "audio": { "id": "au", "data": "QUJD", "transcript": "abc", "expires_at": 7 },
        "images": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD" } }],
        "annotations": [{ "type": "url_citation" }],
    }));
    assert_eq!(response.refusal().as_deref(), Some("no"));
    let kinds: Vec<&str> = response.message.parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["refusal", "image", "audio", "opaque part"]);
    let Part::Audio(audio) = &response.message.parts[2] else { panic!("not audio") };
    assert_eq!(audio.transcript.as_deref(), Some("abc"));
    assert_eq!(audio.data.as_ref().unwrap().value["audio"]["id"], "au");
}

#[test]
fn finish_reasons_are_read_leniently() {
    let check = |raw: &str, reason: FinishReason| {
        let response =
            fold(&acme(), Framing::Whole, &whole(&json!({ "content": "x" }), &json!(raw)));
        let finish = response.unwrap().finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (reason, Some(raw)));
    };
    check("stop", FinishReason::Stop);
    check("eos", FinishReason::Stop);
    check("eos_token", FinishReason::Stop);
    check("tool_call", FinishReason::ToolCalls);
    check("function_call", FinishReason::ToolCalls);
    check("max_tokens", FinishReason::Length);
    check("content_filter", FinishReason::ContentFilter);
    check("network_error", FinishReason::Error);
    check("tomorrow's word", FinishReason::Other);
}

#[test]
fn a_cut_answer_stays_cut() {
    let call = json!({ "id": "a", "function": { "name": "f", "arguments": "{\"x" } });
    let body = stream(&[fragment(call)], "length").replace(
        "data: [DONE]",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]",
    );
    assert_eq!(read(&body).finish_reason(), Some(FinishReason::Length));
}

#[test]
fn an_answer_ends_in_one_of_three_ways() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"\"}]}\n\n";
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    // A finish reason and a clean end.
    assert_eq!(read(&format!("{text}{finish}")).finish_reason(), Some(FinishReason::Stop));
    // `[DONE]` alone: complete, but the server did not say why.
    let done = read(&format!("{text}data: [DONE]\n\n")).finish.unwrap();
    assert_eq!((done.reason, done.raw), (FinishReason::Other, None));
    // Neither.
    let (error, partial) = fail(text);
    assert_eq!((error.kind(), partial.text()), (ErrorKind::StreamInterrupted, "x".to_owned()));
    assert_eq!(fail("data: [DONE]\n\n").0.kind(), ErrorKind::StreamInterrupted);
    assert_eq!(fail("").0.kind(), ErrorKind::StreamInterrupted);
}

#[test]
fn odd_chunks_are_no_failure() {
    let body = concat!(
        ": keep-alive\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data:\n\n",
        "data: {}\n\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"finish_reason\":null}]}\n\n",
        "data: {\"id\":\"\",\"model\":\"\",\"choices\":[{\"delta\":null}]}\n\n",
        "data: {\"id\":\"r\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"message\":{\"content\":\"a\"}}]}\n\n",
        "data: {\"id\":\"q\",\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}],\"obfuscation\":\"x\"}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"c\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]",
    );
    let response = read(body);
    assert_eq!((response.text().as_str(), response.id.as_deref()), ("abc", Some("r")));
    assert_eq!(response.model, "m", "an empty model name is none");
}

#[test]
fn a_stream_may_hold_whole_messages() {
    let body = format!("data: {}\n\n", whole(&json!({ "content": "x" }), &json!("stop")));
    assert_eq!(read(&body).text(), "x");
}

#[test]
fn only_the_first_alternative_is_kept() {
    let body = json!({ "choices": [
        { "index": 1, "message": { "content": "b" }, "finish_reason": "stop" },
        { "index": 0, "message": { "content": "a" }, "finish_reason": "stop" },
    ] });
    let response = fold(&acme(), Framing::Whole, &body.to_string()).unwrap();
    assert_eq!(response.text(), "a");
    assert_eq!(response.warnings.len(), 1);
}

#[test]
fn usage_is_read_wherever_it_is() {
    let chunk = |extra: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"x\"}},\"finish_reason\":\"stop\"}}]{extra}}}\n\n"
        )
    };
    let usage = |body: String| read(&body).usage;
    let plain = usage(chunk(",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}"));
    assert_eq!((plain.input.total, plain.output.total), (Some(1), Some(2)));
    assert_eq!((plain.input.uncached, plain.output.text), (None, None), "not reported");
    let last = chunk(",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}")
        + &chunk(",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":9}");
    assert_eq!(usage(last).output.total, Some(9));
    let groq =
        usage(chunk(",\"x_groq\":{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"));
    assert_eq!(groq.total(), Some(7));
    let in_choice = usage("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":3}}]}\n\n".to_owned());
    assert_eq!(in_choice.input.total, Some(3));
}

#[test]
fn counters_of_every_vendor_are_normal() {
    let check = |quirks: Quirks, raw: Value, expected: [Option<u64>; 7]| {
        let mut body: Value =
            serde_json::from_str(&whole(&json!({ "content": "x" }), &json!("stop"))).unwrap();
        body["usage"] = raw.clone();
        let codec = ChatCodec::new("acme", quirks);
        let Usage { input, output, raw: kept, .. } =
            fold(&codec, Framing::Whole, &body.to_string()).unwrap().usage;
        let found = [
            input.total,
            input.uncached,
            input.cache_read,
            input.cache_write,
            output.total,
            output.text,
            output.reasoning,
        ];
        assert_eq!(found, expected, "{raw}");
        assert_eq!(kept.map(|kept| kept.json().unwrap()), Some(raw), "the vendor's own counters");
    };
    let [n, i] = [None::<u64>, None];
    let s = Some::<u64>;
    check(
        Quirks::new(),
        json!({ "prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18,
        "prompt_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 1 },
        "completion_tokens_details": { "reasoning_tokens": 3 } }),
        [s(10), s(5), s(4), s(1), s(8), s(5), s(3)],
    );
    // Reasoning apart, told by the sum; and by the vendor where there is none.
    check(
        Quirks::new(),
        json!({ "prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 21,
        "completion_tokens_details": { "reasoning_tokens": 3 } }),
        [s(10), n, n, i, s(11), s(8), s(3)],
    );
    let mut apart = Quirks::new();
    apart.reasoning_apart = true;
    check(
        apart,
        json!({ "prompt_tokens": 10, "completion_tokens": 8, "reasoning_tokens": 3 }),
        [s(10), n, n, i, s(11), s(8), s(3)],
    );
    check(
        Quirks::new(),
        json!({ "prompt_tokens": 10, "completion_tokens": 8,
        "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4 }),
        [s(10), s(4), s(6), n, s(8), n, n],
    );
    // More cached than read, more thought than written.
    check(
        Quirks::new(),
        json!({ "prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13,
        "prompt_tokens_details": { "cached_tokens": 9 },
        "completion_tokens_details": { "reasoning_tokens": 11 } }),
        [s(5), s(0), s(9), n, s(8), n, s(11)],
    );
    check(
        Quirks::new(),
        json!({ "prompt_tokens": -1, "completion_tokens": 2.0, "total_tokens": "?" }),
        [n, n, n, n, s(2), n, n],
    );
}

#[test]
fn what_is_not_an_answer_is_a_decode_error() {
    let check = |framing: Framing, body: &str| {
        let (error, _) = fold(&acme(), framing, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
        assert!(error.body().is_some(), "the beginning is shown");
    };
    check(Framing::ServerSentEvents, "data: <html>\n\n");
    check(Framing::ServerSentEvents, "data: {\"choices\":[{\"delta\":{\"content\":\"\n\n");
    check(Framing::Whole, "<html>");
    check(Framing::Whole, "{\"choices\":[]}");
    check(Framing::Whole, "[]");
    // Cut, or not even begun: worth another try.
    for body in ["{\"choices\":[{\"message\":", ""] {
        let (error, _) = fold(&acme(), Framing::Whole, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{body}");
    }
}
