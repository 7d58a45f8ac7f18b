//! [`ProviderData`]: what a provider attached to a part and wants back verbatim, in place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Opaque data that belongs to one provider: a thinking signature, a thought signature, an item id.
///
/// It goes back verbatim to the provider it came from; for any other provider it is dropped with a
/// warning. Nothing in this workspace but that provider's codec looks inside.
///
/// ```
/// use meanwhile_core::ProviderData;
/// use serde_json::json;
///
/// let data = ProviderData::new("anthropic", json!({"signature": "EqQBCkYIBBgC"}));
/// // Its codec finds it; that of another provider does not.
/// assert_eq!(data.for_provider("anthropic"), Some(&json!({"signature": "EqQBCkYIBBgC"})));
/// assert_eq!(data.for_provider("openai"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderData {
    /// The id of the provider (or of the wire dialect) that issued the data.
    pub provider: String,
    /// The data itself.
    pub value: Value,
}

impl ProviderData {
    /// Labels `value` as belonging to `provider`.
    #[must_use]
    pub fn new(provider: impl Into<String>, value: Value) -> Self {
        Self { provider: provider.into(), value }
    }

    /// Returns the data if it belongs to `provider`.
    #[must_use]
    pub fn for_provider(&self, provider: &str) -> Option<&Value> {
        (self.provider == provider).then_some(&self.value)
    }
}
