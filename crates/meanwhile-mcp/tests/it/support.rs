//! [`Given`]: a tool that is a closure; and a client and a server joined in memory.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile_core::{
    AnyTool, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox,
};
use meanwhile_mcp::{Client, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

type Run = dyn Fn(ToolCall, ToolContext) -> BoxFuture<'static, Result<ToolOutput>> + Send + Sync;

/// A tool of a closure.
pub(crate) struct Given {
    spec: ToolSpec,
    run: Arc<Run>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spec.name)
    }
}

#[async_trait]
impl Tool for Given {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> Result<ToolOutput> {
        (self.run)(call.clone(), context.clone()).await
    }
}

pub(crate) fn tool<F>(
    name: &str,
    run: impl Fn(ToolCall, ToolContext) -> F + Send + Sync + 'static,
) -> AnyTool
where
    F: Future<Output = Result<ToolOutput>> + Send + 'static,
{
    tool_with(name, json!({"type": "object"}), run)
}

pub(crate) fn tool_with<F>(
    name: &str,
    schema: Value,
    run: impl Fn(ToolCall, ToolContext) -> F + Send + Sync + 'static,
) -> AnyTool
where
    F: Future<Output = Result<ToolOutput>> + Send + 'static,
{
    let spec = ToolSpec::new(name, format!("The tool {name}."), Schema::from(schema));
    let run: Arc<Run> = Arc::new(move |call, context| Box::pin(run(call, context)));
    AnyTool::new(Given { spec, run })
}

/// A client of a server of these tools, without a prefix.
pub(crate) async fn joined(tools: Toolbox) -> Client {
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(Server::new("test", "1.2.3").instructions("Be kind.").tools(tools).serve(there));
    Client::over(here).connect().await.unwrap()
}

pub(crate) fn call(name: &str, arguments: &Value) -> ToolCall {
    ToolCall::new("call_1", name, arguments.to_string())
}

pub(crate) fn context() -> ToolContext {
    ToolContext::default()
}

/// A client of a server that is a function: of each message that arrives, to those to send. The
/// handshake is made here. Dropping the receiver of what arrived stops nothing.
pub(crate) async fn scripted(
    builder: impl FnOnce(tokio::io::DuplexStream) -> meanwhile_mcp::ClientBuilder,
    mut answer: impl FnMut(&Value) -> Vec<Value> + Send + 'static,
) -> Result<Client> {
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(there);
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let message: Value = serde_json::from_str(&line).unwrap();
            let answers = match message["method"].as_str() {
                Some("initialize") => vec![answered(
                    &message,
                    json!({
                        "protocolVersion": message["params"]["protocolVersion"],
                        "capabilities": {"tools": {"listChanged": true}},
                        "serverInfo": {"name": "scripted", "version": "1"},
                    }),
                )],
                _ => answer(&message),
            };
            for answer in answers {
                // The client may have gone.
                let _ = write.write_all(format!("{answer}\n").as_bytes()).await;
            }
        }
    });
    builder(here).connect().await
}

/// The answer to a request.
pub(crate) fn answered(request: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}

/// The refusal of a request.
pub(crate) fn refused(request: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "error":
        {"code": code, "message": message, "data": {"hint": "look"}}})
}
