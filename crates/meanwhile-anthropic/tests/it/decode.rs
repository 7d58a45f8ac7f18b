//! Answers: one small case for each thing that the API sends.

use meanwhile_anthropic::{Host, MessagesDecoder};
use meanwhile_core::{Citation, ErrorKind, Event, FinishReason, Part, Response};
use meanwhile_http::{Codec as _, Decoder as _, Frame, Framing};
use serde_json::{Value, json};

use crate::{ask, events, host, read, sse, stream, streamed, whole};

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn text_delta(text: &str) -> Value {
    json!({ "type": "text_delta", "text": text })
}

fn json_delta(text: &str) -> Value {
    json!({ "type": "input_json_delta", "partial_json": text })
}

/// Calls as `name(arguments)#id`.
fn calls(response: &Response) -> Vec<String> {
    response
        .tool_calls()
        .map(|call| format!("{}({})#{}", call.name, call.arguments, call.id))
        .collect()
}

#[test]
fn the_events_of_a_stream() {
    let body = stream(&[(text(""), vec![text_delta("He"), text_delta("j\u{e5}")])], "max_tokens");
    let found: Vec<Event> = events(&ask("x"), Framing::ServerSentEvents, &body, 1)
        .into_iter()
        .map(Result::unwrap)
        .filter(|event| !matches!(event, Event::Usage(_)))
        .collect();
    insta::assert_debug_snapshot!(found, @r#"
    [
        Metadata(
            Metadata {
                id: Some(
                    "msg_1",
                ),
                provider: None,
                model: Some(
                    "claude-sonnet-4-5-20250929",
                ),
                requested_model: None,
                request_id: None,
                created: None,
                service_tier: None,
                cached: false,
            },
        ),
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
                    "max_tokens",
                ),
                stop_sequence: None,
            },
        ),
    ]
    "#);
}

#[test]
fn whole_and_streamed_answers_fold_to_the_same_message() {
    let caller = json!({ "type": "code_execution_20260120", "tool_id": "srvtoolu_1" });
    let cited = json!({ "type": "char_location", "cited_text": "c", "document_index": 0,
        "document_title": "t", "start_char_index": 0, "end_char_index": 1, "file_id": null });
    let search = json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
        "input": { "query": "q" } });
    let result = json!({ "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
        "content": [{ "type": "web_search_result", "encrypted_content": "e", "page_age": null }] });
    let redacted = json!({ "type": "redacted_thinking", "data": "r" });
    let whole = whole(
        &json!([
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            redacted,
            search,
            result,
            { "type": "text", "text": "so", "citations": [cited] },
            { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "x": 1 },
              "caller": caller },
            { "type": "tool_use", "id": "toolu_2", "name": "g", "input": {},
              "caller": { "type": "direct" } },
        ]),
        "tool_use",
    );
    let streamed = streamed(
        &[
            (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                vec![
                    json!({ "type": "thinking_delta", "thinking": "hm" }),
                    json!({ "type": "signature_delta", "signature": "s" }),
                ],
            ),
            (redacted, vec![]),
            (
                json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
                    "input": {} }),
                vec![json_delta(""), json_delta("{\"query\":"), json_delta(" \"q\"}")],
            ),
            (result, vec![]),
            (
                json!({ "type": "text", "text": "", "citations": [] }),
                vec![json!({ "type": "citations_delta", "citation": cited }), text_delta("so")],
            ),
            (
                json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {},
                    "caller": caller }),
                vec![json_delta(""), json_delta("{\"x\""), json_delta(":1}")],
            ),
            (json!({ "type": "tool_use", "id": "toolu_2", "name": "g", "input": {} }), vec![]),
        ],
        "tool_use",
    );
    assert_eq!(whole.message, streamed.message);
    assert_eq!(whole.usage.input, streamed.usage.input);
    assert_eq!(calls(&whole), ["f({\"x\":1})#toolu_1", "g({})#toolu_2"]);
    assert_eq!((whole.text(), whole.thinking()), ("so".to_owned(), "hm".to_owned()));
    assert_eq!(whole.finish_reason(), Some(FinishReason::ToolCalls));
    let data: Vec<_> = whole.tool_calls().map(|call| call.data.is_some()).collect();
    assert_eq!(data, [true, false], "a direct caller says nothing");
}

