//! [`MarkdownSplitter`] and the other ways of cutting documents, all by size in tokens.

mod code;
mod markdown;
mod pack;
mod sentence;
mod token;
mod tokens;

pub use code::CodeSplitter;
pub use markdown::MarkdownSplitter;
pub use sentence::SentenceSplitter;
pub use token::TokenSplitter;
pub use tokens::{EstimatedTokens, TokenCounter, count_tokens_with};

/// What all splitters share: the methods that set sizes.
macro_rules! sized {
    ($name:ident) => {
        impl $name {
            /// Sets how many tokens of one chunk the next one repeats; none without this. At most half
            /// of a chunk is repeated.
            #[must_use]
            pub fn overlap(mut self, tokens: usize) -> Self {
                self.size.overlap = tokens.min(self.size.tokens / 2);
                self
            }

            /// Sets what counts tokens, such as the embedder's own tokenizer;
            /// [`EstimatedTokens`](crate::splitters::EstimatedTokens) without this.
            #[must_use]
            pub fn counter(mut self, counter: impl $crate::splitters::TokenCounter) -> Self {
                self.size.counter = std::sync::Arc::new(counter);
                self
            }
        }
    };
}
use sized;
