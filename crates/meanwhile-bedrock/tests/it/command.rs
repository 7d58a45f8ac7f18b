//! `:invoke` behind the id of Cohere's Command R and R+, whose wire is the first version of Cohere's chat.
//!
//! Requests and answers have the form of AWS's own page and of the examples that Cohere publishes for AWS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_bedrock::BedrockCodec;
use meanwhile_core::{
    Capabilities, ErrorKind, FinishReason, Fold, Image, Message, OnUnsupported, OutputSupport,
    Params, Part, Request, Response, ToolCall, ToolChoice, ToolResult, ToolSpec,
};
use meanwhile_http::{Answer, Codec as _, Framing, Wire};
use serde_json::{Value, json};

use crate::{ask, stream};

const COMMAND: &str = "cohere.command-r-plus-v1:0:invoke";

fn wire(request: &Request) -> (Value, Wire) {
    let wire = BedrockCodec::default().encode(request).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire)
}

fn subjects(wire: &Wire) -> Vec<&str> {
    wire.warnings.iter().map(|warning| &*warning.subject).collect()
}

fn read(request: &Request, body: &[u8], size: usize) -> meanwhile_core::Result<Response> {
    let framing = if request.is_streamed() { Framing::AwsEventStream } else { Framing::Whole };
    let mut answer = Answer::new(BedrockCodec::default().decoder(request), framing);
    let mut fold = Fold::new("bedrock", request.model.clone());
    for chunk in body.chunks(size) {
        answer.push(chunk.to_vec().into());
    }
    answer.end();
    while let Some(event) = answer.next() {
        fold.push(&event?).unwrap();
    }
    fold.finish()
}

fn streamed(pieces: &[Value]) -> Vec<u8> {
    let chunk = |piece: &Value| ("chunk", json!({ "bytes": STANDARD.encode(piece.to_string()) }));
    stream(&pieces.iter().map(chunk).collect::<Vec<_>>())
}

fn shopper() -> ToolSpec {
    let schema = json!({ "type": "object", "required": ["item"], "properties": {
        "item": { "type": "string", "description": "What is bought." },
        "quantity": { "type": ["integer", "null"] },
        "price": { "type": "number" },
        "gift": { "type": "boolean" },
        "sizes": { "type": "array", "items": { "$ref": "#/$defs/Size" }, "description": "Of it." },
        "to": { "anyOf": [{ "type": "null" }, { "type": "object" }] } },
        "$defs": { "Size": { "enum": ["s", "l"] } } });
    ToolSpec::new("shopper", "Buys.", schema.into())
}

