//! What of an item is kept with its parts, to go back with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{Image, Part, ProviderData};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::wire;
use crate::written::AFTER;

/// Whether an item of the vendor's own tools is a question to the program.
pub(crate) fn waits_for_program(item: &wire::Item<'_>) -> bool {
    match item.r#type.text() {
        "computer_call" | "local_shell_call" | "apply_patch_call" | "mcp_approval_request" => true,
        "tool_search_call" => item.execution.text() == "client",
        "shell_call" => item
            .environment
            .0
            .as_ref()
            .is_none_or(|environment| environment.r#type.text() == "local"),
        _ => false,
    }
}

/// What of a message goes back with its texts.
pub(crate) fn message_data(item: &wire::Item<'_>, after: Option<&str>) -> Map<String, Value> {
    let mut kept = Map::new();
    let fields = [
        ("type", &item.r#type),
        ("id", &item.id),
        ("status", &item.status),
        ("phase", &item.phase),
    ];
    for (name, value) in fields {
        if let Some(value) = value.given() {
            kept.insert(name.to_owned(), value.into());
        }
    }
    note(&mut kept, after);
    kept
}

pub(crate) fn note(kept: &mut Map<String, Value>, after: Option<&str>) {
    if let Some(after) = after {
        kept.insert(AFTER.to_owned(), after.into());
    }
}

/// Reads the picture that an item holds, with everything else of the item beside it.
pub(crate) fn picture(
    item: &wire::Item<'_>,
    raw: &RawValue,
    label: &str,
    after: Option<&str>,
) -> Option<Part> {
    if item.r#type.text() != "image_generation_call" {
        return None;
    }
    let bytes = STANDARD.decode(item.result.text()).ok().filter(|bytes| !bytes.is_empty())?;
    let media_type = item.output_format.given().map(|format| format!("image/{format}"));
    let mut image = Image::from_source(bytes.into(), media_type);
    let mut kept = object(raw)?;
    kept.remove("result");
    note(&mut kept, after);
    image.data = Some(Box::new(ProviderData::new(label, Value::Object(kept))));
    Some(Part::Image(image))
}

pub(crate) fn opaque(raw: &RawValue, label: &str) -> Option<Part> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    (!value.is_null()).then(|| Part::opaque(label, value))
}

pub(crate) fn object(raw: &RawValue) -> Option<Map<String, Value>> {
    serde_json::from_str(raw.get()).ok()
}
