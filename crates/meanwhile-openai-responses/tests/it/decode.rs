//! Answers: one small case for each thing that servers do.

use meanwhile_core::{ErrorKind, Event, FinishReason, MediaSource, Part, Response};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{completed, events, fold, read, stream, whole};

fn streamed(events: &[Value]) -> Response {
    fold(Framing::ServerSentEvents, &stream(events)).unwrap()
}

/// A response with this status and this addition.
fn ended(more: &Value) -> Response {
    let mut body = json!({ "id": "r", "status": "completed", "output": [
        { "type": "message", "id": "m", "content": [{ "type": "output_text", "text": "x" }] } ] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fold(Framing::Whole, &body.to_string()).unwrap()
}

/// The parts as `kind:text`.
fn parts(response: &Response) -> Vec<String> {
    let text = |part: &Part| match part {
        Part::Text(part) => part.text.clone(),
        Part::Thinking(part) => part.text.clone(),
        Part::Refusal(part) => part.text.clone(),
        Part::ToolCall(call) => format!("{}({})#{}", call.name, call.arguments, call.id),
        Part::Opaque(data) => data.value["type"].as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    response.message.parts.iter().map(|part| format!("{}:{}", part.kind(), text(part))).collect()
}

fn message(text: &str) -> Value {
    json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }] })
}

fn call(arguments: &str) -> Value {
    json!({ "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look",
        "arguments": arguments, "status": "completed" })
}

#[test]
fn a_whole_answer() {
    let thought = json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": "e",
        "summary": [{ "type": "summary_text", "text": "a" }, { "type": "summary_text", "text": "b" }] });
    let search = json!({ "type": "web_search_call", "id": "ws_1", "status": "completed" });
    let response = read(&json!([thought, search, message("so"), call("{\"a\":1}")]));
    assert_eq!(
        parts(&response),
        [
            "thinking:a\n\nb",
            "opaque part:web_search_call",
            "text:so",
            "tool call:look({\"a\":1})#c1"
        ]
    );
    let data = response.message.parts[0].data().unwrap();
    assert_eq!((&*data.provider, &data.value), ("openai-responses", &thought));
    assert_eq!(response.message.parts[1], Part::opaque("openai-responses", search));
    let finish = response.finish.unwrap();
    assert_eq!(
        (finish.reason, finish.raw.as_deref()),
        (FinishReason::ToolCalls, Some("completed"))
    );
    assert_eq!((response.id.as_deref(), response.created), (Some("resp_1"), Some(7)));
    assert_eq!(response.model, "m-1");
}

