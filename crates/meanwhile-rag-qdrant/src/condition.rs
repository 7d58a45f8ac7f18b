//! [`Pushed`]: what the server can check of a [`Filter`], so that little is left to be checked here.
//!
//! Each chunk carries `facts`, texts that say which field has which value, and `numbers`, the numbers of
//! each field. That way a field may have any name, and values mean what they mean in all stores.

use meanwhile_rag::{Filter, FilterValue, Metadata};
use serde_json::{Map, Value, json};

use crate::points::hex;

/// Up to here a 64-bit float holds every whole number.
const EXACT: u64 = 1 << 53;

/// Longer texts are facts by their digest.
const LONG: usize = 64;

/// A condition that holds wherever the filter does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pushed {
    /// `None` is true.
    pub(crate) condition: Option<Value>,
    /// Whether it holds nowhere else.
    pub(crate) exact: bool,
}

impl Pushed {
    /// What can be pushed of a filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        match filter {
            Filter::Eq(field, value) => equal(field, value),
            Filter::Ne(field, value) => negated(equal(field, value)),
            Filter::In(field, values) => any(values.iter().map(|value| equal(field, value))),
            Filter::Lt(field, value) => ordered(field, "lt", value),
            Filter::Le(field, value) => ordered(field, "lte", value),
            Filter::Gt(field, value) => ordered(field, "gt", value),
            Filter::Ge(field, value) => ordered(field, "gte", value),
            Filter::Exists(field) => fact(&named('e', field, "")),
            Filter::And(all) => every(all.iter().map(Self::of)),
            Filter::Or(all) => any(all.iter().map(Self::of)),
            Filter::Not(filter) => negated(Self::of(filter)),
        }
    }
}

fn exactly(condition: Value) -> Pushed {
    Pushed { condition: Some(condition), exact: true }
}

fn fact(fact: &str) -> Pushed {
    exactly(json!({"key": "facts", "match": {"value": fact}}))
}

/// Holds nowhere: no fact is empty.
fn never() -> Pushed {
    fact("")
}

fn negated(pushed: Pushed) -> Pushed {
    match pushed {
        Pushed { condition: Some(condition), exact: true } => {
            exactly(json!({"must_not": [condition]}))
        }
        // What holds too often, negated, would hold too seldom.
        _ => Pushed { condition: None, exact: false },
    }
}

fn every(all: impl Iterator<Item = Pushed>) -> Pushed {
    let (mut conditions, mut exact) = (Vec::new(), true);
    for pushed in all {
        exact &= pushed.exact;
        conditions.extend(pushed.condition);
    }
    let condition = (!conditions.is_empty()).then(|| json!({"must": conditions}));
    Pushed { condition, exact }
}

fn any(all: impl Iterator<Item = Pushed>) -> Pushed {
    let (mut conditions, mut exact, mut always) = (Vec::new(), true, false);
    for pushed in all {
        exact &= pushed.exact;
        always |= pushed.condition.is_none();
        conditions.extend(pushed.condition);
    }
    if always {
        return Pushed { condition: None, exact };
    }
    if conditions.is_empty() {
        return never();
    }
    Pushed { condition: Some(json!({"should": conditions})), exact }
}

fn equal(field: &str, value: &FilterValue) -> Pushed {
    match value {
        FilterValue::Bool(value) => fact(&named('b', field, &value.to_string())),
        FilterValue::Text(value) => fact(&text(field, value)),
        FilterValue::Integer(_) | FilterValue::Float(_) => {
            let Some((number, exact)) = number(value) else { return never() };
            range(field, json!({"gte": number, "lte": number}), exact)
        }
    }
}

fn ordered(field: &str, operator: &str, value: &FilterValue) -> Pushed {
    match value {
        FilterValue::Bool(_) => never(),
        // The server has no order of texts.
        FilterValue::Text(_) => Pushed { exact: false, ..fact(&named('t', field, "")) },
        FilterValue::Integer(_) | FilterValue::Float(_) => {
            let Some((number, exact)) = number(value) else { return never() };
            if exact {
                return range(
                    field,
                    Value::Object(Map::from_iter([(operator.to_owned(), number)])),
                    true,
                );
            }
            // Rounded, it may lie on the other side of a neighbour.
            Pushed { exact: false, ..fact(&named('n', field, "")) }
        }
    }
}

fn range(field: &str, range: Value, exact: bool) -> Pushed {
    let key = format!("numbers.{}", key(field));
    Pushed { condition: Some(json!({"key": key, "range": range})), exact }
}

/// A number as the server holds it, and whether that is the number; `None` for what is none.
fn number(value: &FilterValue) -> Option<(Value, bool)> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "said in the answer")]
        FilterValue::Integer(value) => Some((json!(*value as f64), value.unsigned_abs() <= EXACT)),
        FilterValue::Float(value) if value.is_finite() => Some((json!(value), true)),
        _ => None,
    }
}

/// What each chunk says about its metadata, for conditions.
pub(crate) fn facts(metadata: &Metadata) -> (Vec<String>, Map<String, Value>) {
    let (mut facts, mut numbers) = (Vec::new(), Map::new());
    for (field, value) in metadata {
        if !value.is_null() {
            facts.push(named('e', field, ""));
        }
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut found = Vec::new();
        for value in values {
            match value {
                Value::Bool(value) => facts.push(named('b', field, &value.to_string())),
                Value::String(value) => {
                    facts.extend([named('t', field, ""), text(field, value)]);
                }
                Value::Number(number) => found.extend(number.as_f64()),
                Value::Null | Value::Array(_) | Value::Object(_) => {}
            }
        }
        if !found.is_empty() {
            facts.push(named('n', field, ""));
            numbers.insert(key(field), json!(found));
        }
    }
    facts.sort_unstable();
    facts.dedup();
    (facts, numbers)
}

fn text(field: &str, value: &str) -> String {
    if value.len() > LONG { named('h', field, &hex(value)) } else { named('s', field, value) }
}

/// A fact. With the length of the name, no two facts are written the same.
fn named(kind: char, field: &str, value: &str) -> String {
    format!("{kind}{}:{field}{value}", field.len())
}

/// A field's name without anything that a path could mean.
fn key(field: &str) -> String {
    let digits = field.bytes().map(|byte| format!("{byte:02x}"));
    digits.fold("x".to_owned(), |key, digits| key + &digits)
}
