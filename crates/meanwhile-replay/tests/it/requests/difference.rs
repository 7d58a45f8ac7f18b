//! [`Difference`]: one place where two JSON values are not the same.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A place, and what stands there on both sides.
pub(crate) struct Difference {
    /// A JSON pointer, with `*` for the place in a list.
    pub(crate) pattern: String,
    /// The JSON pointer.
    pub(crate) pointer: String,
    /// What was recorded; `None` where nothing was.
    pub(crate) recorded: Option<Value>,
    /// What we write; `None` where we write nothing.
    pub(crate) ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| {
            let text = value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            text.chars().take(220).collect::<String>()
        };
        write!(f, "{}: recorded {}, ours {}", self.pointer, show(&self.recorded), show(&self.ours))
    }
}

/// Everything that differs. Numbers are compared by value; the order of fields, of tools and of the
/// names of required properties does not matter.
pub(crate) fn differences(recorded: &Value, ours: &Value) -> Vec<Difference> {
    let (mut recorded, mut ours) = (recorded.clone(), ours.clone());
    sort(&mut recorded);
    sort(&mut ours);
    let mut found = Vec::new();
    walk("", "", Some(&recorded), Some(&ours), &mut found);
    found
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Object(fields) => {
            for (name, value) in fields {
                sort(value);
                let Some(items) = value.as_array_mut() else { continue };
                match name.as_str() {
                    "required" => items.sort_by_key(Value::to_string),
                    "tools" => items.sort_by_key(tool_name),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn tool_name(tool: &Value) -> String {
    let places = ["/name", "/function/name", "/toolSpec/name", "/type"];
    let name = places.iter().find_map(|place| tool.pointer(place)?.as_str());
    name.map_or_else(|| tool.to_string(), str::to_owned)
}

fn walk(
    pattern: &str,
    pointer: &str,
    recorded: Option<&Value>,
    ours: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (recorded, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (pattern, pointer) = (format!("{pattern}/{name}"), format!("{pointer}/{name}"));
                walk(&pattern, &pointer, a.get(name), b.get(name), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                walk(&format!("{pattern}/*"), &format!("{pointer}/{at}"), Some(a), Some(b), found);
            }
        }
        (a, b) if same(a, b) => {}
        (a, b) => found.push(Difference {
            pattern: pattern.to_owned(),
            pointer: pointer.to_owned(),
            recorded: a.cloned(),
            ours: b.cloned(),
        }),
    }
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}
