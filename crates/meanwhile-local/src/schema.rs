//! [`bound`] narrows a JSON Schema so that every value it allows is short enough for a small
//! model to finish.
//!
//! A model of this size can fill a string or a list for ever. The narrowed schema caps what the
//! original leaves open (lengths, counts, digits, depth of recursion, extra keys) and never allows
//! a value that the original forbids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::LocalError;

/// Caps for what a schema leaves open. A cap that the schema states itself is kept.
///
/// ```no_run
/// use meanwhile_core::Model;
/// use meanwhile_local::{Bounds, Local, SMOLLM2_135M};
///
/// # async fn example() -> meanwhile_core::Result<()> {
/// let mut bounds = Bounds::default();
/// (bounds.items, bounds.string_length) = (3, 20);
/// let local = Local::builder().bounds(bounds).build();
/// let names: Vec<String> = Model::new(local, SMOLLM2_135M).call("Names for a cat?").await?;
/// assert!(names.len() <= 3 && names.iter().all(|name| name.chars().count() <= 20));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Most characters of a string. Default: 200.
    pub string_length: u64,
    /// Most items of an array; of one whose items contain their own type, a quarter, and less
    /// with each level. Default: 12.
    pub items: u64,
    /// Most entries of an object whose keys are free. Default: 8.
    pub entries: u64,
    /// How deep a type may contain itself. Default: 2.
    pub recursion: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { string_length: 200, items: 12, entries: 8, recursion: 2 }
    }
}

/// Whole numbers up to this size survive every JSON reader.
const EXACT_INTEGER: i64 = (1 << 53) - 1;

/// Numbers without a stated range stay under this size, so that they need no exponent.
const NUMBER: f64 = 1e12;

/// String formats that the grammar compiler enforces; JSON Schema lets readers ignore the others.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"];

/// Keywords that say nothing about which values are allowed.
const ANNOTATIONS: [&str; 14] = [
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// Returns a schema that allows a part of what `schema` allows, all of it finite.
///
/// # Errors
///
/// When a reference leads outside of the schema, or when no finite value satisfies it.
pub(crate) fn bound(schema: &Value, bounds: &Bounds) -> Result<Value, LocalError> {
    let mut narrowing = Narrowing {
        root: schema,
        bounds,
        recursive: recursive_targets(schema)?,
        done: BTreeMap::new(),
    };
    let place = Place { depth: 0, open: false };
    let narrowed = narrowing.schema(schema, place)?;
    let Some(mut narrowed) = narrowed else {
        return Err(LocalError::Schema { reason: "no finite value satisfies it".into() });
    };
    let definitions: Map<String, Value> = narrowing
        .done
        .into_iter()
        .filter_map(|(target, narrowed)| Some((target.name(), narrowed??)))
        .collect();
    if let (Value::Object(object), false) = (&mut narrowed, definitions.is_empty()) {
        object.insert("$defs".into(), Value::Object(definitions));
    }
    Ok(narrowed)
}

/// Joins narrowed schemas into one of a tool call: `{"name":…,"arguments":…}`.
pub(crate) fn alternatives(tools: Vec<(&str, Value)>) -> Value {
    let mut definitions = Map::new();
    let mut calls = Vec::new();
    for (index, (name, mut arguments)) in tools.into_iter().enumerate() {
        let prefix = format!("tool{index}_");
        rename(&mut arguments, &prefix);
        if let Some(Value::Object(own)) =
            arguments.as_object_mut().and_then(|arguments| arguments.remove("$defs"))
        {
            definitions.extend(own.into_iter().map(|(name, d)| (format!("{prefix}{name}"), d)));
        }
        calls.push(json!({
            "type": "object",
            "properties": { "name": { "const": name }, "arguments": arguments },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        }));
    }
    let mut schema = match calls.len() {
        1 => calls.remove(0),
        _ => json!({ "anyOf": calls }),
    };
    if let (Value::Object(schema), false) = (&mut schema, definitions.is_empty()) {
        schema.insert("$defs".into(), Value::Object(definitions));
    }
    schema
}

/// Puts a prefix before the name in every reference of a narrowed schema.
fn rename(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(pointer) if key == "$ref" => {
                        *pointer = pointer.replacen("#/$defs/", &format!("#/$defs/{prefix}"), 1);
                    }
                    _ if key == "enum" || key == "const" => {}
                    value => rename(value, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, prefix)),
        _ => {}
    }
}

