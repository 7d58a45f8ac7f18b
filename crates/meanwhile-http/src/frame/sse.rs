//! [`Sse`]: server-sent events from chunks of bytes.

use std::ops::Range;

use bytes::Bytes;
use meanwhile_core::Result;

use super::{BYTE_ORDER_MARK, FRAME_LIMIT, append, is_body, reset, too_large};
use crate::Frame;

/// A push parser for server-sent events.
///
/// Lines end with CR, LF or CRLF, also where a chunk ends between the two; a leading byte-order
/// mark, comments and the fields `id`, `retry` and unknown ones are skipped; several data lines are
/// joined with newlines. As in the specification, an event without a data line is none. An event
/// with empty data counts only if it has a name; without one it is a keep-alive.
///
/// Beyond the specification, [`end`](Self::end) hands out a last event that lacks its blank line:
/// some servers leave it out, and only reading the data tells whether it was cut. And what stands behind
/// the last event and is no field is kept, see [`other`](Self::other): failures come like that.
///
/// ```
/// use meanwhile_http::Frame;
/// use meanwhile_http::frame::Sse;
///
/// let mut events = Sse::default();
/// events.push("event: greeting\ndata: hel".into());
/// assert_eq!(events.next()?, None);
/// events.push("lo\n\n".into());
/// let frame = Frame::Event { name: Some(b"greeting"), data: b"hello" };
/// assert_eq!(events.next()?, Some(frame));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sse {
    limit: usize,
    // The chunk that is being read, and how far.
    chunk: Bytes,
    at: usize,
    // Holds an event that was begun in an earlier chunk: the lines that count, without their ends,
    // and then the current line. While `carrying` is unset, the event lies within the chunk.
    carry: Vec<u8>,
    carrying: bool,
    // All positions from here on are in `carry` or in `chunk`, as `carrying` says.
    event: usize,
    line: usize,
    name: Option<Range<usize>>,
    data: Data,
    // Several data lines, joined.
    joined: Vec<u8>,
    // The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    first_line: bool,
    handed_out: bool,
    // The event that was handed out is no more than the mark of the end.
    is_mark: bool,
    // What came in the place of the next event, in lines: an answer that is not streamed, an error, a page.
    other: Vec<u8>,
    // A field called `error` is a part of it.
    failed: bool,
    // All of it are lines of the open event that look like fields.
    aside: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    None,
    Line(Range<usize>),
    Joined,
}

impl Default for Sse {
    fn default() -> Self {
        Self::new(FRAME_LIMIT)
    }
}

