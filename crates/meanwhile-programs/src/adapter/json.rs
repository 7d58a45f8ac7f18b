//! [`JsonAdapter`]: the answer as one JSON object, in the provider's own schema mode where it has one.

use std::borrow::Cow;
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, OutputFormat, OutputSchema, Prompt, Repair, Result};
use meanwhile_json::{Change, Policy, Reader, Step};
use serde_json::{Map, Value, json};

use super::chat::sections;
use super::coerce::{Gathered, choose, is_null, place};
use super::render::{self, Content, Wording, Writer};
use super::{Adapter, FieldChange, FieldReader, Parsed, dspy};
use crate::signature::with_defs;
use crate::{Demo, FieldSpec, FieldType, Fields, SignatureSpec};

/// Has the answer written as one JSON object: in the provider's schema mode, else in its JSON mode, else
/// as the prompt says. Read tolerantly, whatever the provider guarantees.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonAdapter {
    wording: Wording,
}

impl JsonAdapter {
    /// Writes prompts in our words.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes prompts that equal those of DSPy 3.4.1.
    #[must_use]
    pub fn dspy_compatible(mut self) -> Self {
        self.wording = Wording::Dspy;
        self
    }
}

impl Adapter for JsonAdapter {
    fn name(&self) -> &str {
        "json"
    }

    fn prompt(
        &self,
        spec: &SignatureSpec,
        demos: &[Demo],
        history: &[Fields],
        inputs: &Fields,
    ) -> Result<Prompt> {
        render::prompt(self, spec, demos, history, inputs)
    }

    fn output_format(&self, spec: &SignatureSpec) -> OutputFormat {
        // A schema mode wants every property named.
        if spec.outputs.iter().any(|field| is_open(&field.ty)) {
            return OutputFormat::Json;
        }
        OutputFormat::Schema(OutputSchema::new("outputs", schema(spec, true).into()))
    }

    fn reader(&self, spec: &Arc<SignatureSpec>) -> Box<dyn FieldReader> {
        let schema = schema(spec, false);
        Box::new(ObjectReader {
            reader: Reader::new(Some(&schema), Policy::Coerce),
            fields: ObjectFields {
                told: vec![0; spec.outputs.len()],
                gathered: Gathered::new(spec),
                spec: spec.clone(),
            },
        })
    }
}

/// Whether values may have properties that no schema names.
fn is_open(ty: &FieldType) -> bool {
    match ty {
        FieldType::Any | FieldType::Map(_) => true,
        FieldType::List(inner) | FieldType::Optional(inner) => is_open(inner),
        _ => false,
    }
}

/// The schema of all outputs. What may be missing is required only where it is `strict`.
fn schema(spec: &SignatureSpec, strict: bool) -> Value {
    let mut defs = Map::new();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in &spec.outputs {
        let mut schema = field.ty.build(&mut defs);
        if let (Some(description), Some(fields)) = (&field.description, schema.as_object_mut())
            && !fields.contains_key("$ref")
        {
            fields.insert("description".into(), description.as_str().into());
        }
        if strict || field.fallback().is_none() {
            required.push(Value::from(field.name.as_str()));
        }
        properties.insert(field.name.clone(), schema);
    }
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    with_defs(schema, defs)
}

impl Writer for JsonAdapter {
    fn wording(&self) -> Wording {
        self.wording
    }

