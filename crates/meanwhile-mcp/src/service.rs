//! [`Service`]: answers a client's questions about tools, and runs them.

use std::sync::Arc;

use meanwhile_core::{
    Error, ErrorKind, Host, HostType, Result, ToolCall, ToolContext, ToolOutput, Toolbox,
};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;

use crate::content;
use crate::progress::Progress;

/// Serves one toolbox, to any number of clients.
#[derive(Clone)]
pub(crate) struct Service(Arc<Served>);

struct Served {
    config: ServerConfig,
    listed: Vec<Tool>,
    tools: Toolbox,
    host: Host,
}

impl Service {
    /// Checks the tools and describes them once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a schema is not one of an object, or a value that a tool needs is
    /// missing.
    pub(crate) fn new(
        implementation: Implementation,
        instructions: Option<String>,
        tools: Toolbox,
        host: Host,
    ) -> Result<Self> {
        let mut listed = Vec::new();
        for (spec, tool) in tools.specs().zip(tools.iter()) {
            let missing = |need: &HostType| *need != HostType::of::<Progress>() && !host.has(*need);
            if let Some(need) = tool.needs().into_iter().find(missing) {
                let message = format!(
                    "the tool `{}` needs a `{}`; give the server one with `.host(value)`",
                    spec.name,
                    need.name()
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
            let Value::Object(schema) = spec.parameters.as_value() else {
                let message = format!("the schema of the tool `{}` is not an object", spec.name);
                return Err(Error::new(ErrorKind::Config, message));
            };
            listed.push(Tool::new(spec.name.clone(), spec.description.clone(), schema.clone()));
        }
        let offers = ServerCapabilities::builder().enable_tools().build();
        let mut config = ServerConfig::new(offers).with_server_info(implementation);
        config.instructions = instructions;
        Ok(Self(Arc::new(Served { config, listed, tools, host })))
    }

    /// Runs a tool, within its own time limit.
    async fn run(&self, call: &ToolCall, progress: Progress) -> Result<ToolOutput> {
        let context = ToolContext::new(self.0.host.clone().with(progress));
        let limit = self.0.tools.get(&call.name).and_then(|tool| tool.timeout());
        let run = self.0.tools.call(call, &context);
        match limit {
            None => run.await,
            Some(limit) => tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
                let message = format!("the tool `{}` did not end within {limit:?}", call.name);
                Err(Error::new(ErrorKind::Tool, message))
            }),
        }
    }
}

impl ServerHandler for Service {
    fn get_info(&self) -> ServerConfig {
        self.0.config.clone()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> std::result::Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.listed.clone()))
    }

    async fn call_tool(
        &self,
        asked: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        if self.0.tools.get(&asked.name).is_none() {
            // The protocol wants an error of its own for this one, not a result.
            let message = format!("there is no tool `{}`", asked.name);
            return Err(ErrorData::invalid_params(message, None));
        }
        let arguments = Value::Object(asked.arguments.unwrap_or_default()).to_string();
        let call = ToolCall::new(context.id.to_string(), asked.name, arguments);
        let progress = Progress::new(context.peer.clone(), context.meta.get_progress_token());
        let outcome = tokio::select! {
            outcome = self.run(&call, progress) => outcome,
            // Nobody reads this answer.
            () = context.ct.cancelled() => {
                return Err(ErrorData::internal_error("the call was cancelled", None));
            }
        };
        let blocks = outcome.and_then(|output| {
            output.parts.into_iter().map(content::block).collect::<Result<Vec<_>>>()
        });
        let result = match blocks {
            Ok(blocks) => CallToolResult::success(blocks),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(error.message())]),
        };
        Ok(result.into())
    }
}
