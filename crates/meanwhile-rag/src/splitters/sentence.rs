//! [`SentenceSplitter`], for prose.

use super::pack::{Level, Size};
use super::sized;
use crate::{Cut, Document, Splitter};

/// Cuts prose after sentences, as Unicode defines them; longer ones after words.
///
/// ```
/// use meanwhile_rag::splitters::SentenceSplitter;
/// use meanwhile_rag::{Document, Splitter as _};
///
/// let document = Document::new("a", "It rained. Nobody went out. The cat slept.");
/// let cuts = SentenceSplitter::new(7).split(&document);
/// let texts: Vec<&str> = cuts.iter().map(|cut| &document.text[cut.span.clone()]).collect();
/// assert_eq!(texts, ["It rained. Nobody went out.", "The cat slept."]);
/// ```
#[derive(Debug, Clone)]
pub struct SentenceSplitter {
    size: Size,
}

impl SentenceSplitter {
    /// Makes chunks of at most this many tokens.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        Self { size: Size::new(tokens) }
    }
}

sized!(SentenceSplitter);

impl Splitter for SentenceSplitter {
    fn fingerprint(&self) -> String {
        self.size.fingerprint("sentence/1")
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        let text = &document.text;
        let mut pieces = Vec::new();
        self.size.refine(text, 0..text.len(), Level::PROSE, &mut pieces);
        self.size.pack(text, &pieces).into_iter().map(Cut::new).collect()
    }
}