#[test]
fn stop_reasons() {
    #[track_caller]
    fn check(raw: &str, reason: FinishReason) {
        let response = whole(&json!([text("x")]), raw);
        assert_eq!(response.finish.as_ref().map(|finish| finish.reason), Some(reason), "{raw}");
        assert_eq!(response.finish.unwrap().raw.as_deref(), Some(raw));
    }
    check("end_turn", FinishReason::Stop);
    check("stop_sequence", FinishReason::Stop);
    check("max_tokens", FinishReason::Length);
    check("model_context_window_exceeded", FinishReason::Length);
    check("tool_use", FinishReason::ToolCalls);
    check("refusal", FinishReason::ContentFilter);
    check("pause_turn", FinishReason::Paused);
    check("compaction", FinishReason::Paused);
    check("tomorrow", FinishReason::Other);

    let body =
        json!({ "content": [text("a")], "stop_reason": "stop_sequence", "stop_sequence": "END" });
    let finish = read(Framing::Whole, &body.to_string()).unwrap().finish.unwrap();
    assert_eq!(finish.stop_sequence.as_deref(), Some("END"));
    let body = json!({ "content": [] }).to_string();
    let finish = read(Framing::Whole, &body).unwrap().finish.unwrap();
    assert_eq!((finish.reason, finish.raw), (FinishReason::Other, None));
    // A call that was cut off must not run.
    let cut = json!([{ "type": "tool_use", "id": "a", "name": "f", "input": {} }]);
    assert_eq!(whole(&cut, "max_tokens").finish_reason(), Some(FinishReason::Length));
    // Hosts that copy the wire end their turn with a call.
    for raw in ["end_turn", "stop_sequence"] {
        let finish = whole(&cut, raw).finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (FinishReason::ToolCalls, Some(raw)));
    }
}

#[test]
fn a_refusal_says_why() {
    let details = json!({ "type": "refusal", "category": "cyber", "explanation": "No." });
    let body = sse(&[
        json!({ "type": "message_start", "message": { "content": [] } }),
        json!({ "type": "message_delta",
            "delta": { "stop_reason": "refusal", "stop_details": details } }),
        json!({ "type": "message_stop" }),
    ]);
    let response = read(Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::ContentFilter));
    // The words are the API's, not the model's.
    assert_eq!((response.refusal(), response.text()), (None, String::new()));
    let data = response.message.parts[0].data().unwrap();
    assert_eq!(data.value, json!({ "stop_details": details }));
}

#[test]
fn citations_of_every_kind() {
    #[track_caller]
    fn check(raw: Value, url: Option<&str>, title: Option<&str>, document: Option<&str>) {
        let response =
            whole(&json!([{ "type": "text", "text": "x", "citations": [raw] }]), "end_turn");
        let citations: Vec<&Citation> = response.citations().collect();
        assert_eq!(citations.len(), 1);
        let found = citations[0];
        assert_eq!(
            (found.url.as_deref(), found.title.as_deref(), found.document.as_deref()),
            (url, title, document)
        );
        assert_eq!(found.quote.as_deref(), Some("q"));
        assert_eq!(found.data.as_ref().unwrap().value, raw);
    }
    for (kind, from, to) in [
        ("char_location", "start_char_index", "end_char_index"),
        ("page_location", "start_page_number", "end_page_number"),
        ("content_block_location", "start_block_index", "end_block_index"),
    ] {
        let raw = json!({ "type": kind, "cited_text": "q", "document_index": 2,
            "document_title": "t", from: 1, to: 2 });
        check(raw.clone(), None, Some("t"), Some("2"));
        let mut raw = raw;
        raw["file_id"] = "file_1".into();
        raw["document_title"] = Value::Null;
        check(raw, None, None, Some("file_1"));
    }
    check(
        json!({ "type": "web_search_result_location", "cited_text": "q", "encrypted_index": "e",
            "title": "t", "url": "https://x.example" }),
        Some("https://x.example"),
        Some("t"),
        None,
    );
    check(
        json!({ "type": "search_result_location", "cited_text": "q", "search_result_index": 0,
            "source": "kb/1", "title": "t", "start_block_index": 0, "end_block_index": 1 }),
        Some("kb/1"),
        Some("t"),
        Some("0"),
    );
    check(json!({ "type": "tomorrow_location", "cited_text": "q" }), None, None, None);
}

