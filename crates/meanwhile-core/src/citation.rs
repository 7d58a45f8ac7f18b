//! [`Citation`] and [`Logprob`]: what a provider says about an answer's text, beside the text.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ProviderData;

/// A source that backs an answer, or a stretch of it.
///
/// Providers differ in what they tell; what is not told is `None`, and the provider's own words
/// are in [`data`](Self::data).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Citation {
    /// The address of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The title of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The words of the source that are cited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Which document of the request is cited: its id, or its index from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The stretch of the part's text that the source backs, in characters (Unicode scalar values).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Range<u32>>,
    /// The citation as the provider sent it; it goes back to that provider verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<ProviderData>>,
}

impl Citation {
    /// Makes a citation of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cites an address.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// Attaches the citation as the provider sent it.
    #[must_use]
    pub fn with_data(mut self, data: ProviderData) -> Self {
        self.data = Some(Box::new(data));
        self
    }
}

/// How probable a token of the answer was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Logprob {
    /// The token's text; a token may end within a character, which is then replaced.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: f64,
    /// The most probable tokens in its place with their logarithms, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, f64)>,
}

impl Logprob {
    /// Makes the probability of one token, without alternatives.
    #[must_use]
    pub fn new(token: impl Into<String>, logprob: f64) -> Self {
        Self { token: token.into(), logprob, top: Vec::new() }
    }
}
