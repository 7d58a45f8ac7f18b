//! [`Body`]: the fields of a request, written in the order in which they were added.

use std::borrow::Cow;

use meanwhile_core::{ToolSpec, Warning};
use meanwhile_http::Fields;
use meanwhile_openai_compatible::dialect::{Notes, strict_schema};
use serde_json::Value;

use crate::ResponsesQuirks;
use crate::written::Item;

pub(crate) type Body<'a> = Fields<'a, Out<'a>>;

/// The value of a field.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Out<'a> {
    Text(&'a str),
    Owned(Cow<'a, str>),
    Texts(&'a [String]),
    Words(Vec<&'a str>),
    Number(f64),
    Count(u64),
    Flag(bool),
    Json(Value),
    Borrowed(&'a Value),
    Items(Vec<Item<'a>>),
    Tools(Vec<Tool<'a>>),
}

#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Tool<'a> {
    Function {
        r#type: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: &'a str,
        parameters: Cow<'a, Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
    /// A tool of the vendor's own, from the options.
    Own(&'a Value),
}

impl<'a> Tool<'a> {
    pub(crate) fn function(
        tool: &'a ToolSpec,
        quirks: &ResponsesQuirks,
        notes: &mut Notes,
    ) -> Self {
        let ToolSpec { name, description, .. } = tool;
        let mut parameters = Cow::Borrowed(tool.parameters.as_value());
        // Without the field, some servers would rewrite the schema themselves.
        let strict = quirks.strict_tools.then(|| match strict_schema(&parameters) {
            Ok(schema) => {
                parameters = Cow::Owned(schema);
                true
            }
            Err(what) => {
                let message = format!(
                    "the parameters of `{name}` have {what}, so their shape is not guaranteed"
                );
                notes.mention(Warning::changed("tool", message));
                false
            }
        });
        Self::Function { r#type: "function", name, description, parameters, strict }
    }
}