#[test]
fn a_conversation_is_a_message_and_what_was_said_before() {
    let messages = vec![
        Message::system("Be brief."),
        Message::user("a"),
        Message::assistant("b"),
        Message::user("c"),
        Message::user("d"),
    ];
    let mut request = Request::new(COMMAND, messages);
    request.params = Params::new().max_tokens(9).temperature(0.5).top_p(0.9).top_k(4);
    request.params.stop = Some(vec!["x".to_owned()]);
    request.params.seed = Some(1);
    request.params.presence_penalty = Some(0.1);
    request.params.frequency_penalty = Some(0.2);
    request.params = request.params.clone().option(
        "bedrock",
        "documents",
        json!([{ "title": "t", "snippet": "s" }]),
    );
    let (body, wire) = wire(&request);
    assert_eq!(wire.path, "/model/cohere.command-r-plus-v1%3A0/invoke");
    assert_eq!(
        body,
        json!({ "preamble": "Be brief.", "message": "c\n\nd",
        "chat_history": [{ "role": "USER", "message": "a" }, { "role": "CHATBOT", "message": "b" }],
        "max_tokens": 9, "temperature": 0.5, "p": 0.9, "k": 4, "stop_sequences": ["x"], "seed": 1,
        "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "documents": [{ "title": "t", "snippet": "s" }] })
    );
    assert_eq!(subjects(&wire), [""; 0]);
    let (_, wire) = self::wire(&ask(COMMAND).streamed());
    assert_eq!(wire.path, "/model/cohere.command-r-plus-v1%3A0/invoke-with-response-stream");
    assert_eq!(wire.framing, Framing::AwsEventStream);
}

/// Definitions as `schemars` writes them: enums and what wraps a single value stand elsewhere.
#[test]
fn a_type_that_is_defined_elsewhere_has_the_name_of_what_it_is() {
    let schema = json!({ "type": "object",
        "properties": {
            "unit": { "$ref": "#/$defs/Unit" },
            "listed": { "$ref": "#/$defs/Listed" },
            "told": { "$ref": "#/$defs/Told" },
            "maybe": { "anyOf": [{ "$ref": "#/$defs/Unit" }, { "type": "null" }] },
            "meters": { "$ref": "#/$defs/Meters" },
            "sizes": { "$ref": "#/$defs/Sizes" },
            "place": { "$ref": "#/$defs/Place" },
            "twice": { "$ref": "#/$defs/Twice" },
            "itself": { "$ref": "#/$defs/Itself" },
            "missing": { "$ref": "#/$defs/Missing" },
            "elsewhere": { "$ref": "https://example.com/unit" } },
        "$defs": {
            "Unit": { "type": "string", "enum": ["m", "ft"] },
            "Listed": { "enum": ["m", "ft"] },
            "Told": { "oneOf": [{ "type": "string", "const": "m", "description": "Meters." }] },
            "Meters": { "type": "number" },
            "Sizes": { "type": "array", "items": { "$ref": "#/$defs/Unit" } },
            "Place": { "type": "object", "properties": {} },
            "Twice": { "$ref": "#/$defs/Meters" },
            "Itself": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/Itself" }] } } });
    let mut request = ask(COMMAND);
    request.tools = vec![ToolSpec::new("convert", "Converts.", schema.into())];
    let (body, _) = wire(&request);
    for (name, kind) in [
        ("unit", "str"),
        ("listed", "str"),
        ("told", "str"),
        ("maybe", "str"),
        ("meters", "float"),
        ("sizes", "list"),
        ("place", "dict"),
        ("twice", "float"),
        ("itself", "dict"),
        ("missing", "dict"),
        ("elsewhere", "dict"),
    ] {
        let parameter = &body["tools"][0]["parameter_definitions"][name];
        assert_eq!(parameter["type"], kind, "{name}");
    }
}

#[test]
fn tools_have_flat_parameters_and_results_stand_beside_their_calls() {
    let eggs = ToolCall::new("call_1", "shopper", r#"{"item":"eggs","quantity":12}"#);
    let apple = ToolCall::new("call_2", "shopper", r#"{"item":"apple"}"#);
    let results =
        [ToolResult::new(&eggs, r#"{"price":"$6.99"}"#), ToolResult::error(&apple, "out of stock")];
    let parts: Vec<Part> = vec!["Let me see.".into(), eggs.into(), apple.into()];
    let mut request = ask(COMMAND);
    request.messages.push(Message::assistant(parts));
    request.messages.push(Message::tool_results(results));
    request.tools = vec![shopper()];
    let (body, wire) = wire(&request);
    assert_eq!(subjects(&wire), ["message"]);
    assert_eq!((&body["message"], body.get("chat_history")), (&json!("hi"), None));
    assert_eq!(
        body["tool_results"],
        json!([
            { "call": { "name": "shopper", "parameters": { "item": "eggs", "quantity": 12 } },
              "outputs": [{ "price": "$6.99" }] },
            { "call": { "name": "shopper", "parameters": { "item": "apple" } },
              "outputs": [{ "error": "out of stock" }] },
        ])
    );
    let schema = |parameter: &str| -> Value {
        let about = &body["tools"][0]["parameter_definitions"][parameter]["description"];
        let (_, schema) = about.as_str().unwrap().split_once("JSON Schema: ").unwrap();
        serde_json::from_str(schema).unwrap()
    };
    assert_eq!(
        schema("sizes"),
        json!({ "type": "array", "items": { "$ref": "#/$defs/Size" },
            "$defs": { "Size": { "enum": ["s", "l"] } } })
    );
    assert_eq!(schema("to"), json!({ "anyOf": [{ "type": "null" }, { "type": "object" }] }));
    let mut tool = body["tools"][0].clone();
    for name in ["sizes", "to"] {
        let about = &mut tool["parameter_definitions"][name]["description"];
        *about = about.as_str().unwrap().split("JSON").next().unwrap().into();
    }
    let is = |kind: &str, about: &str, required: bool| json!({ "type": kind, "description": about, "required": required });
    assert_eq!(
        tool,
        json!({ "name": "shopper", "description": "Buys.", "parameter_definitions": {
            "item": is("str", "What is bought.", true), "quantity": is("int", "", false),
            "price": is("float", "", false), "gift": is("bool", "", false),
            "sizes": is("list", "Of it. ", false), "to": is("dict", "", false) } })
    );

    // The next turn of the conversation carries what was said, not the calls.
    request.messages.push(Message::assistant("Eggs are bought."));
    request.messages.push(Message::user("Thanks."));
    let (body, wire) = self::wire(&request);
    assert_eq!(subjects(&wire), ["tool result"]);
    assert_eq!((&body["message"], body.get("tool_results")), (&json!("Thanks."), None));
    assert_eq!(body["chat_history"][1]["message"], "Let me see.\n\nEggs are bought.");
    request.unsupported = OnUnsupported::Error;
    let error = BedrockCodec::default().encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn what_the_wire_does_not_have_is_told() {
    let mut request = ask(COMMAND);
    request.messages[0].parts.push(Image::bytes(vec![1], "image/png").into());
    request.params.user = Some("u".to_owned());
    request.tools = vec![shopper()];
    request.tool_choice = ToolChoice::Required;
    let (_, wire) = wire(&request);
    assert_eq!(subjects(&wire), ["image", "user", "tool_choice"]);
    request.tool_choice = ToolChoice::None;
    assert_eq!(self::wire(&request).0.get("tools"), None);
    let mut request = ask(COMMAND);
    request.messages.push(Message::assistant("I go on"));
    let error = BedrockCodec::default().encode(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let mut expected = Capabilities::text();
    expected.output = OutputSupport::Prompted;
    assert_eq!(BedrockCodec::capabilities(COMMAND), expected);
}

fn meta() -> Value {
    json!({ "api_version": { "version": "1" }, "billed_units": { "input_tokens": 56.0, "output_tokens": 32 } })
}

#[test]
fn whole_answers() {
    let body = json!({ "response_id": "r", "generation_id": "g", "finish_reason": "COMPLETE",
        "text": "Eggs are $6.99.", "meta": meta(), "citations": [{ "start": 9, "end": 14,
            "text": "$6.99", "document_ids": ["shopper:0:0"] }] });
    let response = read(&ask(COMMAND), body.to_string().as_bytes(), 9).unwrap();
    assert_eq!((&*response.text(), response.id.as_deref()), ("Eggs are $6.99.", Some("r")));
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    let counted = (response.usage.input.total, response.usage.output.total);
    assert_eq!(counted, (Some(56), Some(32)));
    let cited: Vec<_> = response.citations().collect();
    assert_eq!((cited.len(), cited[0].span.clone()), (1, Some(9..14)));
    assert_eq!(cited[0].document.as_deref(), Some("shopper:0:0"));

    let body = json!({ "text": "", "finish_reason": "COMPLETE", "token_count": {
        "prompt_tokens": 827, "response_tokens": 32 }, "meta": meta(), "tool_calls": [
            { "name": "shopper", "parameters": { "item": "eggs" } },
            { "name": "shopper", "parameters": {} }] });
    let response = read(&ask(COMMAND), body.to_string().as_bytes(), 9).unwrap();
    let calls: Vec<_> = response.tool_calls().collect();
    assert_eq!(calls.len(), 2);
    assert_eq!((&*calls[0].name, calls[0].json().unwrap()), ("shopper", json!({ "item": "eggs" })));
    assert!(!calls[0].id.is_empty() && calls[0].id != calls[1].id);
    assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
    assert_eq!(response.usage.input.total, Some(827));

    for (raw, expected) in [
        ("max_tokens", FinishReason::Length),
        ("ERROR_TOXIC", FinishReason::ContentFilter),
        ("USER_CANCEL", FinishReason::Other),
    ] {
        let body = json!({ "text": "so", "finish_reason": raw }).to_string();
        let response = read(&ask(COMMAND), body.as_bytes(), 9).unwrap();
        assert_eq!(response.finish_reason(), Some(expected));
    }
    let error = read(&ask(COMMAND), br#"{"message":"no access"}"#, 99).unwrap_err();
    assert!(error.message().contains("no access"), "{error}");
}

#[test]
fn streamed_answers() {
    let request = ask(COMMAND).streamed();
    let piece =
        |text: &str| json!({ "event_type": "text-generation", "is_finished": false, "text": text });
    let end = |response: Value, more: Value| {
        let mut end = json!({ "event_type": "stream-end", "is_finished": true,
            "finish_reason": "COMPLETE", "response": response });
        end.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        end
    };
    let cited = json!([{ "start": 0, "end": 2, "text": "Hé", "document_ids": ["d"] }]);
    let metrics = json!({ "amazon-bedrock-invocationMetrics": { "inputTokenCount": 7,
        "outputTokenCount": 3, "invocationLatency": 1 } });
    let whole = json!({ "response_id": "r", "text": "Hé!", "citations": cited, "meta": meta() });
    let start = json!({ "event_type": "stream-start", "generation_id": "g", "is_finished": false });
    let citations = json!({ "event_type": "citation-generation", "citations": cited });
    for (more, tokens) in [(metrics.clone(), 7), (json!({}), 56)] {
        let pieces =
            [start.clone(), piece("Hé"), piece("!"), citations.clone(), end(whole.clone(), more)];
        let body = streamed(&pieces);
        for size in [1, 7, 4096] {
            let response = read(&request, &body, size).unwrap();
            assert_eq!((&*response.text(), response.id.as_deref()), ("Hé!", Some("g")));
            assert_eq!(
                (response.citations().count(), response.usage.input.total),
                (1, Some(tokens))
            );
            assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
        }
        // What breaks off is no answer.
        let cut = read(&request, &streamed(&pieces[..4]), 4096).unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::StreamInterrupted);
    }
    // Calls come by themselves, with the end, or both.
    let calls = json!([{ "name": "shopper", "parameters": { "item": "eggs" } }]);
    let alone = json!({ "event_type": "tool-calls-generation", "tool_calls": calls });
    let chunk = json!({ "event_type": "tool-calls-chunk", "tool_call_delta": { "index": 0 } });
    let with_calls = json!({ "text": "", "tool_calls": calls });
    for pieces in [
        vec![chunk, alone.clone(), end(with_calls.clone(), metrics.clone())],
        vec![alone, end(json!({ "text": "" }), metrics.clone())],
        vec![end(with_calls, metrics)],
    ] {
        let response = read(&request, &streamed(&pieces), 5).unwrap();
        let calls: Vec<_> = response.tool_calls().map(|call| &*call.arguments).collect();
        assert_eq!(calls, [r#"{"item":"eggs"}"#]);
        assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
    }
}

#[test]
fn deepseek_v3_is_asked_in_chat_completions() {
    let mut request = ask("us.deepseek.v3-v1:0:invoke");
    request.params = Params::new().max_tokens(9).temperature(0.5).top_p(0.9);
    let (body, wire) = wire(&request);
    assert_eq!(wire.path, "/model/us.deepseek.v3-v1%3A0/invoke");
    assert_eq!(
        body,
        json!({ "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 9,
        "temperature": 0.5, "top_p": 0.9 })
    );
    let body = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": "Hé" } }] });
    let response = read(&request, body.to_string().as_bytes(), 9).unwrap();
    assert_eq!((&*response.text(), response.finish_reason()), ("Hé", Some(FinishReason::Stop)));
    let capabilities = BedrockCodec::capabilities("deepseek.v3.2:invoke");
    assert!(capabilities.tools && !capabilities.images);
}
