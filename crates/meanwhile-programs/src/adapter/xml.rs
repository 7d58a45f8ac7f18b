//! [`XmlAdapter`]: fields as XML elements, which some models keep to best.

use std::borrow::Cow;
use std::sync::Arc;

use meanwhile_core::{OutputFormat, Repair, Result};
use meanwhile_json::RepairKind;
use serde_json::Value;

use super::coerce::{Gathered, place};
use super::elements::{self, LONGEST_ENTITY, entity, escaped};
use super::growing::Growing;
use super::render::{self, Content, Wording, Writer};
use super::{Adapter, FieldChange, FieldReader, JsonAdapter, Parsed, dspy};
use crate::{FieldSpec, FieldType, Fields, SignatureSpec};

/// Writes fields as XML elements, lists and records as elements within, and reads answers of the same
/// form. What is no XML is read as text: a stray `<` or `&` is no fault.
///
/// An answer that cannot be read is asked for once more as JSON.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Dynamic, Predict, XmlAdapter, fields};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("<answer>2 < 3</answer>"), "any");
/// let ask = Predict::<Dynamic>::parse("question -> answer")?;
/// let ask = ask.adapter(XmlAdapter::new()).model(model);
/// let out = ask.call(fields! { question: "Which is less, 2 or 3?" }).await?;
/// // A stray `<` is no fault.
/// assert_eq!(out.text("answer"), Some("2 < 3"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct XmlAdapter {
    wording: Wording,
}

impl XmlAdapter {
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

impl Adapter for XmlAdapter {
    fn name(&self) -> &str {
        "xml"
    }

    render::prompt_of_writer!();

    fn output_format(&self, _: &SignatureSpec) -> OutputFormat {
        OutputFormat::Text
    }

    fn reader(&self, spec: &Arc<SignatureSpec>) -> Box<dyn FieldReader> {
        Box::new(ElementReader {
            gathered: Gathered::new(spec),
            spec: spec.clone(),
            wording: self.wording,
            open: None,
            held: String::new(),
        })
    }

    fn fallback(&self) -> Option<Arc<dyn Adapter>> {
        Some(JsonAdapter::shared(self.wording))
    }
}

/// Whether values are elements within elements.
fn is_nested(ty: &FieldType) -> bool {
    match ty {
        FieldType::List(_) | FieldType::Map(_) | FieldType::Record { .. } => true,
        FieldType::Optional(inner) => is_nested(inner),
        _ => false,
    }
}

fn nested_form(field: &FieldSpec) -> String {
    let schema = field.ty.schema();
    let schema = schema.as_value();
    elements::form(&field.name, schema, schema.get("$defs"), &[])
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>\n{text}\n</{name}>")
}

impl Writer for XmlAdapter {
    fn wording(&self) -> Wording {
        self.wording
    }

