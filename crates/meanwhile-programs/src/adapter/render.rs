//! What the adapters share in writing prompts: the order of messages, values as text, media in place.

use std::borrow::Cow;

use meanwhile_core::{Audio, Document, Error, ErrorKind, Image, Message, Part, Prompt, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::dspy;
use crate::{Demo, FieldSpec, FieldType, Fields, SignatureSpec};

/// In whose words a prompt is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Wording {
    /// Ours.
    #[default]
    Neutral,
    /// DSPy's, to the letter.
    Dspy,
}

/// How one adapter writes the parts of a prompt.
pub(super) trait Writer {
    fn wording(&self) -> Wording;

    /// What comes first: the fields, their form, the task.
    fn system(&self, spec: &SignatureSpec) -> String;

    /// The inputs that are there.
    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()>;

    /// What the answer must look like, in a line behind the inputs.
    fn reminder(&self, spec: &SignatureSpec) -> Option<String>;

    /// An answer as the model is to write it. Outputs that are not there are `missing`; without it they
    /// are null, or in our words left out.
    fn outputs(&self, spec: &SignatureSpec, fields: &Fields, missing: Option<&str>) -> String;
}

const INCOMPLETE: &str =
    "This is an example of the task, though some input or output fields are not supplied.";
const NOT_IN_DEMO: &str = "Not supplied for this particular example. ";

/// Writes the messages: the system's, demos that lack something, demos, the conversation, the inputs.
pub(super) fn prompt(
    writer: &impl Writer,
    spec: &SignatureSpec,
    demos: &[Demo],
    history: &[Fields],
    inputs: &Fields,
) -> Result<Prompt> {
    let shorter;
    let without_history = match spec.history() {
        Some(field) => {
            shorter = spec.clone().delete(&field.name);
            &shorter
        }
        None => spec,
    };
    // DSPy describes the conversation as one of the inputs.
    let described = match writer.wording() {
        Wording::Neutral => without_history,
        Wording::Dspy => spec,
    };
    let mut messages = Vec::with_capacity(2 + 2 * (demos.len() + history.len()));
    messages.push(Message::system(writer.system(described)));
    let mut say = |content: Content, answer: String| {
        let parts = content.into_parts();
        if !parts.is_empty() {
            messages.push(Message::user(parts));
        }
        if !answer.is_empty() {
            messages.push(Message::assistant(answer));
        }
    };
    let (complete, others): (Vec<&Demo>, Vec<&Demo>) =
        demos.iter().partition(|demo| demo.is_complete(described));
    let incomplete = others.into_iter().filter(|demo| demo.is_usable(described));
    let of_kind =
        incomplete.map(|demo| (demo, true)).chain(complete.into_iter().map(|d| (d, false)));
    for (demo, lacks) in of_kind {
        let mut content = Content::new();
        if lacks {
            content.block(INCOMPLETE);
        }
        writer.inputs(described, &demo.fields, &mut content)?;
        let missing = lacks.then_some(NOT_IN_DEMO);
        say(content, writer.outputs(described, &demo.fields, missing));
    }
    for exchange in history {
        let mut content = Content::new();
        writer.inputs(without_history, exchange, &mut content)?;
        let asks = without_history.inputs.iter().any(|field| exchange.contains(&field.name));
        if let Some(reminder) = writer.reminder(without_history).filter(|_| asks) {
            content.block(&reminder);
        }
        say(content, writer.outputs(without_history, exchange, None));
    }
    let mut content = Content::new();
    writer.inputs(without_history, inputs, &mut content)?;
    if let Some(reminder) = writer.reminder(without_history) {
        content.block(&reminder);
    }
    say(content, String::new());
    Ok(Prompt::from(messages))
}

/// Text in blocks, with media where they belong.
#[derive(Debug, Default)]
pub(super) struct Content {
    parts: Vec<Part>,
    text: String,
}

impl Content {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a block of text, an empty line behind what is there.
    pub(super) fn block(&mut self, text: &str) {
        if !self.text.is_empty() || !self.parts.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(text);
    }

    /// Adds what belongs to the last block.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds the value of a field.
    pub(super) fn value(
        &mut self,
        field: &FieldSpec,
        value: &Value,
        wording: Wording,
    ) -> Result<()> {
        if field.ty.is_media() && !value.is_null() {
            let media = media(&field.name, &field.ty, value)?;
            if !media.is_empty() && !self.text.is_empty() {
                self.parts.push(Part::text(std::mem::take(&mut self.text)));
            }
            self.parts.extend(media);
            return Ok(());
        }
        self.push(&value_text(&field.ty, value, wording));
        Ok(())
    }

    fn into_parts(mut self) -> Vec<Part> {
        // As one text: no white space around.
        let at_start = self.parts.is_empty();
        let text = if at_start { self.text.trim() } else { self.text.trim_end() };
        if !text.is_empty() {
            self.parts.push(Part::text(text));
        }
        self.parts
    }
}

/// The media of an input: a list of them is as many, nothing is none. A text is an address.
pub(crate) fn media(name: &str, ty: &FieldType, value: &Value) -> Result<Vec<Part>> {
    let part = match (ty, value) {
        (_, Value::Null) => return Ok(Vec::new()),
        (FieldType::List(inner), values) => {
            let mut all = Vec::new();
            for value in values.as_array().into_iter().flatten() {
                all.extend(media(name, inner, value)?);
            }
            return Ok(all);
        }
        (FieldType::Optional(inner), value) => return media(name, inner, value),
        (FieldType::Image, value) => Part::Image(medium::<Image>(name, value)?),
        (FieldType::Audio, value) => Part::Audio(medium::<Audio>(name, value)?),
        (_, value) => Part::Document(medium::<Document>(name, value)?),
    };
    Ok(vec![part])
}

