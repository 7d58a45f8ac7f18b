//! [`JsonAdapter`]: the answer as one JSON object, in the provider's own schema mode where it has one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use meanwhile_core::{Error, ErrorKind, OutputFormat, OutputSchema, Repair, Result};
use meanwhile_json::{Change, Guide, Policy, Reader, Step};
use serde_json::{Map, Value, json};

use super::chat::sections;
use super::coerce::{Gathered, choose, is_null, place};
use super::render::{self, Content, Wording, Writer};
use super::{Adapter, FieldChange, FieldReader, Parsed, dspy};
use crate::signature::with_defs;
use crate::{FieldSpec, FieldType, Fields, SignatureSpec};

/// Has the answer written as one JSON object: in the provider's schema mode, else in its JSON mode, else
/// as the prompt says. Read tolerantly, whatever the provider guarantees.
///
/// What it makes of a signature it keeps for the next call with it; clones share that.
///
/// ```
/// use meanwhile_core::{Model, OutputFormat, Scripted};
/// use meanwhile_programs::{Dynamic, JsonAdapter, Predict, fields};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply(r#"{"city": "Lima", "people": 10000000}"#);
/// let ask = Predict::<Dynamic>::parse("question -> city, people: int")?
///     .adapter(JsonAdapter::new())
///     .model(Model::new(scripted.clone(), "any"));
/// let out = ask.call(fields! { question: "The largest city of Peru?" }).await?;
/// assert_eq!(out.get::<u64>("people")?, 10_000_000);
/// // The provider is asked to keep to the schema.
/// assert!(matches!(scripted.requests()[0].output, OutputFormat::Schema(_)));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct JsonAdapter {
    wording: Wording,
    forms: Arc<Forms>,
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
        self.forms = Arc::default();
        self
    }

    /// The one that other adapters fall back to.
    pub(super) fn shared(wording: Wording) -> Arc<dyn Adapter> {
        static NEUTRAL: OnceLock<Arc<JsonAdapter>> = OnceLock::new();
        static DSPY: OnceLock<Arc<JsonAdapter>> = OnceLock::new();
        match wording {
            Wording::Neutral => NEUTRAL.get_or_init(|| Arc::new(Self::new())).clone(),
            Wording::Dspy => DSPY.get_or_init(|| Arc::new(Self::new().dspy_compatible())).clone(),
        }
    }
}

/// How the answer to a signature is asked for, and what its reading is guided by.
#[derive(Debug)]
struct Form {
    output: OutputFormat,
    guide: Guide,
}

/// The most forms that are kept.
const KEPT: usize = 32;

/// The forms of the outputs that were asked for last, newest last.
#[derive(Debug, Default)]
struct Forms(RwLock<VecDeque<(Vec<FieldSpec>, Arc<Form>)>>);

impl Forms {
    fn of(&self, outputs: &[FieldSpec], wording: Wording) -> Arc<Form> {
        {
            let forms = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, form)) = forms.iter().rev().find(|(known, _)| known == outputs) {
                return form.clone();
            }
        }
        let form = Arc::new(Form::new(outputs, wording));
        let mut forms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if forms.len() >= KEPT {
            forms.pop_front();
        }
        forms.push_back((outputs.to_vec(), form.clone()));
        form
    }
}

impl Form {
    fn new(outputs: &[FieldSpec], wording: Wording) -> Self {
        let guide = Guide::new(&schema(outputs, false, wording));
        // A schema mode wants every property named.
        let output = match outputs.iter().any(|field| is_open(&field.ty)) {
            true => OutputFormat::Json,
            false => {
                let schema = schema(outputs, true, wording);
                OutputFormat::Schema(OutputSchema::new("outputs", schema.into()))
            }
        };
        Self { output, guide }
    }
}

impl Adapter for JsonAdapter {
    fn name(&self) -> &str {
        "json"
    }

    render::prompt_of_writer!();

    fn output_format(&self, spec: &SignatureSpec) -> OutputFormat {
        self.forms.of(&spec.outputs, self.wording).output.clone()
    }

    fn reader(&self, spec: &Arc<SignatureSpec>) -> Box<dyn FieldReader> {
        let form = self.forms.of(&spec.outputs, self.wording);
        Box::new(ObjectReader {
            reader: Reader::with_guide(&form.guide, Policy::Coerce),
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
fn schema(outputs: &[FieldSpec], strict: bool, wording: Wording) -> Value {
    let mut defs = Map::new();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in outputs {
        let mut schema = field.ty.build(&mut defs);
        let mut words: Vec<&str> = field.description.as_deref().into_iter().collect();
        if wording == Wording::Neutral {
            words.extend(field.rules_in_words());
        }
        if let Some(fields) = schema.as_object_mut()
            && !words.is_empty()
            && !fields.contains_key("$ref")
        {
            fields.insert("description".into(), words.join("; ").into());
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
                let form = format!(
                    "as one JSON object of this form, with the value in place of each {{…}}:\n\n{{\n{}\n}}",
                    form.join(",\n")
                );
                render::task(spec, &form)
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
                    "Inputs will have the following structure:\n\n{}\n\nOutputs will be a JSON object \
                     with the following fields.\n\n{outputs:#}",
                    inputs.join("\n\n").trim()
                );
                dspy::system(spec, &structure)
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        sections(spec, fields, content, self.wording)
    }

    fn reminder(&self, spec: &SignatureSpec) -> Option<String> {
        let name = |field: &FieldSpec| render::named_form(field, &field.name, self.wording);
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
