//! The words and values of DSPy 3.4.1 (MIT, Stanford Future Data Systems), for prompts that equal its own.
//! Every text here is compared with what the installed package prints.

use serde_json::{Map, Value};

use crate::signature::word_of;
use crate::{FieldSpec, FieldType, SignatureSpec};

/// `str(value)`, and JSON as `json.dumps(…, ensure_ascii=False)` writes it for lists and records.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        other => json(other),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut out = String::from(quote);
            for c in text.chars() {
                match c {
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '\\' => out.push_str("\\\\"),
                    c if c == quote => out.extend(['\\', c]),
                    c => out.push(c),
                }
            }
            out.push(quote);
            out
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", repr(&Value::from(name.as_str())), repr(value))
            };
            format!("{{{}}}", fields.iter().map(member).collect::<Vec<String>>().join(", "))
        }
        other => text(other),
    }
}

/// JSON with a space behind `,` and `:`.
pub(crate) fn json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        Value::Number(number) => out.push_str(&number_text(number)),
        other => out.push_str(&other.to_string()),
    }
}

/// JSON as `json.dumps(…, indent=2, ensure_ascii=False)` writes it.
pub(super) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write_pretty(value, 0, &mut out);
    out
}

fn write_pretty(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str("  "));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                line(depth + 1, out);
                write_pretty(item, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (name, value)) in fields.iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                line(depth + 1, out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write_pretty(value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        scalar => write(scalar, out),
    }
}

/// A number as Python writes it: with an exponent below 1e-4 and from 1e16 on, of two digits at least.
fn number_text(number: &serde_json::Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let size = float.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(exponent) => ('-', exponent),
                    None => ('+', exponent),
                };
                format!("{digits}e{sign}{exponent:0>2}")
            }
            None => text,
        };
    }
    format!("{float:?}")
}

/// `get_field_description_string`.
pub(super) fn describe(fields: &[FieldSpec]) -> String {
    let line = |(number, field): (usize, &FieldSpec)| {
        let FieldSpec { name, ty, description, constraints, .. } = field;
        let description = description.as_deref().unwrap_or_default();
        let mut line = format!("{number}. `{name}` ({}): {description}", ty.python_name());
        if !constraints.is_empty() {
            line.push_str("\nConstraints: ");
            line.push_str(&constraints.join(", "));
        }
        line
    };
    let lines: Vec<String> = (1..).zip(fields).map(line).collect();
    lines.join("\n").trim().to_owned()
}

/// `format_system_message`: the fields (`format_field_description`), what `structure` they have, the task.
pub(super) fn system(spec: &SignatureSpec, structure: &str) -> String {
    format!(
        "Your input fields are:\n{}\nYour output fields are:\n{}\nAll interactions will be structured in \
         the following way, with the appropriate values filled in.\n\n{structure}\n{}",
        describe(&spec.inputs),
        describe(&spec.outputs),
        task(&spec.instructions)
    )
}

/// `translate_field_type`: what stands for a value where the form is shown.
pub(super) fn placeholder(field: &FieldSpec, is_output: bool) -> String {
    let name = &field.name;
    let note = match &field.ty {
        _ if !is_output => String::new(),
        FieldType::String => String::new(),
        FieldType::Boolean => "must be True or False".to_owned(),
        FieldType::Integer => "must be a single int value".to_owned(),
        FieldType::Float => "must be a single float value".to_owned(),
        FieldType::Choice(choices) => {
            let choices: Vec<String> = choices.iter().map(python_word).collect();
            format!("must exactly match (no extra characters) one of: {}", choices.join("; "))
        }
        ty => {
            let schema = type_first(ty.schema().as_value());
            format!("must adhere to the JSON schema: {}", json(&schema))
        }
    };
    if note.is_empty() {
        return format!("{{{name}}}");
    }
    format!("{{{name}}}        # note: the value you produce {note}")
}

fn python_word(choice: &Value) -> String {
    match choice {
        Value::Bool(_) | Value::Null => text(choice),
        other => word_of(other),
    }
}

/// Keys in the order of the alphabet, `type` in front.
fn type_first(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| (*name != "type", name.as_str()));
            let fields = sorted.into_iter().map(|(name, value)| (name.clone(), type_first(value)));
            Value::Object(fields.collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(type_first).collect()),
        other => other.clone(),
    }
}

/// `format_task_description`.
fn task(instructions: &str) -> String {
    let mut text = "In adhering to this structure, your objective is: ".to_owned();
    for line in dedent(instructions).lines() {
        text.push_str("\n        ");
        text.push_str(line);
    }
    text
}

/// `textwrap.dedent`.
fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let mut margin = filled().map(indent).min().unwrap_or(0);
    if let Some(first) = filled().next() {
        // White space counts as far as all lines begin with the same.
        let same = |size: usize| {
            first.get(..size).is_some_and(|head| filled().all(|line| line.starts_with(head)))
        };
        while margin > 0 && !same(margin) {
            margin -= 1;
        }
    }
    let cut = |line: &str| match line.trim().is_empty() {
        true => String::new(),
        false => line.get(margin..).unwrap_or_default().to_owned(),
    };
    text.lines().map(cut).collect::<Vec<String>>().join("\n")
}

/// What a field of a reminder must be.
pub(super) fn type_info(field: &FieldSpec) -> String {
    match &field.ty {
        FieldType::String => String::new(),
        ty => format!(" (must be formatted as a valid Python {})", ty.python_name()),
    }
}
