//! Requests as a whole: the order of the fields, hosts, tools, vendor options.

use meanwhile_anthropic::{AnthropicOptions, Host};
use meanwhile_core::{
    Document, Effort, ErrorKind, Image, Message, OnUnsupported, Params, Part, Request, Schema,
    ToolCall, ToolChoice, ToolResult, ToolSpec,
};
use meanwhile_http::{Codec as _, Framing};
use serde_json::{Value, json};

use crate::{MODEL, ask, body, codec, host, tool, written};

#[test]
fn a_full_request_in_its_order() {
    let call = ToolCall::new("toolu_1", "f", "{\"x\": 1}");
    let mut request = Request::new(
        MODEL,
        vec![
            Message::system("Be brief."),
            Message::user("f(1)?"),
            Message::assistant([call.clone().into()]),
            Message::tool_results([ToolResult::new(&call, "2")]),
        ],
    )
    .streamed();
    request.tools = vec![tool()];
    request.tool_choice = ToolChoice::Tool("f".into());
    request.params = Params::new()
        .temperature(0.5)
        .top_k(40)
        .max_tokens(64)
        .stop(["END"])
        .parallel_tool_calls(false)
        .user("u")
        .service_tier("auto")
        .option("anthropic", "inference_geo", "eu")
        .option("anthropic", "temperature", 0.75)
        .option("other", "ignored", true);
    let wire = codec().encode(&request).unwrap();
    assert_eq!((&*wire.path, wire.framing), ("/v1/messages", Framing::ServerSentEvents));
    assert_eq!(wire.headers["anthropic-version"], "2023-06-01");
    assert!(!wire.headers.contains_key("anthropic-beta"));
    assert!(wire.warnings.is_empty(), "{:?}", wire.warnings);
    let expected = concat!(
        r#"{"model":"claude-sonnet-4-5","max_tokens":64,"system":"Be brief.","messages":["#,
        r#"{"role":"user","content":"f(1)?"},"#,
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","#,
        r#""input":{"x": 1}}]},"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"2"}]}],"#,
        r#""tools":[{"name":"f","description":"Does f.","#,
        r#""input_schema":{"type":"object","properties":{}}}],"#,
        r#""tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"#,
        r#""temperature":0.75,"top_k":40,"stop_sequences":["END"],"#,
        r#""metadata":{"user_id":"u"},"service_tier":"auto","stream":true,"inference_geo":"eu"}"#,
    );
    assert_eq!(std::str::from_utf8(&wire.body).unwrap(), expected);
    assert_eq!(codec().encode(&request).unwrap().body, wire.body, "the same bytes");
}

#[test]
fn each_host_has_its_own_paths_and_fields() {
    #[track_caller]
    fn check(at: Host, streamed: bool, path: &str, expected: Value) {
        let mut request = ask("x");
        request.model = "claude-opus-4-1@20250805".into();
        request.params = AnthropicOptions::new().beta("b-1").apply(Params::new().max_tokens(9));
        if streamed {
            request = request.streamed();
        }
        let wire = host(at).encode(&request).unwrap();
        assert_eq!((&*wire.path, body(&wire)), (path, expected));
        let version = wire.headers.contains_key("anthropic-version");
        assert_eq!(version, at == Host::Anthropic);
        assert_eq!(wire.headers.contains_key("anthropic-beta"), at != Host::Bedrock);
    }
    let messages = json!([{ "role": "user", "content": "x" }]);
    check(
        Host::Anthropic,
        true,
        "/v1/messages",
        json!({ "model": "claude-opus-4-1@20250805", "max_tokens": 9, "messages": messages,
            "stream": true }),
    );
    let vertex =
        json!({ "anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": messages });
    let path = "/publishers/anthropic/models/claude-opus-4-1@20250805";
    check(Host::Vertex, false, &format!("{path}:rawPredict"), vertex.clone());
    let mut streamed = vertex;
    streamed["stream"] = true.into();
    check(Host::Vertex, true, &format!("{path}:streamRawPredict"), streamed);
    let bedrock = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
        "messages": messages, "anthropic_beta": ["b-1"] });
    let path = "/model/claude-opus-4-1@20250805/invoke";
    check(Host::Bedrock, false, path, bedrock.clone());
    check(Host::Bedrock, true, &format!("{path}-with-response-stream"), bedrock);
}

#[test]
fn a_model_id_cannot_leave_its_place_in_the_path() {
    let mut request = ask("x");
    request.model = "../secret?x=1#y:z".into();
    let wire = host(Host::Vertex).encode(&request).unwrap();
    assert_eq!(wire.path, "/publishers/anthropic/models/..%2Fsecret%3Fx%3D1%23y%3Az:rawPredict");
}

#[test]
fn tool_choices() {
    #[track_caller]
    fn check(choice: ToolChoice, parallel: Option<bool>, expected: Value) {
        let mut request = ask("x");
        request.tools = vec![tool()];
        request.tool_choice = choice;
        request.params.parallel_tool_calls = parallel;
        let (body, warnings) = written(&request);
        assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), expected);
        assert!(warnings.is_empty());
    }
    check(ToolChoice::Auto, None, Value::Null);
    check(ToolChoice::Auto, Some(true), Value::Null);
    check(
        ToolChoice::Auto,
        Some(false),
        json!({ "type": "auto", "disable_parallel_tool_use": true }),
    );
    check(ToolChoice::None, Some(false), json!({ "type": "none" }));
    check(ToolChoice::Required, None, json!({ "type": "any" }));
    check(ToolChoice::Tool("f".into()), Some(true), json!({ "type": "tool", "name": "f" }));
    let mut request = ask("x");
    request.tool_choice = ToolChoice::Required;
    request.params.parallel_tool_calls = Some(false);
    assert!(written(&request).0.get("tool_choice").is_none(), "no tools, no choice");
}

