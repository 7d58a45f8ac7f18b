//! [`Plan`]: how an answer is held to a shape, by the service itself or by a tool that must be called.

use meanwhile_core::{OutputFormat, OutputSchema, Request};

use crate::models::{Choice, Model};

/// How the shape of an answer is asked for. Writing and reading agree on it, so it depends on the
/// request alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan<'a> {
    /// There is none to ask for.
    Text,
    /// It cannot be asked for; why.
    Unable(&'static str),
    /// The service holds the answer to the schema.
    Native(&'a OutputSchema),
    /// The answer is the arguments of a tool of this name.
    Tool(String, &'a OutputSchema),
}

/// Decides for a request.
pub(crate) fn plan<'a>(request: &'a Request, model: Model<'_>) -> Plan<'a> {
    match &request.output {
        OutputFormat::Text => Plan::Text,
        OutputFormat::Schema(output) if model.has_schema() => Plan::Native(output),
        OutputFormat::Schema(_) if model.choice() == Choice::Auto => {
            Plan::Unable("this model cannot be held to a shape; ask for it in the prompt")
        }
        OutputFormat::Schema(output) if !output.schema.is_object() => {
            Plan::Unable("this model holds only objects to a shape; ask for it in the prompt")
        }
        OutputFormat::Schema(output) => Plan::Tool(tool_name(request, &output.name), output),
        _ => Plan::Unable(
            "this provider guarantees JSON with a schema only; ask for it in the prompt",
        ),
    }
}

/// A legal name that no tool of the request has.
fn tool_name(request: &Request, name: &str) -> String {
    let legal = name.chars().map(|c| {
        let is_legal = c.is_ascii_alphanumeric() || "_-".contains(c);
        if is_legal { c } else { '_' }
    });
    let mut name: String = legal.take(50).collect();
    if name.is_empty() {
        name.push_str("output");
    }
    while request.tools.iter().any(|tool| tool.name == name) {
        name.push('_');
    }
    name
}
