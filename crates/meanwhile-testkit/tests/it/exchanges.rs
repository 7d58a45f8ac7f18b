//! What vendors answer to the questions of the suite, as they write it.

use meanwhile_core::FinishReason;
use meanwhile_testkit::{Conformance, Exchange};
use serde_json::json;

/// The exchanges of the suite say the same with every vendor.
pub(crate) fn text(whole: &str, streamed: impl Into<Vec<u8>>) -> Exchange {
    Exchange::new("a text")
        .whole(whole.to_owned())
        .streamed(streamed.into())
        .text("Grüße, world")
        .finish(FinishReason::Stop)
        .usage(9, 4)
}

pub(crate) fn tool_call(whole: &str, streamed: impl Into<Vec<u8>>) -> Exchange {
    Exchange::new("a tool call")
        .whole(whole.to_owned())
        .streamed(streamed.into())
        .tool_call("weather", json!({ "city": "Paris" }))
        .finish(FinishReason::ToolCalls)
        .usage(20, 7)
}

pub(crate) fn thinking(whole: &str, streamed: impl Into<Vec<u8>>) -> Exchange {
    Exchange::new("a thought")
        .whole(whole.to_owned())
        .streamed(streamed.into())
        .thinking("Let me see.")
        .text("Yes")
        .finish(FinishReason::Stop)
}

/// Server-sent events without names.
pub(crate) fn data(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// Server-sent events that are named after the type of their data.
pub(crate) fn named(events: &[&str]) -> String {
    let name = |event: &str| {
        let value: serde_json::Value = serde_json::from_str(event).unwrap();
        value["type"].as_str().unwrap().to_owned()
    };
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
}

pub(crate) fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Answers of Chat Completions.
pub(crate) fn chat() -> [Exchange; 3] {
    chat_in(|events| data(events).into_bytes())
}

/// The same in another framing.
pub(crate) fn chat_in(write: impl Fn(&[&str]) -> Vec<u8>) -> [Exchange; 3] {
    [
        text(
            r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Grüße, world"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
            write(&[
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Grüße"},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":", world"},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
                "[DONE]",
            ]),
        ),
        tool_call(
            r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call00001","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":20,"completion_tokens":7,"total_tokens":27}}"#,
            write(&[
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call00001","type":"function","function":{"name":"weather","arguments":""}}]},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":7,"total_tokens":27}}"#,
                "[DONE]",
            ]),
        ),
        thinking(
            r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"Let me see.","content":"Yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
            write(&[
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Let me "},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"see."},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Yes"},"finish_reason":null}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
                "[DONE]",
            ]),
        ),
    ]
}

/// Answers of Responses.
pub(crate) fn responses() -> [Exchange; 3] {
    let whole = |output: &str, usage: &str| {
        format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{output}],"usage":{usage}}}"#
        )
    };
    let nine = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":13}"#;
    let twenty = r#"{"input_tokens":20,"input_tokens_details":{"cached_tokens":0},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":27}"#;
    let created = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","output":[]}}"#;
    let completed = |whole: &str| {
        format!(r#"{{"type":"response.completed","sequence_number":99,"response":{whole}}}"#)
    };

    let message = r#"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Grüße, world","annotations":[],"logprobs":[]}]}"#;
    let said = whole(message, nine);
    let text = text(
        &said,
        named(&[
            created,
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
            r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Grüße"}"#,
            r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":", world"}"#,
            r#"{"type":"response.output_text.done","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"text":"Grüße, world"}"#,
            r#"{"type":"response.content_part.done","sequence_number":6,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Grüße, world","annotations":[]}}"#,
            &format!(
                r#"{{"type":"response.output_item.done","sequence_number":7,"output_index":0,"item":{message}}}"#
            ),
            &completed(&said),
        ]),
    );
    let call = r#"{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"city\":\"Paris\"}","call_id":"call_1","name":"weather"}"#;
    let called = whole(call, twenty);
    let call = tool_call(
        &called,
        named(&[
            created,
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_1","name":"weather"}}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":2,"item_id":"fc_1","output_index":0,"delta":"{\"city\":"}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":3,"item_id":"fc_1","output_index":0,"delta":"\"Paris\"}"}"#,
            r#"{"type":"response.function_call_arguments.done","sequence_number":4,"item_id":"fc_1","output_index":0,"arguments":"{\"city\":\"Paris\"}"}"#,
            &format!(
                r#"{{"type":"response.output_item.done","sequence_number":5,"output_index":0,"item":{call}}}"#
            ),
            &completed(&called),
        ]),
    );
    let reasoning = r#"{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Let me see."}],"encrypted_content":"c2ln"}"#;
    let yes = r#"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Yes","annotations":[],"logprobs":[]}]}"#;
    let thought = whole(&format!("{reasoning},{yes}"), nine);
    let thought = thinking(
        &thought,
        named(&[
            created,
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.reasoning_summary_part.added","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Let me see."}"#,
            r#"{"type":"response.reasoning_summary_text.done","sequence_number":4,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"Let me see."}"#,
            &format!(
                r#"{{"type":"response.output_item.done","sequence_number":5,"output_index":0,"item":{reasoning}}}"#
            ),
            r#"{"type":"response.output_item.added","sequence_number":6,"output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"Yes"}"#,
            &format!(
                r#"{{"type":"response.output_item.done","sequence_number":8,"output_index":1,"item":{yes}}}"#
            ),
            &completed(&thought),
        ]),
    );
    [text, call, thought]
}

