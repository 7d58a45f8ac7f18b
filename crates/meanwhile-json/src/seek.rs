//! Around the value: prose, code fences, the thoughts of a model, further values, and the end of the input.
//!
//! Where prose came before, a bracket begins a value only if a key and a colon follow, or an item and a
//! comma. How far one has looked for that is remembered between pushes.

use serde_json::Value;

use crate::core::{Comment, Flow, Scanner, State, Then};
use crate::error::{Failure, JsonErrorKind};
use crate::fit::Fitter;
use crate::guide::Kinds;
use crate::quote::Quote;
use crate::scalar::{lenient_number, word};
use crate::tree::{Container, Frame, Target};
use crate::{Kind, Policy, Reader, RepairKind};

/// Tags around thoughts, with the tags that end them.
const TAGS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
];

/// What code fences around JSON are called.
const LANGUAGES: [&str; 11] =
    ["", "json", "json5", "jsonc", "jsonl", "ndjson", "javascript", "js", "text", "txt", "output"];

/// How far one has looked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guess {
    at: usize,
    stage: Stage,
    skip: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Begin,
    Open,
    Closed,
    Slash,
    Quoted(Quote),
    Word,
    Number,
    End,
}

impl Scanner<'_, '_> {
    /// Looks for the value.
    pub(crate) fn seek(&mut self) -> Flow {
        loop {
            if let Some(comment) = self.core.comment {
                if !self.skip_comment(comment) {
                    return Ok(false);
                }
                self.core.comment = None;
            }
            let Some(byte) = self.byte(self.pos) else { return Ok(false) };
            self.core.steps += 1;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.pos += 1,
                b'{' | b'[' => {
                    let begins = if self.core.prose {
                        self.is_plausible(byte)
                    } else {
                        self.is_no_template(byte)
                    };
                    match begins {
                        None => return Ok(false),
                        Some(true) => return self.begin_root(),
                        Some(false) => self.skip_prose(),
                    }
                }
                b'`' | b'<' => match self.opens(byte) {
                    Some(false) => {}
                    opens => return Ok(opens.is_some()),
                },
                _ if self.core.prose => self.skip_prose(),
                _ => {
                    if let Some(flow) = self.seek_scalar(byte)? {
                        return Ok(flow);
                    }
                }
            }
        }
    }

    /// What the text begins with, where it is no bracket.
    fn seek_scalar(&mut self, byte: u8) -> Result<Option<bool>, Failure> {
        if byte == b'/' {
            match self.byte(self.pos + 1) {
                Some(b'/') => self.begin_comment(Comment::Line, 2),
                Some(b'*') => self.begin_comment(Comment::Block, 2),
                None if !self.eof => return Ok(Some(false)),
                _ => self.skip_prose(),
            }
            return Ok(None);
        }
        if let Some(width) = self.odd_space_at(self.pos) {
            self.note(RepairKind::WhiteSpace);
            self.pos += width;
            return Ok(None);
        }
        match self.quote_at(self.pos) {
            Err(()) => return Ok(Some(false)),
            Ok(Some((quote, width))) => return self.seek_text(quote, width),
            Ok(None) => {}
        }
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'+' | b'.') {
            self.skip_prose();
            return Ok(None);
        }
        let mut end = (self.pos + 1).max(self.core.guess.at.saturating_sub(self.base));
        let is_token = |b: u8| {
            let is_space = matches!(b, b' ' | b'\n' | b'\r' | b'\t');
            is_space || b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_')
        };
        let from = end;
        while self.byte(end).is_some_and(is_token) {
            end += 1;
        }
        self.core.steps += (end - from) as u64;
        if self.byte(end).is_none() && !self.eof {
            self.core.guess.at = self.base + end;
            return Ok(Some(false));
        }
        self.core.guess = Guess::default();
        let token = self.slice(self.pos, end).trim_end();
        let is_value = word(token).is_some() || lenient_number(token, false).is_some();
        if is_value && matches!(self.byte(end), None | Some(b'`')) {
            self.core.state = State::Value;
            return Ok(Some(true));
        }
        self.skip_prose();
        Ok(None)
    }

    /// A quote at the beginning: of a text, or of the first key of an object without brackets.
    fn seek_text(&mut self, quote: Quote, width: usize) -> Result<Option<bool>, Failure> {
        if self.core.guess.stage == Stage::Begin {
            let at = self.offset() + width;
            self.core.guess = Guess { at, stage: Stage::Quoted(quote), skip: 0 };
        }
        let Some(follows) = self.guess(true) else { return Ok(Some(false)) };
        self.core.guess = Guess::default();
        match follows {
            Some(b':') => {
                self.note(RepairKind::MissingBracket);
                self.open(true, 0)?;
            }
            None | Some(b'`' | b'\n') => self.core.state = State::Value,
            Some(_) => {
                self.skip_prose();
                return Ok(None);
            }
        }
        Ok(Some(true))
    }

    /// Looks on. Nothing where more input is needed; then what follows the key or item, if anything does.
    #[allow(clippy::option_option, reason = "nothing yet, nothing at all, or something")]
    fn guess(&mut self, object: bool) -> Option<Option<u8>> {
        let mut guess = self.core.guess;
        let mut at = guess.at.saturating_sub(self.base);
        let from = at;
        let found = loop {
            let Some(byte) = self.byte(at) else {
                let whole = matches!(guess.stage, Stage::Quoted(_) | Stage::End | Stage::Closed);
                break self.eof.then_some(if whole { None } else { Some(b'?') });
            };
            if guess.skip > 0 {
                guess.skip -= 1;
                at += 1;
                continue;
            }
            match guess.stage {
                Stage::Begin | Stage::Open => match byte {
                    b' ' | b'\n' | b'\r' | b'\t' => {}
                    b'}' if object => guess.stage = Stage::Closed,
                    b'/' if object => guess.stage = Stage::Slash,
                    b'{' | b'[' if !object => break Some(Some(b',')),
                    b'0'..=b'9' | b'-' if !object => guess.stage = Stage::Number,
                    _ => match self.quote_at(at) {
                        Err(()) => break None,
                        Ok(Some((quote, width))) => {
                            (guess.stage, guess.skip) = (Stage::Quoted(quote), width - 1);
                        }
                        Ok(None) if object && (byte.is_ascii_alphabetic() || byte == b'_') => {
                            guess.stage = Stage::Word;
                        }
                        Ok(None) => break Some(Some(b'?')),
                    },
                },
                Stage::Closed => match byte {
                    b' ' | b'\r' => {}
                    b'\n' | b'`' => break Some(Some(b':')),
                    _ => break Some(Some(b'?')),
                },
                Stage::Slash => {
                    break Some(Some(if matches!(byte, b'/' | b'*') { b':' } else { b'?' }));
                }
                Stage::Quoted(quote) => match self.quote_at(at) {
                    Err(()) => break None,
                    Ok(Some((closing, width))) if closing == quote => {
                        (guess.stage, guess.skip) = (Stage::End, width - 1);
                    }
                    _ if byte == b'\\' => guess.skip = 1,
                    _ => {}
                },
                Stage::Word => match byte {
                    b' ' => guess.stage = Stage::End,
                    b':' => break Some(Some(b':')),
                    b'_' | b'-' | b'$' => {}
                    _ if byte.is_ascii_alphanumeric() => {}
                    _ => break Some(Some(b'?')),
                },
                Stage::Number => match byte {
                    b'0'..=b'9' | b'.' | b'-' | b'e' | b'E' | b' ' => {}
                    b',' | b']' if self.core.has_schema => break Some(Some(b',')),
                    _ => break Some(Some(b'?')),
                },
                Stage::End => match byte {
                    b' ' | b'\t' | b'\r' => {}
                    b'\n' if self.core.prose => {}
                    byte => break Some(Some(byte)),
                },
            }
            at += 1;
        };
        self.core.steps += (at - from) as u64 + 1;
        guess.at = self.base + at;
        self.core.guess = guess;
        found
    }

    /// Whether the bracket here begins a value. Nothing where more input is needed.
    fn is_plausible(&mut self, bracket: u8) -> Option<bool> {
        let object = bracket == b'{';
        if !object && !self.core.root_kinds.has(Kinds::ARRAY) {
            return Some(false);
        }
        if self.core.guess.stage == Stage::Begin {
            let at = self.offset() + 1;
            self.core.guess = Guess { at, stage: Stage::Open, skip: 0 };
        }
        let follows = self.guess(object)?;
        self.core.guess = Guess::default();
        Some(match follows {
            None => true,
            Some(b':') => object,
            Some(b',' | b']') => !object,
            Some(_) => false,
        })
    }

    /// Whether a bracket at the beginning is not the first of two, as templates have them.
    fn is_no_template(&self, bracket: u8) -> Option<bool> {
        match self.byte(self.pos + 1) {
            _ if bracket != b'{' => Some(true),
            None if !self.eof => None,
            next => Some(next != Some(b'{')),
        }
    }

    /// Skips to what may begin a value, and at least one byte.
    fn skip_prose(&mut self) {
        self.core.prose = true;
        if !std::mem::replace(&mut self.core.prose_noted, true) {
            self.note(RepairKind::Prose);
        }
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let is_mark = |b: &u8| matches!(b, b'{' | b'[' | b'`' | b'<');
        let skipped = rest.iter().skip(1).position(is_mark).map_or(rest.len(), |place| place + 1);
        self.core.steps += skipped as u64;
        self.pos += skipped;
    }

    /// Whether the mark here opens a code fence or the thoughts of a model; else it is passed. Nothing where
    /// more input is needed.
    fn opens(&mut self, mark: u8) -> Option<bool> {
        if mark == b'`' { self.backticks() } else { self.tag() }
    }

    /// Three backticks open or close a code fence; fewer are prose.
    fn backticks(&mut self) -> Option<bool> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let count = rest.iter().take(3).take_while(|byte| **byte == b'`').count();
        if count < 3 {
            if count == rest.len() && !self.eof {
                return None;
            }
            self.pos += count;
            return Some(false);
        }
        if self.core.fenced {
            self.pos += 3;
            self.core.fenced = false;
            self.core.prose = true;
            return Some(false);
        }
        self.core.state = State::Fence;
        Some(true)
    }

    /// The rest of the line after the three backticks, which name a language.
    pub(crate) fn fence(&mut self) -> Flow {
        let begin = self.pos + 3;
        let mut end = begin.max(self.core.guess.at.saturating_sub(self.base));
        let from = end;
        while self.byte(end).is_some_and(|byte| !matches!(byte, b'\n' | b'{' | b'[' | b'`' | b'"'))
        {
            end += 1;
        }
        self.core.steps += (end - from) as u64;
        if self.byte(end).is_none() && !self.eof {
            self.core.guess.at = self.base + end;
            return Ok(false);
        }
        self.core.guess = Guess::default();
        let language = self.slice(begin, end).trim().to_lowercase();
        let is_json = LANGUAGES.contains(&language.as_str());
        if is_json {
            self.note(RepairKind::Fence);
            self.core.fenced = true;
            self.core.prose = false;
        }
        self.pos = end;
        self.core.state = if !is_json {
            State::Code
        } else if self.core.roots > 0 {
            State::After
        } else {
            State::Seek
        };
        Ok(true)
    }

    /// Skips to the end of a block of code in another language.
    pub(crate) fn code(&mut self) -> Flow {
        if !self.skip_to("```") {
            return Ok(false);
        }
        self.core.prose = true;
        self.core.state = if self.core.roots > 0 { State::After } else { State::Seek };
        Ok(true)
    }

    /// A tag that opens the thoughts of a model.
    fn tag(&mut self) -> Option<bool> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        for (open, close) in TAGS {
            if rest.starts_with(open.as_bytes()) {
                self.note(RepairKind::Thinking);
                self.pos += open.len();
                self.core.tag = close;
                self.core.state = State::Thoughts;
                return Some(true);
            }
            if !self.eof && open.as_bytes().starts_with(rest) {
                return None;
            }
        }
        self.skip_prose();
        Some(false)
    }

    pub(crate) fn thoughts(&mut self) -> Flow {
        if !self.skip_to(self.core.tag) {
            return Ok(false);
        }
        self.core.state = if self.core.roots > 0 { State::After } else { State::Seek };
        Ok(true)
    }

    /// Skips a mark and all before it. Where it is not there, all that cannot be a part of it.
    fn skip_to(&mut self, mark: &str) -> bool {
        let rest = self.input.get(self.pos..).unwrap_or_default();
        self.core.steps += rest.len() as u64;
        if let Some(place) = rest.find(mark) {
            self.pos += place + mark.len();
            return true;
        }
        let kept =
            (1..mark.len()).rev().find(|n| mark.get(..*n).is_some_and(|part| rest.ends_with(part)));
        self.pos = self.bytes.len() - kept.unwrap_or(0);
        false
    }

    /// A value begins at the root.
    fn begin_root(&mut self) -> Flow {
        self.core.prose = false;
        self.core.prose_noted = false;
        self.core.state = State::Value;
        if self.core.roots == 0 {
            return Ok(true);
        }
        if !self.core.tree.frames.is_empty() {
            // The values are items of a list already.
            self.core.state = State::Item;
            return Ok(true);
        }
        let wants_list = self.core.listed || !self.core.has_schema;
        if !wants_list {
            self.hide(Then::Compare);
            return Ok(true);
        }
        self.core.note_at(RepairKind::SeveralValues, self.offset(), String::new());
        let items = match self.core.tree.root.take() {
            Some(Value::Array(items)) if self.core.listed => items,
            Some(first) => vec![first],
            None => Vec::new(),
        };
        let plan = self.core.plan.as_ref();
        let leaf = plan.and_then(|plan| plan.leaves_of(0, Kinds::ARRAY).next());
        let target = leaf.map_or(Target::Free, Target::Node);
        self.tell_started(Kind::List);
        let mut frame = Frame::new(Container::Array(Vec::new()), target);
        frame.implied = true;
        self.core.tree.frames.push(frame);
        for item in items {
            self.tell_completed(&item);
            if let Some(frame) = self.core.tree.frames.last_mut() {
                frame.put(item);
            }
        }
        self.core.state = State::Item;
        Ok(true)
    }

    /// What follows the value.
    pub(crate) fn after(&mut self) -> Flow {
        while let Some(byte) = self.byte(self.pos) {
            self.core.steps += 1;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.pos += 1,
                _ if !self.core.lenient => return self.syntax("the end of the text"),
                b'{' | b'[' => {
                    let Some(begins) = self.is_plausible(byte) else { return Ok(false) };
                    if begins {
                        return self.begin_root();
                    }
                    self.skip_prose();
                }
                b'`' | b'<' => match self.opens(byte) {
                    Some(false) => {}
                    opens => return Ok(opens.is_some()),
                },
                _ if self.core.prose => self.skip_prose(),
                b'}' | b']' => {
                    self.note(RepairKind::ExtraBracket);
                    self.pos += 1;
                }
                b',' | b';' => {
                    self.note(RepairKind::ExtraComma);
                    self.pos += 1;
                }
                b'"' | b'\'' | b':' => {
                    return self.fail(
                        JsonErrorKind::Ambiguous,
                        "the end of the text: a bracket closed the value too early, or one is missing",
                    );
                }
                _ => self.skip_prose(),
            }
        }
        Ok(false)
    }

    /// Keeps the input: all of it is one scalar.
    pub(crate) fn gather(&mut self) -> bool {
        let rest = self.input.get(self.pos..).unwrap_or_default();
        self.core.text.read.push_str(rest);
        self.core.steps += rest.len() as u64;
        self.pos = self.bytes.len();
        false
    }

    /// The input has ended.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        self.pos = self.bytes.len();
        match self.core.state {
            State::Scalar => self.end_scalar()?,
            State::Seek | State::Fence | State::Code | State::Thoughts | State::After => {}
            _ if !self.core.lenient => {
                return self.fail(JsonErrorKind::UnexpectedEnd, "the rest of the value");
            }
            _ => self.cut_off()?,
        }
        // Lists of values at the root have no brackets.
        while !self.core.tree.frames.is_empty() {
            self.pop()?;
        }
        if self.core.tree.root.is_none() {
            return self.fail(JsonErrorKind::NoValue, "a JSON value");
        }
        Ok(())
    }

    /// Closes what is open.
    pub(crate) fn cut_off(&mut self) -> Result<(), Failure> {
        if self.core.state == State::Text {
            self.cut_text()?;
        } else if self.core.tree.frames.iter().any(|frame| !frame.implied) {
            self.note(RepairKind::CutOff);
        }
        if matches!(self.core.state, State::Value | State::Colon) {
            self.give_up();
        }
        let is_list = |frame: &Frame| frame.implied && matches!(frame.node, Container::Array(_));
        while self.core.tree.frames.last().is_some_and(|frame| !is_list(frame)) {
            self.pop()?;
        }
        self.core.state = State::After;
        Ok(())
    }

    /// All of the text is one scalar.
    fn end_scalar(&mut self) -> Result<(), Failure> {
        let read = std::mem::take(&mut self.core.text.read);
        let mut text = read.as_str();
        for (_, close) in TAGS {
            if let Some((_, rest)) = text.rsplit_once(close) {
                self.core.note_at(RepairKind::Thinking, 0, String::new());
                text = rest;
            }
        }
        text = text.trim();
        if let Some(fenced) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) {
            self.core.note_at(RepairKind::Fence, 0, String::new());
            text = fenced.split_once('\n').map_or(fenced, |(_, inside)| inside).trim();
        }
        let Some(plan) = self.core.plan.clone() else { return Ok(()) };
        if text.is_empty() {
            return self.fail(JsonErrorKind::NoValue, "a value");
        }
        let mut readings = Vec::new();
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            readings.push(value);
        } else if text.starts_with(['{', '[']) {
            let mut reader = Reader::new(None, Policy::Repair);
            reader.push(text);
            readings.extend(reader.finish().ok().map(|outcome| outcome.value));
        }
        readings.push(Value::String(text.to_owned()));
        let mut failure = None;
        let last = readings.len() - 1;
        for (place, mut value) in readings.into_iter().enumerate() {
            let mut fitter = Fitter::new(&plan, String::new(), 0, 0);
            let raw = (!value.is_string()).then_some(text);
            match fitter.fit(0, &mut value, raw) {
                Ok(()) => {
                    if place == last && !text.starts_with('"') {
                        self.core.note_at(RepairKind::UnquotedText, 0, String::new());
                    }
                    for repair in fitter.repairs {
                        self.core.note_at(repair.kind, repair.offset, repair.path);
                    }
                    self.tell_completed(&value);
                    self.core.tree.root = Some(value);
                    return Ok(());
                }
                Err(failed) => failure = Some(failed),
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