/// The events that bring an answer of thinking, text and a call, piece by piece.
fn pieces() -> Vec<Value> {
    let delta = |kind: &str, index: u64, delta: &str| {
        json!({ "type": kind, "output_index": index, "content_index": 0, "summary_index": 0,
            "item_id": "i", "delta": delta, "obfuscation": "zz" })
    };
    let thought = json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": "e",
        "summary": [{ "type": "summary_text", "text": "hmm" }] });
    vec![
        json!({ "type": "response.created", "response": { "id": "resp_1", "model": "m-1", "created_at": 7,
            "status": "in_progress", "output": [], "usage": null } }),
        json!({ "type": "response.output_item.added", "output_index": 0,
            "item": { "type": "reasoning", "id": "rs_1", "summary": [] } }),
        delta("response.reasoning_summary_text.delta", 0, "hm"),
        delta("response.reasoning_summary_text.delta", 0, "m"),
        json!({ "type": "response.reasoning_summary_text.done", "output_index": 0,
            "summary_index": 0, "text": "hmm" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": thought }),
        json!({ "type": "response.output_item.added", "output_index": 1,
            "item": { "type": "message", "id": "msg_1", "role": "assistant", "content": [] } }),
        json!({ "type": "response.content_part.added", "output_index": 1, "content_index": 0,
            "part": { "type": "output_text", "text": "" } }),
        delta("response.output_text.delta", 1, "s"),
        delta("response.output_text.delta", 1, "o"),
        json!({ "type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "so" }),
        json!({ "type": "response.output_item.done", "output_index": 1, "item": message("so") }),
        json!({ "type": "response.output_item.added", "output_index": 2, "item": {
            "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "" } }),
        delta("response.function_call_arguments.delta", 2, "{\"a\""),
        delta("response.function_call_arguments.delta", 2, ":1}"),
        json!({ "type": "response.function_call_arguments.done", "output_index": 2,
            "arguments": "{\"a\":1}" }),
        json!({ "type": "response.output_item.done", "output_index": 2, "item": call("{\"a\":1}") }),
        json!({ "type": "response.brand_new", "x": [1] }),
        json!({ "type": "response.completed", "response": { "id": "resp_1", "model": "m-1",
            "status": "completed", "output": [thought, message("so"), call("{\"a\":1}")],
            "usage": { "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4 },
                "output_tokens": 6, "output_tokens_details": { "reasoning_tokens": 2 },
                "total_tokens": 16 } } }),
    ]
}

#[test]
fn whole_and_streamed_answers_fold_to_the_same_message() {
    let pieces = pieces();
    let last = &pieces.last().unwrap()["response"];
    let whole = fold(Framing::Whole, &last.to_string()).unwrap();
    let streamed = streamed(&pieces);
    assert_eq!(whole.message, streamed.message);
    assert_eq!((&whole.usage, &whole.finish), (&streamed.usage, &streamed.finish));
    let usage = &whole.usage;
    assert_eq!((usage.input.total, usage.input.uncached), (Some(10), Some(6)));
    assert_eq!((usage.input.cache_read, usage.output.total), (Some(4), Some(6)));
    assert_eq!((usage.output.text, usage.output.reasoning), (Some(4), Some(2)));
    assert_eq!(usage.raw.as_ref().unwrap().json().unwrap()["total_tokens"], 16);
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let body = stream(&pieces());
    let at_once = format!("{:?}", events(Framing::ServerSentEvents, &body, body.len()));
    for size in [1, 2, 7, 64, 1000] {
        let found = format!("{:?}", events(Framing::ServerSentEvents, &body, size));
        assert_eq!(at_once, found);
    }
    let end = body.find("event: response.completed").unwrap();
    for cut in (0..end).filter(|at| body.is_char_boundary(*at)) {
        let (error, _) = fold(Framing::ServerSentEvents, &body[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{}", &body[..cut]);
    }
}

#[test]
fn a_stream_without_names_of_events_ends_with_done() {
    let body: String = pieces().iter().map(|event| format!("data: {event}\n\n")).collect();
    let response = fold(Framing::ServerSentEvents, &(body.clone() + "data: [DONE]\n\n")).unwrap();
    assert_eq!(response.message, streamed(&pieces()).message);
    let unfinished = body[..body.find("data: {\"type\":\"response.completed").unwrap()].to_owned();
    let (error, partial) =
        fold(Framing::ServerSentEvents, &(unfinished + "data: [DONE]\n\n")).unwrap_err();
    assert_eq!((error.kind(), &*partial.text()), (ErrorKind::StreamInterrupted, "so"));
}

#[test]
fn each_part_of_an_item_may_be_all_that_comes() {
    let check = |events: &[Value], expected: &[&str]| {
        let mut events = events.to_vec();
        events.push(completed());
        assert_eq!(parts(&streamed(&events)), expected, "{events:?}");
    };
    let added = |item: Value| json!({ "type": "response.output_item.added", "item": item });
    let done = |item: Value| json!({ "type": "response.output_item.done", "item": item });
    check(&[done(message("so"))], &["text:so"]);
    check(&[done(call("{}"))], &["tool call:look({})#c1"]);
    check(&[added(call("")), done(call("{\"b\":2}"))], &["tool call:look({\"b\":2})#c1"]);
    check(&[json!({ "type": "response.output_text.delta", "delta": "so" })], &["text:so"]);
    check(&[json!({ "type": "response.output_text.done", "text": "so" })], &["text:so"]);
    check(&[json!({ "type": "response.refusal.done", "refusal": "no" })], &["refusal:no"]);
    check(&[json!({ "type": "response.reasoning_text.delta", "delta": "hm" })], &["thinking:hm"]);
    check(
        &[
            added(call("")),
            json!({ "type": "response.function_call_arguments.done", "arguments": "{}" }),
        ],
        &["tool call:look({})#c1"],
    );
    // A name may come late, and an id not at all.
    check(
        &[
            added(json!({ "type": "function_call" })),
            json!({ "type": "response.function_call_arguments.delta", "delta": "{\"x\":1}" }),
            done(json!({ "type": "function_call", "name": "f" })),
        ],
        &["tool call:f({\"x\":1})#call_0"],
    );
    check(&[done(json!({ "type": "function_call" }))], &[]);
    // Nothing was said about the item before the whole answer.
    let output = json!({ "type": "response.completed", "response": { "output": [message("so"), call("{}")] } });
    assert_eq!(parts(&streamed(&[output])), ["text:so", "tool call:look({})#c1"]);
}

#[test]
fn events_find_their_item_by_position_or_id() {
    let added = |index: u64, id: &str, call: &str| {
        json!({ "type": "response.output_item.added", "output_index": index, "item": {
            "type": "function_call", "id": id, "call_id": call, "name": "f", "arguments": "" } })
    };
    let piece = |mut place: Value, delta: &str| {
        let fields = place.as_object_mut().unwrap();
        fields.insert("type".into(), "response.function_call_arguments.delta".into());
        fields.insert("delta".into(), delta.into());
        place
    };
    let response = streamed(&[
        added(0, "a", "c0"),
        added(1, "b", "c1"),
        // Some servers make up a new id for every event.
        piece(json!({ "output_index": 0, "item_id": "?" }), "{\"x\":"),
        piece(json!({ "item_id": "b" }), "{}"),
        piece(json!({ "item_id": "a" }), "1}"),
        completed(),
    ]);
    assert_eq!(parts(&response), ["tool call:f({\"x\":1})#c0", "tool call:f({})#c1"]);
}

#[test]
fn refusals() {
    let refused = json!({ "type": "message", "id": "msg_1", "content": [
        { "type": "refusal", "refusal": "I cannot." }] });
    let response = read(&json!([refused]));
    assert_eq!(response.refusal().unwrap(), "I cannot.");
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
}

#[test]
fn sections_of_thinking_stand_apart() {
    let piece = |summary: u64, delta: &str| {
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0,
            "summary_index": summary, "delta": delta })
    };
    let response = streamed(&[piece(0, "a"), piece(0, "b"), piece(1, "c"), completed()]);
    assert_eq!(response.thinking(), "ab\n\nc");
    let thought = json!({ "type": "reasoning", "id": "r", "summary": [],
        "content": [{ "type": "reasoning_text", "text": "as it is" }] });
    assert_eq!(read(&json!([thought])).thinking(), "as it is");
    // A summary of what is there says nothing.
    let mut both = thought;
    both["summary"] = json!([{ "type": "summary_text", "text": "in short" }]);
    assert_eq!(read(&json!([both])).thinking(), "as it is");
    let plain =
        json!({ "type": "response.reasoning_text.delta", "output_index": 0, "delta": "as it is" });
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": both });
    assert_eq!(streamed(&[plain, piece(0, "in short"), done, completed()]).thinking(), "as it is");
}

#[test]
fn citations_and_probabilities() {
    let web = json!({ "type": "url_citation", "url": "https://x", "title": "X",
        "start_index": 1, "end_index": 3 });
    let file = json!({ "type": "file_citation", "file_id": "f1", "filename": "a.pdf", "index": 4 });
    let tokens = json!([{ "token": "so", "logprob": -0.5, "bytes": [1],
        "top_logprobs": [{ "token": "so", "logprob": -0.5 }, { "token": "no", "logprob": -1.5 }] }]);
    let mut whole = message("so");
    whole["content"][0]["annotations"] = json!([web, file]);
    whole["content"][0]["logprobs"] = tokens.clone();
    let folded = read(&json!([whole]));
    let Part::Text(text) = &folded.message.parts[0] else { panic!("text") };
    assert_eq!(text.citations[0].url.as_deref(), Some("https://x"));
    assert_eq!(
        (text.citations[0].title.as_deref(), text.citations[0].span.clone()),
        (Some("X"), Some(1..3))
    );
    assert_eq!(text.citations[0].data.as_ref().unwrap().value, web);
    assert_eq!(text.citations[1].document.as_deref(), Some("f1"));
    assert_eq!(
        (text.citations[1].title.as_deref(), &text.citations[1].span),
        (Some("a.pdf"), &None)
    );
    assert_eq!((&*text.logprobs[0].token, text.logprobs[0].logprob), ("so", -0.5));
    assert_eq!(text.logprobs[0].top[1], ("no".to_owned(), -1.5));

    // In a stream they come by themselves, and again with the message.
    let response = streamed(&[
        json!({ "type": "response.output_text.delta", "output_index": 0, "content_index": 0,
            "delta": "so", "logprobs": tokens }),
        json!({ "type": "response.output_text.annotation.added", "output_index": 0,
            "content_index": 0, "annotation": web }),
        json!({ "type": "response.output_text.done", "output_index": 0, "content_index": 0,
            "text": "so", "logprobs": tokens }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": whole }),
        completed(),
    ]);
    assert_eq!(response.message, folded.message);
}

#[test]
fn tools_that_take_free_text() {
    let item = |input: &str| {
        json!({ "type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "note",
            "input": input, "status": "completed" })
    };
    let text = "a \"b\"\n";
    let whole = read(&json!([item(text)]));
    let call = whole.tool_calls().next().unwrap();
    assert_eq!(call.parse::<String>().unwrap(), text);
    assert_eq!(whole.finish_reason(), Some(FinishReason::ToolCalls));
    let piece = |delta: &str| json!({ "type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": delta });
    let response = streamed(&[
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item("") }),
        piece("a \""),
        piece("b\"\n"),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item(text) }),
        completed(),
    ]);
    assert_eq!(response.message, whole.message);
    assert_eq!(read(&json!([item("")])).tool_calls().next().unwrap().arguments, "\"\"");
}

#[test]
fn the_vendors_own_tools_are_opaque() {
    let check = |item: Value, finish: FinishReason| {
        let response = read(&json!([item]));
        assert_eq!(response.message.parts, [Part::opaque("openai-responses", item)]);
        assert_eq!(response.finish_reason(), Some(finish));
    };
    // xAI's own search comes as a call of a tool that takes free text.
    check(
        json!({ "type": "custom_tool_call", "call_id": "xs_1", "name": "x_search", "input": "q" }),
        FinishReason::Stop,
    );
    check(json!({ "type": "mcp_call", "id": "mcp_1", "name": "f" }), FinishReason::Stop);
    check(json!({ "type": "code_interpreter_call", "code": "1" }), FinishReason::Stop);
    check(json!({ "type": "tool_search_call", "execution": "server" }), FinishReason::Stop);
    check(
        json!({ "type": "shell_call", "environment": { "type": "container_reference" } }),
        FinishReason::Stop,
    );
    check(json!({ "type": "tomorrow" }), FinishReason::Stop);
    // These wait for the program.
    check(json!({ "type": "computer_call", "call_id": "c" }), FinishReason::ToolCalls);
    check(json!({ "type": "local_shell_call", "call_id": "c" }), FinishReason::ToolCalls);
    check(json!({ "type": "apply_patch_call", "call_id": "c" }), FinishReason::ToolCalls);
    check(json!({ "type": "mcp_approval_request", "id": "a" }), FinishReason::ToolCalls);
    check(json!({ "type": "tool_search_call", "execution": "client" }), FinishReason::ToolCalls);
    check(
        json!({ "type": "shell_call", "environment": { "type": "local" } }),
        FinishReason::ToolCalls,
    );
}

#[test]
fn pictures_and_speech() {
    let item = json!({ "type": "image_generation_call", "id": "ig_1", "status": "completed",
        "output_format": "webp", "result": "AQID" });
    let response = read(&json!([item]));
    let Part::Image(image) = &response.message.parts[0] else { panic!("an image") };
    assert_eq!(image.source, MediaSource::Bytes(vec![1, 2, 3].into()));
    assert_eq!(image.media_type.as_deref(), Some("image/webp"));
    // A picture that is not there, or not base64, is kept as what came.
    for result in [json!(null), json!("?")] {
        let item = json!({ "type": "image_generation_call", "id": "ig_1", "result": result });
        assert_eq!(read(&json!([item])).message.parts, [Part::opaque("openai-responses", item)]);
    }
    let response = streamed(&[
        json!({ "type": "response.audio.delta", "delta": "AQ==" }),
        json!({ "type": "response.audio.delta", "delta": "Ag==" }),
        json!({ "type": "response.audio.transcript.delta", "delta": "Hi" }),
        completed(),
    ]);
    let Part::Audio(audio) = &response.message.parts[0] else { panic!("audio") };
    assert_eq!(
        (&audio.source, audio.transcript.as_deref()),
        (&MediaSource::Bytes(vec![1, 2].into()), Some("Hi"))
    );
}

#[test]
fn how_an_answer_ends() {
    let check = |more: Value, reason: FinishReason, raw: Option<&str>| {
        let finish = ended(&more).finish.unwrap();
        assert_eq!((finish.reason, finish.raw.as_deref()), (reason, raw), "{more}");
    };
    let cut = |reason: &str| json!({ "status": "incomplete", "incomplete_details": { "reason": reason } });
    check(json!({}), FinishReason::Stop, Some("completed"));
    check(cut("max_output_tokens"), FinishReason::Length, Some("max_output_tokens"));
    check(cut("content_filter"), FinishReason::ContentFilter, Some("content_filter"));
    check(cut("whim"), FinishReason::Other, Some("whim"));
    check(json!({ "status": "incomplete" }), FinishReason::Other, Some("incomplete"));
    check(json!({ "status": "queued" }), FinishReason::Other, Some("queued"));
    check(json!({ "status": null }), FinishReason::Stop, None);
    // A call that was cut must not run.
    let output = json!([call("{\"a\"")]);
    let mut body = cut("max_output_tokens");
    body["output"] = output;
    let response = ended(&body);
    assert_eq!(response.finish_reason(), Some(FinishReason::Length));
    assert_eq!(response.tool_calls().next().unwrap().arguments, "{\"a\"");
    // The type of the event tells where the status does not.
    let last = json!({ "type": "response.incomplete", "response": { "output": [],
        "incomplete_details": { "reason": "max_output_tokens" } } });
    assert_eq!(streamed(&[last]).finish_reason(), Some(FinishReason::Length));
}

#[test]
fn metadata_and_tiers() {
    let response = ended(&json!({ "service_tier": "flex", "model": "m-2", "created_at": 3.0 }));
    assert_eq!((response.service_tier.as_deref(), response.created), (Some("flex"), Some(3)));
    assert_eq!(response.model, "m-2");
    assert_eq!(response.usage.input.total, None);
}

#[test]
fn an_answer_in_the_other_dialect_is_read_all_the_same() {
    let body = json!({ "id": "x", "object": "chat.completion", "choices": [
        { "index": 0, "message": { "content": "hi" }, "finish_reason": "stop" }] });
    assert_eq!(fold(Framing::Whole, &body.to_string()).unwrap().text(), "hi");
    let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": "hi" }, "finish_reason": "stop" }] });
    for end in ["data: [DONE]\n\n", ""] {
        let body = format!("data: {chunk}\n\n{end}");
        assert_eq!(fold(Framing::ServerSentEvents, &body).unwrap().text(), "hi");
    }
}

#[test]
fn a_whole_answer_may_come_as_one_event() {
    let body = format!("data: {}\n\n", whole(&json!([message("so")])));
    assert_eq!(fold(Framing::ServerSentEvents, &body).unwrap().text(), "so");
}

#[test]
fn events_come_as_soon_as_they_can() {
    let pieces = pieces();
    let body = stream(&pieces[..9]);
    let found: Vec<Event> = events(Framing::ServerSentEvents, &body, body.len())
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    let data = Event::PartEnd { index: 0, data: None };
    assert!(matches!(&found[0], Event::Metadata(_)));
    assert_eq!(found[1], Event::thinking_start(0));
    assert_eq!(found[2], Event::thinking_delta(0, "hm"));
    assert!(matches!((&found[4], &data), (Event::PartEnd { index: 0, data: Some(_) }, _)));
    assert_eq!(found[5..], [Event::text_start(1), Event::text_delta(1, "s")]);
}
