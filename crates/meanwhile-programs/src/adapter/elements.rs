//! Values as XML elements and back, without a fault: what is no element is text.

use serde_json::{Map, Value};

use super::dspy;

/// An element: what is in it, and the text if there is nothing else.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    children: Vec<(String, Element)>,
    text: String,
}

/// Writes a value as an element: `item` for the items of a list, `entry` with a `key` for names that no
/// element can have.
pub(super) fn write(value: &Value, tag: &str, key: Option<&str>, out: &mut String) {
    let attributes = key.map(|key| format!(" key={}", quoted(key))).unwrap_or_default();
    match value {
        Value::Array(items) if items.is_empty() => out.push_str(&format!("<{tag}{attributes} />")),
        Value::Null => out.push_str(&format!("<{tag}{attributes} />")),
        Value::Array(items) => {
            out.push_str(&format!("<{tag}{attributes}>"));
            items.iter().for_each(|item| write(item, "item", None, out));
            out.push_str(&format!("</{tag}>"));
        }
        Value::Object(fields) => {
            out.push_str(&format!("<{tag}{attributes}>"));
            for (name, value) in fields {
                match is_name(name) {
                    true => write(value, name, None, out),
                    false => write(value, "entry", Some(name), out),
                }
            }
            out.push_str(&format!("</{tag}>"));
        }
        scalar => {
            let text = escaped(&dspy::text(scalar));
            out.push_str(&format!("<{tag}{attributes}>{text}</{tag}>"));
        }
    }
}

/// Text that is read as it was.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn quoted(text: &str) -> String {
    let text = escaped(text)
        .replace('>', "&gt;")
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
        .replace('\t', "&#9;");
    match (text.contains('"'), text.contains('\'')) {
        (true, false) => format!("'{text}'"),
        (true, true) => format!("\"{}\"", text.replace('"', "&quot;")),
        _ => format!("\"{text}\""),
    }
}

/// The form of a schema's values, as an element.
pub(super) fn form(tag: &str, schema: &Value, defs: Option<&Value>, seen: &[&str]) -> String {
    if let Some(name) = reference(schema) {
        return match defs.and_then(|defs| defs.get(name)).filter(|_| !seen.contains(&name)) {
            Some(found) => {
                let seen: Vec<&str> = seen.iter().copied().chain([name]).collect();
                form(tag, found, defs, &seen)
            }
            None => format!("<{tag}>...</{tag}>"),
        };
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let some = choices.iter().find(|choice| !is_of(choice, "null")).or(choices.first());
        return form(tag, some.unwrap_or(&Value::Null), defs, seen);
    }
    if is_of(schema, "array") {
        let item = form("item", schema.get("items").unwrap_or(&Value::Null), defs, seen);
        return format!("<{tag}>{item}</{tag}>");
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let children: String = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| form(name, schema, defs, seen))
        .collect();
    let children = if children.is_empty() { "..." } else { &children };
    format!("<{tag}>{children}</{tag}>")
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn is_of(schema: &Value, ty: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(ty)
}

/// How deep elements may be in one another, as JSON may be. What is deeper is text.
const DEPTH: usize = 128;

/// Reads what is inside of an element.
pub(super) fn parse(inner: &str) -> Element {
    let mut open: Vec<(String, Element)> = Vec::new();
    let mut root = Element::default();
    let mut rest = inner;
    while !rest.is_empty() {
        let at = rest.find('<').unwrap_or(rest.len());
        let (text, tail) = rest.split_at(at);
        open.last_mut().map_or(&mut root, |(_, element)| element).text.push_str(&decoded(text));
        let is_deep = open.len() >= DEPTH;
        rest = match tag(tail) {
            Some((Tag::Open { key, empty }, after)) if !is_deep => {
                match empty {
                    true => add(&mut open, &mut root, key, Element::default()),
                    false => open.push((key, Element::default())),
                }
                after
            }
            Some((Tag::Close(name), after)) => {
                // An end without a beginning is none.
                if let Some(depth) = open.iter().rposition(|(key, _)| closes(key, name)) {
                    while open.len() > depth
                        && let Some((key, element)) = open.pop()
                    {
                        add(&mut open, &mut root, key, element);
                    }
                }
                after
            }
            Some((Tag::Open { .. }, _)) | None => {
                let Some(sign) = tail.chars().next() else { break };
                let current = open.last_mut().map_or(&mut root, |(_, element)| element);
                current.text.push(sign);
                tail.get(sign.len_utf8()..).unwrap_or_default()
            }
        };
    }
    while let Some((key, element)) = open.pop() {
        add(&mut open, &mut root, key, element);
    }
    root
}

fn add(open: &mut [(String, Element)], root: &mut Element, key: String, element: Element) {
    let parent = open.last_mut().map_or(root, |(_, element)| element);
    parent.children.push((key, element));
}

// An entry goes by its key.
fn closes(key: &str, name: &str) -> bool {
    key == name || name == "entry"
}

enum Tag<'a> {
    Open { key: String, empty: bool },
    Close(&'a str),
}

/// Reads a tag at the beginning of a text, and returns what is behind it.
fn tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let (inside, after) = text.strip_prefix('<')?.split_once('>')?;
    if let Some(name) = inside.strip_prefix('/') {
        let name = name.trim();
        return is_name(name).then_some((Tag::Close(name), after));
    }
    let (inside, empty) = match inside.strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let (name, attributes) = match inside.split_once(char::is_whitespace) {
        Some((name, attributes)) => (name, attributes),
        None => (inside, ""),
    };
    if !is_name(name) {
        return None;
    }
    let key = attributes.trim().strip_prefix("key=").filter(|_| name == "entry");
    let key = key.map(|key| decoded(key.trim().trim_matches(['"', '\''])));
    Some((Tag::Open { key: key.unwrap_or_else(|| name.to_owned()), empty }, after))
}

