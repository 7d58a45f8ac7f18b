//! `:invoke` behind the id of a model: the wire of its vendor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_bedrock::{Bedrock, BedrockCodec, BedrockOptions, Guardrail};
use meanwhile_core::{
    ErrorKind, Fold, Model, OutputFormat, OutputSupport, Part, Provider as _, Response, ToolChoice,
    ToolSpec,
};
use meanwhile_http::{Answer, Codec as _, Decoder, Framing};
use serde_json::{Value, json};

use crate::{ask, stream};

const CLAUDE: &str = "us.anthropic.claude-3-5-haiku-20241022-v1:0:invoke";
const MISTRAL: &str = "mistral.mistral-large-2407-v1:0:invoke";

fn written(model: &str, is_streamed: bool) -> (String, Value) {
    let request = ask(model);
    let request = if is_streamed { request.streamed() } else { request };
    let wire = BedrockCodec::default().encode(&request).unwrap();
    let framing = if is_streamed { Framing::AwsEventStream } else { Framing::Whole };
    assert_eq!(wire.framing, framing);
    (wire.path, serde_json::from_slice(&wire.body).unwrap())
}

#[test]
fn the_id_chooses_the_wire() {
    let messages = json!([{ "role": "user", "content": "hi" }]);
    for (model, is_streamed, path) in [
        (CLAUDE, false, "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/invoke"),
        (MISTRAL, false, "/model/mistral.mistral-large-2407-v1%3A0/invoke"),
        (MISTRAL, true, "/model/mistral.mistral-large-2407-v1%3A0/invoke-with-response-stream"),
        ("openai.gpt-oss-20b-1:0:invoke", false, "/model/openai.gpt-oss-20b-1%3A0/invoke"),
    ] {
        let (found, body) = written(model, is_streamed);
        assert_eq!(found, path);
        // The path says which model, and whether the answer is streamed.
        assert_eq!((&body["model"], &body["stream"]), (&Value::Null, &Value::Null), "{model}");
        if model != CLAUDE {
            assert_eq!(body, json!({ "messages": messages }), "{model}");
        }
    }
    let (path, body) = written("us.anthropic.claude-3-5-haiku-20241022-v1:0", false);
    assert!(path.ends_with("/converse") && body["messages"][0]["content"].is_array(), "{path}");
}

#[test]
fn what_mistral_does_not_take_is_reported() {
    let mut request = ask(MISTRAL);
    request.params.seed = Some(1);
    request.params.temperature = Some(0.5);
    request.params.stop = Some(vec!["x".to_owned()]);
    request.output = OutputFormat::Json;
    request.tools = vec![ToolSpec::new("f", "", json!({ "type": "object" }).into())];
    request.tool_choice = ToolChoice::Tool("f".to_owned());
    let wire = BedrockCodec::default().encode(&request).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!((&body["temperature"], &body["tool_choice"]), (&json!(0.5), &json!("any")));
    for absent in ["random_seed", "stop", "response_format"] {
        assert_eq!(body[absent], Value::Null, "{absent}");
    }
    let warnings: Vec<String> = wire.warnings.iter().map(ToString::to_string).collect();
    for told in ["seed", "stop", "output format", "tool_choice"] {
        assert!(warnings.iter().any(|warning| warning.contains(told)), "{told}: {warnings:?}");
    }
}

#[test]
fn a_vendor_whose_wire_is_not_spoken_is_told_of() {
    for model in [
        "cohere.command-text-v14:invoke",
        "deepseek.v2-v1:0:invoke",
        "meta.llama2-13b-chat-v1:invoke",
        "amazon.titan-embed-text-v2:0:invoke",
    ] {
        let error = BedrockCodec::default().encode(&ask(model)).unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("bedrock")));
        assert!(error.message().contains("leave out `:invoke`"), "{error}");
    }
}

