//! [`Fields`]: named values in order, what goes into a predictor and comes out of it.

use std::fmt;

use meanwhile_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Named values, in the order in which they were given.
///
/// ```
/// use meanwhile_programs::fields;
///
/// let fields = fields! { question: "Where is Lima?", k: 3 };
/// assert_eq!(fields.get::<u8>("k")?, 3);
/// assert!(fields.get::<u8>("question").is_err());
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Makes no fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the fields of a struct or map.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when the value does not serialise, or not as an object.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::Prompt, message);
        match serde_json::to_value(value) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(wrong(format!(
                "fields are the members of a struct or map, and this is {}; give it a name",
                kind_of(&other)
            ))),
            Err(error) => {
                Err(wrong(format!("the fields cannot be written as JSON: {error}"))
                    .with_source(error))
            }
        }
    }

    /// Sets a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Sets a field, and returns the value that it had.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(name.into(), value.into())
    }

    /// Takes a field out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// The value of a field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value of a field that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// Reads a field as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when there is no such field, or it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let Some(value) = self.value(name) else {
            let known: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
            let message = format!("there is no field `{name}`; there is {}", known.join(", "));
            return Err(Error::new(ErrorKind::Output, message));
        };
        T::deserialize(value).map_err(|error| {
            let message = format!("the field `{name}` is {}: {error}", kind_of(value));
            Error::new(ErrorKind::Output, message).with_source(error)
        })
    }

    /// Reads all fields as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when they do not fit.
    pub fn into_typed<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(Value::Object(self.0)).map_err(unfit)
    }

    /// Reads all fields as `T`, and keeps them.
    pub(crate) fn as_typed<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.0).map_err(unfit)
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields as a JSON object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Takes the JSON object out.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

fn unfit(error: serde_json::Error) -> Error {
    let message = format!("the fields do not fit the output type: {error}");
    Error::new(ErrorKind::Output, message).with_source(error)
}

/// What a value is, in a few words that repeat none of it.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a record",
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Object(fields.0)
    }
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Fields {
    type Item = (String, Value);
    type IntoIter = serde_json::map::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Writes the fields as JSON.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Makes [`Fields`](crate::Fields): `fields! { question: "…", k: 3 }`. A value is anything that JSON can
/// be made of without fail: text, numbers, `bool`, `Option`, lists, `serde_json::Value`.
#[macro_export]
macro_rules! fields {
    ($($name:ident : $value:expr),* $(,)?) => {
        $crate::Fields::new()$(.with(stringify!($name), $value))*
    };
}