    fn system(&self, spec: &SignatureSpec) -> String {
        match self.wording {
            Wording::Neutral => {
                let form: Vec<String> = spec.outputs.iter().map(member).collect();
                format!(
                    "{}\n\nYou are given:\n{}\n\nAnswer with:\n{}\n\nWrite nothing but the answer, as one \
                     JSON object of this form, with the value in place of each {{…}}:\n\n{{\n{}\n}}",
                    spec.instructions,
                    render::describe(&spec.inputs),
                    render::describe(&spec.outputs),
                    form.join(",\n")
                )
            }
            Wording::Dspy => {
                let given = |field: &FieldSpec| {
                    format!("[[ ## {} ## ]]\n{}", field.name, dspy::placeholder(field, false))
                };
                let inputs: Vec<String> = spec.inputs.iter().map(given).collect();
                let form = |field: &FieldSpec| {
                    (field.name.clone(), Value::String(dspy::placeholder(field, true)))
                };
                let outputs = Value::Object(spec.outputs.iter().map(form).collect());
                let structure = format!(
                    "All interactions will be structured in the following way, with the appropriate \
                     values filled in.\n\nInputs will have the following structure:\n\n{}\n\nOutputs will \
                     be a JSON object with the following fields.\n\n{outputs:#}",
                    inputs.join("\n\n").trim()
                );
                format!(
                    "{}\n{structure}\n{}",
                    dspy::descriptions(&spec.inputs, &spec.outputs),
                    dspy::task(&spec.instructions)
                )
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        sections(spec, fields, content, self.wording)
    }

    fn reminder(&self, spec: &SignatureSpec) -> Option<String> {
        let name = |field: &FieldSpec| match self.wording {
            Wording::Neutral => match render::form(&field.ty) {
                Some(form) if !field.ty.is_text() => format!("`{}` ({form})", field.name),
                _ => format!("`{}`", field.name),
            },
            Wording::Dspy => format!("`{}`{}", field.name, dspy::type_info(field)),
        };
        let names: Vec<String> = spec.outputs.iter().map(name).collect();
        let names = names.join(", then ");
        Some(match self.wording {
            Wording::Neutral => format!("Answer with one JSON object: {names}."),
            Wording::Dspy => {
                format!("Respond with a JSON object in the following order of fields: {names}.")
            }
        })
    }

    fn outputs(&self, spec: &SignatureSpec, fields: &Fields, missing: Option<&str>) -> String {
        let written = render::written(spec, fields, missing, self.wording);
        let member =
            |(field, value): (&FieldSpec, Cow<'_, Value>)| (field.name.clone(), value.into_owned());
        let object = Value::Object(written.into_iter().map(member).collect());
        match self.wording {
            Wording::Neutral => format!("{object:#}"),
            Wording::Dspy => dspy::pretty(&object),
        }
    }
}

/// A member of the form, in our words.
fn member(field: &FieldSpec) -> String {
    let place = render::placeholder(field);
    match field.ty.is_text() || matches!(field.ty, FieldType::Choice(_)) {
        true => format!("  \"{}\": \"{place}\"", field.name),
        false => format!("  \"{}\": {place}", field.name),
    }
}

#[derive(Debug)]
struct ObjectReader {
    reader: Reader,
    fields: ObjectFields,
}

/// What is read of an object. The first value of a name counts.
#[derive(Debug)]
struct ObjectFields {
    spec: Arc<SignatureSpec>,
    gathered: Gathered,
    /// How much of each text has been told, in bytes.
    told: Vec<usize>,
}

impl FieldReader for ObjectReader {
    fn push(&mut self, text: &str, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let fields = &mut self.fields;
        self.reader.push_with(text, &mut |change| fields.change(&change, tell));
    }

    fn finish(mut self: Box<Self>, tell: &mut dyn FnMut(FieldChange<'_>)) -> Result<Parsed> {
        let fields = &mut self.fields;
        let repairs = match self.reader.finish_with(&mut |change| fields.change(&change, tell)) {
            Ok(outcome) => {
                if !outcome.value.is_object() {
                    let message = "the answer is JSON, but no object of the outputs";
                    fields.gathered.fault(Error::new(ErrorKind::Output, message));
                }
                outcome.repairs
            }
            Err(error) => {
                let message = format!("the answer is no JSON object of the outputs: {error}");
                let fault = Error::new(ErrorKind::Output, message).with_source(error);
                fields.gathered.fault(fault);
                Vec::new()
            }
        };
        for repair in repairs {
            let repair = Repair::new(repair.kind.to_string(), repair.offset, repair.path);
            self.fields.gathered.repair(repair);
        }
        let ObjectFields { spec, gathered, .. } = self.fields;
        gathered.finish(&spec, "property")
    }
}

impl ObjectFields {
    fn change(&mut self, change: &Change<'_>, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let path = change.path();
        let (1, Some(Step::Key(name))) = (path.depth(), path.step(0)) else { return };
        let Some(at) = place(&self.spec, name).filter(|at| !self.gathered.has(*at)) else { return };
        let Some(field) = self.spec.outputs.get(at) else { return };
        let told = self.told.get(at).copied().unwrap_or_default();
        let streams = field.ty.is_text();
        match change {
            Change::Text { added, .. } if streams => {
                tell(FieldChange::Text { name: &field.name, delta: added });
                if let Some(told) = self.told.get_mut(at) {
                    *told += added.len();
                }
            }
            Change::Completed { value, .. } => {
                let value = finer(&field.ty, value);
                // A text that the schema made of something else is told at once.
                let rest = value.as_str().and_then(|text| text.get(told..));
                if let Some(delta) = rest.filter(|rest| field.ty.is_text() && !rest.is_empty()) {
                    tell(FieldChange::Text { name: &field.name, delta });
                }
                if let Some(value) = self.gathered.value(at, value) {
                    tell(FieldChange::Completed { name: &field.name, value });
                }
            }
            _ => {}
        }
    }
}

/// What a value means beyond what its schema says.
fn finer(ty: &FieldType, value: &Value) -> Value {
    match (ty, value) {
        (FieldType::Choice(choices), Value::String(text)) => {
            choose(choices, text).unwrap_or(value).clone()
        }
        (FieldType::Optional(inner), Value::String(text))
            if **inner != FieldType::String && is_null(text) =>
        {
            Value::Null
        }
        _ => value.clone(),
    }
}
