//! [`Size`]: pieces no larger than a chunk, and chunks of as many pieces as fit.

use std::ops::Range;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation as _;

use super::tokens::{EstimatedTokens, TokenCounter};

/// How large chunks are.
#[derive(Debug, Clone)]
pub(super) struct Size {
    pub(super) tokens: usize,
    pub(super) overlap: usize,
    pub(super) counter: Arc<dyn TokenCounter>,
}

/// Where a piece that is too large may be cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    /// After sentences, by the rules of Unicode; a new line ends one.
    Sentences,
    Lines,
    Words,
    /// Between what readers take for characters: never within one.
    Graphemes,
}

impl Level {
    pub(super) const PROSE: &[Self] = &[Self::Sentences, Self::Words, Self::Graphemes];
    pub(super) const CODE: &[Self] = &[Self::Lines, Self::Words, Self::Graphemes];

    fn pieces(self, text: &str) -> Vec<&str> {
        match self {
            Self::Sentences => text.split_sentence_bounds().collect(),
            Self::Lines => text.split_inclusive('\n').collect(),
            Self::Words => text.split_word_bounds().collect(),
            Self::Graphemes => text.graphemes(true).collect(),
        }
    }
}

impl Size {
    pub(super) fn new(tokens: usize) -> Self {
        Self { tokens: tokens.max(1), overlap: 0, counter: Arc::new(EstimatedTokens) }
    }

    pub(super) fn fingerprint(&self, splitter: &str) -> String {
        let Self { tokens, overlap, counter } = self;
        format!("{splitter} tokens={tokens} overlap={overlap} counter={}", counter.name())
    }

    pub(super) fn fits(&self, text: &str, span: Range<usize>) -> bool {
        let piece = text.get(span).unwrap_or_default();
        // No counter finds more tokens than bytes: what is short is not counted.
        piece.len() <= self.tokens || self.counter.count(piece) <= self.tokens
    }

    /// Cuts `span` into pieces that fit, at the first of the levels that makes them fit. One grapheme is
    /// never cut, whatever its size.
    pub(super) fn refine(
        &self,
        text: &str,
        span: Range<usize>,
        levels: &[Level],
        pieces: &mut Vec<Range<usize>>,
    ) {
        let (Some((level, finer)), false) = (levels.split_first(), self.fits(text, span.clone()))
        else {
            pieces.push(span);
            return;
        };
        let mut start = span.start;
        for piece in level.pieces(text.get(span).unwrap_or_default()) {
            let end = start + piece.len();
            self.refine(text, start..end, finer, pieces);
            start = end;
        }
    }

    /// Joins consecutive pieces to chunks of as many as fit, and takes white space off their ends.
    pub(super) fn pack(&self, text: &str, pieces: &[Range<usize>]) -> Vec<Range<usize>> {
        let start_of = |piece: usize| pieces.get(piece).map_or(text.len(), |piece| piece.start);
        let end_of = |piece: usize| pieces.get(piece).map_or(text.len(), |piece| piece.end);
        let fits = |first: usize, last: usize| self.fits(text, start_of(first)..end_of(last));
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let (mut first, mut covered) = (0, 0);
        while first < pieces.len() {
            // In steps that double, then by halves: nothing much larger than the chunk is counted.
            let (mut last, mut step) = (first, 1);
            while last + step < pieces.len() && fits(first, last + step) {
                last += step;
                step *= 2;
            }
            while step > 0 {
                if last + step < pieces.len() && fits(first, last + step) {
                    last += step;
                }
                step /= 2;
            }
            // A chunk that has but white space beside what it repeats is none.
            let chunk = trimmed(text, start_of(first)..end_of(last));
            if let Some(chunk) = chunk.filter(|chunk| chunk.end > covered) {
                covered = chunk.end;
                chunks.push(chunk);
            }
            let mut next = last + 1;
            if self.overlap > 0 && next < pieces.len() {
                let repeated = |from: usize| {
                    let piece = text.get(start_of(from)..end_of(last)).unwrap_or_default();
                    self.counter.count(piece) <= self.overlap && fits(from, last + 1)
                };
                while next > first + 1 && repeated(next - 1) {
                    next -= 1;
                }
            }
            first = next;
        }
        chunks
    }
}

/// The span without white space at its ends; `None` where nothing else is in it.
fn trimmed(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let piece = text.get(span.clone())?;
    let start = span.start + (piece.len() - piece.trim_start().len());
    let end = start + piece.trim().len();
    (start < end).then_some(start..end)
}