#[test]
fn tools_say_that_they_take_objects() {
    #[track_caller]
    fn check(schema: Value, expected: Value) {
        let mut request = ask("x");
        request.tools = vec![ToolSpec::new("f", "", Schema::from(schema))];
        assert_eq!(
            written(&request).0["tools"][0],
            json!({ "name": "f", "input_schema": expected })
        );
    }
    check(json!({ "type": "object" }), json!({ "type": "object" }));
    check(json!({}), json!({ "type": "object" }));
    check(json!(true), json!({ "type": "object" }));
    check(
        json!({ "anyOf": [{ "type": "object" }] }),
        json!({ "anyOf": [{ "type": "object" }], "type": "object" }),
    );
}

#[test]
fn own_tools_and_their_options_join_those_of_the_request() {
    let mut request = ask("x");
    request.tools = vec![tool()];
    let search = json!({ "type": "web_search_20250305", "name": "web_search" });
    request.params = AnthropicOptions::new()
        .tool(search.clone())
        .tool_option("f", "cache_control", json!({ "type": "ephemeral" }))
        .tool_option("f", "defer_loading", true)
        .apply(Params::new());
    let (body, _) = written(&request);
    let own = json!({ "name": "f", "description": "Does f.",
        "input_schema": { "type": "object", "properties": {} },
        "cache_control": { "type": "ephemeral" }, "defer_loading": true });
    assert_eq!(body["tools"], json!([own, search]));
    assert!(body.get("tool_options").is_none());

    request.tools.clear();
    request.tool_choice = ToolChoice::Required;
    let (body, _) = written(&request);
    assert_eq!(
        (&body["tools"], &body["tool_choice"]),
        (&json!([search]), &json!({ "type": "any" }))
    );
}

#[test]
fn strict_tools_are_closed_or_left_open_with_a_warning() {
    let mut request = ask("x");
    let open = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    request.tools = vec![tool(), ToolSpec::new("g", "", Schema::from(open.clone()))];
    request.params = AnthropicOptions::new().strict_tools(true).apply(Params::new());
    let (body, warnings) = written(&request);
    assert_eq!(warnings, ["tool"]);
    assert_eq!(body["tools"][0]["strict"], true);
    assert_eq!(body["tools"][0]["input_schema"]["additionalProperties"], false);
    assert_eq!(body["tools"][1], json!({ "name": "g", "input_schema": open }));
}

#[test]
fn options_merge_into_what_was_written() {
    let mut request = ask("x");
    request.model = "claude-opus-4-7".into();
    request.params = AnthropicOptions::new()
        .thinking_display("summarized")
        .cache(Some("1h"))
        .container("container_1")
        .field("speed", "fast")
        .beta("fast-mode-2026-02-01")
        .beta("fast-mode-2026-02-01")
        .context_management(json!({ "edits": [] }))
        .mcp_server(json!({ "type": "url", "url": "https://x.example", "name": "x" }))
        .apply(Params::new().reasoning(Effort::Low));
    let wire = codec().with_betas(["one", "two,fast-mode-2026-02-01"]).encode(&request).unwrap();
    let body = body(&wire);
    assert_eq!(body["thinking"], json!({ "type": "adaptive", "display": "summarized" }));
    assert_eq!(body["output_config"], json!({ "effort": "low" }));
    assert_eq!(body["cache_control"], json!({ "type": "ephemeral", "ttl": "1h" }));
    assert_eq!((&body["container"], &body["speed"]), (&json!("container_1"), &json!("fast")));
    assert_eq!(body["mcp_servers"][0]["name"], "x");
    assert!(body.get("betas").is_none());
    assert_eq!(
        wire.headers["anthropic-beta"],
        "one,two,fast-mode-2026-02-01,context-management-2025-06-27,mcp-client-2025-11-20"
    );
}

#[test]
fn a_host_reads_the_options_of_the_dialect_and_its_own() {
    let mut request = ask("x");
    request.params = Params::new().option("anthropic", "a", 1).option("anthropic", "b", 1).option(
        "somewhere",
        "b",
        2,
    );
    let wire = host(Host::Vertex).encode(&request).unwrap();
    assert_eq!((&body(&wire)["a"], &body(&wire)["b"]), (&json!(1), &json!(2)));
    assert!(body(&codec().encode(&request).unwrap())["b"] == 1);
}

#[test]
fn files_ask_for_their_beta_feature_and_belong_to_their_host() {
    let request = ask([
        Image::reference("anthropic", "file_1").into(),
        Part::from(Document::reference("anthropic", "file_2").with_name("n")),
    ]);
    let wire = codec().encode(&request).unwrap();
    assert_eq!(wire.headers["anthropic-beta"], "files-api-2025-04-14");
    assert_eq!(
        body(&wire)["messages"][0]["content"],
        json!([
            { "type": "image", "source": { "type": "file", "file_id": "file_1" } },
            { "type": "document", "source": { "type": "file", "file_id": "file_2" }, "title": "n" },
        ])
    );
    let wire = host(Host::Vertex).encode(&request).unwrap();
    assert_eq!(wire.warnings.len(), 2, "another's files");
}

#[test]
fn strict_requests_fail_over_what_would_be_left_out() {
    for params in [Params::new().seed(1), Params::new().temperature(1.5)] {
        let mut request = ask("x");
        request.params = params;
        request.unsupported = OnUnsupported::Error;
        let error = codec().encode(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    let mut request = ask("x");
    request.params = AnthropicOptions::new().beta("bad\nname").apply(Params::new());
    assert_eq!(codec().encode(&request).unwrap_err().kind(), ErrorKind::Config);
}
