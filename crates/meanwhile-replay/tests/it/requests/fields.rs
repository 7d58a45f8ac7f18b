//! [`Fields`]: the fields of a recorded object, taken one by one, so that none is forgotten.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use meanwhile_core::{Effort, ToolCall, ToolResult};
use serde_json::{Map, Value};

/// The fields of an object that nobody has taken yet.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn of(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or_else(|| format!("no object but {value:.60}"))?;
        // A null says nothing that the absence of the field does not say.
        let given = fields.iter().filter(|(_, value)| !value.is_null());
        Ok(Self(given.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?.to_owned();
        self.0.shift_remove(name);
        Some(text)
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        let number = self.0.get(name)?.as_f64()?;
        self.0.shift_remove(name);
        Some(number)
    }

    pub(crate) fn count<T: TryFrom<u64>>(&mut self, name: &str) -> Option<T> {
        let count = T::try_from(self.0.get(name)?.as_u64()?).ok()?;
        self.0.shift_remove(name);
        Some(count)
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.0.get(name)?.as_bool()?;
        self.0.shift_remove(name);
        Some(flag)
    }

    pub(crate) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.0.get(name) {
            Some(Value::Array(_)) => match self.0.shift_remove(name) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// A list of texts, or one text.
    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = match self.0.get(name)? {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?
            }
            _ => return None,
        };
        self.0.shift_remove(name);
        Some(texts)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// The level of this name.
pub(crate) fn effort(name: &str) -> Option<Effort> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

/// Bytes from base64.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    // Some clients write the letters that are safe in URLs.
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| "bytes that are not base64".to_owned())
}

/// The media type and the bytes of a `data:` URL; `None` for another URL.
pub(crate) fn data_url(url: &str) -> Result<Option<(String, Vec<u8>)>, String> {
    let Some(data) = url.strip_prefix("data:") else { return Ok(None) };
    let (media_type, data) = data.split_once(";base64,").ok_or("a `data:` URL without base64")?;
    Ok(Some((media_type.to_owned(), bytes(data)?)))
}

/// The answer to a call of which only the id and the name are known.
pub(crate) fn result(id: &str, name: &str, parts: Vec<meanwhile_core::Part>) -> ToolResult {
    ToolResult::new(&ToolCall::new(id, name, ""), parts)
}
