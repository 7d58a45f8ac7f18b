//! [`ToolSpec`]: how a tool is described to the model.

use serde::{Deserialize, Serialize};

use crate::Schema;

/// Describes one tool to the model.
///
/// ```
/// use meanwhile_core::{Schema, ToolSpec};
/// use schemars::JsonSchema;
///
/// #[derive(JsonSchema)]
/// struct Weather {
///     /// The city, in English.
///     city: String,
/// }
///
/// let spec = ToolSpec::new("weather", "Tells the weather of a city", Schema::of::<Weather>());
/// let city = &spec.parameters.as_value()["properties"]["city"];
/// assert_eq!(city["description"], "The city, in English.");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolSpec {
    /// The tool's name, unique in the request.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// The JSON Schema of its arguments, an object.
    pub parameters: Schema,
}

impl ToolSpec {
    /// Describes a tool.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Schema,
    ) -> Self {
        Self { name: name.into(), description: description.into(), parameters }
    }
}

/// Whether the model may, must or must not call a tool.
///
/// ```
/// # use meanwhile_core::*;
/// # #[derive(Debug)]
/// # struct Clock;
/// # #[async_trait::async_trait]
/// # impl Tool for Clock {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("clock", "Tells the time", serde_json::json!({"type": "object"}).into())
/// #     }
/// #     async fn call(&self, _: &ToolCall, _: &ToolContext) -> meanwhile_core::Result<ToolOutput> {
/// #         Ok(ToolOutput::new("12:00"))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new(), "any");
/// let call = model.call::<String>("What time is it?");
/// let call = call.tools(Toolbox::new().with(AnyTool::new(Clock)));
/// let request = call.tool_choice(ToolChoice::Tool("clock".to_owned())).request().await?;
/// assert_eq!(request.tool_choice, ToolChoice::Tool("clock".to_owned()));
/// assert_eq!(request.tools[0].name, "clock");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// The model answers without a tool.
    None,
    /// The model calls at least one tool.
    Required,
    /// The model calls this tool.
    Tool(String),
}
