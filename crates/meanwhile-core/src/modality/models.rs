//! [`ListModels`]: which models a provider has.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;

/// Lists the models of a provider.
#[async_trait]
pub trait ListModels: fmt::Debug + Send + Sync + 'static {
    /// Returns every model that the credential can use, all pages of it, in the provider's order.
    /// Dropping the future cancels the requests.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports.
    async fn list_models(&self) -> Result<Vec<ModelInfo>>;
}

/// What a provider says about one of its models. What it does not say is `None`.
///
/// ```
/// use meanwhile_core::ModelInfo;
///
/// let mut large = ModelInfo::new("gpt-4o-mini");
/// large.input_tokens = Some(128_000);
/// let models = [large, ModelInfo::new("whisper-1")];
/// let roomy = models.iter().find(|model| model.input_tokens.is_some_and(|most| most >= 100_000));
/// assert_eq!(roomy.map(|model| &*model.id), Some("gpt-4o-mini"));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The id that requests name.
    pub id: String,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose model it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was made, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// Most tokens of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Most tokens of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Everything the provider said, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Box<Value>>,
}

impl ModelInfo {
    /// Makes a model of which only the id is known.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}
