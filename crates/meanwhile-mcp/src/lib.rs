//! The [Model Context Protocol] both ways: the tools of a server as an ordinary [`Toolbox`], and a
//! toolbox as a server.
//!
//! [`Client`] connects to a server over the standard streams of a child process, over streamable HTTP,
//! or over any pair of byte streams. [`Server`] serves tools over the same three.
//!
//! ```
//! # use async_trait::async_trait;
//! # use meanwhile_core::{AnyTool, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox};
//! use meanwhile_mcp::{Client, Server};
//! # #[derive(Debug)]
//! # struct Add;
//! # #[async_trait]
//! # impl Tool for Add {
//! #     fn spec(&self) -> ToolSpec {
//! #         ToolSpec::new("add", "Adds two numbers.", Schema::from(serde_json::json!({"type": "object"})))
//! #     }
//! #     async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
//! #         let (a, b) = (call.json()?["a"].as_i64(), call.json()?["b"].as_i64());
//! #         Ok(ToolOutput::new((a.unwrap_or(0) + b.unwrap_or(0)).to_string()))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! // `Add` is a tool; most are functions under `#[tool]`.
//! let server = Server::new("calculator", "1.0.0").tools(Toolbox::new().with(AnyTool::new(Add)));
//! let (here, there) = tokio::io::duplex(4096);
//! tokio::spawn(server.serve(there));
//!
//! let client = Client::over(here).prefix("calculator").connect().await?;
//! let tools = client.tools().await?;
//!
//! let call = ToolCall::new("1", "calculator_add", r#"{"a": 1, "b": 2}"#);
//! assert_eq!(tools.run(&call, &ToolContext::default()).await.text(), "3");
//! # Ok(()) }
//! ```
//!
//! Both ends speak the versions of the protocol that are begun with a handshake, up to 2025-11-25.
//! Not spoken are sampling, elicitation and roots, which let a server ask the client; a server that
//! wants them is told so. [`Server`] offers tools, not resources or prompts.
//!
//! [Model Context Protocol]: https://modelcontextprotocol.io/specification/2025-11-25

mod child;
mod client;
mod connection;
mod content;
mod error;
mod http;
mod lines;
mod listing;
mod name;
mod progress;
mod server;
mod service;
mod tool;

pub use client::{Client, ClientBuilder};
pub use listing::{PromptArgument, PromptInfo, ResourceInfo};
pub use progress::Progress;
pub use server::Server;
pub use tool::CallOutput;

#[cfg(doc)]
use meanwhile_core::Toolbox;