impl Sse {
    /// Makes a parser for one body whose events hold at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            chunk: Bytes::new(),
            at: 0,
            carry: Vec::new(),
            carrying: false,
            event: 0,
            line: 0,
            name: None,
            data: Data::None,
            joined: Vec::new(),
            after_cr: false,
            first_line: true,
            handed_out: false,
            is_mark: false,
            other: Vec::new(),
            failed: false,
            aside: false,
        }
    }

    /// Adds the next chunk of the body.
    pub fn push(&mut self, chunk: Bytes) {
        if self.handed_out {
            self.start_event();
        }
        self.hold();
        self.chunk = append(&self.chunk, self.at, chunk);
        self.at = 0;
        if !self.carrying {
            self.event = 0;
            self.line = 0;
        }
    }

    /// Takes the next event; `None` when there is none without another chunk.
    ///
    /// # Errors
    ///
    /// [`Decode`](meanwhile_core::ErrorKind::Decode) when an event is larger than the limit. The
    /// parser cannot go on then.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>> {
        if self.handed_out {
            self.start_event();
        }
        while let Some(end) = self.find_line()? {
            if self.line == end {
                if self.is_event() {
                    return Ok(Some(self.hand_out()));
                }
                self.start_event();
            } else {
                self.read_line(end);
            }
        }
        Ok(None)
    }

    /// What came since the last event and is no field: JSON, a page, words. At the [end](Self::end) it is the
    /// whole answer of a server that did not stream, or the error that a stream broke off with. The value
    /// of a field called `error`, which some servers write, is a part of it.
    ///
    /// It is there until the event behind it was read, and behind the mark `[DONE]`, too: servers write what
    /// ends a stream behind an error as well.
    #[must_use]
    pub fn other(&self) -> &[u8] {
        &self.other
    }

    /// Whether a field called `error` is a part of [`other`](Self::other).
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reads the end of the body: takes the last event if it lacks its blank line.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn end(&mut self) -> Result<Option<Frame<'_>>> {
        if self.handed_out {
            self.start_event();
        }
        // A line without its end is always in the carry.
        if self.carrying && self.line < self.carry.len() {
            let end = self.carry.len();
            self.skip_mark(end);
            let cut = self.carry.get(self.line..).unwrap_or_default();
            // The beginning of a field's name is nothing that anybody said.
            if !FIELDS.iter().any(|field| field.starts_with(cut)) || field(cut).is_some() {
                self.read_line(end);
            }
        }
        Ok(if self.is_event() { Some(self.hand_out()) } else { None })
    }

    /// Moves behind the next line end and returns where the line ends, or `None` if it has no end yet.
    fn find_line(&mut self) -> Result<Option<usize>> {
        let mut rest = self.chunk.get(self.at..).unwrap_or_default();
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            if let Some(behind) = rest.strip_prefix(b"\n") {
                rest = behind;
                self.at += 1;
                if !self.carrying {
                    self.event += usize::from(self.event == self.line);
                    self.line += 1;
                }
            }
        }
        let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
            if self.carrying {
                self.carry.extend_from_slice(rest);
            }
            self.at = self.chunk.len();
            self.hold();
            self.release();
            self.check_size(self.carry.len())?;
            return Ok(None);
        };
        let (line, end_of_line) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.after_cr = end_of_line.first() == Some(&b'\r');
        let end = if self.carrying {
            self.carry.extend_from_slice(line);
            self.carry.len()
        } else {
            self.at + length
        };
        self.at += length + 1;
        self.check_size(end - self.event)?;
        self.skip_mark(end);
        Ok(Some(end))
    }

    /// Takes in the line from `self.line` to `end`, which is not empty.
    fn read_line(&mut self, end: usize) {
        let window: &[u8] = if self.carrying { &self.carry } else { &self.chunk };
        let line = window.get(self.line..end).unwrap_or_default();
        let mut kept = true;
        match field(line) {
            Some((Field::Data, value)) => {
                let start = end - value.len();
                match &self.data {
                    Data::None => self.data = Data::Line(start..end),
                    Data::Line(first) => {
                        let first = window.get(first.clone()).unwrap_or_default();
                        self.joined.extend_from_slice(first);
                        self.joined.push(b'\n');
                        self.joined.extend_from_slice(value);
                        self.data = Data::Joined;
                        kept = false;
                    }
                    Data::Joined => {
                        self.joined.push(b'\n');
                        self.joined.extend_from_slice(value);
                        kept = false;
                    }
                }
            }
            Some((Field::Event, value)) => self.name = Some(end - value.len()..end),
            None => {
                let error = error(line);
                if let Some(words) = error.or_else(|| words(line, !self.other.is_empty())) {
                    // Something was said in front of the JSON or page that counts.
                    let counts = !is_body(&self.other) || error.is_some() && !self.failed;
                    if is_body(words) && counts {
                        self.other.clear();
                    }
                    let looks_like_field = error.is_none() && is_unknown_field(words);
                    self.aside = looks_like_field && (self.aside || self.other.is_empty());
                    self.other.extend_from_slice(words);
                    self.other.push(b'\n');
                    self.failed |= error.is_some();
                }
                kept = false;
            }
        }
        if self.carrying {
            if !kept {
                self.carry.truncate(self.line);
            }
            self.line = self.carry.len();
        } else {
            self.line = self.at;
            // What does not count is not carried into the next chunk.
            if self.name.is_none() && !matches!(self.data, Data::Line(_)) {
                self.event = self.at;
            }
        }
    }

    /// Carries what the chunk holds of an open event, because the chunk is about to go.
    fn hold(&mut self) {
        let Some(open) = self.chunk.get(self.event..self.at) else { return };
        if self.carrying || open.is_empty() {
            return;
        }
        self.carry.extend_from_slice(open);
        self.carrying = true;
        let shift = |range: &mut Range<usize>| {
            range.start -= self.event;
            range.end -= self.event;
        };
        self.name.iter_mut().for_each(shift);
        if let Data::Line(range) = &mut self.data {
            shift(range);
        }
        self.line -= self.event;
        self.event = 0;
    }

    /// Lets go of the chunk, all of which was read: the connection's buffer, of which it is a part,
    /// can then be filled again instead of being replaced.
    fn release(&mut self) {
        self.chunk = Bytes::new();
        self.at = 0;
        if !self.carrying {
            self.event = 0;
            self.line = 0;
        }
    }

    fn skip_mark(&mut self, end: usize) {
        if self.first_line {
            self.first_line = false;
            let window: &[u8] = if self.carrying { &self.carry } else { &self.chunk };
            if window.get(self.line..end).unwrap_or_default().starts_with(BYTE_ORDER_MARK) {
                self.line += BYTE_ORDER_MARK.len();
            }
        }
    }

    fn is_event(&self) -> bool {
        match &self.data {
            Data::None => false,
            Data::Line(range) => !range.is_empty() || self.name.is_some(),
            Data::Joined => true,
        }
    }

    fn hand_out(&mut self) -> Frame<'_> {
        self.handed_out = true;
        // Unknown fields of an event say nothing of the answer.
        if std::mem::take(&mut self.aside) {
            reset(&mut self.other);
        }
        let window: &[u8] = if self.carrying { &self.carry } else { &self.chunk };
        let name = self.name.clone().and_then(|range| window.get(range));
        let data = match &self.data {
            Data::None => &[],
            Data::Line(range) => window.get(range.clone()).unwrap_or_default(),
            Data::Joined => self.joined.as_slice(),
        };
        self.is_mark = data == b"[DONE]";
        Frame::Event { name: name.filter(|name| !name.is_empty()), data }
    }

    fn start_event(&mut self) {
        let is_read = std::mem::take(&mut self.handed_out) && !self.is_mark;
        if is_read && !self.other.is_empty() {
            reset(&mut self.other);
            self.failed = false;
        }
        self.aside = false;
        self.name = None;
        self.data = Data::None;
        reset(&mut self.carry);
        reset(&mut self.joined);
        self.carrying = false;
        self.event = self.at;
        self.line = self.at;
    }

    fn check_size(&self, size: usize) -> Result<()> {
        if size.max(self.joined.len()).max(self.other.len()) > self.limit {
            Err(too_large(self.limit))
        } else {
            Ok(())
        }
    }
}

