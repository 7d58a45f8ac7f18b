//! A server of one tool over the standard streams, to be started by a client.

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Error, ErrorKind, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
    Toolbox,
};
use meanwhile_mcp::Server;

#[derive(Debug)]
struct Divide;

#[async_trait]
impl Tool for Divide {
    fn spec(&self) -> ToolSpec {
        let number = serde_json::json!({"type": "number"});
        let schema = serde_json::json!({
            "type": "object",
            "properties": {"dividend": number, "divisor": number},
            "required": ["dividend", "divisor"],
        });
        ToolSpec::new("divide", "Divides two numbers.", Schema::from(schema))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let arguments = call.json()?;
        let number = |name: &str| {
            let missing = || Error::new(ErrorKind::Output, format!("give `{name}` as a number"));
            arguments.get(name).and_then(serde_json::Value::as_f64).ok_or_else(missing)
        };
        let (dividend, divisor) = (number("dividend")?, number("divisor")?);
        if divisor == 0.0 {
            return Err(Error::new(ErrorKind::Tool, "nothing can be divided by zero"));
        }
        ToolOutput::json(&(dividend / divisor))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    eprintln!("ready");
    let tools = Toolbox::new().with(AnyTool::new(Divide));
    Server::new("divider", "1.0.0").tools(tools).serve_stdio().await
}