#[test]
fn usage_adds_what_the_cache_took() {
    #[track_caller]
    fn check(raw: Value, input: [Option<u64>; 4], output: [Option<u64>; 3]) {
        let body = json!({ "content": [], "stop_reason": "end_turn", "usage": raw });
        let usage = read(Framing::Whole, &body.to_string()).unwrap().usage;
        let found = usage.input;
        assert_eq!([found.total, found.uncached, found.cache_read, found.cache_write], input);
        assert_eq!([usage.output.total, usage.output.text, usage.output.reasoning], output);
        assert_eq!(usage.raw.unwrap().json().unwrap(), raw);
    }
    check(
        json!({ "input_tokens": 3, "output_tokens": 5 }),
        [Some(3), Some(3), None, None],
        [Some(5), None, None],
    );
    check(
        json!({ "input_tokens": 3, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 20,
            "cache_creation": { "ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40 },
            "output_tokens": 50, "output_tokens_details": { "thinking_tokens": 30 },
            "service_tier": "standard" }),
        [Some(123), Some(3), Some(20), Some(100)],
        [Some(50), Some(20), Some(30)],
    );
    check(
        json!({ "input_tokens": 3, "cache_creation":
            { "ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2 } }),
        [Some(6), Some(3), None, Some(3)],
        [None; 3],
    );
    // Inconsistent counters saturate.
    check(
        json!({ "input_tokens": u64::MAX, "cache_read_input_tokens": 1, "output_tokens": 1,
            "output_tokens_details": { "thinking_tokens": 2 } }),
        [Some(u64::MAX), Some(u64::MAX), Some(1), None],
        [Some(1), Some(0), Some(2)],
    );
    let round = |kind: &str, input: u64, output: u64| json!({ "type": kind, "input_tokens": input, "output_tokens": output });
    // What another model advised is billed apart; the counters on top leave it out.
    check(
        json!({ "input_tokens": 10, "output_tokens": 4, "iterations": [
            round("message", 4, 1), round("advisor_message", 50, 9), round("message", 6, 3)] }),
        [Some(10), Some(10), None, None],
        [Some(4), None, None],
    );
    // Those of a shortened conversation count the last round alone.
    check(
        json!({ "input_tokens": 6, "output_tokens": 3, "iterations": [
            round("compaction", 100, 20), round("message", 6, 3)] }),
        [Some(106), Some(106), None, None],
        [Some(23), None, None],
    );
}

#[test]
fn usage_of_a_stream_is_replaced_not_added() {
    let body = sse(&[
        json!({ "type": "message_start", "message": { "content": [], "usage": {
            "input_tokens": 10, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3,
            "output_tokens": 1, "service_tier": "priority" } } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
            "usage": { "output_tokens": 7 } }),
        json!({ "type": "message_delta", "delta": {}, "usage": {
            "input_tokens": 12, "cache_read_input_tokens": null, "output_tokens": 8 } }),
        json!({ "type": "message_stop" }),
    ]);
    let response = read(Framing::ServerSentEvents, &body).unwrap();
    let input = response.usage.input;
    assert_eq!((input.total, input.uncached, input.cache_read), (Some(17), Some(12), Some(3)));
    assert_eq!(response.usage.output.total, Some(8));
    assert_eq!(response.service_tier.as_deref(), Some("priority"));
}

#[test]
fn blocks_of_unknown_types_come_whole() {
    let tomorrow = json!({ "type": "tomorrow", "list": [1], "text": "a", "number": 1 });
    let found = streamed(
        &[
            (
                tomorrow,
                vec![
                    json!({ "type": "tomorrow_delta", "list": [2], "text": "b", "number": 2,
                        "more": { "x": 1.5 }, "none": null }),
                    json!({ "type": "citations_delta", "citation": { "type": "c" } }),
                ],
            ),
            (
                json!({ "type": "compaction", "content": null }),
                vec![json!({ "type": "compaction_delta", "content": "short",
                    "encrypted_content": "e" })],
            ),
            (
                json!({ "type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s",
                    "input": {} }),
                vec![json_delta("{\"a\": tr"), json_delta("ue}")],
            ),
        ],
        "end_turn",
    );
    let values: Vec<&Value> =
        found.message.parts.iter().map(|part| &part.data().unwrap().value).collect();
    assert_eq!(
        values,
        [
            &json!({ "type": "tomorrow", "list": [1, 2], "text": "ab", "number": 2,
                "more": { "x": 1.5 }, "citations": [{ "type": "c" }] }),
            &json!({ "type": "compaction", "content": "short", "encrypted_content": "e" }),
            &json!({ "type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s",
                "input": { "a": true } }),
        ]
    );
}

#[test]
fn containers_and_edits_are_told_in_a_part_of_their_own() {
    let body = sse(&[
        json!({ "type": "message_start", "message": { "content": [], "container": null } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn",
            "container": { "id": "container_1", "expires_at": "2026-01-01T00:00:00Z" } },
            "context_management": { "applied_edits": [] } }),
        json!({ "type": "message_stop" }),
    ]);
    let response = read(Framing::ServerSentEvents, &body).unwrap();
    let [Part::Opaque(data)] = response.message.parts.as_slice() else { panic!("one part") };
    assert_eq!(data.value["container"]["id"], "container_1");
    assert_eq!(data.value["context_management"], json!({ "applied_edits": [] }));
}

#[test]
fn why_the_cache_was_missed_is_told() {
    let diagnostics = json!({ "cache_miss_reason":
        { "type": "system_changed", "cache_missed_input_tokens": 5 } });
    let message = |diagnostics: &Value| json!({ "content": [text("a")], "stop_reason": "end_turn", "diagnostics": diagnostics });
    let response = read(Framing::Whole, &message(&diagnostics).to_string()).unwrap();
    let data = response.message.parts[1].data().unwrap();
    assert_eq!(data.value, json!({ "diagnostics": diagnostics }));
    let body = sse(&[
        json!({ "type": "message_start", "message": message(&diagnostics) }),
        json!({ "type": "message_stop" }),
    ]);
    let streamed = read(Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(streamed.message.parts, response.message.parts);
    let response = read(Framing::Whole, &message(&Value::Null).to_string()).unwrap();
    assert_eq!(response.message.parts.len(), 1);
}

#[test]
fn the_model_that_took_over_is_named() {
    let hop = |from: &str, to: &str| {
        json!({ "type": "fallback", "from": { "model": from }, "to": { "model": to },
            "trigger": { "type": "refusal", "category": null } })
    };
    let first = "claude-sonnet-4-5-20250929";
    let blocks = json!([hop(first, "second"), text("a"), hop("second", "third"), text("b")]);
    let response = whole(&blocks, "end_turn");
    assert_eq!((&*response.model, response.text()), ("third", "ab".to_owned()));
    let blocks: Vec<(Value, Vec<Value>)> =
        blocks.as_array().unwrap().iter().map(|block| (block.clone(), vec![])).collect();
    let streamed = streamed(&blocks, "end_turn");
    assert_eq!((&streamed.model, &streamed.message), (&response.model, &response.message));
    // Where no other model declined in this turn, only the counters tell.
    let body = sse(&[
        json!({ "type": "message_start", "message": { "model": first, "content": [text("a")] } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": {
            "output_tokens": 1, "iterations": [
                { "type": "message", "model": first, "output_tokens": 0 },
                { "type": "fallback_message", "model": "second", "output_tokens": 1 }] } }),
        json!({ "type": "message_stop" }),
    ]);
    assert_eq!(read(Framing::ServerSentEvents, &body).unwrap().model, "second");
}

#[test]
fn pieces_without_their_block_are_kept_or_told_of() {
    let check = |delta: Value, parts: Vec<Part>, warnings: usize| {
        let piece = json!({ "type": "content_block_delta", "index": 3, "delta": delta });
        let body = sse(&[
            json!({ "type": "message_start", "message": { "content": [] } }),
            piece.clone(),
            piece,
            json!({ "type": "message_stop" }),
        ]);
        let response = read(Framing::ServerSentEvents, &body).unwrap();
        assert_eq!(response.message.parts, parts, "{delta}");
        assert_eq!(response.warnings.len(), warnings, "{delta}: {:?}", response.warnings);
    };
    check(json_delta("{}"), vec![], 1);
    check(json!({ "type": "tomorrow_delta", "x": 1 }), vec![], 1);
    let mut thinking = meanwhile_core::Thinking::default();
    thinking.data = Some(Box::new(meanwhile_core::ProviderData::new(
        "anthropic",
        json!({ "signature": "ss" }),
    )));
    check(json!({ "type": "signature_delta", "signature": "s" }), vec![thinking.into()], 0);
}

#[test]
fn servers_that_do_not_keep_to_the_order_are_understood() {
    // Blocks in the first event, arguments at the start, deltas without a start, no stops.
    let body = sse(&[
        json!({ "type": "message_start", "message": { "content": [text("a")] } }),
        json!({ "type": "content_block_delta", "index": 7, "delta": text_delta("b") }),
        json!({ "type": "content_block_start", "index": 8, "content_block":
            { "type": "tool_use", "id": "t", "name": "f", "input": { "x": 1 } } }),
        json!({ "type": "content_block_start", "index": 9, "content_block":
            { "type": "tool_use", "id": "u", "name": "g", "input": { "x": 1 } } }),
        json!({ "type": "content_block_delta", "index": 9, "delta": json_delta("{\"y\":2}") }),
        json!({ "type": "content_block_delta", "index": 42, "delta": json_delta("lost") }),
        json!({ "type": "content_block_stop", "index": 42 }),
        json!({ "type": "tomorrow", "index": 1 }),
        json!({ "type": "message_stop" }),
    ]);
    let response = read(Framing::ServerSentEvents, &body).unwrap();
    assert_eq!(response.text(), "ab");
    assert_eq!(calls(&response), ["f({\"x\":1})#t", "g({\"y\":2})#u"]);
    // The name of an event counts where its data has no type, and one without a name has a type.
    let body = "event: message_start\ndata: {\"message\":{\"content\":[]}}\n\n\
                event: ping\ndata: pong\n\n\
                data: {\"type\":\"message_stop\"}\n\ndata: [DONE]\n\n";
    assert!(read(Framing::ServerSentEvents, body).is_ok());
}

#[test]
fn a_whole_answer_to_a_request_for_a_stream_is_read() {
    let message = json!({ "type": "message", "content": [text("a")], "stop_reason": "end_turn" });
    let body = format!("data: {message}\n\n");
    assert_eq!(read(Framing::ServerSentEvents, &body).unwrap().text(), "a");
}

#[test]
fn a_stream_without_its_stop_is_interrupted() {
    let body = stream(&[(text(""), vec![text_delta("half")])], "end_turn");
    let cut = body.split("event: message_stop").next().unwrap();
    let (error, partial) = read(Framing::ServerSentEvents, cut).unwrap_err();
    assert_eq!((error.kind(), partial.text()), (ErrorKind::StreamInterrupted, "half".to_owned()));
    let (error, _) = read(Framing::ServerSentEvents, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
    let (error, _) =
        read(Framing::ServerSentEvents, "data: {\"type\":\"message_stop\"}\n\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
}

#[test]
fn what_is_no_answer_is_not_taken_for_one() {
    // Cut, or not even begun.
    for body in ["", "{"] {
        let (error, _) = read(Framing::Whole, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{body}");
    }
    for body in ["[]", "3", "{}", "{\"content\":\"x\"}", "{\"choices\":[]}"] {
        let (error, _) = read(Framing::Whole, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
    }
    let (error, _) = read(Framing::ServerSentEvents, "data: {\n\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn the_chunks_of_bedrock_are_events_without_a_name() {
    let mut decoder: MessagesDecoder = host(Host::Bedrock).decoder(&ask("x"));
    let mut events = std::collections::VecDeque::new();
    for data in [
        r#"{"type":"message_start","message":{"content":[]}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#,
    ] {
        let frame = Frame::Event { name: None, data: data.as_bytes() };
        decoder.frame(frame, &mut events).unwrap();
    }
    assert!(events.back().is_some_and(Event::is_terminal));
}
