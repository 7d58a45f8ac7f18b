//! What passes between a client and a server of this crate, joined in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meanwhile_core::{
    Audio, Document, Error, ErrorKind, Image, Part, TimeoutPhase, ToolOutput, Toolbox,
};
use meanwhile_mcp::{Client, Server};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::support::{call, context, joined, tool, tool_with};

#[tokio::test]
async fn a_tool_keeps_its_description_schema_and_arguments() {
    let schema = json!({"type": "object", "$defs": {"n": {"type": "integer"}},
        "properties": {"b": {"$ref": "#/$defs/n"}, "a": {"$ref": "#/$defs/n"}}, "required": ["b"]});
    let echo =
        tool_with(
            "echo",
            schema.clone(),
            |call, _| async move { Ok(ToolOutput::new(call.arguments)) },
        );
    let client = joined(Toolbox::new().with(echo)).await;
    let tools = client.tools().await.unwrap();
    let spec = tools.specs().next().unwrap();
    assert_eq!((spec.name.as_str(), spec.description.as_str()), ("echo", "The tool echo."));
    assert_eq!(spec.parameters.as_value().to_string(), schema.to_string());
    assert_eq!(client.server_name().as_deref(), Some("test"));
    assert_eq!(client.instructions().as_deref(), Some("Be kind."));

    let asked = json!({"b": 2, "a": {"deep": [null, "ä"]}});
    let result = tools.run(&call("echo", &asked), &context()).await;
    assert!(!result.is_error);
    assert_eq!(serde_json::from_str::<Value>(&result.text()).unwrap(), asked);
    // No arguments at all are an empty object.
    let mut bare = call("echo", &asked);
    bare.arguments.clear();
    assert_eq!(tools.run(&bare, &context()).await.text(), "{}");
}

#[tokio::test]
async fn every_kind_of_content_arrives() {
    let parts = vec![
        Part::text("seen"),
        Image::bytes(vec![1_u8, 2, 3], "image/png").into(),
        Audio::bytes(vec![4_u8], "audio/wav").into(),
        Document::text("told").with_name("note://1").into(),
        Document::bytes(vec![5_u8, 6], "application/pdf").with_name("file:///a.pdf").into(),
        Image::url("https://pictures.example/1.png").into(),
        Part::opaque("someone", json!({"left": "over"})),
    ];
    let given = parts.clone();
    let all = tool("all", move |_, _| {
        let parts = given.clone();
        async move { Ok(ToolOutput::new(parts)) }
    });
    let client = joined(Toolbox::new().with(all)).await;
    let tools = client.tools().await.unwrap();
    let got = tools.run(&call("all", &json!({})), &context()).await.parts;
    assert_eq!(got[..5], parts[..5]);
    let link = got[5].as_text().unwrap();
    assert!(link.contains("https://pictures.example/1.png"), "{link}");
    assert!(got[6].as_text().unwrap().contains("over"));
    assert_eq!(got.len(), 7);
}

#[tokio::test]
async fn what_fails_in_a_tool_is_a_failed_tool() {
    let tools = Toolbox::new()
        .with(tool("fails", |_, _| async { Err(Error::new(ErrorKind::Tool, "no paper")) }))
        .with(tool("panics", |_, _| async { panic!("out of ink") }))
        .with(tool("reads", |call, _| async move {
            call.parse::<u8>()?;
            Ok(ToolOutput::default())
        }));
    let client = joined(tools).await;
    let tools = client.tools().await.unwrap();
    for (name, said) in [("fails", "no paper"), ("panics", "out of ink"), ("reads", "do not fit")] {
        let error = tools.call(&call(name, &json!({})), &context()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool, "{name}");
        assert!(error.message().contains(said), "{error}");
        let whole = client.call_tool(name, Map::new()).await.unwrap();
        assert!(whole.is_error && whole.text().contains(said), "{whole:?}");
    }
    // The session stands, and a tool that is not there is the protocol's own error.
    let error = client.call_tool("nothing", Map::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, Some("-32602")));
    assert!(error.message().contains("nothing"), "{error}");
    assert_eq!(error.operation(), Some("tools/call"));
}

