//! [`Tags`]: thinking that a model's text begins with, between `<think>` and `</think>`, told from the answer.
//!
//! Only what the text begins with is thinking: the same tags later on are the answer's own. What may be a
//! part of a tag is held back until more has come, so it does not matter how the text is cut. Blank space
//! on either side of a tag belongs to the tag.

use std::mem::take;

/// An opening tag and its closing one.
pub(crate) type Pair = (&'static str, &'static str);

/// `<think>`, which models learned from DeepSeek's and Qwen's.
pub(crate) const THINK: &[Pair] = &[("<think>", "</think>")];

/// Google's, beside a mark that says the same.
pub(crate) const THOUGHT: Pair = ("<thought>", "</thought>");

/// What has been seen of the text of one answer.
#[derive(Debug)]
pub(crate) struct Tags {
    pairs: &'static [Pair],
    stage: Stage,
    /// What may be a part of a tag, or space beside one.
    held: String,
    /// How many bytes of text have come.
    seen: usize,
    /// How many of them stood in front of the answer.
    in_front: usize,
}

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Thinking(String),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The text may begin with thinking.
    Opening,
    /// Thinking begins with its first word, and ends with this tag.
    Opened(&'static str),
    /// Thinking has begun, and ends with this tag.
    Inside(&'static str),
    /// What came was marked as thinking; what is not may begin with this tag.
    Marked(&'static str),
    /// The answer begins with its first word.
    Behind,
    /// The answer has begun.
    Passing,
}

impl Tags {
    /// Looks for these tags, or for none.
    pub(crate) fn new(pairs: &'static [Pair]) -> Self {
        let stage = if pairs.is_empty() { Stage::Passing } else { Stage::Opening };
        Self { pairs, stage, held: String::new(), seen: 0, in_front: 0 }
    }

    /// Whether text is passed on as it is.
    pub(crate) fn is_passing(&self) -> bool {
        self.stage == Stage::Passing
    }

    /// Whether thinking was found, and no answer behind it yet.
    pub(crate) fn has_only_thought(&self) -> bool {
        !matches!(self.stage, Stage::Opening | Stage::Passing)
    }

    /// How many bytes of the text stood in front of the answer: its thinking, and the tags around that.
    pub(crate) fn in_front(&self) -> usize {
        self.in_front
    }

    /// Whether text is held back that may be the beginning of the answer.
    pub(crate) fn holds_beginning(&self) -> bool {
        self.stage == Stage::Opening && !self.held.is_empty()
    }

    /// Adds more of the text.
    pub(crate) fn push(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        self.held.push_str(text);
        self.seen += text.len();
        loop {
            match self.stage {
                Stage::Opening => {
                    let begun = self.held.trim_start();
                    let blank = self.held.len() - begun.len();
                    let found = self.pairs.iter().find(|(open, _)| begun.starts_with(open));
                    if let Some((open, close)) = found {
                        self.held.drain(..blank + open.len());
                        self.stage = Stage::Opened(close);
                    } else if self.pairs.iter().any(|(open, _)| open.starts_with(begun)) {
                        return;
                    } else {
                        self.stage = Stage::Passing;
                    }
                }
                Stage::Opened(close) => {
                    self.skip_blank();
                    if self.held.is_empty() {
                        return;
                    }
                    self.stage = Stage::Inside(close);
                }
                Stage::Inside(close) => {
                    let Some(at) = self.held.find(close) else {
                        let rest = self.held.split_off(kept_back(&self.held, close));
                        think(std::mem::replace(&mut self.held, rest), pieces);
                        return;
                    };
                    let rest = self.held.split_off(at);
                    self.held.truncate(self.held.trim_end().len());
                    think(take(&mut self.held), pieces);
                    self.held.push_str(rest.get(close.len()..).unwrap_or_default());
                    self.stage = Stage::Behind;
                }
                Stage::Marked(close) => {
                    if self.held.starts_with(close) {
                        self.held.drain(..close.len());
                        self.stage = Stage::Behind;
                    } else if close.starts_with(&*self.held) {
                        return;
                    } else {
                        self.stage = Stage::Passing;
                    }
                }
                Stage::Behind => {
                    self.skip_blank();
                    if self.held.is_empty() {
                        return;
                    }
                    self.in_front = self.seen - self.held.len();
                    self.stage = Stage::Passing;
                }
                Stage::Passing => {
                    self.flush(pieces);
                    return;
                }
            }
        }
    }

    /// Adds text that the server marked as thinking. The tags around it come with the first piece that is
    /// marked and with the first that is not, or within one that is all of the text.
    pub(crate) fn marked(&mut self, text: &str, (open, close): Pair, pieces: &mut Vec<Piece>) {
        self.flush(pieces);
        let is_first = !matches!(self.stage, Stage::Marked(_));
        let text = if is_first { text.strip_prefix(open).unwrap_or(text) } else { text };
        match text.split_once(close) {
            Some((thought, rest)) => {
                think(thought.trim().to_owned(), pieces);
                self.stage = Stage::Behind;
                self.push(rest, pieces);
            }
            None => {
                think(text.to_owned(), pieces);
                self.stage = Stage::Marked(close);
            }
        }
    }

    /// Gives out what was held back: something else than text comes, or nothing more.
    pub(crate) fn flush(&mut self, pieces: &mut Vec<Piece>) {
        let held = take(&mut self.held);
        match self.stage {
            Stage::Opened(_) | Stage::Inside(_) => think(held, pieces),
            Stage::Opening | Stage::Marked(_) | Stage::Behind | Stage::Passing => {
                if !held.is_empty() {
                    self.stage = Stage::Passing;
                    pieces.push(Piece::Text(held));
                }
            }
        }
    }

    fn skip_blank(&mut self) {
        let blank = self.held.len() - self.held.trim_start().len();
        self.held.drain(..blank);
    }
}

fn think(text: String, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        pieces.push(Piece::Thinking(text));
    }
}

/// Where that begins which may be the closing tag, or the blank space in front of it.
fn kept_back(text: &str, close: &str) -> usize {
    let starts = close.char_indices().rev().map(|(at, _)| at).filter(|at| *at > 0);
    let tag = starts.filter_map(|at| close.get(..at)).find(|start| text.ends_with(start));
    let before = text.get(..text.len() - tag.map_or(0, str::len)).unwrap_or_default();
    before.trim_end().len()
}
