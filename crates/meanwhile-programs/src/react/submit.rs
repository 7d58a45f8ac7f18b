//! [`Submit`]: the tool by which an agent hands in its outputs, typed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use meanwhile_core::{
    Error, ErrorKind, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
};
use meanwhile_json::{Policy, read};
use serde_json::{Map, Value, json};

use crate::{FieldSpec, FieldType, Fields, SignatureSpec};

/// The name of the tool.
pub(super) const SUBMIT: &str = "submit";

/// What a model is told that answers without calling it.
pub(super) const SUBMIT_NOW: &str = "Call `submit` now, with the best that you have.";

/// What checks outputs beyond their schemas: reading them as the program's type.
pub(super) type Check = Arc<dyn Fn(&Fields) -> Result<()> + Send + Sync>;

/// Takes the outputs of one run.
#[derive(Clone)]
pub(super) struct Submit {
    outputs: Arc<[FieldSpec]>,
    schema: Schema,
    check: Check,
    submitted: Arc<Mutex<Option<Fields>>>,
}

impl Submit {
    pub(super) fn new(spec: &SignatureSpec, check: Check) -> Self {
        let schema = schema(&spec.outputs);
        Self { outputs: spec.outputs.clone().into(), schema, check, submitted: Arc::default() }
    }

    /// What was submitted, where something was.
    pub(super) fn submitted(&self) -> Option<Fields> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads outputs, tolerantly as far as they are clear.
    pub(super) fn read(&self, arguments: &str) -> Result<Fields> {
        let unfit = |why: String| {
            let names: Vec<String> = self
                .outputs
                .iter()
                .map(|field| format!("`{}` ({})", field.name, field.ty))
                .collect();
            let message = format!("the outputs are {}: {why}", names.join(", "));
            Error::new(ErrorKind::Output, message)
        };
        let read = read(arguments, Some(self.schema.as_value()), Policy::Coerce);
        let mut given = match read.map(|outcome| outcome.value) {
            Ok(Value::Object(given)) => given,
            Ok(_) => return Err(unfit("the arguments are no object".into())),
            Err(error) => return Err(unfit(error.to_string())),
        };
        let mut fields = Fields::new();
        for field in self.outputs.iter() {
            let value = match given.shift_remove(&field.name).or_else(|| field.fallback()) {
                Some(value) => value,
                None => return Err(unfit(format!("`{}` is missing", field.name))),
            };
            if !fits(&field.ty, &value) {
                return Err(unfit(format!("`{}` is none of its choices", field.name)));
            }
            fields.insert(field.name.clone(), value);
        }
        (self.check)(&fields).map_err(|error| unfit(error.message().to_owned()))?;
        Ok(fields)
    }
}

/// Whether a value is one of the choices, where there are such.
fn fits(ty: &FieldType, value: &Value) -> bool {
    match ty {
        FieldType::Choice(choices) => choices.contains(value),
        FieldType::Optional(inner) => value.is_null() || fits(inner, value),
        FieldType::List(inner) => {
            value.as_array().is_none_or(|list| list.iter().all(|value| fits(inner, value)))
        }
        _ => true,
    }
}

fn schema(outputs: &[FieldSpec]) -> Schema {
    let (mut properties, mut defs) = (Map::new(), Map::new());
    for field in outputs {
        let mut schema = field.ty.build(&mut defs);
        let mut words: Vec<&str> = field.description.as_deref().into_iter().collect();
        words.extend(field.rules_in_words());
        if let Some(fields) = schema.as_object_mut()
            && !words.is_empty()
        {
            fields.insert("description".into(), words.join("; ").into());
        }
        properties.insert(field.name.clone(), schema);
    }
    let required = outputs.iter().filter(|field| field.fallback().is_none());
    let required: Vec<&str> = required.map(|field| field.name.as_str()).collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if let Some(fields) = schema.as_object_mut()
        && !defs.is_empty()
    {
        fields.insert("$defs".into(), Value::Object(defs));
    }
    schema.into()
}

#[async_trait]
impl Tool for Submit {
    fn spec(&self) -> ToolSpec {
        let description = "Submits the final outputs and ends the task.";
        ToolSpec::new(SUBMIT, description, self.schema.clone())
    }

    fn is_async(&self) -> bool {
        false
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let fields = self.read(&call.arguments)?;
        // Of several in one turn, the first one counts.
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fields);
        Ok(ToolOutput::new("submitted"))
    }
}

impl fmt::Debug for Submit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}
