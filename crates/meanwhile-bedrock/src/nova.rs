//! What differs in the body that Nova takes behind `InvokeModel` from that of Converse.
//!
//! The two are nearly the same: what Converse has beside the conversation is in the settings of the
//! model or in headers, and a cache mark is a field of the text before it (which `messages` sees to).
//! See <https://docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html>.

use http::{HeaderMap, HeaderValue};
use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::encode::{Settings, merge};
use crate::notes::Notes;

pub(crate) const SCHEMA_VERSION: &str = "messages-v1";

/// Moves what Converse has in a place of its own to where this body has it, or drops it with a
/// warning.
pub(crate) fn move_fields(
    settings: &mut Settings,
    others: &mut Vec<(&str, &Value)>,
    headers: &mut HeaderMap,
    notes: &mut Notes,
) -> Result<()> {
    if let Some(Value::Object(more)) = settings.additional.shift_remove("inferenceConfig") {
        merge(&mut settings.inference, &more);
    }
    if let Some(config) = settings.additional.shift_remove("reasoningConfig") {
        settings.inference.insert("reasoningConfig".to_owned(), config);
    }
    if let Some(tier) = settings.service_tier.take() {
        let tier = tier.get("type").and_then(Value::as_str).unwrap_or_default();
        set(headers, "x-amzn-bedrock-service-tier", "service_tier", tier)?;
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
            // To answer unguarded is no weaker form of the same.
            "guardrailConfig" => {
                let message = "guardrails are applied through Converse; leave out `:invoke`";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            "performanceConfig" => {
                let latency = value.get("latency").and_then(Value::as_str).unwrap_or_default();
                set(headers, "x-amzn-bedrock-performanceconfig-latency", name, latency)?;
            }
            "requestMetadata" => notes.dropped("requestMetadata", absent)?,
            "promptVariables" => notes.dropped("promptVariables", absent)?,
            _ => others.push((name, value)),
        }
    }
    Ok(())
}

fn set(headers: &mut HeaderMap, header: &'static str, name: &str, value: &str) -> Result<()> {
    let value = HeaderValue::from_str(value).map_err(|source| {
        let message = format!("`{name}` holds a character that a header cannot carry");
        Error::new(ErrorKind::InvalidRequest, message).with_source(source)
    })?;
    headers.insert(header, value);
    Ok(())
}