/// Answers of Messages, each streamed one as events that `write` puts together.
pub(crate) fn messages<S: Into<Vec<u8>>>(write: impl Fn(&[&str]) -> S) -> [Exchange; 3] {
    let start = |input: u32| {
        format!(
            r#"{{"type":"message_start","message":{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{input},"output_tokens":1}}}}}}"#
        )
    };
    let end = |reason: &str, output: u32| {
        format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{"output_tokens":{output}}}}}"#
        )
    };
    let stop = r#"{"type":"message_stop"}"#;
    let text = text(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Grüße, world"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":4}}"#,
        write(&[
            &start(9),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":", world"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            &end("end_turn", 4),
            stop,
        ]),
    );
    let call = tool_call(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Paris"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":20,"output_tokens":7}}"#,
        write(&[
            &start(20),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"city\": "}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"Paris\"}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            &end("tool_use", 7),
            stop,
        ]),
    );
    let thought = thinking(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"Let me see.","signature":"c2ln"},{"type":"text","text":"Yes"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":4}}"#,
        write(&[
            &start(9),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me see."}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Yes"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            &end("end_turn", 4),
            stop,
        ]),
    );
    [text, call, thought]
}

/// Answers of `generateContent`.
pub(crate) fn generate_content() -> [Exchange; 3] {
    let chunk = |parts: &str, rest: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}}{rest}"modelVersion":"m","responseId":"r1"}}"#
        )
    };
    let more = r#","index":0}],"#;
    let end = |input: u32, output: u32| {
        format!(
            r#","finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":{input},"candidatesTokenCount":{output},"totalTokenCount":{}}},"#,
            input + output
        )
    };
    let call =
        r#"{"functionCall":{"name":"weather","args":{"city":"Paris"}},"thoughtSignature":"c2ln"}"#;
    [
        text(
            &chunk(r#"{"text":"Grüße, world"}"#, &end(9, 4)),
            data(&[
                &chunk(r#"{"text":"Grüße"}"#, more),
                &chunk(r#"{"text":", world"}"#, &end(9, 4)),
            ]),
        ),
        tool_call(&chunk(call, &end(20, 7)), data(&[&chunk(call, &end(20, 7))])),
        thinking(
            &chunk(r#"{"text":"Let me see.","thought":true},{"text":"Yes"}"#, &end(9, 4)),
            data(&[
                &chunk(r#"{"text":"Let me ","thought":true}"#, more),
                &chunk(r#"{"text":"see.","thought":true}"#, more),
                &chunk(r#"{"text":"Yes"}"#, &end(9, 4)),
            ]),
        ),
    ]
}

/// Adds them all to a suite.
pub(crate) fn all(
    suite: Conformance,
    exchanges: impl IntoIterator<Item = Exchange>,
) -> Conformance {
    exchanges.into_iter().fold(suite, Conformance::exchange)
}
