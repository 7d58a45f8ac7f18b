//! [`Quote`], and whether a quote inside a text closes it.
//!
//! A quote closes a text if what follows is what follows a value there. To see that, one looks ahead: at
//! most over the next key. How far one has looked is remembered between pushes. A look ends at the third
//! quote, so that each byte is looked at a constant number of times.

use crate::core::{Role, Scanner};
use crate::tree::Container;

/// What a text stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    Double,
    Single,
    Back,
    SmartDouble,
    SmartSingle,
    /// `\"`, where a text was encoded twice.
    Escaped,
    TripleDouble,
    TripleSingle,
    TripleBack,
}

impl Quote {
    /// The byte that its closing begins with.
    pub(crate) fn first(self) -> u8 {
        match self {
            Self::Double | Self::TripleDouble => b'"',
            Self::Single | Self::TripleSingle => b'\'',
            Self::Back | Self::TripleBack => b'`',
            Self::SmartDouble | Self::SmartSingle => 0xe2,
            Self::Escaped => b'\\',
        }
    }

    fn triple(self) -> Option<Self> {
        match self {
            Self::Double => Some(Self::TripleDouble),
            Self::Single => Some(Self::TripleSingle),
            Self::Back => Some(Self::TripleBack),
            _ => None,
        }
    }

    pub(crate) fn is_triple(self) -> bool {
        matches!(self, Self::TripleDouble | Self::TripleSingle | Self::TripleBack)
    }
}

/// What a quote inside a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The end of the text.
    Close,
    /// A part of the text; doubtful where a colon follows.
    Inner { doubtful: bool },
    /// The end, and the text goes on after a `+` with another quote, behind this place.
    Joined { at: usize, quote: Quote },
    /// The second of three opening quotes.
    Triple(Quote),
}

const INNER: Verdict = Verdict::Inner { doubtful: false };

/// How far one has looked ahead.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peek {
    /// In the whole text.
    pub(crate) at: usize,
    /// What began as a number is a value without quotes.
    pub(crate) bare: bool,
    stage: Stage,
    line_break: bool,
    comma: bool,
    /// How many closing brackets were seen.
    closers: usize,
    /// How many bytes are not to be looked at.
    skip: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Begin,
    /// After the quote.
    Gap,
    /// After a comma.
    Comma,
    /// In a quoted key.
    KeyBody(Quote),
    /// In the closing quote of a key, which is several bytes.
    KeyQuote,
    KeyEnd,
    /// In a word that may be a key.
    Word,
    WordEnd,
    /// In a word that may be an item.
    Item,
    Plus,
    Slash,
    Closers,
}

impl Scanner<'_, '_> {
    /// The opening quote at a place, and its length. `Err` where more input is needed.
    pub(crate) fn quote_at(&self, at: usize) -> Result<Option<(Quote, usize)>, ()> {
        match self.byte(at) {
            Some(b'"') => Ok(Some((Quote::Double, 1))),
            Some(b'\'') => Ok(Some((Quote::Single, 1))),
            Some(b'`') => Ok(Some((Quote::Back, 1))),
            Some(b'\\') => match self.byte(at + 1) {
                Some(b'"') => Ok(Some((Quote::Escaped, 2))),
                None if !self.eof => Err(()),
                _ => Ok(None),
            },
            // The input is whole characters.
            Some(0xe2) => Ok(self.smart_at(at).map(|quote| (quote, 3))),
            _ => Ok(None),
        }
    }

    /// The curly quote at a place.
    pub(crate) fn smart_at(&self, at: usize) -> Option<Quote> {
        match (self.byte(at)?, self.byte(at + 1)?, self.byte(at + 2)?) {
            (0xe2, 0x80, 0x98..=0x9b) => Some(Quote::SmartSingle),
            (0xe2, 0x80, 0x9c..=0x9f) => Some(Quote::SmartDouble),
            _ => None,
        }
    }

