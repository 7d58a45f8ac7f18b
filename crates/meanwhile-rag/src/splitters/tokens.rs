//! [`TokenCounter`], how long a text is to a model.

use std::fmt;

/// Says how long a text is to a model.
pub trait TokenCounter: fmt::Debug + Send + Sync + 'static {
    /// Names the way of counting; a part of a splitter's
    /// [fingerprint](crate::Splitter::fingerprint).
    fn name(&self) -> String;

    /// The number of tokens. A longer text must not have fewer than the beginning of it.
    fn count(&self, text: &str) -> usize;
}

/// Estimates a token for every four characters: near enough for English prose, too few for code and for
/// scripts such as Chinese. Give the splitter the embedder's tokenizer where chunks must not be cut off.
///
/// ```
/// use meanwhile_rag::splitters::{EstimatedTokens, TokenCounter as _};
///
/// // A token for every four characters.
/// assert_eq!(EstimatedTokens.count("Refunds are paid within 30 days."), 8);
/// assert_eq!(EstimatedTokens.count(""), 0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct EstimatedTokens;

impl TokenCounter for EstimatedTokens {
    fn name(&self) -> String {
        "estimate".to_owned()
    }

    fn count(&self, text: &str) -> usize {
        text.chars().count().div_ceil(4)
    }
}

/// Counts tokens with a function; `name` says which, so that documents are cut again with another.
///
/// ```
/// use meanwhile_rag::splitters::{SentenceSplitter, count_tokens_with};
///
/// let words = count_tokens_with("words", |text| text.split_whitespace().count());
/// let splitter = SentenceSplitter::new(100).counter(words);
/// ```
pub fn count_tokens_with(
    name: impl Into<String>,
    count: impl Fn(&str) -> usize + Send + Sync + 'static,
) -> impl TokenCounter {
    Function { name: name.into(), count }
}

struct Function<F> {
    name: String,
    count: F,
}

impl<F: Fn(&str) -> usize + Send + Sync + 'static> TokenCounter for Function<F> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn count(&self, text: &str) -> usize {
        (self.count)(text)
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenCounter").field(&self.name).finish()
    }
}
