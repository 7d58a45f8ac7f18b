//! [`Envelope`]: what Bedrock itself takes beside a vendor's body behind `InvokeModel`: headers, the same for
//! every vendor.
//!
//! Converse has these settings in its own body, under names that no vendor's body knows; so they are taken
//! out before a vendor's codec writes the request.

use http::{HeaderMap, HeaderValue};
use meanwhile_core::{Error, ErrorKind, Request, Result, Warning};
use meanwhile_http::{Notes, Wire};
use serde_json::{Map, Value};

use crate::config::ID;
use crate::models::Family;

const TIER: &str = "x-amzn-bedrock-service-tier";
const LATENCY: &str = "x-amzn-bedrock-performanceconfig-latency";
const METADATA: &str = "x-amzn-bedrock-request-metadata";

/// What is Converse's alone, beside what Nova's body has as well.
const OF_CONVERSE: [&str; 3] =
    ["additionalModelResponseFieldPaths", "outputConfig", "promptVariables"];

/// What Nova's body has as well.
const OF_NOVA: [&str; 2] = ["inferenceConfig", "toolConfig"];

/// The settings of the service that a request asks for. See
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    headers: HeaderMap,
    warnings: Vec<Warning>,
}

impl Envelope {
    /// Takes the settings out of a request to a model of `family`; what is left goes into the body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a guardrail: to answer unguarded is no weaker form of the same.
    /// [`ErrorKind::InvalidRequest`] for a setting that is not of the form that Converse takes.
    pub(crate) fn take(request: &mut Request, family: Family) -> Result<Self> {
        let mut notes = Notes::new(request.unsupported);
        let mut headers = HeaderMap::new();
        let tier = request.params.service_tier.take();
        set(&mut headers, TIER, "service_tier", tier.as_deref())?;
        let Some(options) = request.params.options.get_mut(ID) else {
            return Ok(Self { headers, warnings: notes.into_warnings() });
        };
        if options.contains_key("guardrailConfig") {
            let message = "guardrails are applied through Converse; leave out `:invoke`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let mut word = |name: &str, field: &str| {
            let value = options.shift_remove(name).filter(|value| !is_nothing(value));
            value.map(|value| word_of(&value, name, field)).transpose()
        };
        let tier = word("serviceTier", "type")?;
        let latency = word("performanceConfig", "latency")?;
        let metadata = options.shift_remove("requestMetadata").map(|metadata| metadata.to_string());
        set(&mut headers, TIER, "serviceTier", tier.as_deref())?;
        set(&mut headers, LATENCY, "performanceConfig", latency.as_deref())?;
        set(&mut headers, METADATA, "requestMetadata", metadata.as_deref())?;
        if family != Family::Nova {
            for name in OF_CONVERSE.into_iter().chain(OF_NOVA) {
                if options.shift_remove(name).is_some() {
                    notes.dropped(name, "only Converse has the setting; leave out `:invoke`")?;
                }
            }
            // The fields of the model's own request are those of this body.
            if let Some(Value::Object(more)) = options.shift_remove("additionalModelRequestFields")
            {
                crate::encode::merge(options, &more);
            }
        }
        Ok(Self { headers, warnings: notes.into_warnings() })
    }

    /// Adds the settings to what the vendor's codec wrote.
    pub(crate) fn put(self, mut wire: Wire) -> Wire {
        for (name, value) in &self.headers {
            wire.headers.insert(name, value.clone());
        }
        wire.warnings.splice(..0, self.warnings);
        wire
    }
}

/// What is left of Bedrock's options, where a vendor's codec looks for its own under another name. The
/// vendor's own go first.
pub(crate) fn hand_over(request: &mut Request, owner: &str) {
    let Some(left) = request.params.options.remove(ID).filter(|left| !left.is_empty()) else {
        return;
    };
    let own = request.params.options.entry(owner.to_owned()).or_default();
    let mut all: Map<String, Value> = left;
    crate::encode::merge(&mut all, own);
    *own = all;
}

/// Whether a setting asks for nothing.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

/// The one word that a setting holds.
fn word_of(value: &Value, name: &str, field: &str) -> Result<String> {
    let word = value.get(field).and_then(Value::as_str).map(str::to_owned);
    word.ok_or_else(|| {
        let message = format!("`{name}` must be an object whose `{field}` is text");
        Error::new(ErrorKind::InvalidRequest, message)
    })
}

fn set(
    headers: &mut HeaderMap,
    header: &'static str,
    name: &str,
    value: Option<&str>,
) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let value = HeaderValue::from_str(value).map_err(|source| {
        let message = format!("`{name}` holds a character that a header cannot carry");
        Error::new(ErrorKind::InvalidRequest, message).with_source(source)
    })?;
    headers.insert(header, value);
    Ok(())
}
