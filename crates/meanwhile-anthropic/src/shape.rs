//! [`Shape`]: how an answer is held to a schema, by the model itself or by a tool that it must call.

use std::borrow::Cow;

use meanwhile_core::{OutputFormat, OutputSchema, Request, Result, ToolChoice, Warning};
use meanwhile_http::Notes;
use serde_json::{Value, json};

use crate::models::Facts;
use crate::schema;

/// The tool whose arguments are the answer.
pub(crate) const OUTPUT_TOOL: &str = "structured_output";

/// How the shape of the answer is asked for.
pub(crate) enum Shape<'a> {
    /// Not at all.
    Free,
    /// In `output_config.format`.
    Native(Value),
    /// As the arguments of [`OUTPUT_TOOL`].
    Tool { description: Cow<'a, str>, schema: Cow<'a, Value> },
}

impl<'a> Shape<'a> {
    pub(crate) fn new(request: &'a Request, facts: Facts, notes: &mut Notes) -> Result<Self> {
        let output = match &request.output {
            OutputFormat::Text => return Ok(Self::Free),
            OutputFormat::Schema(output) => output,
            OutputFormat::Json if !is_output_tool_free(request) => {
                notes.dropped("output format", TAKEN)?;
                return Ok(Self::Free);
            }
            OutputFormat::Json => {
                let description = Cow::Borrowed(DESCRIPTION);
                let schema = Cow::Owned(json!({ "type": "object" }));
                return Ok(Self::Tool { description, schema });
            }
            _ => {
                notes.dropped("output format", "this provider does not know the format")?;
                return Ok(Self::Free);
            }
        };
        let original = output.schema.as_value();
        if facts.native_output {
            match schema::restrict(original) {
                Ok(schema) => return Ok(Self::Native(schema)),
                Err(what) => {
                    let message = format!("the schema has {what}, so its shape is not guaranteed");
                    notes.changed("output schema", message)?;
                }
            }
        } else {
            let message = "this model is asked for the answer as the arguments of a tool, so its shape is not guaranteed";
            notes.mention(Warning::changed("output schema", message));
        }
        if !is_output_tool_free(request) {
            notes.dropped("output schema", TAKEN)?;
            return Ok(Self::Free);
        }
        if !output.schema.is_object() {
            let message = "a schema that the model cannot keep by itself must describe an object";
            notes.dropped("output schema", message)?;
            return Ok(Self::Free);
        }
        Ok(Self::Tool { description: description(output), schema: Cow::Borrowed(original) })
    }

    /// The tool choice that makes the model answer in this shape; `None` where it is the request's.
    pub(crate) fn tool_choice(&self, request: &Request, has_budget: bool) -> Option<ToolChoice> {
        if !matches!(self, Self::Tool { .. }) {
            return None;
        }
        match &request.tool_choice {
            // A model that thinks within a budget cannot be made to call a tool; the description asks
            // it to.
            _ if has_budget => Some(ToolChoice::Auto),
            ToolChoice::None => Some(ToolChoice::Tool(OUTPUT_TOOL.to_owned())),
            ToolChoice::Auto if request.tools.is_empty() => {
                Some(ToolChoice::Tool(OUTPUT_TOOL.to_owned()))
            }
            ToolChoice::Auto => Some(ToolChoice::Required),
            _ => None,
        }
    }
}

const DESCRIPTION: &str = "Gives the final answer. Call this tool once, when everything else is done, and say nothing more.";
const TAKEN: &str = "a tool of the request is called `structured_output`, which is the name of the tool that would take the answer";

fn description(output: &OutputSchema) -> Cow<'_, str> {
    match &output.description {
        Some(text) => Cow::Owned(format!("{DESCRIPTION} The answer: {text}")),
        None => Cow::Borrowed(DESCRIPTION),
    }
}

/// Whether a call of [`OUTPUT_TOOL`] in the answer to `request` is the answer itself.
pub(crate) fn is_output_tool_free(request: &Request) -> bool {
    !matches!(request.output, OutputFormat::Text)
        && request.tools.iter().all(|tool| tool.name != OUTPUT_TOOL)
}
