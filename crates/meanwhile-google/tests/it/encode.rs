//! What requests look like on the wire.

use meanwhile_core::{
    Audio, Document, Effort, ErrorKind, Image, Message, OnUnsupported, OutputFormat, OutputSchema,
    Params, Part, ProviderData, Reasoning, Request, Role, Schema, Thinking, ToolCall, ToolChoice,
    ToolResult, ToolSpec,
};
use meanwhile_google::{GenerateContentCodec, GoogleOptions};
use meanwhile_http::{Codec as _, Framing, Wire};
use serde_json::{Value, json};

use crate::google;

fn user(text: &str) -> Vec<Message> {
    vec![Message::user(text)]
}

fn wire(request: &Request) -> Wire {
    google().encode(request).unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&wire(request).body).unwrap()
}

/// What a request with these messages says, and what it warns of.
fn contents(model: &str, messages: Vec<Message>) -> (Value, Vec<String>) {
    let wire = wire(&Request::new(model, messages));
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    let warnings = wire.warnings.iter().map(|warning| warning.subject.to_string()).collect();
    (body["contents"].clone(), warnings)
}

#[test]
fn the_bytes_are_always_the_same() {
    let mut request = Request::new(
        "gemini-2.5-flash",
        vec![Message::system("Be brief."), Message::user("Hi"), Message::assistant("Yes?")],
    );
    request.params = Params::new()
        .temperature(0.5)
        .top_p(0.9)
        .top_k(3)
        .max_tokens(7)
        .stop(["x"])
        .seed(4)
        .presence_penalty(0.1)
        .frequency_penalty(0.2)
        .logprobs(2)
        .reasoning(Effort::Low)
        .service_tier("flex");
    let expected = concat!(
        r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},"#,
        r#"{"role":"model","parts":[{"text":"Yes?"}]}],"#,
        r#""generationConfig":{"temperature":0.5,"topP":0.9,"topK":3,"maxOutputTokens":7,"#,
        r#""stopSequences":["x"],"seed":4,"presencePenalty":0.1,"frequencyPenalty":0.2,"#,
        r#""responseLogprobs":true,"logprobs":2,"#,
        r#""thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}},"serviceTier":"flex"}"#,
    );
    for _ in 0..2 {
        let wire = wire(&request);
        assert_eq!(std::str::from_utf8(&wire.body).unwrap(), expected);
        assert_eq!((wire.warnings, wire.framing), (vec![], Framing::Whole));
    }
}