/// A model of every wire behind `:invoke`.
const EACH: [&str; 12] = [
    CLAUDE,
    MISTRAL,
    GPT_OSS,
    "us.amazon.nova-2-lite-v1:0:invoke",
    "qwen.qwen3-32b-v1:0:invoke",
    "ai21.jamba-1-5-mini-v1:0:invoke",
    "us.deepseek.v3-v1:0:invoke",
    "cohere.command-r-v1:0:invoke",
    "us.meta.llama3-3-70b-instruct-v1:0:invoke",
    "amazon.titan-text-express-v1:invoke",
    "mistral.mixtral-8x7b-instruct-v0:1:invoke",
    "us.deepseek.r1-v1:0:invoke",
];

#[test]
fn what_the_service_takes_is_the_same_for_every_vendor() {
    for model in EACH {
        let mut request = ask(model);
        request.params.service_tier = Some("flex".to_owned());
        let metadata = [("team".to_owned(), "search".to_owned())].into();
        let options = BedrockOptions::new().latency("optimized").request_metadata(metadata);
        request.params = options.apply(request.params);
        let wire = BedrockCodec::default().encode(&request).unwrap();
        let header = |name: &str| wire.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-amzn-bedrock-service-tier"), Some("flex"), "{model}");
        assert_eq!(header("x-amzn-bedrock-performanceconfig-latency"), Some("optimized"));
        assert_eq!(header("x-amzn-bedrock-request-metadata"), Some(r#"{"team":"search"}"#));
        let plain = BedrockCodec::default().encode(&ask(model)).unwrap();
        let bodies = [&plain, &wire].map(|wire| String::from_utf8(wire.body.to_vec()).unwrap());
        assert_eq!(bodies[0], bodies[1], "{model}: the body knows nothing of them");
        assert!(wire.warnings.is_empty(), "{model}: {:?}", wire.warnings);

        // To answer unguarded is no weaker form of the same.
        let guarded = BedrockOptions::new().guardrail(Guardrail::new("g", "1"));
        let mut request = ask(model);
        request.params = guarded.apply(request.params);
        let error = BedrockCodec::default().encode(&request).unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("bedrock")));
        assert!(error.message().contains("leave out `:invoke`"), "{error}");

        // The model's own fields are those of the body; what only Converse has is told.
        let own = BedrockOptions::new().model_field("x_own", 1).prompt_variable("v", "t");
        let mut request = ask(model);
        request.params = own.apply(request.params);
        let wire = BedrockCodec::default().encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        assert_eq!(body["x_own"], 1, "{model}");
        assert_eq!((wire.warnings.len(), &*wire.warnings[0].subject), (1, "promptVariables"));
    }
}

#[test]
fn settings_of_another_form_are_refused() {
    for model in EACH {
        let encode = |name: &str, value: Value| {
            let mut request = ask(model);
            request.params = request.params.option("bedrock", name, value);
            BedrockCodec::default().encode(&request)
        };
        for (name, field, value) in [
            ("performanceConfig", "latency", json!("optimized")),
            ("performanceConfig", "latency", json!({ "latency": 1 })),
            ("serviceTier", "type", json!("flex")),
            ("serviceTier", "type", json!({ "tier": "flex" })),
        ] {
            let error = encode(name, value).unwrap_err();
            let about = (error.kind(), error.provider());
            assert_eq!(about, (ErrorKind::InvalidRequest, Some("bedrock")), "{model}");
            let message = format!("`{name}` must be an object whose `{field}` is text");
            assert_eq!(error.message(), message);
        }
        // What asks for nothing is no error.
        let plain = BedrockCodec::default().encode(&ask(model)).unwrap();
        for value in [json!(null), json!({})] {
            let wire = encode("performanceConfig", value).unwrap();
            assert_eq!((&wire.body, &wire.headers), (&plain.body, &plain.headers), "{model}");
        }
        let wire = encode("serviceTier", json!({ "type": "flex" })).unwrap();
        assert_eq!(wire.headers["x-amzn-bedrock-service-tier"], "flex", "{model}");
    }
}

