//! [`failure`] and [`broke_off`]: errors from what a server says without the form that its wire has for them.

use meanwhile_core::{Error, ErrorKind};
use serde_json::Value;

use crate::redact::shown;
use crate::status::{html_title, looks_like_html};

/// Most bytes of a text that are shown in a message.
const SHOWN_WORDS: usize = 200;

/// The JSON in a text, which may hold more than one, that says that something failed.
pub(crate) fn named(text: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    let mut start = 0;
    while let Some(Ok(value)) = values.next() {
        let end = values.byte_offset();
        if is_failure(first(&value)) {
            return text.get(start..end).map(<[u8]>::trim_ascii);
        }
        start = end;
    }
    None
}

/// Makes an error of a text that is known to be one.
pub(crate) fn failure(text: &[u8]) -> Error {
    let value: Option<Value> = serde_json::from_slice(named(text).unwrap_or(text)).ok();
    let message = value.as_ref().map(first).and_then(message);
    let message = message.map_or_else(
        || match words(text) {
            words if words.is_empty() => {
                "the server reported a failure without a message".to_owned()
            }
            words => format!("the server reported a failure: `{words}`"),
        },
        str::to_owned,
    );
    Error::new(ErrorKind::Server, message).with_body(shown(text))
}

/// Adds to the error of an answer that is not complete what the server wrote in the place of the rest.
pub(crate) fn broke_off(error: Error, text: &[u8]) -> Error {
    if error.kind() != ErrorKind::StreamInterrupted || error.body().is_some() || text.is_empty() {
        return error;
    }
    let page = std::str::from_utf8(text).ok().filter(|_| looks_like_html(text));
    let words = match page.and_then(html_title) {
        Some(title) => format!("an HTML page titled `{title}`"),
        None if looks_like_html(text) => "an HTML page".to_owned(),
        None => format!("`{}`", words(text)),
    };
    let message = format!("the answer broke off with {words}; send the request again");
    Error::new(ErrorKind::StreamInterrupted, message).with_body(shown(text)).with_source(error)
}

/// Some gateways wrap an error in a list.
fn first(value: &Value) -> &Value {
    value.get(0).unwrap_or(value)
}

fn is_failure(value: &Value) -> bool {
    let is_said = match value.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(error)) => !error.is_empty(),
        Some(Value::Array(errors)) => !errors.is_empty(),
        Some(Value::Number(code)) => code.as_u64() != Some(0),
        Some(Value::Bool(true)) => true,
    };
    is_said || value.get("type").is_some_and(|kind| kind == "error")
}

fn message(value: &Value) -> Option<&str> {
    let places = ["/error/message", "/error", "/message", "/detail"];
    let texts = places.iter().filter_map(|place| value.pointer(place)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

/// The beginning of a text, on one line.
fn words(text: &[u8]) -> String {
    let words = shown(text.get(..SHOWN_WORDS).unwrap_or(text));
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
