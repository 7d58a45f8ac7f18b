//! [`CodeSplitter`], for source code in any language.

use std::ops::Range;

use super::pack::{Level, Size};
use super::sized;
use crate::{Cut, Document, Splitter};

/// Cuts source code where an indented block is over and a blank line follows, at the outermost
/// indentation first; longer blocks further in, and at last between lines.
///
/// It knows no language, only how people lay code out. The metadata of each chunk has the number of its
/// first line, from 1, in `first_line`.
///
/// ```
/// use meanwhile_rag::splitters::CodeSplitter;
/// use meanwhile_rag::{Document, Splitter as _};
///
/// let code = "fn one() {\n    1\n}\n\nfn two() {\n    2\n}\n";
/// let cuts = CodeSplitter::new(6).split(&Document::new("lib.rs", code));
/// assert_eq!(cuts.len(), 2);
/// assert!(code[cuts[1].span.clone()].starts_with("fn two()"));
/// assert_eq!(cuts[1].metadata["first_line"], 5);
/// ```
#[derive(Debug, Clone)]
pub struct CodeSplitter {
    size: Size,
}

impl CodeSplitter {
    /// Makes chunks of at most this many tokens.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        Self { size: Size::new(tokens) }
    }
}

sized!(CodeSplitter);

impl Splitter for CodeSplitter {
    fn fingerprint(&self) -> String {
        self.size.fingerprint("code/1")
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        let text = &document.text;
        let mut pieces = Vec::new();
        self.blocks(text, &lines(text), &mut pieces);
        let mut cuts = Vec::new();
        let (mut line, mut counted) = (1_usize, 0_usize);
        for span in self.size.pack(text, &pieces) {
            // Chunks that overlap begin before the end of the last one, never before its beginning.
            let between = text.get(counted..span.start).unwrap_or_default();
            line += memchr::memchr_iter(b'\n', between.as_bytes()).count();
            counted = span.start;
            let mut cut = Cut::new(span);
            cut.metadata.insert("first_line".to_owned(), line.into());
            cuts.push(cut);
        }
        cuts
    }
}

/// A line, and how far it is indented; `None` for one without anything on it.
struct Line {
    span: Range<usize>,
    indentation: Option<usize>,
}

fn lines(text: &str) -> Vec<Line> {
    let mut start = 0;
    let line = |line: &str| {
        let span = start..start + line.len();
        start = span.end;
        let indentation = line.find(|c: char| !c.is_whitespace());
        Line { span, indentation }
    };
    text.split_inclusive('\n').map(line).collect()
}

impl CodeSplitter {
    /// Cuts consecutive lines into blocks that fit.
    fn blocks(&self, text: &str, lines: &[Line], pieces: &mut Vec<Range<usize>>) {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        let whole = first.span.start..last.span.end;
        let outermost = lines.iter().filter_map(|line| line.indentation).min();
        let is_outermost =
            |line: Option<&Line>| line.is_some_and(|line| line.indentation == outermost);
        let after_blank = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| lines.get(before));
            is_outermost(lines.get(at)) && before.is_some_and(|line| line.indentation.is_none())
        };
        let anywhere = |at: usize| is_outermost(lines.get(at));
        let blank = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| lines.get(before));
            before.is_some_and(|line| line.indentation.is_none())
        };
        let starts = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (1..lines.len()).filter(|at| wanted(*at)).collect()
        };
        if !self.size.fits(text, whole.clone()) {
            let ways: [&dyn Fn(usize) -> bool; 3] = [&after_blank, &blank, &anywhere];
            for way in ways {
                let starts = starts(way);
                if starts.is_empty() {
                    continue;
                }
                let mut from = 0;
                for to in starts.into_iter().chain([lines.len()]) {
                    self.blocks(text, lines.get(from..to).unwrap_or_default(), pieces);
                    from = to;
                }
                return;
            }
        }
        self.size.refine(text, whole, Level::CODE, pieces);
    }
}
