//! [`Filter`], a condition on the metadata of chunks, with one meaning in all stores.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Metadata;

/// A condition on a chunk's metadata.
///
/// What it means, in every [store](crate::Store):
///
/// - A field is a name at the top of the metadata, taken as it is.
/// - A comparison is true or false, never unknown. It is **false where the field is missing or null**;
///   [`Ne`](Self::Ne) and [`Not`](Self::Not) are the opposites of what they negate, and so are true there.
/// - Where the field holds a list, a comparison is true when it is so for **one element**; `Ne` when no
///   element is equal.
/// - Values of different types are never equal and have no order. Numbers compare by value, whether whole
///   or not; texts by their bytes in UTF-8; booleans have no order.
///
/// The enum is closed on purpose: a store that passed over a condition it does not know would give out
/// wrong documents.
///
/// ```
/// use meanwhile_rag::{Document, eq, ge};
///
/// let filter = eq("lang", "en").and(ge("year", 2020));
/// let document = Document::new("a", "…").with("lang", "en").with("year", 2024);
/// assert!(filter.matches(&document.metadata));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The field has this value.
    Eq(String, FilterValue),
    /// The field does not have this value, or is missing.
    Ne(String, FilterValue),
    /// The field has one of these values. Never true for an empty list.
    In(String, Vec<FilterValue>),
    /// The field is less.
    Lt(String, FilterValue),
    /// The field is less or equal.
    Le(String, FilterValue),
    /// The field is greater.
    Gt(String, FilterValue),
    /// The field is greater or equal.
    Ge(String, FilterValue),
    /// The field is there and not null.
    Exists(String),
    /// All hold. True for an empty list.
    And(Vec<Filter>),
    /// One holds. False for an empty list.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

/// What a field is compared with.
///
/// ```
/// use meanwhile_rag::{Document, Filter, FilterValue, eq, ge};
///
/// // The functions make it of whatever stands there.
/// assert_eq!(eq("lang", "en"), Filter::Eq("lang".into(), FilterValue::Text("en".into())));
/// assert_eq!(ge("year", 2020), Filter::Ge("year".into(), FilterValue::Integer(2020)));
/// // Numbers compare by value, whether whole or not.
/// let document = Document::new("a", "…").with("year", 2020);
/// assert!(Filter::Eq("year".into(), FilterValue::Float(2020.0)).matches(&document.metadata));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any number. One that is not finite equals nothing and has no order.
    Float(f64),
    /// A text.
    Text(String),
}

macro_rules! values {
    ($($from:ty => $variant:ident),*) => {$(
        impl From<$from> for FilterValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
values!(bool => Bool, i64 => Integer, i32 => Integer, u32 => Integer, u16 => Integer, u8 => Integer,
    f64 => Float, f32 => Float, &str => Text, String => Text, &String => Text);

/// The field has this value.
#[must_use]
pub fn eq(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Eq(field.into(), value.into())
}

/// The field does not have this value, or is missing.
#[must_use]
pub fn ne(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Ne(field.into(), value.into())
}

/// The field has one of these values.
#[must_use]
pub fn is_in<I>(field: impl Into<String>, values: I) -> Filter
where
    I: IntoIterator,
    I::Item: Into<FilterValue>,
{
    Filter::In(field.into(), values.into_iter().map(Into::into).collect())
}

/// The field is less.
#[must_use]
pub fn lt(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Lt(field.into(), value.into())
}

/// The field is less or equal.
#[must_use]
pub fn le(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Le(field.into(), value.into())
}

/// The field is greater.
#[must_use]
pub fn gt(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Gt(field.into(), value.into())
}

/// The field is greater or equal.
#[must_use]
pub fn ge(field: impl Into<String>, value: impl Into<FilterValue>) -> Filter {
    Filter::Ge(field.into(), value.into())
}

/// The field is there and not null.
#[must_use]
pub fn exists(field: impl Into<String>) -> Filter {
    Filter::Exists(field.into())
}

/// The filter does not hold.
#[must_use]
pub fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

impl Filter {
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut all) => {
                all.push(other);
                Self::And(all)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// One of both holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Or(mut all) => {
                all.push(other);
                Self::Or(all)
            }
            first => Self::Or(vec![first, other]),
        }
    }

    /// Whether metadata fulfils the condition: what every store's answer is measured by.
    #[must_use]
    pub fn matches(&self, metadata: &Metadata) -> bool {
        let ordered = |field, value, wanted: fn(Ordering) -> bool| {
            any(metadata, field, |found| compare(found, value).is_some_and(wanted))
        };
        match self {
            Self::Eq(field, value) => any(metadata, field, |found| equal(found, value)),
            Self::Ne(field, value) => !any(metadata, field, |found| equal(found, value)),
            Self::In(field, values) => {
                any(metadata, field, |found| values.iter().any(|value| equal(found, value)))
            }
            Self::Lt(field, value) => ordered(field, value, Ordering::is_lt),
            Self::Le(field, value) => ordered(field, value, Ordering::is_le),
            Self::Gt(field, value) => ordered(field, value, Ordering::is_gt),
            Self::Ge(field, value) => ordered(field, value, Ordering::is_ge),
            Self::Exists(field) => metadata.get(field).is_some_and(|found| !found.is_null()),
            Self::And(all) => all.iter().all(|filter| filter.matches(metadata)),
            Self::Or(all) => all.iter().any(|filter| filter.matches(metadata)),
            Self::Not(filter) => !filter.matches(metadata),
        }
    }
}

/// Whether the field, or one element of the list it holds, is as wanted.
fn any(metadata: &Metadata, field: &str, wanted: impl Fn(&Value) -> bool) -> bool {
    match metadata.get(field) {
        Some(Value::Array(items)) => items.iter().any(wanted),
        Some(found) => wanted(found),
        None => false,
    }
}

fn equal(found: &Value, value: &FilterValue) -> bool {
    match (found, value) {
        (Value::Bool(found), FilterValue::Bool(value)) => found == value,
        _ => compare(found, value).is_some_and(Ordering::is_eq),
    }
}

fn compare(found: &Value, value: &FilterValue) -> Option<Ordering> {
    match (found, value) {
        (Value::String(found), FilterValue::Text(value)) => {
            Some(found.as_bytes().cmp(value.as_bytes()))
        }
        (Value::Number(found), FilterValue::Integer(value)) => match found.as_i64() {
            Some(found) => Some(found.cmp(value)),
            // Larger than every signed whole number.
            None if found.is_u64() => Some(Ordering::Greater),
            None => found.as_f64()?.partial_cmp(&(*value as f64)),
        },
        (Value::Number(found), FilterValue::Float(value)) if value.is_finite() => {
            found.as_f64()?.partial_cmp(value)
        }
        _ => None,
    }
}