#[test]
fn paths_name_the_model_and_how_it_answers() {
    let path = |codec: GenerateContentCodec, model: &str| {
        let wire = codec.encode(&Request::new(model, user("x"))).unwrap();
        wire.path.strip_suffix(":generateContent").unwrap().to_owned()
    };
    for (model, expected) in [
        ("gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("a?b#c d", "/models/a%3Fb%23c%20d"),
    ] {
        assert_eq!(path(google(), model), expected);
    }
    let base = "/projects/p/locations/l";
    for (model, expected) in [
        ("gemini-2.5-pro", format!("{base}/publishers/google/models/gemini-2.5-pro")),
        ("models/gemini-2.5-pro", format!("{base}/publishers/google/models/gemini-2.5-pro")),
        ("meta/llama", format!("{base}/publishers/meta/models/llama")),
        ("publishers/x/models/y", format!("{base}/publishers/x/models/y")),
        ("endpoints/12", format!("{base}/endpoints/12")),
        ("projects/q/locations/m/endpoints/3", "/projects/q/locations/m/endpoints/3".to_owned()),
    ] {
        assert_eq!(path(GenerateContentCodec::vertex("p", "l"), model), expected);
    }
    assert_eq!(
        path(GenerateContentCodec::vertex_express(), "gemini-2.5-pro"),
        "/publishers/google/models/gemini-2.5-pro"
    );
    let streamed = wire(&Request::new("m", user("x")).streamed());
    assert_eq!(streamed.path, "/models/m:streamGenerateContent?alt=sse");
    assert_eq!(streamed.framing, Framing::ServerSentEvents);
}

#[test]
fn what_cannot_be_said_is_a_warning_or_an_error() {
    let strange =
        || Params::new().seed(1 << 40).parallel_tool_calls(false).user("u").prompt_cache_key("k");
    let mut request = Request::new("gemini-2.0-flash", vec![Message::user("x").with_name("Ann")]);
    request.params = strange().reasoning(Effort::High);
    request.tools = vec![ToolSpec::new("f", "", json!({ "type": "object" }).into())];
    request.messages.push(Message::new(Role::User, [Part::text("a"), Part::cache_mark()]));
    let subjects: Vec<_> =
        wire(&request).warnings.into_iter().map(|warning| warning.subject).collect();
    assert_eq!(
        subjects,
        [
            "name",
            "cache mark",
            "reasoning",
            "seed",
            "parallel_tool_calls",
            "user",
            "prompt_cache_key"
        ]
    );
    request.unsupported = OnUnsupported::Error;
    assert_eq!(google().encode(&request).unwrap_err().kind(), ErrorKind::Unsupported);
    request.messages.truncate(1);
    request.messages[0].name = None;
    for (params, fails) in [
        (Params::new().seed(1 << 40), true),
        (Params::new().parallel_tool_calls(false), true),
        (Params::new().parallel_tool_calls(true).reasoning(Effort::None), false),
        (Params::new().user("u"), true),
        (Params::new().prompt_cache_key("k"), true),
        (Params::new().reasoning(Reasoning::Budget(9)), true),
    ] {
        request.params = params;
        assert_eq!(google().encode(&request).is_err(), fails, "{:?}", request.params);
    }
}

#[test]
fn vertex_takes_the_tier_of_service_as_a_header() {
    let tier = |tier: &str| {
        let mut request = Request::new("gemini-2.5-flash", user("x"));
        request.params.service_tier = Some(tier.to_owned());
        let wire = GenerateContentCodec::vertex("p", "l").encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        assert!(body.get("serviceTier").is_none());
        let header = wire.headers.get("x-vertex-ai-llm-shared-request-type");
        (header.map(|value| value.to_str().unwrap().to_owned()), wire.warnings.len())
    };
    assert_eq!(tier("flex"), (Some("flex".to_owned()), 0));
    assert_eq!(tier("standard"), (None, 0));
    assert_eq!(tier("gold"), (None, 1));
}

#[test]
fn thinking_is_a_budget_or_a_level() {
    use Effort::{High, Low, Max, Medium, Minimal, None as No};
    let budget =
        |tokens: u32, shown: bool| json!({ "thinkingBudget": tokens, "includeThoughts": shown });
    let level =
        |level: &str, shown: bool| json!({ "thinkingLevel": level, "includeThoughts": shown });
    let check = |model: &str, reasoning: Reasoning, expected: Value, warnings: usize| {
        let mut request = Request::new(model, user("x"));
        request.params.reasoning = Some(reasoning);
        let wire = wire(&request);
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        let what = format!("{model} {reasoning:?}");
        assert_eq!(
            body.pointer("/generationConfig/thinkingConfig").cloned().unwrap_or_default(),
            expected,
            "{what}"
        );
        assert_eq!(wire.warnings.len(), warnings, "{what}: {:?}", wire.warnings);
    };
    for (model, effort, expected, warnings) in [
        ("gemini-2.5-flash", No, budget(0, false), 0),
        ("gemini-2.5-flash", Minimal, budget(256, true), 0),
        ("gemini-2.5-flash", High, budget(24_576, true), 0),
        ("gemini-2.5-flash", Max, budget(24_576, true), 0),
        ("gemini-2.5-flash-lite", Minimal, budget(512, true), 0),
        ("gemini-2.5-pro", No, budget(128, false), 1),
        ("gemini-2.5-pro", Max, budget(32_768, true), 0),
        ("gemini-robotics-er-1.5-preview", Low, budget(1024, true), 0),
        ("gemini-robotics-er-1.6-preview", Low, level("low", true), 0),
        ("gemini-3-pro-preview", Medium, level("high", true), 1),
        ("gemini-3.1-pro-preview", Medium, level("medium", true), 0),
        ("gemini-3.1-pro-preview", No, level("low", false), 1),
        ("gemini-3-flash-preview", Minimal, level("minimal", true), 0),
        ("gemini-3.5-flash", Max, level("high", true), 1),
        ("gemini-flash-latest", Low, level("low", true), 0),
        ("models/tomorrow", Low, level("low", true), 0),
        ("gemini-2.0-flash", No, Value::Null, 0),
        ("gemini-2.5-flash-preview-tts", Low, Value::Null, 1),
        ("gemma-3-27b-it", Low, Value::Null, 1),
    ] {
        check(model, effort.into(), expected, warnings);
    }
    for (model, tokens, expected, warnings) in [
        ("gemini-2.5-flash", 100, budget(100, true), 0),
        ("gemini-2.5-flash", 0, budget(0, false), 0),
        ("gemini-2.5-pro", 90_000, budget(32_768, true), 1),
        ("gemini-2.5-flash-lite-preview-06-17", 9, budget(512, true), 1),
        ("gemini-3-flash-preview", 100, budget(100, true), 0),
    ] {
        check(model, Reasoning::Budget(tokens), expected, warnings);
    }
}

#[test]
fn media_go_as_bytes_or_addresses() {
    let inline = |kind: &str| json!({ "inlineData": { "mimeType": kind, "data": "AQID" } });
    let png = || Image::bytes(vec![1, 2, 3], "image/png");
    let check = |part: Part, expected: Value| {
        let (contents, warnings) =
            contents("gemini-3-flash-preview", vec![Message::user(part.clone())]);
        assert_eq!(contents[0]["parts"], json!([expected]), "{part:?}");
        assert_eq!(warnings, [""; 0], "{part:?}");
    };
    let file = |uri: &str, kind: Option<&str>| match kind {
        Some(kind) => json!({ "fileData": { "mimeType": kind, "fileUri": uri } }),
        None => json!({ "fileData": { "fileUri": uri } }),
    };
    check(png().into(), inline("image/png"));
    // The first bytes say what it is.
    let gif = Image::from(b"GIF89a".to_vec());
    check(gif.into(), json!({ "inlineData": { "mimeType": "image/gif", "data": "R0lGODlh" } }));
    check(Audio::bytes(vec![1, 2, 3], "audio/wav").into(), inline("audio/wav"));
    check(Document::bytes(vec![1, 2, 3], "video/mp4").into(), inline("video/mp4"));
    check(Image::url("data:image/png;base64,AQID").into(), inline("image/png"));
    check(Image::url("https://a/b.png?c").into(), file("https://a/b.png?c", Some("image/png")));
    check(Image::url("https://a/b").into(), file("https://a/b", None));
    check(
        Document::url("https://youtu.be/x").into(),
        file("https://youtu.be/x", Some("video/mp4")),
    );
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/f";
    check(Document::reference("google", "files/f").into(), file(uri, None));
    check(Document::reference("gemini", uri).into(), file(uri, None));
    check(Document::text("t").with_name("n").into(), json!({ "text": "n:\n\nt" }));
    check(
        png().with_detail("high").into(),
        json!({ "inlineData": { "mimeType": "image/png", "data": "AQID" },
            "mediaResolution": { "level": "MEDIA_RESOLUTION_HIGH" } }),
    );
    let mut video = Document::url("gs://a/b.mp4");
    video.data =
        Some(Box::new(ProviderData::new("google", json!({ "videoMetadata": { "fps": 2 } }))));
    check(
        video.into(),
        json!({ "fileData": { "mimeType": "video/mp4", "fileUri": "gs://a/b.mp4" }, "videoMetadata": { "fps": 2 } }),
    );
    for (part, subject) in [
        (Part::from(Image::reference("openai", "file-1")), "image"),
        (png().with_detail("low").into(), "image detail"),
        (png().with_detail("odd").into(), "image detail"),
        // What cannot be told is not guessed in silence.
        (Image::from(vec![1, 2, 3]).into(), "media type"),
    ] {
        let (_, warnings) =
            contents("gemini-2.5-flash", vec![Message::user([Part::text("x"), part])]);
        assert_eq!(warnings, [subject]);
    }
    // Vertex AI wants to be told what is behind an address.
    let request = Request::new("gemini-2.5-flash", vec![Message::user(Image::url("https://a/b"))]);
    let wire = GenerateContentCodec::vertex("p", "l").encode(&request).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!(body["contents"][0]["parts"][0]["fileData"]["mimeType"], "image/jpeg");
    assert_eq!(wire.warnings[0].subject, "media type");
}

#[test]
fn results_of_one_turn_go_together() {
    let call = |id: &str, name: &str| ToolCall::new(id, name, r#"{"a": 1}"#);
    let (one, two, three) = (call("1", "f"), call("2", "g"), call("3", "h"));
    let mut results = vec![
        ToolResult::new(&one, r#"{"x": [1]}"#),
        ToolResult::error(&two, "no such city"),
        ToolResult::new(&three, [Part::text("4"), Part::text("2")]),
    ];
    let messages = vec![
        Message::user("go"),
        Message::assistant([one.into(), two.into(), Part::from(three)]),
        Message::tool_results(results.drain(..1)),
        Message::tool_results(results.drain(..)),
        Message::user("and?"),
    ];
    let (contents, warnings) = contents("gemini-2.5-flash", messages);
    let calls = ["1", "2", "3"].into_iter().zip(["f", "g", "h"]).map(
        |(id, name)| json!({ "functionCall": { "id": id, "name": name, "args": { "a": 1 } } }),
    );
    let answer = |id: &str, name: &str, response: Value| json!({ "functionResponse": { "id": id, "name": name, "response": response } });
    assert_eq!(
        contents,
        json!([
            { "role": "user", "parts": [{ "text": "go" }] },
            { "role": "model", "parts": calls.collect::<Vec<_>>() },
            { "role": "user", "parts": [
                answer("1", "f", json!({ "output": { "x": [1] } })),
                answer("2", "g", json!({ "error": "no such city" })),
                answer("3", "h", json!({ "output": "4\n\n2" })),
            ] },
            { "role": "user", "parts": [{ "text": "and?" }] },
        ])
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn results_carry_media_as_far_as_the_model_reads_them() {
    let call = ToolCall::new("1", "f", "{}");
    let messages = || {
        let result = ToolResult::new(&call, Part::from(Image::bytes(vec![1, 2, 3], "image/png")));
        vec![Message::tool_results([result])]
    };
    let image = json!({ "inlineData": { "mimeType": "image/png", "data": "AQID" } });
    let (newer, warnings) = contents("gemini-3-flash-preview", messages());
    assert_eq!(newer[0]["parts"][0]["functionResponse"]["parts"], json!([image]));
    assert_eq!(warnings, [""; 0]);
    let (older, warnings) = contents("gemini-2.5-flash", messages());
    assert_eq!(older[0]["parts"][1], image);
    assert_eq!(
        older[0]["parts"][0]["functionResponse"]["response"],
        json!({ "output": "(see below)" })
    );
    assert_eq!(warnings, ["tool result"]);
}

#[test]
fn arguments_are_an_object_whatever_the_model_wrote() {
    for (arguments, expected, warned) in [
        (r#"{"b": 1, "a": 1.0}"#, r#"{"b": 1, "a": 1.0}"#, false),
        ("", "{}", false),
        ("null", "{}", false),
        (r#"{}{"a":1}"#, r#"{"a":1}"#, false),
        (r#"{"a":"#, r#"{"arguments":"{\"a\":"}"#, true),
        ("[1]", r#"{"arguments":"[1]"}"#, true),
    ] {
        let call = ToolCall::new("i", "f", arguments);
        let wire =
            wire(&Request::new("gemini-2.5-flash", vec![Message::assistant(Part::from(call))]));
        let body = std::str::from_utf8(&wire.body).unwrap().to_owned();
        assert!(body.contains(&format!(r#""args":{expected}}}"#)), "{body}");
        assert_eq!(!wire.warnings.is_empty(), warned, "{arguments}");
    }
}

#[test]
fn the_system_speaks_first_and_somebody_asks() {
    let request = Request::new(
        "gemini-2.5-flash",
        vec![
            Message::system([Part::text("a"), Image::url("u").into()]),
            Message::user("x"),
            Message::system("b"),
            Message::user(Vec::new()),
        ],
    );
    let body = body(&request);
    assert_eq!(body["systemInstruction"], json!({ "parts": [{ "text": "a" }, { "text": "b" }] }));
    assert_eq!(body["contents"], json!([{ "role": "user", "parts": [{ "text": "x" }] }]));
    let subjects: Vec<_> =
        wire(&request).warnings.into_iter().map(|warning| warning.subject).collect();
    assert_eq!(subjects, ["image", "system message"]);
    // Older open models are told in the first message of the user.
    let conversation = vec![Message::system("a"), Message::user("x")];
    let (told, warnings) = contents("gemma-3-27b-it", conversation);
    assert_eq!(told, json!([{ "role": "user", "parts": [{ "text": "a" }, { "text": "x" }] }]));
    assert_eq!(warnings, ["system message"]);
    let (contents, warnings) = contents("gemini-2.5-flash", vec![Message::system("a")]);
    assert_eq!(contents, json!([{ "role": "user", "parts": [{ "text": "" }] }]));
    assert_eq!(warnings, ["messages"]);
}

#[test]
fn tools_and_choices_are_declared() {
    let mut request = Request::new("gemini-2.5-flash", user("x"));
    let parameters = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    request.tools = vec![
        ToolSpec::new("f", "does f", parameters.clone().into()),
        ToolSpec::new("g", "", json!({ "type": "object", "properties": {} }).into()),
    ];
    assert_eq!(
        body(&request)["tools"],
        json!([{ "functionDeclarations": [
            { "name": "f", "description": "does f", "parametersJsonSchema": parameters },
            { "name": "g" } ] }])
    );
    for (choice, expected) in [
        (ToolChoice::Auto, Value::Null),
        (ToolChoice::None, json!({ "mode": "NONE" })),
        (ToolChoice::Required, json!({ "mode": "ANY" })),
        (ToolChoice::Tool("f".to_owned()), json!({ "mode": "ANY", "allowedFunctionNames": ["f"] })),
    ] {
        request.tool_choice = choice;
        let config = &body(&request)["toolConfig"];
        assert_eq!(config["functionCallingConfig"], expected);
    }
}

#[test]
fn vendor_options_join_what_is_there() {
    let mut request = Request::new("gemini-3-flash-preview", user("x"));
    request.tools = vec![ToolSpec::new("f", "", json!({ "type": "object" }).into())];
    request.tool_choice = ToolChoice::Required;
    request.params = GoogleOptions::new()
        .google_search()
        .url_context()
        .code_execution()
        .google_maps()
        .file_search(["fileSearchStores/a"])
        .safety("HARM_CATEGORY_HARASSMENT", "OFF")
        .safety("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE")
        .cached_content("cachedContents/c")
        .include_thoughts(false)
        .response_modalities(["TEXT", "IMAGE"])
        .voice("Kore")
        .aspect_ratio("16:9")
        .media_resolution("MEDIA_RESOLUTION_LOW")
        .stream_arguments(true)
        .label("team", "a")
        .generation_config("candidateCount", 2)
        .field("store", false)
        .apply(Params::new().temperature(1.0).reasoning(Effort::Low));
    request.params = request.params.option("gemini", "store", true);
    assert_eq!(
        body(&request),
        json!({
            "contents": [{ "role": "user", "parts": [{ "text": "x" }] }],
            "tools": [
                { "functionDeclarations": [{ "name": "f" }] },
                { "googleSearch": {} },
                { "urlContext": {} },
                { "codeExecution": {} },
                { "googleMaps": {} },
                { "fileSearch": { "fileSearchStoreNames": ["fileSearchStores/a"] } },
            ],
            "toolConfig": {
                "functionCallingConfig": { "mode": "ANY", "streamFunctionCallArguments": true },
                "includeServerSideToolInvocations": true,
            },
            "generationConfig": {
                "temperature": 1.0,
                "thinkingConfig": { "thinkingLevel": "low", "includeThoughts": false },
                "responseModalities": ["TEXT", "IMAGE"],
                "speechConfig": { "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": "Kore" } } },
                "imageConfig": { "aspectRatio": "16:9" },
                "mediaResolution": "MEDIA_RESOLUTION_LOW",
                "candidateCount": 2,
            },
            "safetySettings": [{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE" }],
            "cachedContent": "cachedContents/c",
            "labels": { "team": "a" },
            "store": true,
        })
    );
    // Vertex AI has no such switch, older models no such mixture, and neither hears the other's options.
    let wire = GenerateContentCodec::vertex("p", "l").encode(&request).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert!(body["toolConfig"].get("includeServerSideToolInvocations").is_none());
    assert_eq!(body["store"], false);
}

#[test]
fn answers_are_held_to_a_shape() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let mut request = Request::new("gemini-2.5-flash", user("x"));
    request.output = OutputFormat::Json;
    assert_eq!(
        body(&request)["generationConfig"],
        json!({ "responseMimeType": "application/json" })
    );
    request.output = OutputFormat::Schema(OutputSchema::new("o", Schema::from(schema.clone())));
    assert_eq!(
        body(&request)["generationConfig"],
        json!({ "responseMimeType": "application/json", "responseJsonSchema": schema })
    );
    // Up to version 2.5, a shape and tools exclude each other.
    request.tools = vec![ToolSpec::new("f", "", json!({ "type": "object" }).into())];
    let older = wire(&request);
    let written: Value = serde_json::from_slice(&older.body).unwrap();
    assert!(written.get("generationConfig").is_none());
    let text = written["systemInstruction"]["parts"][0]["text"].as_str().unwrap();
    assert!(text.ends_with(&schema.to_string()), "{text}");
    assert_eq!(older.warnings[0].subject, "output format");
    request.model = "gemini-3-flash-preview".to_owned();
    assert_eq!(body(&request)["generationConfig"]["responseJsonSchema"], schema);
}

#[test]
fn what_is_not_googles_stays_behind() {
    let foreign = || ProviderData::new("anthropic", json!({ "signature": "s" }));
    let mut signed = ToolCall::new("toolu_1", "f", "{}");
    signed.data = Some(Box::new(foreign()));
    let messages = || {
        vec![
            Message::user("x"),
            Message::assistant([
                Thinking::new("hm").with_data(foreign()).into(),
                Part::text("a"),
                signed.clone().into(),
                ToolCall::new("toolu_2", "f", "{}").into(),
                Part::Opaque(foreign()),
            ]),
        ]
    };
    // Newer models refuse a call without a signature, and take this one for any.
    for (model, signature) in [
        ("gemini-2.5-flash", None),
        ("gemini-3-flash-preview", Some("skip_thought_signature_validator")),
    ] {
        let (contents, warnings) = contents(model, messages());
        let mut first = json!({ "functionCall": { "id": "toolu_1", "name": "f", "args": {} } });
        if let Some(signature) = signature {
            first["thoughtSignature"] = json!(signature);
        }
        assert_eq!(
            contents[1]["parts"],
            json!([{ "text": "a" }, first, { "functionCall": { "id": "toolu_2", "name": "f", "args": {} } }])
        );
        assert_eq!(warnings, ["provider data"]);
    }
}
