//! [`ServerTool`]: a tool of a server, as a [`Tool`]; and [`CallOutput`], its whole answer.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{
    Error, ErrorKind, Part, Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
};
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult};
use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::{content, error};

/// What a tool of a server answered, failed or not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CallOutput {
    /// The content, in order.
    pub parts: Vec<Part>,
    /// The structured result, where the tool gives one.
    pub structured: Option<Value>,
    /// Whether the tool failed; the content then says how.
    pub is_error: bool,
}

impl CallOutput {
    fn read(result: CallToolResult) -> Result<Self> {
        let parts: Result<Vec<Part>> = result.content.into_iter().map(content::part).collect();
        Ok(Self {
            parts: parts?,
            structured: result.structured_content,
            is_error: result.is_error.unwrap_or(false),
        })
    }

    /// Joins the text parts, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }

    /// What a model is shown: the content, and the structured result where no text says it already.
    fn shown(mut self) -> Result<ToolOutput> {
        if self.is_error {
            return Err(self.failed());
        }
        if let Some(structured) = &self.structured {
            content::add_structured(&mut self.parts, structured);
        }
        Ok(ToolOutput::new(self.parts))
    }

    fn failed(&self) -> Error {
        let mut message = self.text();
        for part in self.parts.iter().filter(|part| part.as_text().is_none()) {
            message.push_str(&format!(" ({} left out)", part.kind()));
        }
        if message.is_empty() {
            "the tool failed and did not say why".clone_into(&mut message);
        }
        let error = Error::new(ErrorKind::Tool, message);
        match &self.structured {
            Some(structured) => error.with_body(structured.to_string()),
            None => error,
        }
    }
}

/// Asks a server to run a tool.
#[derive(Debug)]
pub(crate) struct ServerTool {
    pub(crate) connection: Arc<Connection>,
    pub(crate) spec: ToolSpec,
    /// The server's own name of it.
    pub(crate) name: String,
}

#[async_trait]
impl Tool for ServerTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let Value::Object(arguments) = call.json()? else {
            let message =
                format!("the arguments of the call of `{}` are not a JSON object", call.name);
            return Err(Error::new(ErrorKind::Output, message));
        };
        let output = run(&self.connection, &self.name, arguments).await?;
        // Tools like to repeat the request that failed.
        output.shown().map_err(|error| self.connection.headers.redact_error(error))
    }
}

/// Runs a tool by the server's own name of it.
pub(crate) async fn run(
    connection: &Connection,
    name: &str,
    arguments: Map<String, Value>,
) -> Result<CallOutput> {
    let asked = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
    let asked = connection.peer.call_tool_once(asked);
    match connection.ask("tools/call", asked).await? {
        CallToolResponse::Complete(result) => CallOutput::read(result),
        CallToolResponse::InputRequired(_) => {
            Err(error::input_required("an answer of the tool", name))
        }
        _ => {
            let message = format!(
                "the MCP server runs `{name}` as a task to come back for, which is not supported; use a tool that answers at once"
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}