#[tokio::test]
async fn a_model_that_takes_a_prompt_is_asked_for_a_shape_in_it() {
    let bedrock = Bedrock::builder().region("us-east-1").api_key("key").build().unwrap();
    for model in &EACH[8..] {
        let capabilities = bedrock.capabilities(model);
        assert!(!capabilities.tools, "{model}");
        assert_eq!(capabilities.output, OutputSupport::Prompted, "{model}");
        let call = Model::of(bedrock.clone(), *model).call::<Vec<u8>>("Three primes");
        let request = call.request().await.unwrap();
        let wire = BedrockCodec::default().encode(&request).unwrap();
        let body = String::from_utf8(wire.body.to_vec()).unwrap();
        assert!(body.contains("uint8"), "the schema is in the prompt: {body}");
        assert!(wire.warnings.is_empty(), "{:?}", wire.warnings);
    }
}

#[test]
fn capabilities_are_those_of_the_wire() {
    let bedrock = Bedrock::builder().region("us-east-1").api_key("key").build().unwrap();
    let images = |model: &str| bedrock.capabilities(model).images;
    assert!(bedrock.capabilities(CLAUDE).tools && bedrock.capabilities(MISTRAL).tools);
    assert!(!images(MISTRAL) && images("eu.mistral.pixtral-large-2502-v1:0:invoke"));
    assert!(
        !bedrock.capabilities(MISTRAL).documents,
        "Converse takes some, the vendor's wire none"
    );
    assert!(bedrock.capabilities("mistral.mistral-large-2407-v1:0").documents);
}

fn read(model: &str, pieces: &[Value], size: usize) -> Response {
    let chunk = |piece: &Value| ("chunk", json!({ "bytes": STANDARD.encode(piece.to_string()) }));
    let body = stream(&pieces.iter().map(chunk).collect::<Vec<_>>());
    fold_of(BedrockCodec::default().decoder(&ask(model).streamed()), &body, size)
}

fn fold_of(decoder: impl Decoder, body: &[u8], size: usize) -> Response {
    let mut answer = Answer::new(decoder, Framing::AwsEventStream);
    let mut fold = Fold::new("bedrock", "m");
    for chunk in body.chunks(size) {
        answer.push(chunk.to_vec().into());
        for event in std::iter::from_fn(|| answer.next()) {
            fold.push(&event.unwrap()).unwrap();
        }
    }
    answer.end();
    for event in std::iter::from_fn(|| answer.next()) {
        fold.push(&event.unwrap()).unwrap();
    }
    fold.finish().unwrap()
}

#[test]
fn bedrock_counts_where_the_vendor_does_not() {
    let piece = |text: &str, reason: Value, more: Value| {
        let mut piece = json!({ "choices": [{ "index": 0, "stop_reason": reason,
            "message": { "role": "assistant", "content": text } }] });
        piece.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        piece
    };
    let metrics = json!({ "amazon-bedrock-invocationMetrics":
        { "inputTokenCount": 7, "outputTokenCount": 3, "invocationLatency": 1 } });
    let usage = json!({ "usage": { "prompt_tokens": 8, "completion_tokens": 2 } });
    let both = json!({ "usage": usage["usage"],
        "amazon-bedrock-invocationMetrics": metrics["amazon-bedrock-invocationMetrics"] });
    for (last, expected) in [(&metrics, (7, 3)), (&usage, (8, 2)), (&both, (8, 2))] {
        let pieces = [piece("Hé", Value::Null, json!({})), piece("!", json!("stop"), last.clone())];
        for size in [1, 7, 4096] {
            let response = read(MISTRAL, &pieces, size);
            let usage = &response.usage;
            assert_eq!(response.text(), "Hé!");
            assert_eq!((usage.input.total.unwrap(), usage.output.total.unwrap()), expected);
            assert!(usage.raw.is_some(), "the counters as they came");
        }
    }
}

const GPT_OSS: &str = "openai.gpt-oss-20b-1:0:invoke";

