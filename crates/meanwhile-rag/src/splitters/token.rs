//! [`TokenSplitter`], for text of any kind.

use super::pack::{Level, Size};
use super::sized;
use crate::{Cut, Document, Splitter};

/// Cuts between words, wherever the chunk is full.
///
/// ```
/// use meanwhile_rag::splitters::TokenSplitter;
/// use meanwhile_rag::{Document, Splitter as _};
///
/// let text = "One two three four five six seven eight nine ten.";
/// let cuts = TokenSplitter::new(5).split(&Document::new("numbers", text));
/// let chunks: Vec<&str> = cuts.iter().map(|cut| &text[cut.span.clone()]).collect();
/// // A token is about four characters; words are not cut.
/// assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.len() <= 20));
/// assert!(text.ends_with(chunks[chunks.len() - 1].trim()));
/// ```
#[derive(Debug, Clone)]
pub struct TokenSplitter {
    size: Size,
}

impl TokenSplitter {
    /// Makes chunks of at most this many tokens.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        Self { size: Size::new(tokens) }
    }
}

sized!(TokenSplitter);

impl Splitter for TokenSplitter {
    fn fingerprint(&self) -> String {
        self.size.fingerprint("token/1")
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        let text = &document.text;
        let mut pieces = Vec::new();
        self.size.refine(text, 0..text.len(), &[Level::Words, Level::Graphemes], &mut pieces);
        self.size.pack(text, &pieces).into_iter().map(Cut::new).collect()
    }
}
