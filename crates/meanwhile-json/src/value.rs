//! Between values: what may begin here, commas, colons, numbers and words.

use serde_json::{Number, Value};

use crate::RepairKind;
use crate::core::{Flow, Role, Scanner, State};
use crate::error::JsonErrorKind;
use crate::quote::{Peek, Quote};
use crate::scalar::{lenient_number, strict_number, word};
use crate::tree::Container;

impl Scanner<'_, '_> {
    pub(crate) fn value(&mut self) -> Flow {
        let Some(byte) = self.space() else { return Ok(false) };
        match byte {
            b'"' => {
                self.begin_text(Quote::Double, 1, Role::Value);
                Ok(true)
            }
            b'{' | b'[' => self.open(byte == b'{', 1).map(|()| true),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            b']' if self.core.state == State::ItemOrEnd => self.close(byte).map(|()| true),
            _ if self.core.lenient => self.odd_value(byte),
            _ => self.syntax("a value"),
        }
    }

    fn literal(&mut self, name: &'static str, value: Value) -> Flow {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        if !rest.starts_with(name.as_bytes()) {
            return if self.core.lenient {
                self.bare()
            } else if !self.eof && name.as_bytes().starts_with(rest) {
                Ok(false)
            } else {
                self.syntax("a value")
            };
        }
        if self.core.lenient {
            match rest.get(name.len()) {
                None if !self.eof => return Ok(false),
                None | Some(b',' | b'}' | b']' | b'\n' | b'\r') => {}
                _ => return self.bare(),
            }
        }
        self.pos += name.len();
        self.end_leaf(value, Some(name))?;
        Ok(true)
    }

    fn number(&mut self) -> Flow {
        if self.core.peek.bare {
            return self.bare();
        }
        let begin = self.pos;
        let mut end = begin.max(self.core.peek.at.saturating_sub(self.base));
        let from = end;
        while matches!(self.byte(end), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            end += 1;
        }
        self.core.steps += (end - from) as u64;
        let next = self.byte(end);
        if next.is_none() && !self.eof {
            self.core.peek.at = self.base + end;
            return Ok(false);
        }
        if self.core.lenient {
            let ends = matches!(next, Some(b',' | b'}' | b']' | b'\n' | b'\r')) || next.is_none();
            if !ends || (next.is_none() && self.core.cut) {
                return self.bare();
            }
        }
        let raw = self.input.get(begin..end).unwrap_or_default();
        let Some(number) = strict_number(raw) else {
            if self.core.lenient {
                return self.bare();
            }
            let kind = if is_too_large(raw) {
                JsonErrorKind::NumberOutOfRange
            } else {
                JsonErrorKind::Syntax
            };
            return self.fail(kind, "a number such as -1.5e3");
        };
        self.core.peek = Peek::default();
        self.pos = end;
        self.end_leaf(Value::Number(number), Some(raw))?;
        Ok(true)
    }

    /// A value as JSON does not write it, or something else.
    fn odd_value(&mut self, byte: u8) -> Flow {
        match byte {
            b']' | b'}' if self.core.state != State::Value => {
                if self.core.state == State::Item {
                    self.note(RepairKind::ExtraComma);
                }
                self.close(byte).map(|()| true)
            }
            b',' | b';' if self.core.state != State::Value => {
                self.note(RepairKind::ExtraComma);
                self.pos += 1;
                Ok(true)
            }
            b']' | b'}' | b',' | b';' | b':' | b')' | b'=' | b'|' | b'>' => self.syntax("a value"),
            _ => {
                if let Some(flow) = self.fence_or_ellipsis(byte)? {
                    return Ok(flow);
                }
                match self.quote_at(self.pos) {
                    Err(()) => Ok(false),
                    Ok(Some((quote, width))) => {
                        self.begin_text(quote, width, Role::Value);
                        Ok(true)
                    }
                    Ok(None) => self.bare(),
                }
            }
        }
    }

    /// Skips an ellipsis, and ends what is open at the end of a code fence.
    fn fence_or_ellipsis(&mut self, byte: u8) -> Result<Option<bool>, crate::error::Failure> {
        let three = |mark: u8| {
            let found: Vec<Option<u8>> = (0..3).map(|n| self.byte(self.pos + n)).collect();
            let seen = found.iter().take_while(|byte| **byte == Some(mark)).count();
            let open = found.get(seen).is_some_and(Option::is_none) && !self.eof;
            (seen == 3, open)
        };
        if byte == b'`' && self.core.fenced && self.core.state != State::Value {
            return match three(b'`') {
                (_, true) => Ok(Some(false)),
                (true, _) => {
                    self.cut_off()?;
                    Ok(Some(true))
                }
                _ => Ok(None),
            };
        }
        if byte == b'.' && self.core.state != State::Value {
            match three(b'.') {
                (_, true) => return Ok(Some(false)),
                (true, _) => {
                    self.note(RepairKind::Ellipsis);
                    self.pos += 3;
                    return Ok(Some(true));
                }
                _ => {}
            }
        }
        if byte == 0xe2 && self.is_ellipsis(self.pos) && self.core.state != State::Value {
            self.note(RepairKind::Ellipsis);
            self.pos += 3;
            return Ok(Some(true));
        }
        Ok(None)
    }

    /// A value without quotes: up to a comma, a bracket, a comment or the end of the line.
    pub(crate) fn bare(&mut self) -> Flow {
        let begin = self.pos;
        self.core.peek.bare = true;
        let in_object = self.core.state == State::Value && !self.core.tree.frames.is_empty();
        let mut end = begin.max(self.core.peek.at.saturating_sub(self.base));
        let from = end;
        let stop = loop {
            let Some(byte) = self.byte(end) else {
                if self.eof {
                    break end;
                }
                self.core.peek.at = self.base + end;
                self.core.steps += (end - from) as u64;
                return Ok(false);
            };
            let after_space = end > begin && matches!(self.byte(end - 1), Some(b' ' | b'\t'));
            match byte {
                b',' | b'}' | b']' | b'\n' | b'\r' | b';' | b'{' | b'[' => break end,
                b'"' | b'\'' if after_space => break end,
                b'#' if after_space => break end,
                b'/' if after_space => match self.byte(end + 1) {
                    Some(b'/' | b'*') => break end,
                    None if !self.eof => {
                        self.core.peek.at = self.base + end;
                        return Ok(false);
                    }
                    _ => {}
                },
                b':' => match self.byte(end + 1) {
                    // A key without quotes, after a comma that was forgotten.
                    Some(b' ' | b'"' | b'\'' | b'\t') => {
                        let written = self.input.get(begin..end).unwrap_or_default();
                        let last_gap = written.trim_end().rfind([' ', '\t']);
                        let Some(gap) = last_gap.filter(|_| in_object) else {
                            return self.fail(JsonErrorKind::Ambiguous, "quotes around this text");
                        };
                        break begin + gap;
                    }
                    None if !self.eof => {
                        self.core.peek.at = self.base + end;
                        return Ok(false);
                    }
                    _ => {}
                },
                _ => {}
            }
            end += 1;
        };
        self.core.steps += (stop.max(from) - from) as u64;
        self.core.peek = Peek::default();
        let written = self.input.get(begin..stop).unwrap_or_default().trim_end();
        if written.is_empty() {
            return self.syntax("a value");
        }
        let at_end = stop == self.bytes.len() && self.eof;
        if at_end && self.is_cut(written) {
            // Dropped at the end of the input, where the place is still known.
            self.pos = stop;
            return Ok(false);
        }
        let value = self.bare_value(written)?;
        self.pos = stop;
        self.end_leaf(value, Some(written))?;
        Ok(true)
    }

    /// Whether the last word of the input may have lost its end.
    fn is_cut(&self, written: &str) -> bool {
        if self.core.tree.frames.is_empty() {
            return false;
        }
        let words = ["true", "false", "null", "True", "False", "None", "undefined"];
        let is_part = words.iter().any(|word| word.starts_with(written) && *word != written);
        let is_number =
            written.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        let unfinished = written.ends_with(['-', '+', '.', 'e', 'E', 'x']);
        is_part || (is_number && (self.core.cut || unfinished))
    }

    /// What a value without quotes is.
    fn bare_value(&mut self, written: &str) -> Result<Value, crate::error::Failure> {
        if let Some(value) = word(written) {
            if !matches!(written, "true" | "false" | "null") {
                self.note(RepairKind::Word);
            }
            return Ok(value);
        }
        if let Some(number) = strict_number_of(written) {
            return Ok(Value::Number(number));
        }
        let unsigned = written.trim_start_matches(['-', '+']);
        if matches!(unsigned, "Infinity" | "inf" | "Inf") || is_too_large(written) {
            return self.fail(JsonErrorKind::NumberOutOfRange, "a number that is not so large");
        }
        if let Some(number) = lenient_number(written, false) {
            self.note(RepairKind::Number);
            return Ok(Value::Number(number));
        }
        self.note(RepairKind::UnquotedText);
        Ok(Value::String(written.to_owned()))
    }

    pub(crate) fn key(&mut self) -> Flow {
        let Some(byte) = self.space() else { return Ok(false) };
        match byte {
            b'"' => {
                self.begin_text(Quote::Double, 1, Role::Key);
                Ok(true)
            }
            b'}' if self.core.state == State::KeyOrEnd => self.close(byte).map(|()| true),
            _ if self.core.lenient => self.odd_key(byte),
            _ => self.syntax("a key in quotes"),
        }
    }

    fn odd_key(&mut self, byte: u8) -> Flow {
        match byte {
            b'}' | b']' => {
                if self.core.state == State::Key {
                    self.note(RepairKind::ExtraComma);
                }
                return self.close(byte).map(|()| true);
            }
            b',' | b';' => {
                self.note(RepairKind::ExtraComma);
                self.pos += 1;
                return Ok(true);
            }
            _ => {}
        }
        if let Some(flow) = self.fence_or_ellipsis(byte)? {
            return Ok(flow);
        }
        match self.quote_at(self.pos) {
            Err(()) => return Ok(false),
            Ok(Some((quote, width))) => {
                self.begin_text(quote, width, Role::Key);
                return Ok(true);
            }
            Ok(None) => {}
        }
        self.bare_key()
    }

    fn bare_key(&mut self) -> Flow {
        let begin = self.pos;
        let mut end = begin.max(self.core.peek.at.saturating_sub(self.base));
        let from = end;
        loop {
            match self.byte(end) {
                Some(b':' | b'=') => break,
                Some(b'\n' | b',' | b'{' | b'}' | b'[' | b']' | b'"') => {
                    return self.syntax("a key, and a colon after it");
                }
                Some(_) => end += 1,
                None if self.eof => {
                    // The key is cut off, and so left out.
                    self.pos = end;
                    return Ok(false);
                }
                None => {
                    self.core.steps += (end - from) as u64;
                    self.core.peek.at = self.base + end;
                    return Ok(false);
                }
            }
        }
        self.core.steps += (end - from) as u64;
        self.core.peek = Peek::default();
        let key = self.input.get(begin..end).unwrap_or_default().trim_end().to_owned();
        if key.is_empty() {
            return self.syntax("a key");
        }
        self.note(RepairKind::UnquotedKey);
        self.pos = end;
        self.end_key(key)?;
        Ok(true)
    }

    pub(crate) fn colon(&mut self) -> Flow {
        let Some(byte) = self.space() else { return Ok(false) };
        match byte {
            b':' => self.pos += 1,
            _ if !self.core.lenient => return self.syntax("a colon"),
            b'=' => match self.byte(self.pos + 1) {
                None if !self.eof => return Ok(false),
                next => {
                    self.note(RepairKind::Separator);
                    self.pos += if next == Some(b'>') { 2 } else { 1 };
                }
            },
            b'"' | b'\'' | b'{' | b'[' | b'0'..=b'9' | b'-' => self.note(RepairKind::MissingColon),
            _ => return self.syntax("a colon"),
        }
        self.core.state = State::Value;
        Ok(true)
    }

    pub(crate) fn comma_or_end(&mut self) -> Flow {
        let Some(byte) = self.space() else { return Ok(false) };
        let in_object =
            self.core.tree.frames.last().is_some_and(|f| matches!(f.node, Container::Object(_)));
        let next = if in_object { State::Key } else { State::Item };
        match byte {
            b',' => self.pos += 1,
            b'}' | b']' => return self.close(byte).map(|()| true),
            _ if !self.core.lenient => {
                return self.syntax(if in_object { "a comma or `}`" } else { "a comma or `]`" });
            }
            b';' => {
                self.note(RepairKind::Separator);
                self.pos += 1;
            }
            b':' | b')' | b'=' | b'+' | b'*' => return self.syntax("a comma or a closing bracket"),
            _ => {
                if let Some(flow) = self.fence_or_ellipsis(byte)? {
                    return Ok(flow);
                }
                self.note(RepairKind::MissingComma);
            }
        }
        self.core.state = next;
        Ok(true)
    }
}

/// A number that needs no mending.
fn strict_number_of(written: &str) -> Option<Number> {
    written.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| strict_number(written))?
}

/// Whether it is a number, but one that no float holds.
fn is_too_large(written: &str) -> bool {
    let is_plain =
        written.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    is_plain && written.parse::<f64>().is_ok_and(f64::is_infinite)
}
