//! Requests to bytes.

use meanwhile_bedrock::{BedrockOptions, ConverseCodec, Guardrail};
use meanwhile_core::{
    Audio, CacheMark, Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat,
    OutputSchema, Params, Part, ProviderData, Reasoning, Request, Schema, ToolCall, ToolChoice,
    ToolResult, ToolSpec,
};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{CLAUDE, ask, body};

const NOVA: &str = "amazon.nova-lite-v1:0";

fn messages(messages: Vec<Message>) -> Value {
    body(&Request::new(CLAUDE, messages)).0["messages"].clone()
}

/// Checks the body beside its messages, and the warnings.
fn check(request: &Request, expected: Value, warnings: &[&str]) {
    let (mut body, found) = body(request);
    body.as_object_mut().unwrap().remove("messages");
    assert_eq!(body, expected);
    assert_eq!(found.len(), warnings.len(), "{found:?}");
    for (found, expected) in found.iter().zip(warnings) {
        assert!(found.starts_with(expected), "{found} does not begin with {expected}");
    }
}

fn params(model: &str, params: Params) -> Request {
    let mut request = ask(model);
    request.params = params;
    request
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(name, "A tool.", Schema::from(json!({ "type": "object" })))
}

fn spec(name: &str) -> Value {
    json!({ "toolSpec": { "name": name, "description": "A tool.",
        "inputSchema": { "json": { "type": "object" } } } })
}

