//! [`SectionReader`]: reads sections under headers, `[[ ## name ## ]]`, while they are written.

use std::sync::Arc;

use meanwhile_core::Result;

use super::coerce::{Gathered, place};
use super::growing::Growing;
use super::render::Wording;
use super::{FieldChange, FieldReader, Parsed};
use crate::SignatureSpec;

/// Reads an answer in sections. A header stands at the beginning of a line, white space aside; what is
/// behind it on the line belongs to the section. The first section of a name counts, others and those of
/// unknown names are skipped, and so is what stands before the first header. Values have no white space
/// around them.
#[derive(Debug)]
pub(super) struct SectionReader {
    spec: Arc<SignatureSpec>,
    wording: Wording,
    gathered: Gathered,
    section: Option<Growing>,
    line: Line,
    /// The beginning of a line that may be a header: as it was written.
    held: String,
    /// Whether the last character was a carriage return, whose line feed is the same line break.
    after_return: bool,
}

/// A line that begins with so much and is still no header is none, in bytes.
const LONGEST_HEADER: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It may still be a header.
    Open,
    /// Behind a header.
    Header,
    /// It is content.
    Content,
}

impl SectionReader {
    pub(super) fn new(spec: Arc<SignatureSpec>, wording: Wording) -> Self {
        let gathered = Gathered::new(&spec);
        Self {
            spec,
            wording,
            gathered,
            section: None,
            line: Line::Open,
            held: String::new(),
            after_return: false,
        }
    }

    /// Reads the beginning of a text that is not empty, and returns the rest.
    fn step<'a>(&mut self, text: &'a str, tell: &mut dyn FnMut(FieldChange<'_>)) -> &'a str {
        if self.line != Line::Open {
            let end = text.find(['\n', '\r']).unwrap_or(text.len());
            let (content, rest) = text.split_at(end);
            if !content.is_empty() {
                self.after_return = false;
                self.content(content);
                return rest;
            }
        }
        let mut rest = text.chars();
        if let Some(c) = rest.next() {
            self.character(c, tell);
        }
        rest.as_str()
    }

    /// Reads a line break, or one more character of a line that may be a header.
    fn character(&mut self, c: char, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let after_return = std::mem::replace(&mut self.after_return, c == '\r');
        match c {
            '\n' if after_return => {}
            '\n' | '\r' => {
                self.release();
                if let Some(section) = &mut self.section {
                    section.line_break(self.line == Line::Header);
                }
                self.line = Line::Open;
            }
            c => {
                self.held.push(c);
                match header(&self.held) {
                    Header::Open if self.held.len() < LONGEST_HEADER => {}
                    Header::Open | Header::None => self.release(),
                    Header::Found(name) => {
                        let at = place(&self.spec, name);
                        self.held.clear();
                        self.close(tell);
                        let at = at.filter(|at| !self.gathered.has(*at));
                        self.section = at.map(|at| Growing::new(at, &self.spec, self.wording));
                        self.line = Line::Header;
                    }
                }
            }
        }
    }

    /// What was held back is no header.
    fn release(&mut self) {
        if self.line != Line::Open {
            return;
        }
        self.line = Line::Content;
        let held = std::mem::take(&mut self.held);
        self.content(&held);
        // Kept for its room.
        self.held = held;
        self.held.clear();
    }

    fn content(&mut self, content: &str) {
        if let Some(section) = &mut self.section {
            section.push(content);
        }
    }

    fn flush(&mut self, tell: &mut dyn FnMut(FieldChange<'_>)) {
        if let Some(section) = &mut self.section {
            section.tell(&self.spec, tell);
        }
    }

    /// Ends the open section.
    fn close(&mut self, tell: &mut dyn FnMut(FieldChange<'_>)) {
        if let Some(section) = self.section.take() {
            section.close(&self.spec, self.wording, &mut self.gathered, tell);
        }
    }
}

impl FieldReader for SectionReader {
    fn push(&mut self, text: &str, tell: &mut dyn FnMut(FieldChange<'_>)) {
        let mut rest = text;
        while !rest.is_empty() {
            rest = self.step(rest, tell);
        }
        self.flush(tell);
    }

    fn finish(mut self: Box<Self>, tell: &mut dyn FnMut(FieldChange<'_>)) -> Result<Parsed> {
        self.release();
        self.close(tell);
        self.gathered.finish(&self.spec, "section for")
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Header<'a> {
    /// The line may become one.
    Open,
    None,
    Found(&'a str),
}

/// Whether the beginning of a line is a header. White space may stand before it, and more or less of it
/// than one space beside the name.
fn header(line: &str) -> Header<'_> {
    let mut rest = line.trim_start();
    for part in ["[[", "##"] {
        match after(rest, part) {
            Ok(next) => rest = next.trim_start_matches([' ', '\t']),
            Err(end) => return end,
        }
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, mut rest) = rest.split_at(end);
    if rest.is_empty() {
        return Header::Open;
    }
    if name.is_empty() {
        return Header::None;
    }
    rest = rest.trim_start_matches([' ', '\t']);
    for part in ["##", "]]"] {
        match after(rest, part) {
            Ok(next) => rest = next.trim_start_matches([' ', '\t']),
            Err(end) => return end,
        }
    }
    Header::Found(name)
}

/// What follows a part; else whether it may still come.
fn after<'a>(text: &'a str, part: &str) -> Result<&'a str, Header<'a>> {
    match text.strip_prefix(part) {
        Some(rest) => Ok(rest),
        None if part.starts_with(text) => Err(Header::Open),
        None => Err(Header::None),
    }
}
