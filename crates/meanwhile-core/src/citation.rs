//! [`Citation`] and [`Logprob`]: what a provider says about an answer's text, beside the text.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ProviderData;

/// A source that backs an answer, or a stretch of it.
///
/// Providers differ in what they tell; what is not told is `None`, and the provider's own words
/// are in [`data`](Self::data).
///
/// ```
/// # use meanwhile_core::{Citation, Model, Part, Response, Scripted, Text};
/// # futures::executor::block_on(async {
/// let mut citation = Citation::url("https://example.com/paris");
/// citation.span = Some(0..5);
/// let mut text = Text::new("Paris is the capital.");
/// text.citations.push(citation);
/// let model = Model::new(Scripted::new().parts([Part::from(text)]), "any");
/// let response: Response = model.call("What is the capital of France?").await?;
/// let cited: Vec<_> = response.citations().filter_map(|one| one.url.as_deref()).collect();
/// assert_eq!(cited, ["https://example.com/paris"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
///
/// ```
/// use meanwhile_core::Logprob;
///
/// let mut token = Logprob::new("yes", -0.105);
/// token.top = vec![("yes".to_owned(), -0.105), ("no".to_owned(), -2.3)];
/// // A probability of nine in ten.
/// assert!((token.logprob.exp() - 0.9).abs() < 0.01);
/// assert_eq!(token.top[0].0, token.token);
/// ```
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
