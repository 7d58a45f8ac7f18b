//! [`Tool`]: the tools of a request, those of the vendor options, and the one that takes the answer.

use std::borrow::Cow;

use meanwhile_core::{Request, Result, ToolChoice, ToolSpec};
use meanwhile_http::Notes;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};

use crate::encode::{Body, Out};
use crate::options::{STRICT_TOOLS, TOOL_OPTIONS, is_on};
use crate::schema;
use crate::settings::Settings;
use crate::shape::{OUTPUT_TOOL, Shape};

/// Writes the tools, and whether the model must call one.
pub(crate) fn write<'a>(
    request: &'a Request,
    shape: &Shape<'a>,
    settings: &Settings,
    options: &'a Map<String, Value>,
    notes: &mut Notes,
    body: &mut Body<'a>,
) -> Result<()> {
    let strict = is_on(options, STRICT_TOOLS);
    let fields = options.get(TOOL_OPTIONS);
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    for tool in &request.tools {
        let extra = fields.and_then(|fields| fields.get(&tool.name)).and_then(Value::as_object);
        tools.push(Tool::new(tool, strict, extra, notes)?);
    }
    if let Shape::Tool { description, schema } = shape {
        tools.push(Tool::Own {
            name: OUTPUT_TOOL,
            description: description.clone(),
            schema: schema.clone(),
            strict: false,
            extra: None,
        });
    }
    let given = options.get("tools").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if tools.is_empty() && !given {
        return Ok(());
    }
    if !tools.is_empty() {
        body.push("tools", Out::Tools(tools));
    }
    let choice = shape.tool_choice(request, settings.has_budget());
    let choice = choice.as_ref().unwrap_or(&request.tool_choice);
    // A tool that takes the answer is called once; the request may have one of its own by that name.
    let ours = matches!(shape, Shape::Tool { .. });
    let alone = ours && matches!(choice, ToolChoice::Tool(name) if name == OUTPUT_TOOL);
    let single = request.params.parallel_tool_calls == Some(false) || alone;
    let mut out = match choice {
        ToolChoice::Auto if !single => return Ok(()),
        ToolChoice::Auto => json!({ "type": "auto" }),
        ToolChoice::None => json!({ "type": "none" }),
        ToolChoice::Required => json!({ "type": "any" }),
        ToolChoice::Tool(name) => json!({ "type": "tool", "name": name }),
        _ => return notes.dropped("tool_choice", "this provider does not know the choice"),
    };
    if single
        && *choice != ToolChoice::None
        && let Some(fields) = out.as_object_mut()
    {
        fields.insert("disable_parallel_tool_use".to_owned(), Value::Bool(true));
    }
    body.push("tool_choice", Out::Json(out));
    Ok(())
}

/// One tool, the request's own or one of the vendor options.
pub(crate) enum Tool<'a> {
    Own {
        name: &'a str,
        description: Cow<'a, str>,
        schema: Cow<'a, Value>,
        strict: bool,
        /// More fields.
        extra: Option<&'a Map<String, Value>>,
    },
    Given(&'a Value),
}

impl<'a> Tool<'a> {
    fn new(
        tool: &'a ToolSpec,
        strict: bool,
        extra: Option<&'a Map<String, Value>>,
        notes: &mut Notes,
    ) -> Result<Self> {
        let original = tool.parameters.as_value();
        let asked = extra.and_then(|extra| extra.get("strict")).and_then(Value::as_bool);
        let mut strict = asked.unwrap_or(strict);
        let mut schema = arguments(original);
        if strict {
            match schema::restrict(original) {
                Ok(restricted) => schema = Cow::Owned(restricted),
                Err(what) => {
                    strict = false;
                    let name = &tool.name;
                    let message = format!(
                        "the parameters of `{name}` have {what}, so their shape is not guaranteed"
                    );
                    notes.changed("tool", message)?;
                }
            }
        }
        let description = Cow::Borrowed(tool.description.as_str());
        Ok(Self::Own { name: &tool.name, description, schema, strict, extra })
    }
}

/// The schema of a tool's arguments, which the API wants to say that they are an object.
fn arguments(schema: &Value) -> Cow<'_, Value> {
    match schema {
        Value::Object(fields) if fields.get("type").is_some_and(|kind| kind == "object") => {
            Cow::Borrowed(schema)
        }
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert("type".to_owned(), "object".into());
            Cow::Owned(Value::Object(fields))
        }
        _ => Cow::Owned(json!({ "type": "object" })),
    }
}

impl Serialize for Tool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, description, schema, strict, extra) = match self {
            Self::Given(tool) => return tool.serialize(serializer),
            Self::Own { name, description, schema, strict, extra } => {
                (name, description, schema, *strict, *extra)
            }
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        if !description.is_empty() {
            map.serialize_entry("description", description)?;
        }
        map.serialize_entry("input_schema", schema)?;
        if strict {
            map.serialize_entry("strict", &true)?;
        }
        let written = ["name", "description", "input_schema", "strict"];
        for (name, value) in extra.into_iter().flatten() {
            if !written.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
