//! The server against the conformance suite of the protocol, which uses the reference client; and the
//! suite against servers that lie, so that a pass says something.

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use meanwhile_core::{Audio, Document, Error, ErrorKind, Image, Part, ToolOutput, Toolbox};
use meanwhile_mcp::{Progress, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::node::Node;
use crate::support::{tool, tool_with};

/// What a server of tools is asked for. Left out are the scenarios for resources, prompts, logging and
/// questions to the client, which it does not offer.
const SCENARIOS: [&str; 13] = [
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-error",
    "tools-call-with-progress",
    "json-schema-2020-12",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
];

const TEXT: &str = "This is a simple text response for testing.";

fn image() -> Part {
    Image::bytes(b"\x89PNG\r\n\x1a\n".to_vec(), "image/png").into()
}

fn answers(name: &str, parts: Vec<Part>) -> meanwhile_core::AnyTool {
    tool(name, move |_, _| {
        let parts = parts.clone();
        async move { Ok(ToolOutput::new(parts)) }
    })
}

/// The tools that the suite calls.
fn fixtures() -> Toolbox {
    let resource = |text: &str, name: &str| Part::from(Document::text(text).with_name(name));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "additionalProperties": false,
    });
    let mixed = r#"{"test":"data","value":123}"#;
    Toolbox::new()
        .with(answers("test_simple_text", vec![Part::text(TEXT)]))
        .with(answers("test_image_content", vec![image()]))
        .with(answers(
            "test_audio_content",
            vec![Audio::bytes(b"RIFF\0\0\0\0WAVE".to_vec(), "audio/wav").into()],
        ))
        .with(answers(
            "test_embedded_resource",
            vec![resource("This is an embedded resource content.", "test://embedded-resource")],
        ))
        .with(answers(
            "test_multiple_content_types",
            vec![
                Part::text("Multiple content types test:"),
                image(),
                resource(mixed, "test://mixed-content-resource"),
            ],
        ))
        .with(tool("test_error_handling", |_, _| async {
            let message = "This tool intentionally returns an error for testing";
            Err(Error::new(ErrorKind::Tool, message))
        }))
        .with(tool("test_tool_with_progress", |_, context| async move {
            let progress = Progress::of(&context);
            for done in [0.0, 50.0, 100.0] {
                progress.report(done, 100.0).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(ToolOutput::new("done"))
        }))
        .with(tool_with("json_schema_2020_12_tool", schema, |_, _| async {
            Ok(ToolOutput::new("fits"))
        }))
}

async fn serve(tools: Toolbox) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new("conformance", "1.0.0").tools(tools).serve_http(listener));
    address
}

/// Runs one scenario; what the suite wrote down about its checks, and whether it was content.
async fn run(node: &Node, address: SocketAddr, scenario: &str) -> (bool, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = node.command("conformance/dist/index.js");
    command.args(["server", "--url", &format!("http://{address}/mcp"), "--scenario", scenario]);
    command.arg("--output-dir").arg(folder.path());
    let output: Output = tokio::process::Command::from(command).output().await.unwrap();
    let mut checks = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let written = std::fs::read(entry.unwrap().path().join("checks.json")).unwrap();
        checks.extend(serde_json::from_slice::<Vec<Value>>(&written).unwrap());
    }
    let failed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!checks.is_empty(), "{scenario} checked nothing: {failed}");
    (output.status.success(), checks)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_tools_conforms() {
    let Some(node) = Node::installed() else { return };
    let address = serve(fixtures()).await;
    for scenario in SCENARIOS {
        let (content, checks) = run(&node, address, scenario).await;
        let good =
            checks.iter().all(|check| check["status"] == "SUCCESS" || check["status"] == "INFO");
        assert!(content && good, "{scenario}: {checks:#?}");
        if scenario == "tools-call-simple-text" {
            // The suite is content with any text, an error's too.
            let result = &checks[0]["details"]["result"];
            assert_eq!(result["content"], json!([{"type": "text", "text": TEXT}]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_finds_a_server_that_lies() {
    let Some(node) = Node::installed() else { return };
    let lies = fixtures()
        .with(answers("test_simple_text", vec![image()]))
        .with(answers("test_image_content", vec![Part::text("[a picture]")]))
        .with(answers("test_audio_content", vec![Audio::bytes(vec![1_u8], "audio/ogg").into()]))
        .with(answers("test_embedded_resource", vec![Part::text("{}")]))
        .with(answers("test_multiple_content_types", vec![Part::text("one"), image()]))
        .with(answers("test_error_handling", vec![Part::text("all is well")]))
        .with(answers("test_tool_with_progress", vec![Part::text("done")]))
        .with(tool("json_schema_2020_12_tool", |_, _| async { Ok(ToolOutput::default()) }));
    let address = serve(lies).await;
    for scenario in SCENARIOS
        .into_iter()
        .filter(|name| name.starts_with("tools-call") || name.starts_with("json"))
    {
        let (content, checks) = run(&node, address, scenario).await;
        let failed = checks.iter().any(|check| check["status"] == "FAILURE");
        assert!(!content && failed, "{scenario} passes: {checks:#?}");
    }
}
