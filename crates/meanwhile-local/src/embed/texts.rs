//! [`Texts`] turns texts into the tokens that the embedding model reads.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::LocalError;

/// The tokens that all-MiniLM-L6-v2 reads of a text, those around it included.
///
/// It has positions for twice as many, but was trained with fewer, and the model's own settings
/// stop here; so do they in the library that it was published with.
const LIMIT: usize = 256;

/// What turns texts into tokens.
pub(super) struct Texts {
    tokenizer: Tokenizer,
    limit: usize,
}

/// The tokens of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    /// Whether its end was left out.
    pub(super) truncated: bool,
}

impl Texts {
    /// Reads `tokenizer.json` for a model with so many positions.
    pub(super) fn load(path: &Path, positions: usize) -> Result<Self, LocalError> {
        let wrong = |error: tokenizers::Error| LocalError::Weights {
            path: path.into(),
            reason: error.to_string(),
        };
        let mut tokenizer = Tokenizer::from_file(path).map_err(wrong)?;
        // The file asks for every text to be brought to 128 tokens, for the model's training.
        tokenizer.with_truncation(None).map_err(wrong)?.with_padding(None);
        Ok(Self { tokenizer, limit: LIMIT.min(positions) })
    }

    /// The tokens of the text at `index` in its list.
    ///
    /// # Errors
    ///
    /// [`LocalError::TextTooLong`] when it has more than the model reads and must not be truncated.
    pub(super) fn encode(
        &self,
        index: usize,
        text: &str,
        truncate: bool,
    ) -> Result<Tokens, LocalError> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(LocalError::internal)?;
        let ids = encoding.get_ids();
        let (tokens, limit) = (ids.len(), self.limit);
        match ids.last() {
            Some(last) if tokens > limit => {
                if !truncate {
                    return Err(LocalError::TextTooLong { index, tokens, limit });
                }
                // The token that ends every text stays.
                let ids = ids.iter().take(limit.saturating_sub(1)).chain([last]).copied();
                Ok(Tokens { ids: ids.collect(), truncated: true })
            }
            _ => Ok(Tokens { ids: ids.to_vec(), truncated: false }),
        }
    }
}
