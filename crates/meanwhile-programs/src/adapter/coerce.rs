//! From the text of a field to its value, tolerantly; and from what was found to all outputs.

use meanwhile_core::{Error, ErrorKind, Repair, Result};
use meanwhile_json::{Policy, read};
use serde_json::Value;

use super::Parsed;
use super::render::Wording;
use crate::signature::word_of;
use crate::{FieldSpec, FieldType, Fields, SignatureSpec};

/// Gathers the values of the outputs while they are read.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    values: Vec<Option<Value>>,
    repairs: Vec<Repair>,
    fault: Option<Error>,
}

impl Gathered {
    pub(super) fn new(spec: &SignatureSpec) -> Self {
        Self { values: vec![None; spec.outputs.len()], repairs: Vec::new(), fault: None }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.values.get(at).is_some_and(Option::is_some)
    }

    /// Reads the text of an output; `None` where it is none of its type, which ends in an error.
    pub(super) fn text(
        &mut self,
        spec: &SignatureSpec,
        at: usize,
        text: String,
        wording: Wording,
    ) -> Option<&Value> {
        let field = spec.outputs.get(at)?;
        if field.ty == FieldType::String {
            return self.value(at, Value::String(text));
        }
        match coerce(&field.ty, &text, wording) {
            Ok((value, repairs)) => {
                self.repairs.extend(within(&field.name, repairs));
                self.value(at, value)
            }
            Err(reason) => {
                let message = format!("the output `{}` is no {}: {reason}", field.name, field.ty);
                self.fault.get_or_insert(Error::new(ErrorKind::Output, message));
                None
            }
        }
    }

    pub(super) fn value(&mut self, at: usize, value: Value) -> Option<&Value> {
        let slot = self.values.get_mut(at)?;
        *slot = Some(value);
        slot.as_ref()
    }

    pub(super) fn repair(&mut self, repair: Repair) {
        self.repairs.push(repair);
    }

    pub(super) fn fault(&mut self, fault: Error) {
        self.fault.get_or_insert(fault);
    }

    /// All outputs, with defaults for those that may be missing.
    pub(super) fn finish(mut self, spec: &SignatureSpec, what: &str) -> Result<Parsed> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut fields = Fields::new();
        let mut missing = Vec::new();
        for (field, value) in spec.outputs.iter().zip(self.values) {
            match value.or_else(|| field.fallback()) {
                Some(value) => drop(fields.insert(field.name.clone(), value)),
                None => missing.push(format!("`{}`", field.name)),
            }
        }
        if missing.is_empty() {
            return Ok(Parsed { fields, repairs: self.repairs });
        }
        let message = format!("the answer has no {what} {}", missing.join(", "));
        Err(Error::new(ErrorKind::Output, message))
    }
}

fn within(name: &str, repairs: Vec<meanwhile_json::Repair>) -> impl Iterator<Item = Repair> {
    repairs.into_iter().map(move |repair| {
        let path = format!("/{name}{}", repair.path);
        Repair::new(repair.kind.to_string(), repair.offset, path)
    })
}

type Coerced = Result<(Value, Vec<meanwhile_json::Repair>), String>;

/// Reads the text of a field.
pub(super) fn coerce(ty: &FieldType, text: &str, wording: Wording) -> Coerced {
    let plain = |value: Value| Ok((value, Vec::new()));
    match ty {
        FieldType::String => plain(text.into()),
        FieldType::Optional(inner) => match (&**inner, wording) {
            // DSPy keeps the word.
            (FieldType::String, Wording::Dspy) => plain(text.into()),
            _ if is_null(text) => plain(Value::Null),
            (inner, _) => coerce(inner, text, wording),
        },
        FieldType::Any => {
            plain(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
        }
        FieldType::Choice(choices) => match choose(choices, text) {
            Some(choice) => plain(choice.clone()),
            None => by_schema(ty, text),
        },
        FieldType::Boolean => match text.trim_matches(['.', ' ', '"', '\'', '*', '`']) {
            "True" | "true" | "Yes" | "yes" => plain(true.into()),
            "False" | "false" | "No" | "no" => plain(false.into()),
            _ => by_schema(ty, text),
        },
        // Without marks of emphasis.
        FieldType::Integer | FieldType::Float => {
            if let Some(value) = number(ty, text) {
                return plain(value);
            }
            by_schema(ty, text.trim_matches(['*', '_', '`', '"', '\'', ' ']))
        }
        _ => by_schema(ty, text),
    }
}

/// A number that is written as JSON writes it.
fn number(ty: &FieldType, text: &str) -> Option<Value> {
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    (*ty == FieldType::Float || !number.is_f64()).then_some(Value::Number(number))
}

/// Whether a text is a word for nothing.
pub(super) fn is_null(text: &str) -> bool {
    text.is_empty() || ["null", "none"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn by_schema(ty: &FieldType, text: &str) -> Coerced {
    let schema = ty.schema();
    match read(text, Some(schema.as_value()), Policy::Coerce) {
        Ok(found) => Ok((found.value, found.repairs)),
        Err(error) => Err(error.to_string()),
    }
}

/// The choice that a text means: exactly, without what is around it, in other letters.
pub(crate) fn choose<'a>(choices: &'a [Value], text: &str) -> Option<&'a Value> {
    let exact = |text: &str| choices.iter().find(|choice| word_of(choice) == text);
    if let Some(found) = exact(text) {
        return Some(found);
    }
    let mut inner = text.trim();
    for wrapper in ["Literal[", "str["] {
        if let Some(inside) = inner.strip_prefix(wrapper).and_then(|rest| rest.strip_suffix(']')) {
            inner = inside;
        }
    }
    for quote in ['"', '\'', '`'] {
        let inside = inner.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner = inside.unwrap_or(inner);
    }
    let inner = inner.trim();
    if let Some(found) = exact(inner) {
        return Some(found);
    }
    let bare = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let wanted = bare(inner);
    let mut alike = choices.iter().filter(|choice| bare(&word_of(choice)) == wanted);
    if let Some(found) = alike.next().filter(|_| !wanted.is_empty()) {
        return alike.next().is_none().then_some(found);
    }
    // As Python writes it.
    choices.iter().find(|choice| choice.is_null() && wanted == "none")
}

/// The place of an output by name.
pub(super) fn place(spec: &SignatureSpec, name: &str) -> Option<usize> {
    spec.outputs.iter().position(|field: &FieldSpec| field.name == name)
}