fn medium<T: DeserializeOwned + From<Url>>(name: &str, value: &Value) -> Result<T> {
    if let Value::String(url) = value {
        return Ok(T::from(Url(url.clone())));
    }
    T::deserialize(value).map_err(|error| {
        let message = format!("the input `{name}` is no address and no such medium: {error}");
        Error::new(ErrorKind::Prompt, message).with_source(error)
    })
}

/// An address that stands for a medium.
struct Url(String);

macro_rules! from_url {
    ($($name:ident)*) => {$(
        impl From<Url> for $name {
            fn from(url: Url) -> Self {
                Self::url(url.0)
            }
        }
    )*};
}
from_url!(Image Audio Document);

/// A value as the model reads it.
pub(super) fn value_text(ty: &FieldType, value: &Value, wording: Wording) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if *ty == FieldType::String => passages(items, wording),
        _ if wording == Wording::Dspy => dspy::text(value),
        other => other.to_string(),
    }
}

/// A list that is given as text: its items numbered.
fn passages(items: &[Value], wording: Wording) -> String {
    let text = |item: &Value| value_text(&FieldType::Any, item, wording);
    let marked = |item: &Value| {
        let text = text(item);
        if text.contains(['\n', '«', '»']) {
            format!("«««\n    {}\n»»»", text.replace('\n', "\n    "))
        } else {
            format!("«{text}»")
        }
    };
    match items {
        [] => "N/A".to_owned(),
        [one] => marked(one),
        all => {
            let lines = (1..).zip(all).map(|(number, item)| format!("[{number}] {}", marked(item)));
            lines.collect::<Vec<String>>().join("\n")
        }
    }
}

/// The outputs to be written, with their values.
pub(super) fn written<'a>(
    spec: &'a SignatureSpec,
    fields: &'a Fields,
    missing: Option<&str>,
    wording: Wording,
) -> Vec<(&'a FieldSpec, Cow<'a, Value>)> {
    let value = |field: &'a FieldSpec| {
        let value = match (fields.value(&field.name), missing, wording) {
            (Some(value), _, _) => Cow::Borrowed(value),
            (None, Some(missing), _) => Cow::Owned(missing.into()),
            (None, None, Wording::Dspy) => Cow::Owned(Value::Null),
            (None, None, Wording::Neutral) => return None,
        };
        Some((field, value))
    };
    spec.outputs.iter().filter_map(value).collect()
}

/// The task in our words: what is given, what is wanted, and the form of it.
pub(super) fn task(spec: &SignatureSpec, form: &str) -> String {
    format!(
        "{}\n\nYou are given:\n{}\n\nAnswer with:\n{}\n\nWrite nothing but the answer, {form}",
        spec.instructions,
        describe(&spec.inputs),
        describe(&spec.outputs)
    )
}

/// A field of the answer by its name, with the form of its value where that is no text.
pub(super) fn named_form(field: &FieldSpec, name: &str, wording: Wording) -> String {
    match wording {
        Wording::Neutral => match form(&field.ty).filter(|_| !field.ty.is_text()) {
            Some(form) => format!("`{name}` ({form})"),
            None => format!("`{name}`"),
        },
        Wording::Dspy => format!("`{name}`{}", dspy::type_info(field)),
    }
}

/// Writes the prompt of an adapter that is a [`Writer`].
macro_rules! prompt_of_writer {
    () => {
        fn prompt(
            &self,
            spec: &$crate::SignatureSpec,
            demos: &[$crate::Demo],
            history: &[$crate::Fields],
            inputs: &$crate::Fields,
        ) -> meanwhile_core::Result<meanwhile_core::Prompt> {
            $crate::adapter::render::prompt(self, spec, demos, history, inputs)
        }
    };
}
pub(super) use prompt_of_writer;

/// The fields in our words: a numbered line each.
pub(super) fn describe(fields: &[FieldSpec]) -> String {
    let line = |(number, field): (usize, &FieldSpec)| {
        let FieldSpec { name, ty, description, .. } = field;
        let mut line = format!("{number}. `{name}` ({ty})");
        if let Some(description) = description {
            line.push_str(": ");
            line.push_str(description);
        }
        for rule in field.rules_in_words() {
            line.push_str("; ");
            line.push_str(rule);
        }
        line
    };
    (1..).zip(fields).map(line).collect::<Vec<String>>().join("\n")
}

/// What stands for a value where the form is shown, in our words.
pub(super) fn placeholder(field: &FieldSpec) -> String {
    match &field.ty {
        FieldType::String => format!("{{{}}}", field.name),
        ty => match form(ty) {
            Some(form) => format!("{{{}: {form}}}", field.name),
            None => format!("{{{}: JSON that fits {}}}", field.name, ty.schema().as_value()),
        },
    }
}

/// How a value is written, where that is said in a few words.
pub(super) fn form(ty: &FieldType) -> Option<String> {
    Some(match ty {
        FieldType::Integer => "one whole number".into(),
        FieldType::Float => "one number".into(),
        FieldType::Boolean => "true or false".into(),
        FieldType::List(inner) => match &**inner {
            FieldType::String => r#"a JSON list of texts, such as ["…", "…"]"#.into(),
            FieldType::Integer | FieldType::Float => {
                "a JSON list of numbers, such as [1, 2]".into()
            }
            _ => return None,
        },
        FieldType::Optional(inner) => match &**inner {
            FieldType::String => "text, or null".into(),
            inner => format!("{}, or null", form(inner)?),
        },
        FieldType::Choice(_) | FieldType::String => ty.to_string(),
        FieldType::Any => "JSON".into(),
        _ => return None,
    })
}
