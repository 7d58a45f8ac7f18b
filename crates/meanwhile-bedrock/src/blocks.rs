//! [`Open`]: a block of a streamed answer that is being written; and what becomes of a citation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{Citation, ProviderData};
use serde_json::{Map, Value, json};

/// A block that is being written.
#[derive(Debug)]
pub(crate) struct Open {
    /// The block's index on the wire.
    pub(crate) index: u64,
    /// The part that grows with it; without meaning for a block of the service's own.
    pub(crate) part: u32,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Thinking(Sealed),
    /// The call whose arguments are the answer.
    Output,
    /// A block that is kept as it comes.
    Own(Own),
}

impl Kind {
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Open {
    /// Begins a block that is kept as it comes.
    pub(crate) fn own(index: u64, name: impl Into<String>, begun: Value) -> Self {
        let fields = match begun {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let mut own = Own {
            name: name.into(),
            fields: Map::new(),
            input: String::new(),
            pieces: Vec::new(),
            bytes: Vec::new(),
        };
        own.grow(Value::Object(fields));
        Self { index, part: 0, kind: Kind::Own(own) }
    }
}

/// A block that is kept as it comes, put together from its pieces.
#[derive(Debug)]
pub(crate) struct Own {
    name: String,
    fields: Map<String, Value>,
    /// The text of the arguments of a call.
    pub(crate) input: String,
    /// The content of a tool's answer.
    pieces: Vec<Value>,
    /// What a picture or a sound consists of; each piece of it is base64 of its own.
    bytes: Vec<u8>,
}

impl Own {
    /// Adds a piece: a list is content, an object has fields, and bytes follow the earlier ones.
    pub(crate) fn grow(&mut self, more: Value) {
        match more {
            Value::Array(pieces) => self.pieces.extend(pieces),
            Value::Object(mut fields) => {
                let bytes = fields.get("source").and_then(|source| source.get("bytes"));
                let bytes = bytes.and_then(Value::as_str).map(|bytes| STANDARD.decode(bytes));
                if let Some(Ok(bytes)) = bytes {
                    self.bytes.extend(bytes);
                    fields.shift_remove("source");
                }
                self.fields.extend(fields);
            }
            _ => {}
        }
    }

    /// The name of the block and the block.
    pub(crate) fn finish(mut self) -> (String, Value) {
        if !self.input.is_empty() {
            let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
            self.fields.insert("input".to_owned(), input);
        } else if self.name == "toolUse" {
            self.fields.entry("input").or_insert_with(|| json!({}));
        }
        if !self.pieces.is_empty() || self.name == "toolResult" {
            self.fields.entry("content").or_insert(Value::Array(join(self.pieces)));
        }
        if !self.bytes.is_empty() {
            // A source that is still there was no base64, so the whole is not what was meant.
            let source = json!({ "bytes": STANDARD.encode(self.bytes) });
            self.fields.entry("source").or_insert(source);
        }
        (self.name, Value::Object(self.fields))
    }
}

/// Joins pieces of text that follow each other.
fn join(pieces: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let text = piece.get("text").and_then(Value::as_str);
        match (out.last_mut().and_then(|last| last.get_mut("text")), text) {
            (Some(Value::String(last)), Some(text)) => last.push_str(text),
            _ => out.push(piece),
        }
    }
    out
}

/// What thinking goes back with.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    signature: String,
    /// Base64.
    redacted: String,
}

impl Sealed {
    pub(crate) fn add(&mut self, signature: Option<&str>, redacted: Option<&str>) {
        self.signature.push_str(signature.unwrap_or_default());
        let Some(redacted) = redacted.filter(|redacted| !redacted.is_empty()) else { return };
        // Each piece is base64 of its own.
        let bytes = (STANDARD.decode(&self.redacted), STANDARD.decode(redacted));
        match bytes {
            (Ok(mut bytes), Ok(more)) if !bytes.is_empty() => {
                bytes.extend(more);
                self.redacted = STANDARD.encode(bytes);
            }
            _ => self.redacted.push_str(redacted),
        }
    }

    pub(crate) fn into_data(self, provider: &str) -> Option<Box<ProviderData>> {
        let mut data = Map::new();
        for (name, text) in [("signature", self.signature), ("redactedContent", self.redacted)] {
            if !text.is_empty() {
                data.insert(name.to_owned(), Value::String(text));
            }
        }
        (!data.is_empty()).then(|| Box::new(ProviderData::new(provider, Value::Object(data))))
    }
}

/// Reads a citation and keeps it as it came.
pub(crate) fn citation(raw: Value, provider: &str) -> Citation {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut citation = Citation::new();
    citation.title = text(raw.get("title"));
    let quotes = raw.get("sourceContent").and_then(Value::as_array).into_iter().flatten();
    let quotes: Vec<&str> =
        quotes.filter_map(|quote| quote.get("text").and_then(Value::as_str)).collect();
    citation.quote = (!quotes.is_empty()).then(|| quotes.concat());
    citation.url = text(raw.pointer("/location/web/url")).or_else(|| text(raw.get("source")));
    let place = raw.get("location").and_then(Value::as_object);
    let index = place.into_iter().flat_map(|place| place.values()).find_map(|place| {
        place.get("documentIndex").or_else(|| place.get("searchResultIndex"))?.as_u64()
    });
    citation.document = index.map(|index| index.to_string());
    citation.with_data(ProviderData::new(provider, raw))
}