/// Where in the schema the narrowing is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// How many references to recursive types lead here.
    depth: usize,
    /// Whether other schemas add keys to an object at this place, so that it must stay open.
    open: bool,
}

/// One version of a referenced schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    pointer: String,
    depth: usize,
    open: bool,
}

impl Target {
    fn name(&self) -> String {
        let plain = self.pointer.rsplit('/').next().unwrap_or_default();
        let plain: String = plain.chars().filter(char::is_ascii_alphanumeric).collect();
        // The length tells apart what the filter made equal in nearly every case; the digest of
        // the pointer does in the others.
        let digest = self
            .pointer
            .bytes()
            .fold(5381u64, |sum, byte| sum.wrapping_mul(33).wrapping_add(u64::from(byte)));
        format!("{plain}_{digest:x}_{}{}", self.depth, if self.open { "_open" } else { "" })
    }
}

struct Narrowing<'a> {
    root: &'a Value,
    bounds: &'a Bounds,
    recursive: BTreeSet<String>,
    /// `None` while in progress; `Some(None)` when nothing finite satisfies it.
    done: BTreeMap<Target, Option<Option<Value>>>,
}

impl Narrowing<'_> {
    /// Narrows one schema; `None` when nothing finite satisfies it at this depth.
    fn schema(&mut self, schema: &Value, place: Place) -> Result<Option<Value>, LocalError> {
        match schema {
            Value::Object(object)
                if object.keys().all(|key| ANNOTATIONS.contains(&key.as_str())) =>
            {
                Ok(Some(self.anything()))
            }
            Value::Object(object) => self.object(object, place),
            Value::Bool(true) => Ok(Some(self.anything())),
            Value::Bool(false) => Ok(None),
            _ => Err(LocalError::Schema { reason: format!("{schema} is not a schema") }),
        }
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        place: Place,
    ) -> Result<Option<Value>, LocalError> {
        let joined =
            ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| object.contains_key(*key));
        let open = place.open || (joined && object.contains_key("properties"));
        let joined = Place { open, ..place };
        let inner = Place { open: false, ..place };

        let mut out = Map::new();
        for (key, value) in object {
            let narrowed = match (key.as_str(), value) {
                (key, _) if ANNOTATIONS.contains(&key) => continue,
                ("$ref", Value::String(pointer)) => match self.reference(pointer, joined)? {
                    Some(name) => Value::String(format!("#/$defs/{name}")),
                    None => return Ok(None),
                },
                ("anyOf" | "oneOf", Value::Array(choices)) => {
                    let mut kept = Vec::new();
                    for choice in choices {
                        kept.extend(self.schema(choice, joined)?);
                    }
                    if kept.is_empty() {
                        return Ok(None);
                    }
                    Value::Array(kept)
                }
                ("allOf", Value::Array(parts)) => {
                    let place = Place { open: open || parts.len() > 1, ..place };
                    let mut kept = Vec::new();
                    for part in parts {
                        match self.schema(part, place)? {
                            Some(part) => kept.push(part),
                            None => return Ok(None),
                        }
                    }
                    Value::Array(kept)
                }
                ("properties" | "patternProperties", Value::Object(properties)) => {
                    let required = object.get("required").and_then(Value::as_array);
                    let mut kept = Map::new();
                    for (name, property) in properties {
                        match self.schema(property, inner)? {
                            Some(property) => _ = kept.insert(name.clone(), property),
                            None if required.is_some_and(|r| r.iter().any(|r| r == name)) => {
                                return Ok(None);
                            }
                            None => _ = kept.insert(name.clone(), Value::Bool(false)),
                        }
                    }
                    Value::Object(kept)
                }
                ("items" | "additionalProperties", Value::Object(_) | Value::Bool(true)) => {
                    self.schema(value, inner)?.unwrap_or(Value::Bool(false))
                }
                ("prefixItems" | "items", Value::Array(items)) => {
                    let mut kept = Vec::new();
                    for item in items {
                        kept.push(self.schema(item, inner)?.unwrap_or(Value::Bool(false)));
                    }
                    Value::Array(kept)
                }
                _ => value.clone(),
            };
            out.insert(key.clone(), narrowed);
        }
        let nests = object.get("items").is_some_and(|items| {
            references(items).iter().any(|pointer| self.recursive.contains(pointer))
        });
        let divisor = if nests { 4u64.saturating_pow(place.depth as u32 + 1) } else { 1 };
        self.cap(&mut out, open, (self.bounds.items / divisor).max(1));
        let starved = out.get("items") == Some(&Value::Bool(false))
            && !out.contains_key("prefixItems")
            && out.get("minItems").and_then(Value::as_u64).unwrap_or(0) > 0;
        Ok((!starved).then_some(Value::Object(out)))
    }

    /// Narrows the schema a reference points to, and returns its new name.
    fn reference(&mut self, pointer: &str, place: Place) -> Result<Option<String>, LocalError> {
        let recursive = self.recursive.contains(pointer);
        let depth = place.depth + usize::from(recursive);
        if depth > self.bounds.recursion {
            return Ok(None);
        }
        let target = Target { pointer: pointer.into(), depth, open: place.open };
        let name = target.name();
        match self.done.get(&target) {
            Some(Some(None)) => return Ok(None),
            Some(_) => return Ok(Some(name)),
            None => _ = self.done.insert(target.clone(), None),
        }
        let schema = find(self.root, pointer)?;
        let narrowed = self.schema(schema, Place { depth, open: place.open })?;
        let finite = narrowed.is_some();
        self.done.insert(target, Some(narrowed));
        Ok(finite.then_some(name))
    }

    /// Adds the caps that a schema lacks.
    fn cap(&self, out: &mut Map<String, Value>, open: bool, items: u64) {
        if out.contains_key("enum") || out.contains_key("const") {
            out.remove("format");
            return;
        }
        let types: Vec<String> = match out.get("type") {
            Some(Value::String(name)) => vec![name.clone()],
            Some(Value::Array(names)) => {
                names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        let is = |name: &str| types.iter().any(|t| t == name);
        let number = |out: &Map<String, Value>, key: &str| out.get(key).and_then(Value::as_f64);
        let format = out.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        if is("string") && !FORMATS.contains(&format.as_str()) {
            let least = out.get("minLength").and_then(Value::as_u64).unwrap_or(0);
            let most = json!(self.bounds.string_length.max(least));
            out.entry("maxLength").or_insert(most);
        }
        if !is("string") || !FORMATS.contains(&format.as_str()) {
            out.remove("format");
        }
        if is("integer") || is("number") {
            let whole = !is("number");
            let (low, high) = if whole { integer_range(&format) } else { (-NUMBER, NUMBER) };
            let stated_low = number(out, "minimum").or(number(out, "exclusiveMinimum"));
            let stated_high = number(out, "maximum").or(number(out, "exclusiveMaximum"));
            let json = |value: f64| if whole { json!(value as i64) } else { json!(value) };
            if stated_low.is_none() && stated_high.is_none_or(|high| low < high) {
                out.insert("minimum".into(), json(low));
            }
            if stated_high.is_none() && stated_low.is_none_or(|low| low < high) {
                out.insert("maximum".into(), json(high));
            }
        }
        if is("array") {
            if !out.contains_key("items") && !out.contains_key("prefixItems") {
                out.insert("items".into(), self.anything());
            }
            if out.get("items") == Some(&Value::Bool(false)) && !out.contains_key("prefixItems") {
                out.insert("maxItems".into(), json!(0));
            }
            let least = out.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let most = json!(items.max(least));
            out.entry("maxItems").or_insert(most);
        }
        let extra = out.get("additionalProperties");
        if is("object") || out.contains_key("properties") {
            let names = out.get("properties").and_then(Value::as_object).map_or(0, Map::len);
            if extra.is_none() && names > 0 {
                if !open {
                    out.insert("additionalProperties".into(), Value::Bool(false));
                }
            } else if extra.is_none_or(|extra| extra != &Value::Bool(false)) && !open {
                if extra.is_none() {
                    out.insert("additionalProperties".into(), self.scalar());
                }
                let least = out.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
                let most = json!((self.bounds.entries + names as u64).max(least));
                out.entry("maxProperties").or_insert(most);
            }
        }
    }

    /// Any value without parts.
    fn scalar(&self) -> Value {
        json!({ "anyOf": [
            { "type": "string", "maxLength": self.bounds.string_length },
            { "type": "number", "minimum": -NUMBER, "maximum": NUMBER },
            { "type": "boolean" },
            { "type": "null" },
        ] })
    }

    /// Any value, one level deep.
    fn anything(&self) -> Value {
        let mut any = self.scalar();
        let list =
            json!({ "type": "array", "items": self.scalar(), "maxItems": self.bounds.items });
        let map = json!({
            "type": "object",
            "additionalProperties": self.scalar(),
            "maxProperties": self.bounds.entries,
        });
        if let Some(Value::Array(choices)) = any.get_mut("anyOf") {
            choices.extend([list, map]);
        }
        any
    }
}

/// The range of a Rust integer type, as far as every JSON reader keeps it exact.
fn integer_range(format: &str) -> (f64, f64) {
    let exact = EXACT_INTEGER as f64;
    match format {
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "uint8" => (0.0, u8::MAX.into()),
        "uint16" => (0.0, u16::MAX.into()),
        "uint32" => (0.0, u32::MAX.into()),
        "uint64" | "uint" | "uint128" => (0.0, exact),
        _ => (-exact, exact),
    }
}

/// Finds what a reference such as `#/$defs/Book` points to.
fn find<'a>(root: &'a Value, pointer: &str) -> Result<&'a Value, LocalError> {
    let wrong = || LocalError::Schema {
        reason: format!("the reference {pointer:?} does not lead to a part of the schema"),
    };
    let path = pointer.strip_prefix('#').ok_or_else(wrong)?;
    root.pointer(path).ok_or_else(wrong)
}

/// The references that, followed far enough, lead to themselves.
fn recursive_targets(root: &Value) -> Result<BTreeSet<String>, LocalError> {
    let mut leads_to = BTreeMap::new();
    let mut open = references(root);
    while let Some(pointer) = open.pop() {
        if let std::collections::btree_map::Entry::Vacant(unseen) = leads_to.entry(pointer) {
            let next = references(find(root, unseen.key())?);
            open.extend(next.iter().cloned());
            unseen.insert(next);
        }
    }
    let recursive = leads_to.keys().filter(|start| {
        let mut seen = BTreeSet::new();
        let mut open = leads_to.get(*start).cloned().unwrap_or_default();
        while let Some(pointer) = open.pop() {
            if seen.insert(pointer.clone()) {
                open.extend(leads_to.get(&pointer).cloned().unwrap_or_default());
            }
        }
        seen.contains(*start)
    });
    Ok(recursive.cloned().collect())
}

/// Every reference inside a schema, outside of its definitions.
fn references(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("$ref", Value::String(pointer)) => found.push(pointer.clone()),
                    ("$defs" | "definitions" | "enum" | "const" | "default" | "examples", _) => {}
                    _ => found.extend(references(value)),
                }
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(references)),
        _ => {}
    }
    found
}