    fn system(&self, spec: &SignatureSpec) -> String {
        let outputs = |placeholder: fn(&FieldSpec) -> String| {
            let form = |field: &FieldSpec| match is_nested(&field.ty) {
                true => nested_form(field),
                false => element(&field.name, &placeholder(field)),
            };
            spec.outputs.iter().map(form).collect::<Vec<String>>().join("\n\n")
        };
        match self.wording {
            Wording::Neutral => {
                let form = format!(
                    "as XML elements of this form, with the value in place of each {{…}} and ...:\n\n{}",
                    outputs(render::placeholder)
                );
                render::task(spec, &form)
            }
            Wording::Dspy => {
                let given =
                    |field: &FieldSpec| element(&field.name, &dspy::placeholder(field, false));
                let inputs: Vec<String> = spec.inputs.iter().map(given).collect();
                // As DSPy writes the value of a field of text.
                let outputs = outputs(|field| dspy::placeholder(field, true));
                dspy::system(spec, &format!("{}\n\n{outputs}", inputs.join("\n\n")))
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        for field in &spec.inputs {
            if let Some(value) = fields.value(&field.name) {
                content.block(&format!("<{}>\n", field.name));
                content.value(field, value, self.wording)?;
                content.push(&format!("\n</{}>", field.name));
            }
        }
        Ok(())
    }

    fn reminder(&self, spec: &SignatureSpec) -> Option<String> {
        let tags: Vec<String> =
            spec.outputs.iter().map(|field| format!("`<{}>`", field.name)).collect();
        let tags = tags.join(", then ");
        let nested = spec.outputs.iter().filter(|field| is_nested(&field.ty));
        let forms: Vec<String> = nested.map(nested_form).collect();
        Some(match (self.wording, forms.is_empty()) {
            (Wording::Neutral, _) => format!("Answer with the XML elements {tags}."),
            (Wording::Dspy, true) => {
                format!("Respond with the corresponding output fields wrapped in XML tags {tags}.")
            }
            (Wording::Dspy, false) => format!(
                "Respond with the corresponding output fields wrapped in XML tags {tags}. Use this nested \
                 XML structure: {}",
                forms.join(" ")
            ),
        })
    }

    fn outputs(&self, spec: &SignatureSpec, fields: &Fields, missing: Option<&str>) -> String {
        let written = |(field, value): &(&FieldSpec, Cow<'_, Value>)| {
            if is_nested(&field.ty) && matches!(**value, Value::Array(_) | Value::Object(_)) {
                let mut out = String::new();
                elements::write(value, &field.name, None, &mut out);
                return out;
            }
            let text = render::value_text(&field.ty, value, self.wording);
            match field.ty {
                FieldType::String => element(&field.name, &escaped(&text)),
                _ => element(&field.name, &text),
            }
        };
        let outputs = render::written(spec, fields, missing, self.wording);
        let all: Vec<String> = outputs.iter().map(written).collect();
        all.join("\n\n").trim().to_owned()
    }
}

/// Reads an answer in elements while it is written. The first element of a name counts; what is around
/// the elements is skipped.
#[derive(Debug)]
struct ElementReader {
    spec: Arc<SignatureSpec>,
    wording: Wording,
    gathered: Gathered,
    open: Option<Open>,
    /// The beginning of what may be a tag or an entity.
    held: String,
}

/// The element that is being read.
#[derive(Debug)]
struct Open {
    at: usize,
    name: String,
    /// Of an element with elements inside, as it is written.
    nested: Option<String>,
    text: Growing,
}

// A tag with so much in it is text.
const LONGEST_TAG: usize = 256;

impl ElementReader {
    fn character(&mut self, c: char, tell: &mut dyn FnMut(FieldChange<'_>)) {
        if self.held.is_empty() {
            match (c, &self.open) {
                ('<', _) => self.held.push(c),
                ('&', Some(open)) if open.nested.is_none() => self.held.push(c),
                _ => self.content(c.encode_utf8(&mut [0; 4])),
            }
            return;
        }
        if c == '<' || (c == '&' && self.open.is_some()) {
            self.release();
            return self.character(c, tell);
        }
        self.held.push(c);
        if self.held.starts_with('&') {
            let name = self.held.get(1..).and_then(|name| name.strip_suffix(';'));
            if let Some(name) = name {
                match entity(name) {
                    Some(found) => {
                        self.held.clear();
                        self.content(found.encode_utf8(&mut [0; 4]));
                    }
                    None => self.release(),
                }
            } else if self.held.len() > LONGEST_ENTITY {
                self.release();
            }
        } else if c == '>' {
            self.tag(tell);
        } else if !self.may_be_tag() {
            self.release();
        }
    }

    /// What is held back has become a whole tag.
    fn tag(&mut self, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let inside = self.held.trim_start_matches('<').trim_end_matches('>').trim();
        match &self.open {
            Some(open) => {
                let is_end = inside.strip_prefix('/').is_some_and(|name| name.trim() == open.name);
                if is_end && !open.is_within() {
                    self.held.clear();
                    self.close(tell);
                } else {
                    self.release();
                }
            }
            None => {
                let (inside, empty) = match inside.strip_suffix('/') {
                    Some(inside) => (inside, true),
                    None => (inside, false),
                };
                let name = inside.split_whitespace().next().unwrap_or_default();
                if let Some(at) = place(&self.spec, name).filter(|at| !self.gathered.has(*at)) {
                    let is_nested =
                        self.spec.outputs.get(at).is_some_and(|field| is_nested(&field.ty));
                    self.open = Some(Open {
                        at,
                        name: name.to_owned(),
                        nested: is_nested.then(String::new),
                        text: Growing::new(at, &self.spec, self.wording),
                    });
                    if empty {
                        self.close(tell);
                    }
                }
                self.held.clear();
            }
        }
    }

    /// Whether what is held back can still become a tag that matters here.
    fn may_be_tag(&self) -> bool {
        if self.held.len() > LONGEST_TAG {
            return false;
        }
        let Some(open) = &self.open else { return true };
        let inside = self.held.get(1..).unwrap_or_default();
        match inside.strip_prefix('/') {
            Some(name) => {
                let name = name.trim_start();
                open.name.starts_with(name.trim_end()) || name.trim_end() == open.name
            }
            None => inside.is_empty(),
        }
    }

    /// What was held back is text.
    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.content(&held);
    }

    fn content(&mut self, content: &str) {
        if let Some(open) = &mut self.open {
            match &mut open.nested {
                Some(nested) => nested.push_str(content),
                None => open.text.push(content),
            }
        }
    }

    fn close(&mut self, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let Some(Open { at, nested, mut text, .. }) = self.open.take() else { return };
        if let (Some(nested), Some(field)) = (nested, self.spec.outputs.get(at)) {
            let schema = field.ty.schema();
            let schema = schema.as_value();
            let value = elements::parse(&nested).value(schema, schema.get("$defs"));
            let written = match value {
                Value::String(text) => text,
                value => value.to_string(),
            };
            text.push(&written);
        }
        text.close(&self.spec, self.wording, &mut self.gathered, tell);
    }
}

impl Open {
    /// Whether an end would be that of an element of the same name inside.
    fn is_within(&self) -> bool {
        let Some(nested) = &self.nested else { return false };
        let begins = nested.matches(&format!("<{}>", self.name)).count();
        begins > nested.matches(&format!("</{}>", self.name)).count()
    }
}

impl FieldReader for ElementReader {
    fn push(&mut self, text: &str, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let mut rest = text;
        while !rest.is_empty() {
            let plain = match self.held.is_empty() {
                true => rest.find(['<', '&']).unwrap_or(rest.len()),
                false => 0,
            };
            let (content, marked) = rest.split_at(plain);
            self.content(content);
            let mut signs = marked.chars();
            if let Some(sign) = signs.next() {
                self.character(sign, tell);
            }
            rest = signs.as_str();
        }
        if let Some(open) = &mut self.open {
            open.text.tell(&self.spec, tell);
        }
    }

    fn finish(mut self: Box<Self>, tell: &mut dyn FnMut(FieldChange<'_>)) -> Result<Parsed> {
        if let Some(open) = &self.open {
            let path = format!("/{}", open.name);
            // What may be the beginning of its end is no text.
            if !self.held.starts_with("</") {
                self.release();
            }
            self.gathered.repair(Repair::new(RepairKind::CutOff.to_string(), 0, path));
            self.close(tell);
        }
        self.gathered.finish(&self.spec, "element for")
    }
}
