//! Answers to events, whole and streamed.

use meanwhile_core::{
    Event, FinishReason, Image, Message, OutputFormat, OutputSchema, Part, Request, Response,
    Schema, ToolSpec,
};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{CLAUDE, ask, events, fold, stream, streamed, whole};

fn answer(content: Value, stop: &str) -> Value {
    json!({ "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": stop, "usage": { "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 } })
}

fn delta(index: u32, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({ "contentBlockIndex": index, "delta": delta, "p": "abc" }))
}

fn start(index: u32, start: Value) -> (&'static str, Value) {
    ("contentBlockStart", json!({ "contentBlockIndex": index, "start": start }))
}

fn stop(index: u32) -> (&'static str, Value) {
    ("contentBlockStop", json!({ "contentBlockIndex": index }))
}

fn end(reason: &str) -> [(&'static str, Value); 2] {
    let usage = json!({ "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 });
    [("messageStop", json!({ "stopReason": reason })), ("metadata", json!({ "usage": usage }))]
}

fn stream_of(blocks: Vec<(&'static str, Value)>, reason: &str) -> Response {
    let mut all = vec![("messageStart", json!({ "role": "assistant" }))];
    all.extend(blocks);
    all.extend(end(reason));
    streamed(&all)
}

/// Checks that both ways give the same parts.
fn check(content: Value, blocks: Vec<(&'static str, Value)>, reason: &str) -> Response {
    let whole = whole(&answer(content, reason));
    let streamed = stream_of(blocks, reason);
    assert_eq!(whole.message, streamed.message);
    assert_eq!(whole.finish, streamed.finish);
    assert_eq!(whole.usage, streamed.usage);
    whole
}

#[test]
fn text_and_thinking() {
    let response = check(
        json!([
            { "reasoningContent": { "reasoningText": { "text": "hm hm", "signature": "c2ln" } } },
            { "reasoningContent": { "redactedContent": "AQID" } },
            { "text": "Hello" },
        ]),
        vec![
            delta(0, json!({ "reasoningContent": { "text": "hm " } })),
            delta(0, json!({ "reasoningContent": { "text": "hm" } })),
            delta(0, json!({ "reasoningContent": { "signature": "c2ln" } })),
            stop(0),
            delta(1, json!({ "reasoningContent": { "redactedContent": "AQID" } })),
            stop(1),
            delta(2, json!({ "text": "" })),
            delta(2, json!({ "text": "Hel" })),
            delta(2, json!({ "text": "lo" })),
            stop(2),
        ],
        "end_turn",
    );
    assert_eq!((response.text(), response.thinking()), ("Hello".into(), "hm hm".into()));
    let data = |at: usize| response.message.parts[at].data().unwrap().value.clone();
    assert_eq!(data(0), json!({ "signature": "c2ln" }));
    assert_eq!(data(1), json!({ "redactedContent": "AQID" }));
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
}

#[test]
fn calls() {
    let response = check(
        json!([
            { "text": "Look." },
            { "toolUse": { "toolUseId": "t1", "name": "weather", "input": {"city":"Rome"} } },
            { "toolUse": { "toolUseId": "t2", "name": "time", "input": {} } },
        ]),
        vec![
            delta(0, json!({ "text": "Look." })),
            stop(0),
            start(1, json!({ "toolUse": { "toolUseId": "t1", "name": "weather" } })),
            delta(1, json!({ "toolUse": { "input": "{\"city\"" } })),
            delta(1, json!({ "toolUse": { "input": ":\"Rome\"}" } })),
            stop(1),
            start(2, json!({ "toolUse": { "toolUseId": "t2", "name": "time" } })),
            // No arguments, no delta.
            stop(2),
        ],
        "tool_use",
    );
    let calls: Vec<String> = response
        .tool_calls()
        .map(|call| format!("{} {} {}", call.id, call.name, call.arguments))
        .collect();
    assert_eq!(calls, ["t1 weather {\"city\":\"Rome\"}", "t2 time {}"]);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
}

#[test]
fn tools_of_the_service_are_kept_as_they_came() {
    let call =
        json!({ "toolUseId": "t1", "name": "nova_code_interpreter", "type": "server_tool_use" });
    let result =
        json!({ "toolUseId": "t1", "status": "success", "type": "nova_code_interpreter_result" });
    let with = |base: &Value, name: &str, value: Value| {
        let mut base = base.clone();
        base[name] = value;
        base
    };
    let output = json!([{ "json": { "stdOut": "7" } }, { "text": "done" }]);
    let response = check(
        json!([
            { "toolUse": with(&call, "input", json!({ "snippet": "1+6" })) },
            { "toolResult": with(&result, "content", output) },
            { "text": "7" },
        ]),
        vec![
            start(0, json!({ "toolUse": call })),
            delta(0, json!({ "toolUse": { "input": "{\"snippet\":" } })),
            delta(0, json!({ "toolUse": { "input": "\"1+6\"}" } })),
            stop(0),
            start(1, json!({ "toolResult": result })),
            delta(1, json!({ "toolResult": [{ "json": { "stdOut": "7" } }] })),
            delta(1, json!({ "toolResult": [{ "text": "do" }] })),
            delta(1, json!({ "toolResult": [{ "text": "ne" }] })),
            stop(1),
            delta(2, json!({ "text": "7" })),
            stop(2),
        ],
        "end_turn",
    );
    assert_eq!(response.tool_calls().count(), 0);
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    assert!(
        matches!(&response.message.parts[0], Part::Opaque(data) if data.value["toolUse"]["name"] == "nova_code_interpreter")
    );
}

#[test]
fn citations() {
    let citation = json!({ "title": "policy", "sourceContent": [{ "text": "20 " }, { "text": "days" }],
        "location": { "documentChar": { "documentIndex": 1, "start": 0, "end": 7 } } });
    let web =
        json!({ "location": { "web": { "url": "https://x.example/", "domain": "x.example" } } });
    let response = check(
        json!([
            { "text": "You get " },
            { "citationsContent": { "content": [{ "text": "20 days" }], "citations": [citation, web] } },
        ]),
        vec![
            delta(0, json!({ "text": "You get " })),
            stop(0),
            delta(1, json!({ "citation": citation })),
            delta(1, json!({ "text": "20 " })),
            delta(1, json!({ "text": "days" })),
            delta(1, json!({ "citation": web })),
            stop(1),
        ],
        "end_turn",
    );
    assert_eq!(response.text(), "You get 20 days");
    let cited: Vec<_> = response.citations().collect();
    assert_eq!(cited[0].title.as_deref(), Some("policy"));
    assert_eq!(cited[0].quote.as_deref(), Some("20 days"));
    assert_eq!(cited[0].document.as_deref(), Some("1"));
    assert_eq!(cited[0].data.as_ref().unwrap().value, citation);
    assert_eq!(cited[1].url.as_deref(), Some("https://x.example/"));
    // A search result tells where it is from.
    let found = json!({ "source": "https://y.example/", "title": "y",
        "location": { "searchResultLocation": { "searchResultIndex": 2, "start": 0, "end": 1 } } });
    let content =
        json!([{ "citationsContent": { "content": [{ "text": "y" }], "citations": [found] } }]);
    let response = whole(&answer(content, "end_turn"));
    let cited: Vec<_> = response.citations().collect();
    assert_eq!(cited[0].url.as_deref(), Some("https://y.example/"));
    assert_eq!(cited[0].document.as_deref(), Some("2"));
}

#[test]
fn pictures_and_what_is_not_known() {
    let image = json!({ "format": "png", "source": { "bytes": "AQID" } });
    let response = check(
        json!([{ "image": image }, { "hologram": { "depth": 3 } }, { "text": "x" }]),
        vec![
            start(0, json!({ "image": { "format": "png" } })),
            delta(0, json!({ "image": { "source": { "bytes": "AQID" } } })),
            stop(0),
            start(1, json!({ "hologram": { "depth": 3 } })),
            stop(1),
            ("contentBlockSparkle", json!({ "x": 1 })),
            delta(2, json!({ "text": "x" })),
        ],
        "some_day",
    );
    // Each piece of a picture is base64 of its own.
    let pieces = ["AQI=", "AwQF", "Bg=="].map(|bytes| json!({ "source": { "bytes": bytes } }));
    let mut events = vec![start(0, json!({ "image": { "format": "png" } }))];
    events.extend(pieces.iter().map(|piece| delta(0, json!({ "image": piece }))));
    events.push(delta(0, json!({ "image": { "error": { "message": "cut short" } } })));
    events.push(stop(0));
    let pictured = stream_of(events, "end_turn");
    assert_eq!(pictured.message.parts, [Image::bytes(vec![1, 2, 3, 4, 5, 6], "image/png").into()]);
    let told: Vec<String> = pictured.warnings.iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].ends_with("cut short"), "{told:?}");
    // A piece that is no base64 leaves no picture.
    let broken = stream_of(
        vec![
            start(0, json!({ "image": { "format": "png" } })),
            delta(0, json!({ "image": { "source": { "bytes": "AQID" } } })),
            delta(0, json!({ "image": { "source": { "bytes": "?" } } })),
            stop(0),
        ],
        "end_turn",
    );
    assert!(matches!(&broken.message.parts[..], [Part::Opaque(_)]), "{broken:?}");
    let expected = [
        Image::bytes(vec![1, 2, 3], "image/png").into(),
        Part::opaque("bedrock", json!({ "hologram": { "depth": 3 } })),
        Part::text("x"),
    ];
    assert_eq!(response.message.parts, expected);
    let finish = response.finish.unwrap();
    assert_eq!((finish.reason, finish.raw.as_deref()), (FinishReason::Other, Some("some_day")));
}

#[test]
fn a_block_may_change_its_kind() {
    let response = stream_of(
        vec![
            delta(0, json!({ "reasoningContent": { "text": "hm" } })),
            delta(0, json!({ "text": "Hi" })),
        ],
        "end_turn",
    );
    assert_eq!((response.thinking(), response.text()), ("hm".into(), "Hi".into()));
}

#[test]
fn finish_reasons() {
    for (raw, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_model_output", FinishReason::Error),
        ("malformed_tool_use", FinishReason::Error),
        ("new_reason", FinishReason::Other),
    ] {
        let response = check(json!([{ "text": "x" }]), vec![delta(0, json!({ "text": "x" }))], raw);
        let finish = response.finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (expected, Some(raw)));
    }
    let call = json!([{ "toolUse": { "toolUseId": "t", "name": "n", "input": {} } }]);
    let reason = |raw| whole(&answer(call.clone(), raw)).finish_reason();
    assert_eq!(reason("end_turn"), Some(FinishReason::ToolCalls));
    assert_eq!(reason("max_tokens"), Some(FinishReason::Length));
    assert_eq!(reason("guardrail_intervened"), Some(FinishReason::ContentFilter));
}

#[test]
fn counters() {
    let usage = |usage: Value| {
        let mut answer = answer(json!([{ "text": "x" }]), "end_turn");
        answer["usage"] = usage;
        whole(&answer).usage
    };
    let found = usage(json!({ "inputTokens": 386, "outputTokens": 4, "totalTokens": 3142,
        "cacheReadInputTokens": 2752, "cacheReadInputTokenCount": 2752, "cacheWriteInputTokens": 0 }));
    let input = found.input;
    assert_eq!((input.total, input.uncached), (Some(3138), Some(386)));
    assert_eq!((input.cache_read, input.cache_write), (Some(2752), Some(0)));
    assert_eq!((found.output.total, found.total()), (Some(4), Some(3142)));
    assert_eq!(found.raw.unwrap().json().unwrap()["cacheReadInputTokenCount"], 2752);
    let found = usage(json!({ "outputTokens": 50 }));
    assert_eq!((found.input.total, found.output.total), (None, Some(50)));
    let found = usage(json!({ "inputTokens": u64::MAX, "cacheReadInputTokenCount": 5 }));
    assert_eq!((found.input.total, found.input.cache_read), (Some(u64::MAX), Some(5)));
    assert_eq!(usage(json!({})).raw, None);
    assert_eq!(usage(Value::Null).raw, None);
}

#[test]
fn what_is_told_about_an_answer() {
    let mut answer = answer(json!([{ "text": "x" }]), "stop_sequence");
    answer["additionalModelResponseFields"] = json!({ "stop_sequence": "END" });
    answer["trace"] = json!({ "promptRouter": { "invokedModelId": "arn:x" } });
    answer["serviceTier"] = json!({ "type": "flex" });
    let response = whole(&answer);
    assert_eq!(response.model, "arn:x");
    assert_eq!(response.service_tier.as_deref(), Some("flex"));
    assert_eq!(response.finish.as_ref().unwrap().stop_sequence.as_deref(), Some("END"));
    let Part::Opaque(told) = &response.message.parts[1] else { panic!("{response:?}") };
    assert_eq!(told.value["additionalModelResponseFields"]["stop_sequence"], "END");

    let response = streamed(&[
        delta(0, json!({ "text": "x" })),
        (
            "messageStop",
            json!({ "stopReason": "stop_sequence",
            "additionalModelResponseFields": { "delta": { "stop_sequence": "END" } } }),
        ),
        ("metadata", json!({ "trace": { "guardrail": { "actionReason": "none" } } })),
    ]);
    assert_eq!(response.finish.as_ref().unwrap().stop_sequence.as_deref(), Some("END"));
    let Part::Opaque(told) = &response.message.parts[1] else { panic!("{response:?}") };
    assert_eq!(told.value["trace"]["guardrail"]["actionReason"], "none");

    // With which latency the model answered is told where that was asked for, and does not go back.
    let config = json!({ "latency": "optimized" });
    let mut answer = self::answer(json!([{ "text": "x" }]), "end_turn");
    answer["performanceConfig"] = config.clone();
    let response = whole(&answer);
    let Part::Opaque(told) = &response.message.parts[1] else { panic!("{response:?}") };
    assert_eq!(told.value, json!({ "performanceConfig": config }));
    let again = Request::new(CLAUDE, vec![Message::user("x"), response.message.clone()]);
    let (body, _) = crate::body(&again);
    assert_eq!(body["messages"][1]["content"], json!([{ "text": "x" }]));
    let about = ("metadata", json!({ "performanceConfig": config }));
    let streamed = streamed(&[delta(0, json!({ "text": "x" })), end("end_turn")[0].clone(), about]);
    assert_eq!(streamed.message.parts, response.message.parts);
}

#[test]
fn a_field_of_another_type_is_absent() {
    for odd in [json!(5), json!(true), json!([1]), json!({ "x": 1 }), json!(1.5)] {
        // A number in the place of a text reads as it is written.
        let said = if odd.is_number() { odd.to_string() } else { String::new() };
        let mut body = answer(
            json!([
                { "text": odd },
                odd,
                { "toolUse": { "toolUseId": odd, "name": "f", "input": {}, "type": odd } },
                { "reasoningContent": { "reasoningText": odd } },
                { "reasoningContent": odd },
                { "citationsContent": odd },
                { "citationsContent": { "content": odd, "citations": odd } },
                { "text": "x" },
            ]),
            "end_turn",
        );
        body["serviceTier"] = json!({ "type": odd });
        let response = whole(&body);
        assert_eq!(response.text(), format!("{said}x"), "{odd}");
        assert_eq!(response.tool_calls().map(|call| &*call.name).collect::<Vec<_>>(), ["f"]);
        body["serviceTier"] = odd.clone();
        body["stopReason"] = odd.clone();
        assert_eq!(whole(&body).text(), format!("{said}x"), "{odd}");
        let response = streamed(&[
            ("contentBlockDelta", json!({ "contentBlockIndex": odd, "delta": { "text": "x" } })),
            delta(1, json!({ "reasoningContent": odd })),
            delta(1, odd.clone()),
            delta(1, json!({ "text": odd })),
            end("end_turn")[0].clone(),
        ]);
        assert_eq!(response.text(), format!("x{said}"), "{odd}");
    }
    let response = whole(&answer(json!([{ "toolUse": 5 }, { "text": "x" }]), "end_turn"));
    assert_eq!((response.text(), response.warnings.len()), ("x".to_owned(), 1));
}

#[test]
fn a_text_in_the_place_of_blocks_and_a_field_named_twice() {
    for content in [json!("so"), json!({ "text": "so" })] {
        assert_eq!(whole(&answer(content, "end_turn")).text(), "so");
    }
    let body = r#"{"stopReason":"max_tokens","output":{"message":{"content":[{"text":"so"}]}},"stopReason":"end_turn"}"#;
    let response = fold(&ask(CLAUDE), Framing::Whole, body.as_bytes()).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
}

#[test]
fn half_characters_are_put_together() {
    let event = |name: &str, json: &str| {
        let mut out = Vec::new();
        let headers = [(":message-type", "event"), (":event-type", name)];
        crate::message(&headers, json.as_bytes(), &mut out);
        out
    };
    let delta = |delta: &str| {
        event("contentBlockDelta", &format!(r#"{{"contentBlockIndex":0,"delta":{delta}}}"#))
    };
    let end = || event("messageStop", r#"{"stopReason":"end_turn"}"#);
    let read = |pieces: &[Vec<u8>]| {
        fold(&ask(CLAUDE).streamed(), Framing::AwsEventStream, &pieces.concat()).unwrap()
    };
    let halves = [delta(r#"{"text":"so \ud83d"}"#), delta(r#"{"text":"\ude00!"}"#), end()];
    assert_eq!(read(&halves).text(), "so \u{1f600}!");
    // One that stays alone is told.
    assert_eq!(read(&[delta(r#"{"text":"so \ud83d"}"#), end()]).text(), "so \u{fffd}");
    let thought = delta(r#"{"reasoningContent":{"text":"so \ud83d"}}"#);
    assert_eq!(read(&[thought, end()]).thinking(), "so \u{fffd}");
    let call = event(
        "contentBlockStart",
        r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
    );
    let first = delta(r#"{"toolUse":{"input":"{\"x\":\"\ud83d"}}"#);
    let second = delta(r#"{"toolUse":{"input":"\ude00\"}"}}"#);
    let response = read(&[call, first, second, end()]);
    let arguments: Vec<_> = response.tool_calls().map(|call| &*call.arguments).collect();
    assert_eq!(arguments, ["{\"x\":\"\u{1f600}\"}"]);
    let body = r#"{"output":{"message":{"content":[{"text":"\ud83d"}]}},"stopReason":"end_turn"}"#;
    let response = fold(&ask(CLAUDE), Framing::Whole, body.as_bytes()).unwrap();
    assert_eq!(response.text(), "\u{fffd}");
}

#[test]
fn the_end_of_a_stream() {
    // Counters may be missing, or come first.
    let text = || delta(0, json!({ "text": "x" }));
    let [stop, about] = end("end_turn");
    assert_eq!(streamed(&[text(), stop.clone()]).text(), "x");
    let response = streamed(&[text(), about.clone(), stop.clone()]);
    assert_eq!((response.text(), response.usage.total()), ("x".into(), Some(3)));

    let request = ask(CLAUDE).streamed();
    for part in [vec![], vec![text()], vec![text(), about.clone()]] {
        let (error, _) = fold(&request, Framing::AwsEventStream, &stream(&part)).unwrap_err();
        assert_eq!(error.kind(), meanwhile_core::ErrorKind::StreamInterrupted);
    }
    let complete = stream(&[text(), stop.clone(), about]);
    let terminator = stream(&[text(), stop]).len();
    for cut in 0..complete.len() {
        let events = events(&request, Framing::AwsEventStream, &complete[..cut], cut.max(1));
        let is_complete = matches!(events.last(), Some(Ok(Event::Finish(_))));
        assert_eq!(is_complete, cut == terminator, "cut at {cut}");
    }
}

#[test]
fn a_shape_by_a_tool_arrives_as_text() {
    let schema = Schema::from(json!({ "type": "object" }));
    let mut request = ask("amazon.nova-lite-v1:0");
    request.output = OutputFormat::Schema(OutputSchema::new("City", schema.clone()));
    let call = |name: &str| json!([{ "toolUse": { "toolUseId": "t", "name": name, "input": { "n": 1 } } }]);
    let read = |request: &Request, name: &str| {
        let body = answer(call(name), "tool_use").to_string();
        fold(request, Framing::Whole, body.as_bytes()).unwrap()
    };
    let response = read(&request, "City");
    assert_eq!(response.text().replace(' ', ""), "{\"n\":1}");
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    assert_eq!(response.tool_calls().count(), 0);

    let body = stream(&[
        start(0, json!({ "toolUse": { "toolUseId": "t", "name": "City" } })),
        delta(0, json!({ "toolUse": { "input": "{\"n\"" } })),
        delta(0, json!({ "toolUse": { "input": ":1}" } })),
        stop(0),
        end("tool_use")[0].clone(),
    ]);
    let response = fold(&request.clone().streamed(), Framing::AwsEventStream, &body).unwrap();
    assert_eq!(response.text(), "{\"n\":1}");
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));

    request.tools = vec![ToolSpec::new("a", "", schema)];
    let response = read(&request, "a");
    assert_eq!(response.tool_calls().count(), 1);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
}

#[test]
fn pieces_do_not_matter() {
    let body = stream(&[
        ("messageStart", json!({ "role": "assistant" })),
        delta(0, json!({ "reasoningContent": { "text": "é✓" } })),
        stop(0),
        start(1, json!({ "toolUse": { "toolUseId": "t", "name": "n" } })),
        delta(1, json!({ "toolUse": { "input": "{}" } })),
        stop(1),
        end("tool_use")[0].clone(),
        end("tool_use")[1].clone(),
    ]);
    let request = ask(CLAUDE).streamed();
    let show = |size| format!("{:?}", events(&request, Framing::AwsEventStream, &body, size));
    for size in 1..body.len() {
        assert_eq!(show(size), show(body.len()), "pieces of {size}");
    }
}
