//! The body of a text: runs of plain bytes eight at a time, escapes, control characters and quotes.

use serde_json::Value;

use crate::RepairKind;
use crate::core::{Flow, Role, Scanner, State};
use crate::error::JsonErrorKind;
use crate::quote::{Peek, Quote, Verdict};

/// Where the plain bytes from a place end: at a backslash, a control character, or one of two bytes.
#[inline]
fn plain_end(bytes: &[u8], from: usize, one: u8, other: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // Some high bit is set where a byte is zero; the lowest set one is right.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut at = from;
    while let Some(Ok(eight)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = control
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | zeros(word ^ (ONES * u64::from(one)))
            | zeros(word ^ (ONES * u64::from(other)));
        let found = found & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_special = |b: &u8| *b < 0x20 || *b == b'\\' || *b == one || *b == other;
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

impl Scanner<'_, '_> {
    /// Reads on in a text, to its end or the end of the input.
    pub(crate) fn text(&mut self) -> Flow {
        let quote = self.core.text.quote;
        let one = quote.first();
        let other = if quote == Quote::SmartDouble { b'"' } else { one };
        loop {
            let end = plain_end(self.bytes, self.pos, one, other);
            if end > self.pos {
                // Both ends are beside ASCII, or where a character begins.
                let run = self.input.get(self.pos..end).unwrap_or_default();
                self.core.text.read.push_str(run);
                self.core.steps += (end - self.pos) as u64;
                self.pos = end;
            }
            let Some(byte) = self.byte(end) else { return Ok(false) };
            if byte == b'\\' {
                if quote == Quote::Escaped && self.byte(end + 1) == Some(b'"') {
                    match self.closing(2) {
                        None => return Ok(false),
                        Some(true) => return self.end_text(),
                        Some(false) if self.core.text.quote != quote => return Ok(true),
                        Some(false) => {}
                    }
                } else if !self.escape()? {
                    return Ok(false);
                }
            } else if byte < 0x20 {
                self.control(byte)?;
            } else if !self.core.lenient {
                self.pos += 1;
                return self.end_text();
            } else {
                match self.candidate(byte) {
                    None => return Ok(false),
                    Some(true) => return self.end_text(),
                    // Joined to one with other quotes, or opened by three.
                    Some(false) if self.core.text.quote != quote => return Ok(true),
                    Some(false) => {}
                }
            }
        }
    }

    /// Looks at a byte that may begin the closing quote. Nothing where more input is needed.
    fn candidate(&mut self, byte: u8) -> Option<bool> {
        let quote = self.core.text.quote;
        if quote.is_triple() {
            for at in 1..3 {
                match self.byte(self.pos + at) {
                    Some(next) if next == byte => {}
                    None if !self.eof => return None,
                    _ => {
                        self.keep(1);
                        return Some(false);
                    }
                }
            }
            self.pos += 3;
            return Some(true);
        }
        if byte == 0xe2 {
            if self.smart_at(self.pos) == Some(quote) {
                return self.closing(3);
            }
            let next = self.slice(self.pos, self.input.len()).chars().next();
            self.keep(next.map_or(1, char::len_utf8));
            return Some(false);
        }
        self.closing(1)
    }

    /// Decides about a quote that is `width` long, and steps over it.
    fn closing(&mut self, width: usize) -> Option<bool> {
        match self.judge(width)? {
            Verdict::Close => {
                self.pos += width;
                return Some(true);
            }
            Verdict::Inner { doubtful } => {
                if !std::mem::replace(&mut self.core.text.inner, true) {
                    self.note(RepairKind::InnerQuote);
                }
                self.core.text.doubtful |= doubtful;
                if self.core.text.quote == Quote::Escaped {
                    self.pos += 1;
                    self.keep(1);
                } else {
                    self.keep(width);
                }
            }
            Verdict::Joined { at, quote } => {
                self.note(RepairKind::Joined);
                self.pos = at.saturating_sub(self.base);
                self.core.text.quote = quote;
            }
            Verdict::Triple(quote) => {
                self.note(RepairKind::Quotes);
                self.core.text.quote = quote;
                self.pos += 2;
            }
        }
        Some(false)
    }

    /// Takes the next bytes as they are.
    fn keep(&mut self, width: usize) {
        let kept = self.input.get(self.pos..self.pos + width).unwrap_or_default();
        self.core.text.read.push_str(kept);
        self.pos += width;
    }

    fn control(&mut self, byte: u8) -> Result<(), crate::error::Failure> {
        if !self.core.lenient {
            return self.syntax("an escape such as \\n instead of a control character");
        }
        if !self.core.text.quote.is_triple()
            && !std::mem::replace(&mut self.core.text.control, true)
        {
            self.note(RepairKind::ControlCharacter);
        }
        self.core.text.read.push(char::from(byte));
        self.pos += 1;
        Ok(())
    }

    /// Reads an escape. `false` where more input is needed.
    fn escape(&mut self) -> Flow {
        let Some(byte) = self.byte(self.pos + 1) else { return Ok(false) };
        if byte == b'u' {
            return self.unicode();
        }
        if self.core.text.quote == Quote::Escaped && byte == b'\\' {
            return Ok(self.escaped_escape());
        }
        let Some(plain) = simple_escape(byte) else {
            if !self.core.lenient {
                return self.syntax("one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
            }
            self.note(RepairKind::Escape);
            match byte {
                // What other languages and Markdown escape.
                b'\'' | b'`' | b'_' => {
                    self.pos += 1;
                    self.keep(1);
                }
                b'\n' => self.pos += 2,
                // The backslash of a path or of a pattern.
                _ => self.keep(1),
            }
            return Ok(true);
        };
        self.core.text.read.push(plain);
        self.pos += 2;
        Ok(true)
    }

    /// An escape within a text that was encoded once more than it should be.
    fn escaped_escape(&mut self) -> bool {
        let (Some(third), fourth) = (self.byte(self.pos + 2), self.byte(self.pos + 3)) else {
            return self.eof && {
                self.keep(2);
                true
            };
        };
        let (plain, width) = match (third, fourth) {
            (b'\\', Some(b'"')) => ('"', 4),
            (b'\\', Some(b'\\')) => ('\\', 4),
            (b'\\', None) if !self.eof => return false,
            (b'"', _) => ('\\', 2),
            (third, _) => simple_escape(third).map_or(('\\', 2), |plain| (plain, 3)),
        };
        self.core.text.read.push(plain);
        self.pos += width;
        true
    }

    /// The code of `\uXXXX` at a place: `Ok(None)` where it is none, `Err` where more input is needed.
    fn code_at(&self, at: usize) -> Result<Option<u32>, ()> {
        let mut code = 0;
        for (place, expected) in [(0, b'\\'), (1, b'u')] {
            match self.byte(at + place) {
                Some(byte) if byte == expected => {}
                None if !self.eof => return Err(()),
                _ => return Ok(None),
            }
        }
        for place in 2..6 {
            let digit = match self.byte(at + place) {
                Some(byte) => char::from(byte).to_digit(16),
                None if !self.eof => return Err(()),
                None => None,
            };
            let Some(digit) = digit else { return Ok(None) };
            code = code * 16 + digit;
        }
        Ok(Some(code))
    }

    fn unicode(&mut self) -> Flow {
        let code = match self.code_at(self.pos) {
            Ok(Some(code)) => code,
            Err(()) => return Ok(false),
            Ok(None) if self.eof && self.pos + 6 > self.bytes.len() => return Ok(false),
            Ok(None) if !self.core.lenient => {
                return self.syntax("four hexadecimal digits after \\u");
            }
            Ok(None) => {
                self.note(RepairKind::Escape);
                self.keep(2);
                return Ok(true);
            }
        };
        let (plain, width) = match code {
            0xd800..=0xdbff => match self.code_at(self.pos + 6) {
                Err(()) => return Ok(false),
                Ok(Some(low @ 0xdc00..=0xdfff)) => {
                    let code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code), 12)
                }
                Ok(_) => (None, 6),
            },
            code => (char::from_u32(code), 6),
        };
        if plain.is_none() {
            if !self.core.lenient {
                return self.syntax("both halves of a surrogate pair");
            }
            self.note(RepairKind::Escape);
        }
        self.core.text.read.push(plain.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.pos += width;
        Ok(true)
    }

    /// The text is complete.
    #[inline]
    pub(crate) fn end_text(&mut self) -> Flow {
        self.core.peek = Peek::default();
        if self.core.text.role == Role::Key {
            let read = std::mem::take(&mut self.core.text.read);
            self.end_key(read)?;
            return Ok(true);
        }
        self.tell_text();
        let value = Value::String(std::mem::take(&mut self.core.text.read));
        self.core.state = State::Value;
        self.end_leaf(value, None)?;
        Ok(true)
    }

    /// The input ends within the text.
    pub(crate) fn cut_text(&mut self) -> Result<(), crate::error::Failure> {
        let text = &self.core.text;
        if text.doubtful || (self.core.tree.frames.is_empty() && text.inner) {
            return self.fail(JsonErrorKind::Ambiguous, "the closing quote of this text");
        }
        // Whoever wrote the last bracket did not stop in the midst of a text.
        let has_end = text.read.trim_end_matches(['`', '\n', '\r', ' ']).ends_with(['}', ']']);
        if has_end && text.role == Role::Value && !self.core.cut {
            return self.fail(JsonErrorKind::Ambiguous, "the closing quote of this text");
        }
        self.note(RepairKind::CutOff);
        if self.core.text.role == Role::Key {
            self.core.state = State::Key;
            return Ok(());
        }
        self.end_text().map(|_| ())
    }
}

fn simple_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}