/// The fields of an event, and the one that some servers write an error in.
const FIELDS: [&[u8]; 5] = [b"data", b"event", b"id", b"retry", b"error"];

/// What a line says that is none of the fields that count: no comment, nor the like of a field that does
/// not count, unless it goes on with what lines before it said.
fn words(line: &[u8], goes_on: bool) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line);
    let (name, value) = line.split_at_checked(colon.unwrap_or(line.len()))?;
    // `value` begins with its colon.
    let is_said = |name: &[u8], value: &[u8]| {
        let value = value.get(1..).unwrap_or_default();
        let is_capital = name.first().is_some_and(u8::is_ascii_uppercase);
        value.starts_with(b" ") && (is_capital || value.trim_ascii().contains(&b' '))
    };
    match name {
        b"" | b"id" | b"retry" => None,
        // It says that there is none.
        b"error" if colon.is_some() => None,
        _ if !goes_on && line.trim_ascii().is_empty() => None,
        // A field that does not count, and not `Error: out of memory`.
        name if !goes_on && colon.is_some() && is_name(name) && !is_said(name, value) => None,
        _ => Some(line),
    }
}

fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a line reads as a field that is not known, and not as a sentence: `created: a minute ago`.
fn is_unknown_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line.get(..colon).unwrap_or_default();
    is_name(name) && name.first().is_some_and(|first| !first.is_ascii_uppercase())
}

/// Values of a field called `error` that say that there is none.
const NO_ERROR: [&[u8]; 7] = [b"", b"null", b"false", b"0", b"{}", b"[]", b"\"\""];

/// The value of the field that some servers write an error in, unless it says that there is none.
fn error(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"error:")?.trim_ascii();
    let letters = || value.iter().filter(|byte| !byte.is_ascii_whitespace());
    (!NO_ERROR.iter().any(|none| letters().eq(none.iter()))).then_some(value)
}

enum Field {
    Data,
    Event,
}

/// Reads a line as a field that counts, and its value.
fn field(line: &[u8]) -> Option<(Field, &[u8])> {
    let (field, rest) = if let Some(rest) = line.strip_prefix(b"data") {
        (Field::Data, rest)
    } else {
        (Field::Event, line.strip_prefix(b"event")?)
    };
    match rest.strip_prefix(b":") {
        Some(value) => Some((field, value.strip_prefix(b" ").unwrap_or(value))),
        // A field name alone has an empty value; a longer one is another field.
        None => rest.is_empty().then_some((field, rest)),
    }
}