/// A tool that waits for ever, and what it tells about its beginning and its end.
fn waiting() -> (Toolbox, Arc<Notify>, Arc<Notify>, Arc<AtomicBool>) {
    struct Told(Arc<Notify>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let ended: Arc<AtomicBool> = Arc::default();
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_begin, at_drop, at_end) = (begun.clone(), dropped.clone(), Arc::clone(&ended));
    let waits = tool("waits", move |_, _| {
        let (begun, told, ended) = (at_begin.clone(), Told(at_drop.clone()), at_end.clone());
        async move {
            let _told = told;
            begun.notify_one();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            AtomicBool::store(&ended, true, Ordering::SeqCst);
            Ok(ToolOutput::default())
        }
    });
    (Toolbox::new().with(waits), begun, dropped, ended)
}

async fn soon(what: &str, future: impl Future<Output = ()>) {
    let within = tokio::time::timeout(Duration::from_secs(20), future).await;
    assert!(within.is_ok(), "{what} did not come");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_server() {
    let (tools, begun, dropped, ended) = waiting();
    let client = joined(tools).await;
    let tools = client.tools().await.unwrap();
    let running =
        tokio::spawn(async move { tools.run(&call("waits", &json!({})), &context()).await });
    soon("the beginning", begun.notified()).await;
    running.abort();
    soon("the end", dropped.notified()).await;
    assert!(!ended.load(Ordering::SeqCst));
    // Only that call has ended.
    assert_eq!(client.tools().await.unwrap().specs().count(), 1);
}

#[tokio::test]
async fn a_client_that_goes_ends_its_calls_and_its_server() {
    let (tools, begun, dropped, _) = waiting();
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(Server::new("test", "1").tools(tools).serve(there));
    let client = Client::over(here).connect().await.unwrap();
    let tools = client.tools().await.unwrap();
    let asked =
        tokio::spawn(async move { tools.call(&call("waits", &json!({})), &context()).await });
    soon("the beginning", begun.notified()).await;
    client.close().await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    soon("the end of the call", dropped.notified()).await;
    soon("the end of the server", async { server.await.unwrap().unwrap() }).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_runs_out_of_time() {
    let (tools, _, dropped, _) = waiting();
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(Server::new("test", "1").tools(tools).serve(there));
    let client = Client::over(here).timeout(Duration::from_secs(5)).connect().await.unwrap();
    let error = client.call_tool("waits", Map::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    assert!(error.message().contains("5s"), "{error}");
    dropped.notified().await;
}

#[tokio::test]
async fn a_server_that_lacks_a_value_does_not_start() {
    #[derive(Debug)]
    struct Needy;
    #[async_trait::async_trait]
    impl meanwhile_core::Tool for Needy {
        fn spec(&self) -> meanwhile_core::ToolSpec {
            meanwhile_core::ToolSpec::new("needy", "", json!({"type": "object"}).into())
        }
        fn needs(&self) -> Vec<meanwhile_core::HostType> {
            vec![
                meanwhile_core::HostType::of::<u16>(),
                meanwhile_core::HostType::of::<meanwhile_mcp::Progress>(),
            ]
        }
        async fn call(
            &self,
            _: &meanwhile_core::ToolCall,
            context: &meanwhile_core::ToolContext,
        ) -> meanwhile_core::Result<ToolOutput> {
            context.host::<meanwhile_mcp::Progress>()?;
            ToolOutput::json(&*context.host::<u16>()?)
        }
    }
    let tools = || Toolbox::new().with(meanwhile_core::AnyTool::new(Needy));
    let (_here, there) = tokio::io::duplex(64);
    let error = Server::new("test", "1").tools(tools()).serve(there).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("`u16`"), "{error}");

    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(Server::new("test", "1").tools(tools()).host(7_u16).serve(there));
    let client = Client::over(here).connect().await.unwrap();
    assert_eq!(client.call_tool("needy", Map::new()).await.unwrap().text(), "7");
}