fn delta(delta: &Value, reason: &Value) -> Value {
    json!({ "id": "c", "model": "m", "created": 1, "service_tier": "auto",
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
}

/// What an answer is made of: `?` before thinking, `!` before calls.
fn shown(response: &Response) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Thinking(thinking) => format!("?{}", thinking.text),
        Part::Text(text) => text.text.clone(),
        Part::ToolCall(call) => format!("!{}{}", call.name, call.arguments),
        other => panic!("{other:?}"),
    };
    response.message.parts.iter().map(part).collect()
}

#[test]
fn thinking_in_front_of_the_text_is_a_part_of_its_own() {
    let check = |said: &str, expected: &[&str]| {
        let call = json!({ "tool_calls": [{ "index": 0, "id": "t", "type": "function",
            "function": { "name": "f", "arguments": "{}" } }] });
        let last = [delta(&call, &Value::Null), delta(&json!({}), &json!("tool_calls"))];
        let expected = [expected, &["!f{}"]].concat();
        // Whole, in two pieces cut anywhere, and letter by letter.
        let mut cuts: Vec<Vec<&str>> = vec![vec![said]];
        let places: Vec<usize> = said.char_indices().map(|(at, _)| at).collect();
        cuts.extend(places.iter().map(|at| vec![&said[..*at], &said[*at..]]));
        let ends = places.iter().copied().skip(1).chain([said.len()]);
        cuts.push(places.iter().zip(ends).map(|(from, to)| &said[*from..to]).collect());
        for pieces in cuts {
            let piece = |text: &&str| delta(&json!({ "content": text }), &Value::Null);
            let mut chunks: Vec<Value> = pieces.iter().map(piece).collect();
            chunks.extend(last.clone());
            assert_eq!(shown(&read(GPT_OSS, &chunks, 4096)), expected, "{pieces:?}");
        }
        // In a whole answer.
        let body = json!({ "choices": [{ "index": 0, "finish_reason": "tool_calls",
            "message": { "role": "assistant", "content": said, "tool_calls": call["tool_calls"] } }] });
        let decoder = BedrockCodec::default().decoder(&ask(GPT_OSS));
        let mut answer = Answer::new(decoder, Framing::Whole);
        answer.push(body.to_string().into());
        answer.end();
        let mut fold = Fold::new("bedrock", GPT_OSS);
        for event in std::iter::from_fn(|| answer.next()) {
            fold.push(&event.unwrap()).unwrap();
        }
        assert_eq!(shown(&fold.finish().unwrap()), expected, "{said}");
    };
    check("<reasoning>Hé, a < b.</reasoning>Yes.", &["?Hé, a < b.", "Yes."]);
    check("<reasoning>Hm.</reasoning>", &["?Hm."]);
    check("<reasoning></reasoning>Yes.", &["?", "Yes."]);
    check("<reasoning>cut of</reas", &["?cut of</reas"]);
    check("<reason", &["<reason"]);
    check("<reasons> are none", &["<reasons> are none"]);
    // The same tags later on are the answer's own.
    let both = "<reasoning>Why?</reasoning><reasoning>So.</reasoning>";
    check(both, &["?Why?", "<reasoning>So.</reasoning>"]);
    check("See <reasoning>this</reasoning>.", &["See <reasoning>this</reasoning>."]);
}

#[test]
fn thinking_of_a_recorded_answer() {
    let path = "../../../shared/fixtures/bedrock/invoke/3dfa4f87977569d4.json";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: there are no recordings beside the checkout");
        return;
    };
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let body = STANDARD.decode(recorded["response"]["body"].as_str().unwrap()).unwrap();
    for size in [1, 5, 64, 100_000] {
        let decoder = BedrockCodec::default().decoder(&ask(GPT_OSS).streamed());
        let response = fold_of(decoder, &body, size);
        let expected = [
            "?We need to produce structured output matching schema: age, name, occupation optional. Use function.",
            r#"!structured_output{"age": 32, "name": "Alexandra Martinez", "occupation": "Senior Software Engineer"}"#,
        ];
        assert_eq!(shown(&response), expected, "{size}");
        assert_eq!(response.usage.output.total, Some(61));
    }
}
