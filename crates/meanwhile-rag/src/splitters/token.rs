//! [`TokenSplitter`], for text of any kind.

use super::pack::{Level, Size};
use super::sized;
use crate::{Cut, Document, Splitter};

/// Cuts between words, wherever the chunk is full.
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
