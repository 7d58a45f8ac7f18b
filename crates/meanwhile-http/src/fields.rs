//! [`Fields`]: the fields of a body, written in the order in which they were added.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// Named fields in a fixed order, so that the same request gives the same bytes. `V` is the codec's own type of
/// values. Every method looks through all fields: bodies have few.
///
/// ```
/// use meanwhile_http::Fields;
///
/// let mut body = Fields::default();
/// body.push("model", serde_json::json!("large"));
/// body.push("top_k", serde_json::json!(4));
/// body.set("model", serde_json::json!("small"));
/// body.remove("top_k");
/// assert_eq!(serde_json::to_string(&body)?, r#"{"model":"small"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fields<'a, V>(Vec<(Cow<'a, str>, V)>);

impl<'a, V> Fields<'a, V> {
    /// Starts without a field, with room for some.
    #[must_use]
    pub fn with_capacity(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// Adds a field, which must not be there yet.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: V) {
        self.0.push((name.into(), value));
    }

    /// Adds a field, in the place of one of the same name.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: V) {
        let name = name.into();
        match self.get_mut(&name) {
            Some(known) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a field.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.0.iter_mut().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Takes a field away, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Keeps the fields whose names pass.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for Fields<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Serialize> Serialize for Fields<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
