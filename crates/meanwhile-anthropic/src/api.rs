//! [`AnthropicApi`]: what Anthropic offers beside answers.

use async_trait::async_trait;
use http::HeaderValue;
use meanwhile_core::{Error, ErrorKind, ListModels, ModelInfo, Request, Result, Timeouts};
use meanwhile_http::{Api, HttpProvider, Wire, redact};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::MessagesCodec;
use crate::encode::VERSION;

/// Anthropic's list of models, token counts and batches, with the key and the client of a provider.
///
/// ```
/// use meanwhile_anthropic::Anthropic;
/// use meanwhile_core::{Message, Request};
///
/// # async fn example() -> meanwhile_core::Result<()> {
/// let api = Anthropic::builder().api_key("not-a-real-key").api()?;
/// let request = Request::new("claude-sonnet-4-5", vec![Message::user("Hello")]);
/// println!("{} tokens", api.count_tokens(&request).await?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AnthropicApi {
    pub(crate) api: Api,
    pub(crate) codec: MessagesCodec,
}

impl AnthropicApi {
    /// Uses the endpoint, the credential and the client of a provider. It must serve Anthropic's own
    /// paths, as Anthropic does.
    #[must_use]
    pub fn new(provider: &HttpProvider<MessagesCodec>) -> Self {
        Self { api: provider.api(), codec: provider.codec().clone() }
    }

    /// Counts the tokens that a request would be charged for as input, without asking for an answer.
    /// Dropping the future cancels it.
    /// See <https://docs.anthropic.com/en/api/messages-count-tokens>.
    ///
    /// # Errors
    ///
    /// As for the request itself.
    pub async fn count_tokens(&self, request: &Request) -> Result<u64> {
        #[derive(Deserialize)]
        struct Count {
            input_tokens: u64,
        }

        let wire = self.codec.encode_count(request)?;
        let count: Count = self.send(wire, &request.model, request.timeouts).await?;
        Ok(count.input_tokens)
    }

    /// Sends a request and reads the answer as JSON.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        wire: Wire,
        model: &str,
        timeouts: Timeouts,
    ) -> Result<T> {
        let reply = self.api.send(wire, model, timeouts).await?;
        serde_json::from_slice(&reply.body).map_err(|source| {
            let message = "the answer is not the JSON that was expected; check the base URL";
            let error = Error::new(ErrorKind::Decode, message).with_source(source);
            error.with_provider(self.api.id().to_owned()).with_body(redact::shown(&reply.body))
        })
    }

    /// A `GET` with the version that every request states.
    pub(crate) fn get(path: String) -> Wire {
        versioned(Wire::get(path))
    }
}

/// Adds the version that every request states.
pub(crate) fn versioned(mut wire: Wire) -> Wire {
    wire.headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
    wire
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    last_id: Option<String>,
}

/// See <https://docs.anthropic.com/en/api/models-list>.
#[async_trait]
impl ListModels for AnthropicApi {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        let mut models = Vec::new();
        let mut path = "/v1/models?limit=1000".to_owned();
        loop {
            let page: Page = self.send(Self::get(path), "", Timeouts::default()).await?;
            let before = models.len();
            models.extend(page.data.into_iter().filter_map(model));
            match page.last_id {
                // A page without news would go on for ever.
                Some(last) if page.has_more && models.len() > before => {
                    path = format!("/v1/models?limit=1000&after_id={last}");
                }
                _ => return Ok(models),
            }
        }
    }
}

fn model(raw: Value) -> Option<ModelInfo> {
    let text = |name: &str| raw.get(name).and_then(Value::as_str);
    let count = |name: &str| raw.get(name).and_then(Value::as_u64);
    let mut model = ModelInfo::new(text("id")?);
    model.name = text("display_name").map(str::to_owned);
    // A model of unknown age is of the year 1970.
    model.created = text("created_at").and_then(seconds).filter(|seconds| *seconds > 0);
    model.input_tokens = count("max_input_tokens");
    model.output_tokens = count("max_tokens");
    model.raw = Some(Box::new(raw));
    Some(model)
}

/// Seconds since 1970 of a date like `2026-07-24T00:00:00Z`; fractions and offsets are not looked at.
fn seconds(date: &str) -> Option<u64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Years begin in March here, so that the day that comes and goes is the last of a year.
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