/// Text without its entities.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let end = tail.find(';').filter(|end| *end <= LONGEST_ENTITY);
        match end.and_then(|end| Some((entity(tail.get(1..end)?)?, tail.get(end + 1..)?))) {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// In bytes, with its `&` and without its `;`.
pub(super) const LONGEST_ENTITY: usize = 9;

/// The character that an entity stands for.
pub(super) fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        name => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

impl Element {
    /// The value that a schema makes of the element. What is neither list nor record is text.
    pub(super) fn value(&self, schema: &Value, defs: Option<&Value>) -> Value {
        Self::of_all(&[self], schema, defs)
    }

    fn of_all(elements: &[&Self], schema: &Value, defs: Option<&Value>) -> Value {
        let Some(first) = elements.first() else { return Value::Null };
        let found = reference(schema).and_then(|name| defs?.get(name));
        let mut schema = found.unwrap_or(schema);
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            if first.is_empty() && choices.iter().any(|choice| is_of(choice, "null")) {
                return Value::Null;
            }
            let mut some = choices.iter().filter(|choice| !is_of(choice, "null"));
            let fits = |choice: &&Value| first.children.is_empty() || !is_of(choice, "string");
            schema = some.clone().find(fits).or_else(|| some.next()).unwrap_or(schema);
            if reference(schema).is_some() {
                return Self::of_all(elements, schema, defs);
            }
        }
        if is_of(schema, "array") {
            return first.list(elements, schema, defs);
        }
        if first.children.is_empty() {
            let text = first.text.trim();
            return match text.is_empty() && is_of(schema, "object") {
                true => Value::Object(Map::new()),
                false => text.into(),
            };
        }
        let is_free = schema.as_object().is_none_or(Map::is_empty);
        if is_free && first.children.iter().all(|(name, _)| name == "item") {
            return first.list(elements, schema, defs);
        }
        let properties = schema.get("properties");
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut fields = Map::new();
        for (name, _) in &first.children {
            if !fields.contains_key(name) {
                let all: Vec<&Self> = first.named(name).collect();
                let schema = properties.and_then(|properties| properties.get(name)).or(others);
                let value = Self::of_all(&all, schema.unwrap_or(&Value::Null), defs);
                fields.insert(name.clone(), value);
            }
        }
        Value::Object(fields)
    }

    fn list(&self, elements: &[&Self], schema: &Value, defs: Option<&Value>) -> Value {
        let items = schema.get("items").unwrap_or(&Value::Null);
        let of = |element: &Self| element.value(items, defs);
        if elements.len() > 1 {
            return Value::Array(elements.iter().map(|element| of(element)).collect());
        }
        if self.children.is_empty() {
            let text = self.text.trim();
            return match (text.is_empty(), text.starts_with('[')) {
                (true, _) => Value::Array(Vec::new()),
                (false, true) => text.into(),
                (false, false) => Value::Array(vec![of(self)]),
            };
        }
        let mut inner: Vec<&Self> = self.named("item").collect();
        if inner.is_empty() {
            inner = vec![self];
        }
        Value::Array(inner.into_iter().map(of).collect())
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |(key, _)| key == name).map(|(_, element)| element)
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.text.trim().is_empty()
    }
}