#[test]
fn paths() {
    let check = |model: &str, expected: &str| {
        assert_eq!(ConverseCodec::default().encode(&ask(model)).unwrap().path, expected);
    };
    check("amazon.nova-lite-v1:0", "/model/amazon.nova-lite-v1%3A0/converse");
    check(
        "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/mi1",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3Aapplication-inference-profile%2Fmi1/converse",
    );
    let wire = ConverseCodec::default().encode(&ask("m").streamed()).unwrap();
    assert_eq!((&*wire.path, wire.framing), ("/model/m/converse-stream", Framing::AwsEventStream));
    let error = ConverseCodec::default().encode(&ask("")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn exact_bytes() {
    let mut request = Request::new(
        NOVA,
        vec![
            Message::system("Be brief."),
            Message::user([
                Part::text("Look:"),
                Part::from(Image::bytes(vec![1, 2, 3], "image/png")),
            ]),
        ],
    );
    request.params = Params::new().max_tokens(10).temperature(0.5);
    let wire = ConverseCodec::default().encode(&request).unwrap();
    assert_eq!(
        std::str::from_utf8(&wire.body).unwrap(),
        r#"{"messages":[{"role":"user","content":[{"text":"Look:"},{"image":{"format":"png","source":{"bytes":"AQID"}}}]}],"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":10,"temperature":0.5}}"#
    );
}

#[test]
fn both_sides_speak_in_turn() {
    let call = ToolCall::new("tooluse_1", "weather", "{\"city\": \"Rome\"}");
    let other = ToolCall::new("tooluse_2", "time", "");
    let results = [ToolResult::new(&call, Part::text("sunny")), ToolResult::error(&other, "no")];
    let found = messages(vec![
        Message::user("one"),
        Message::user("two"),
        Message::assistant([Part::text("  "), call.clone().into(), other.clone().into()]),
        Message::tool_results(results),
        Message::user("and?"),
        Message::assistant(Vec::<Part>::new()),
    ]);
    let expected = json!([
        { "role": "user", "content": [{ "text": "one" }, { "text": "two" }] },
        { "role": "assistant", "content": [
            { "toolUse": { "toolUseId": "tooluse_1", "name": "weather", "input": { "city": "Rome" } } },
            { "toolUse": { "toolUseId": "tooluse_2", "name": "time", "input": {} } } ] },
        { "role": "user", "content": [
            { "toolResult": { "toolUseId": "tooluse_1", "content": [{ "text": "sunny" }] } },
            { "toolResult": { "toolUseId": "tooluse_2", "content": [{ "text": "no" }], "status": "error" } },
            { "text": "and?" } ] },
    ]);
    assert_eq!(found, expected);
}

#[test]
fn calls_that_other_providers_wrote() {
    let long = "x".repeat(80);
    let calls = ["call|1", &long].map(|id| ToolCall::new(id, "t", "[1]"));
    let found = messages(vec![
        Message::user("hi"),
        Message::assistant(calls.clone().map(Part::from)),
        Message::tool_results(calls.iter().map(|call| ToolResult::new(call, Part::text("ok")))),
    ]);
    for at in 0..2 {
        let call = &found[1]["content"][at]["toolUse"];
        let id = call["toolUseId"].as_str().unwrap();
        assert!(id.len() <= 64 && !id.contains('|'), "{id}");
        assert_eq!(found[2]["content"][at]["toolResult"]["toolUseId"], id);
        assert_eq!(call["input"], json!({ "arguments": "[1]" }));
    }
}

#[test]
fn a_conversation_with_calls_has_tools() {
    let call = ToolCall::new("tooluse_1", "weather", "{}");
    let mut request = Request::new(
        CLAUDE,
        vec![
            Message::user("hi"),
            Message::assistant(Part::from(call.clone())),
            Message::tool_results([ToolResult::new(&call, Part::text("ok"))]),
        ],
    );
    let (found, _) = body(&request);
    assert_eq!(found["toolConfig"]["tools"][0]["toolSpec"]["name"], "weather");
    request.tools = vec![tool("weather")];
    request.tool_choice = ToolChoice::None;
    let (found, warnings) = body(&request);
    assert_eq!(found["toolConfig"], json!({ "tools": [spec("weather")] }));
    assert!(warnings[0].starts_with("tool_choice"), "{warnings:?}");
}

#[test]
fn tool_choices() {
    let config = |model: &str, choice: ToolChoice| {
        let mut request = ask(model);
        request.tools = vec![tool("a"), tool("b")];
        request.tool_choice = choice;
        let (body, warnings) = body(&request);
        (body.get("toolConfig").map(|config| config["toolChoice"].clone()), warnings.len())
    };
    let named = || ToolChoice::Tool("a".to_owned());
    assert_eq!(config(CLAUDE, ToolChoice::Auto), (Some(Value::Null), 0));
    assert_eq!(config(CLAUDE, ToolChoice::None), (None, 0));
    assert_eq!(config(CLAUDE, ToolChoice::Required), (Some(json!({ "any": {} })), 0));
    assert_eq!(config(CLAUDE, named()), (Some(json!({ "tool": { "name": "a" } })), 0));
    assert_eq!(config("mistral.mistral-large-2402-v1:0", named()), (Some(json!({ "any": {} })), 1));
    assert_eq!(
        config("meta.llama3-8b-instruct-v1:0", ToolChoice::Required),
        (Some(Value::Null), 1)
    );
}

#[test]
fn media() {
    let content = |parts: Vec<Part>| messages(vec![Message::user(parts)])[0]["content"].clone();
    let s3 = |uri: &str| json!({ "s3Location": { "uri": uri } });
    let found = content(vec![
        Image::url("s3://b/cat.JPG").into(),
        Image::url("data:image/webp;base64,AQID").into(),
        Image::reference("bedrock", "s3://b/x.gif").into(),
        Audio::bytes(vec![1], "audio/mpeg").into(),
        Document::url("s3://b/film.mp4").into(),
        Document::bytes(vec![1], "video/3gpp").into(),
        Document::bytes(vec![1], "application/pdf").with_name("a  b/c.pdf").into(),
        Document::text("hello").into(),
        Document::text("x").into(),
        Document::url("s3://b/y.docx").into(),
    ]);
    let expected = json!([
        { "image": { "format": "jpeg", "source": s3("s3://b/cat.JPG") } },
        { "image": { "format": "webp", "source": { "bytes": "AQID" } } },
        { "image": { "format": "gif", "source": s3("s3://b/x.gif") } },
        { "audio": { "format": "mp3", "source": { "bytes": "AQ==" } } },
        { "video": { "format": "mp4", "source": s3("s3://b/film.mp4") } },
        { "video": { "format": "three_gp", "source": { "bytes": "AQ==" } } },
        { "document": { "format": "pdf", "name": "a b-c", "source": { "bytes": "AQ==" } } },
        { "document": { "format": "txt", "name": "document", "source": { "bytes": "aGVsbG8=" } } },
        { "document": { "format": "txt", "name": "document-2", "source": { "bytes": "eA==" } } },
        { "document": { "format": "docx", "name": "document-3", "source": s3("s3://b/y.docx") } },
    ]);
    assert_eq!(found, expected);

    let mut cited = Document::text("x");
    let data = json!({ "citations": { "enabled": true }, "context": "policy" });
    cited.data = Some(Box::new(ProviderData::new("bedrock", data)));
    let document = &content(vec![cited.into()])[0]["document"];
    assert_eq!(document["citations"], json!({ "enabled": true }));
    assert_eq!(document["context"], "policy");
}

#[test]
fn what_cannot_be_sent_is_said() {
    let check = |part: Part, expected: &str| {
        let mut request = Request::new(CLAUDE, vec![Message::user([Part::text("x"), part])]);
        let (_, warnings) = body(&request);
        assert!(warnings.join("\n").contains(expected), "{warnings:?}");
        request.unsupported = OnUnsupported::Error;
        let error = ConverseCodec::default().encode(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    };
    check(Image::url("https://x/y.png").into(), "image: this provider does not fetch addresses");
    check(Image::reference("openai", "file-1").into(), "image: this provider takes bytes");
    check(Document::bytes(vec![1], "application/zip").into(), "does not take `application/zip`");
    check(ToolCall::new("1", "t", "{}").into(), "tool call: only the model's messages");
}

#[test]
fn cache_marks_and_blocks_of_its_own_stay_in_place() {
    let guarded = json!({ "guardContent": { "text": { "text": "x", "qualifiers": ["query"] } } });
    let request = Request::new(
        CLAUDE,
        vec![
            Message::system([Part::text("long"), Part::cache_mark()]),
            Message::user([
                Part::text("a"),
                CacheMark::new().with_ttl("1h").into(),
                Part::opaque("bedrock", guarded.clone()),
                Part::opaque("anthropic", json!({})),
            ]),
            Message::system("late"),
        ],
    );
    let (found, warnings) = body(&request);
    let system = json!([
        { "text": "long" }, { "cachePoint": { "type": "default" } }, { "text": "late" } ]);
    assert_eq!(found["system"], system);
    let content = json!([
        { "text": "a" }, { "cachePoint": { "type": "default", "ttl": "1h" } }, guarded ]);
    assert_eq!(found["messages"][0]["content"], content);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn settings() {
    let all = Params::new()
        .temperature(0.5)
        .top_p(0.9)
        .top_k(20)
        .max_tokens(100)
        .stop(["END"])
        .seed(1)
        .presence_penalty(0.1)
        .frequency_penalty(0.1)
        .logprobs(1)
        .user("u")
        .prompt_cache_key("k")
        .service_tier("flex");
    let inference =
        json!({ "maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"] });
    let absent =
        ["seed", "presence_penalty", "frequency_penalty", "logprobs", "user", "prompt_cache_key"];
    check(
        &params(CLAUDE, all.clone()),
        json!({
            "inferenceConfig": inference,
            "additionalModelRequestFields": { "top_k": 20 },
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "serviceTier": { "type": "flex" },
        }),
        &absent,
    );
    check(
        &params(NOVA, all.clone()),
        json!({
            "inferenceConfig": inference,
            "additionalModelRequestFields": { "inferenceConfig": { "topK": 20 } },
            "serviceTier": { "type": "flex" },
        }),
        &absent,
    );
    let (_, warnings) = body(&params("meta.llama3-8b-instruct-v1:0", all));
    assert!(warnings[0].starts_with("top_k"), "{warnings:?}");
}

#[test]
fn options_are_merged() {
    let options = BedrockOptions::new()
        .guardrail(Guardrail::new("g1", "DRAFT").trace())
        .model_field("inferenceConfig", json!({ "x": 1 }))
        .system_tool("nova_grounding")
        .latency("optimized")
        .prompt_variable("name", "Ada")
        .response_fields(["/x"]);
    let mut request = params(NOVA, options.apply(Params::new().top_k(3)));
    request.tools = vec![tool("a")];
    check(
        &request,
        json!({
            "toolConfig": { "tools": [spec("a"), { "systemTool": { "name": "nova_grounding" } }] },
            "additionalModelRequestFields": { "inferenceConfig": { "topK": 3, "x": 1 } },
            "additionalModelResponseFieldPaths": ["/x"],
            "guardrailConfig": { "guardrailIdentifier": "g1", "guardrailVersion": "DRAFT", "trace": "enabled" },
            "performanceConfig": { "latency": "optimized" },
            "promptVariables": { "name": { "text": "Ada" } },
        }),
        &[],
    );
}

#[test]
fn reasoning() {
    let of = |model: &str, reasoning: Reasoning, max_tokens: Option<u32>| {
        let request = params(model, Params { max_tokens, ..Params::new().reasoning(reasoning) });
        let (body, warnings) = body(&request);
        let fields = body.get("additionalModelRequestFields").cloned().unwrap_or_default();
        (fields, body.get("outputConfig").cloned().unwrap_or_default(), warnings.len())
    };
    let effort = |effort: Effort| Reasoning::Effort(effort);
    let budget =
        |tokens: u32| json!({ "thinking": { "type": "enabled", "budget_tokens": tokens } });
    let sonnet_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0";
    assert_eq!(of(sonnet_4, Reasoning::Budget(2000), None), (budget(2000), Value::Null, 0));
    assert_eq!(of(sonnet_4, Reasoning::Budget(10), None), (budget(1024), Value::Null, 1));
    assert_eq!(of(sonnet_4, effort(Effort::High), Some(4000)), (budget(3999), Value::Null, 0));
    assert_eq!(of(sonnet_4, effort(Effort::High), Some(500)), (Value::Null, Value::Null, 1));
    let adaptive = json!({ "thinking": { "type": "adaptive" } });
    let level = json!({ "effort": "high" });
    assert_eq!(of(CLAUDE, effort(Effort::High), None), (adaptive.clone(), level.clone(), 0));
    assert_eq!(of(CLAUDE, Reasoning::Budget(2000), None), (budget(2000), Value::Null, 0));
    assert_eq!(
        of("anthropic.claude-sonnet-5", Reasoning::Budget(20_000), None),
        (adaptive, level, 1)
    );
    let off = json!({ "thinking": { "type": "disabled" } });
    assert_eq!(of(CLAUDE, effort(Effort::None), None), (off, Value::Null, 0));
    let nova = json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" } });
    assert_eq!(
        of("us.amazon.nova-2-lite-v1:0", effort(Effort::Minimal), None),
        (nova, Value::Null, 1)
    );
    let gpt = json!({ "reasoning_effort": "medium" });
    assert_eq!(of("openai.gpt-oss-20b-1:0", effort(Effort::Medium), None), (gpt, Value::Null, 0));
    let qwen = json!({ "reasoning_config": "high" });
    assert_eq!(of("qwen.qwen3-32b-v1:0", effort(Effort::High), None), (qwen, Value::Null, 0));
    assert_eq!(of(NOVA, effort(Effort::High), None), (Value::Null, Value::Null, 1));

    // Claude does not sample while it thinks.
    let hot = Params::new().temperature(0.2).top_k(5).reasoning(Effort::Low);
    let (found, warnings) = body(&params(CLAUDE, hot));
    assert_eq!(found.get("inferenceConfig"), None);
    assert_eq!(
        found["additionalModelRequestFields"],
        json!({ "thinking": { "type": "adaptive" } })
    );
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

fn shaped(model: &str, schema: Value) -> Request {
    let mut request = ask(model);
    request.output = OutputFormat::Schema(OutputSchema::new("City", Schema::from(schema)));
    request
}

#[test]
fn shapes() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer", "minimum": 1 } }, "required": ["n"] });
    let (found, warnings) = body(&shaped(CLAUDE, schema.clone()));
    let format = &found["outputConfig"]["textFormat"];
    assert_eq!(format["type"], "json_schema");
    let written = &format["structure"]["jsonSchema"];
    assert_eq!(written["name"], "City");
    let strict: Value = serde_json::from_str(written["schema"].as_str().unwrap()).unwrap();
    let expected = json!({ "type": "object", "properties": { "n": { "type": "integer", "description": "(minimum: 1)" } }, "required": ["n"], "additionalProperties": false });
    assert_eq!(strict, expected);
    assert_eq!(warnings, [""; 0]);

    let mut request = shaped(NOVA, schema.clone());
    let forced = json!({ "toolSpec": { "name": "City", "description": "Gives the answer.", "inputSchema": { "json": schema } } });
    check(
        &request,
        json!({ "toolConfig": { "tools": [forced], "toolChoice": { "tool": { "name": "City" } } } }),
        &[],
    );
    request.tools = vec![tool("a")];
    let (found, _) = body(&request);
    assert_eq!(found["toolConfig"]["toolChoice"], json!({ "any": {} }));
    request.tools = vec![tool("City")];
    let (found, _) = body(&request);
    assert_eq!(found["toolConfig"]["tools"][1]["toolSpec"]["name"], "City_");

    check(&shaped("meta.llama3-8b-instruct-v1:0", schema), json!({}), &["output format"]);
    check(&shaped(NOVA, json!({ "type": "array" })), json!({}), &["output format"]);
    let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let (_, warnings) = body(&shaped(CLAUDE, map));
    assert!(warnings[0].contains("a map"), "{warnings:?}");
    let mut json = ask(CLAUDE);
    json.output = OutputFormat::Json;
    check(&json, json!({}), &["output format"]);
}