    /// Whether an ellipsis of one character is at a place.
    pub(crate) fn is_ellipsis(&self, at: usize) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with("…".as_bytes()))
    }

    /// What the quote at the current place, `width` long, is. Nothing where more input is needed.
    pub(crate) fn judge(&mut self, width: usize) -> Option<Verdict> {
        let mut peek = self.core.peek;
        if peek.stage == Stage::Begin {
            let text = &self.core.text;
            let is_first = text.read.is_empty() && text.start == self.offset();
            if is_first && let Some(triple) = text.quote.triple() {
                match self.byte(self.pos + 1) {
                    Some(next) if next == text.quote.first() => {
                        return Some(Verdict::Triple(triple));
                    }
                    None if !self.eof => return None,
                    _ => {}
                }
            }
            peek = Peek { at: self.offset() + width, stage: Stage::Gap, ..Peek::default() };
        }
        let mut at = peek.at.saturating_sub(self.base);
        let start = at;
        let verdict = loop {
            let Some(byte) = self.byte(at) else {
                // What may be a key begins one after a comma only.
                let is_key = !matches!(peek.stage, Stage::Gap | Stage::Comma | Stage::Closers);
                let closes = peek.comma || !is_key;
                break self.eof.then_some(if closes { Verdict::Close } else { INNER });
            };
            match self.judge_byte(&mut peek, byte, at) {
                Ok(Some(verdict)) => break Some(verdict),
                Ok(None) => at += 1,
                Err(()) => break None,
            }
        };
        self.core.steps += (at - start) as u64 + 1;
        if verdict.is_none() {
            peek.at = self.base + at;
            self.core.peek = peek;
        } else {
            self.core.peek = Peek::default();
        }
        verdict
    }

    fn judge_byte(&mut self, peek: &mut Peek, byte: u8, at: usize) -> Result<Option<Verdict>, ()> {
        let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if is_space && !matches!(peek.stage, Stage::KeyBody(_) | Stage::Item | Stage::Slash) {
            peek.line_break |= byte == b'\n';
            if peek.stage == Stage::Word {
                peek.stage = Stage::WordEnd;
            }
            return Ok(None);
        }
        let is_word =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-') || byte >= 0x80;
        let (next, verdict) = match peek.stage {
            Stage::Begin | Stage::Gap => return self.judge_gap(peek, byte, at),
            Stage::Comma => return self.judge_comma(peek, byte, at),
            Stage::KeyBody(quote) => return self.judge_key(peek, quote, byte, at),
            Stage::KeyQuote => {
                peek.skip = peek.skip.saturating_sub(1);
                (Some(if peek.skip == 0 { Stage::KeyEnd } else { Stage::KeyQuote }), INNER)
            }
            Stage::KeyEnd => match byte {
                b':' | b'=' | b'/' | b'{' | b'[' => (None, Verdict::Close),
                _ => (None, INNER),
            },
            Stage::Word if is_word => (Some(Stage::Word), INNER),
            Stage::Word | Stage::WordEnd => match byte {
                b':' | b'=' => (None, Verdict::Close),
                _ => (None, INNER),
            },
            Stage::Item => match byte {
                b',' | b']' | b'}' | b'\n' => (None, Verdict::Close),
                b' ' | b'.' | b'\t' | b'\r' => (Some(Stage::Item), INNER),
                _ if is_word => (Some(Stage::Item), INNER),
                _ => (None, INNER),
            },
            Stage::Plus => match self.quote_at(at)? {
                Some((quote, width)) => {
                    (None, Verdict::Joined { at: self.base + at + width, quote })
                }
                None => (None, INNER),
            },
            Stage::Slash => match byte {
                b'/' | b'*' => (None, Verdict::Close),
                _ => (None, INNER),
            },
            Stage::Closers => return Ok(self.judge_closers(peek, byte)),
        };
        if let Some(next) = next {
            peek.stage = next;
            return Ok(None);
        }
        Ok(Some(verdict))
    }

    fn judge_gap(&mut self, peek: &mut Peek, byte: u8, at: usize) -> Result<Option<Verdict>, ()> {
        if self.core.text.role == Role::Key {
            let is_word = byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.') || byte >= 0x80;
            let closes = !is_word || peek.line_break || self.smart_at(at).is_some();
            return Ok(Some(if closes { Verdict::Close } else { INNER }));
        }
        let Some(frame) = self.core.tree.frames.last() else {
            let closes = peek.line_break || byte == b'`';
            return Ok(Some(if closes { Verdict::Close } else { INNER }));
        };
        let in_object = matches!(frame.node, Container::Object(_));
        let next = match byte {
            b'}' | b']' => {
                if !self.is_open(byte == b'}') || self.closes_its_own(byte) {
                    return Ok(Some(INNER));
                }
                peek.closers = 1;
                Stage::Closers
            }
            b',' | b';' => {
                peek.comma = true;
                Stage::Comma
            }
            b'+' => Stage::Plus,
            b'/' => Stage::Slash,
            b':' => return Ok(Some(Verdict::Inner { doubtful: true })),
            b'#' => return Ok(Some(Verdict::Close)),
            b'{' | b'[' if !in_object => return Ok(Some(Verdict::Close)),
            _ => match self.quote_at(at)? {
                Some((Quote::Back, _)) if peek.line_break => return Ok(Some(Verdict::Close)),
                Some((quote, width)) if in_object => return Ok(open_key(peek, quote, width)),
                Some(_) => return Ok(Some(Verdict::Close)),
                None if !peek.line_break => return Ok(Some(INNER)),
                None if !in_object => return Ok(Some(Verdict::Close)),
                None if byte.is_ascii_alphabetic() || byte == b'_' => Stage::Word,
                None => return Ok(Some(INNER)),
            },
        };
        peek.stage = next;
        Ok(None)
    }

    fn judge_comma(&mut self, peek: &mut Peek, byte: u8, at: usize) -> Result<Option<Verdict>, ()> {
        let in_object =
            self.core.tree.frames.last().is_some_and(|f| matches!(f.node, Container::Object(_)));
        if matches!(byte, b'}' | b']' | b',' | b'.' | b'/' | b'#') || self.is_ellipsis(at) {
            return Ok(Some(Verdict::Close));
        }
        if let Some((quote, width)) = self.quote_at(at)? {
            return Ok(if in_object { open_key(peek, quote, width) } else { Some(Verdict::Close) });
        }
        let is_word = byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || byte >= 0x80;
        if is_word {
            peek.stage = if in_object { Stage::Word } else { Stage::Item };
            return Ok(None);
        }
        let is_item = byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'{' | b'[');
        Ok(Some(if is_item && !in_object { Verdict::Close } else { INNER }))
    }

    fn judge_key(
        &mut self,
        peek: &mut Peek,
        quote: Quote,
        byte: u8,
        at: usize,
    ) -> Result<Option<Verdict>, ()> {
        if peek.skip > 0 {
            peek.skip -= 1;
            return Ok(None);
        }
        match (quote, byte) {
            (_, b'\n') => return Ok(Some(INNER)),
            (Quote::Escaped, b'\\') => match self.byte(at + 1) {
                Some(b'"') => (peek.stage, peek.skip) = (Stage::KeyQuote, 1),
                None if !self.eof => return Err(()),
                _ => {}
            },
            (_, b'\\') => peek.skip = 1,
            (Quote::SmartDouble | Quote::SmartSingle, _) if self.smart_at(at).is_some() => {
                (peek.stage, peek.skip) = (Stage::KeyQuote, 2);
            }
            (quote, byte) if byte == quote.first() => peek.stage = Stage::KeyEnd,
            _ => {}
        }
        Ok(None)
    }

    fn judge_closers(&mut self, peek: &mut Peek, byte: u8) -> Option<Verdict> {
        if matches!(byte, b'}' | b']') {
            peek.closers += 1;
            return None;
        }
        let open = self.core.tree.frames.iter().filter(|frame| !frame.implied).count();
        let follows = matches!(
            byte,
            b',' | b';' | b'"' | b'{' | b'[' | b'/' | b'#' | b'`' | b'\'' | b'\\' | 0xe2
        );
        let closes = follows || peek.line_break || peek.closers >= open;
        Some(if closes { Verdict::Close } else { INNER })
    }

    /// Whether an object or a list is open.
    pub(crate) fn is_open(&self, object: bool) -> bool {
        let frames = self.core.tree.frames.iter();
        frames.rev().any(|frame| matches!(frame.node, Container::Object(_)) == object)
    }

    /// Whether a bracket after an inner quote belongs to one within the text.
    fn closes_its_own(&mut self, byte: u8) -> bool {
        let text = &mut self.core.text;
        if !text.inner {
            return false;
        }
        let new = text.read.as_bytes().get(text.counted..).unwrap_or_default();
        self.core.steps += new.len() as u64;
        for byte in new {
            match byte {
                b'{' | b'[' => text.brackets += 1,
                b'}' | b']' => text.brackets -= 1,
                _ => {}
            }
        }
        text.counted = text.read.len();
        matches!(byte, b'}' | b']') && text.brackets > 0
    }
}

fn open_key(peek: &mut Peek, quote: Quote, width: usize) -> Option<Verdict> {
    peek.stage = Stage::KeyBody(quote);
    peek.skip = width - 1;
    None
}
