//! What differs in the body that Nova takes behind `InvokeModel` from that of Converse.
//!
//! The two are nearly the same: what Converse has beside the conversation is in the settings of the
//! model, or in headers (which `envelope` sees to), and a cache mark is a field of the text before it (which
//! `messages` sees to).
//! See <https://docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html>.

use meanwhile_core::Result;
use meanwhile_http::Notes;
use serde_json::Value;

use crate::encode::{Settings, merge};

pub(crate) const SCHEMA_VERSION: &str = "messages-v1";

/// Moves what Converse has in a place of its own to where this body has it, or drops it with a
/// warning.
pub(crate) fn move_fields(
    settings: &mut Settings,
    others: &mut Vec<(&str, &Value)>,
    notes: &mut Notes,
) -> Result<()> {
    if let Some(Value::Object(more)) = settings.additional.shift_remove("inferenceConfig") {
        merge(&mut settings.inference, &more);
    }
    if let Some(config) = settings.additional.shift_remove("reasoningConfig") {
        settings.inference.insert("reasoningConfig".to_owned(), config);
    }
    let absent = "only Converse has the setting; leave out `:invoke`";
    if settings.response_paths.take().is_some() {
        notes.dropped("additionalModelResponseFieldPaths", absent)?;
    }
    if !std::mem::take(&mut settings.output).is_empty() {
        notes.dropped("outputConfig", absent)?;
    }
    for (name, value) in std::mem::take(others) {
        match name {
            "promptVariables" => notes.dropped("promptVariables", absent)?,
            _ => others.push((name, value)),
        }
    }
    Ok(())
}
