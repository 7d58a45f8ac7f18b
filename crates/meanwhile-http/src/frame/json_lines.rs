//! [`JsonLines`]: newline-delimited JSON from chunks of bytes.

use bytes::Bytes;
use meanwhile_core::Result;

use super::{FRAME_LIMIT, append, reset, too_large, without_mark};
use crate::Frame;

/// A push parser for bodies with one JSON value a line.
///
/// Lines end with LF or CRLF; blank lines and a leading byte-order mark are skipped. The last line
/// may lack its end, [`end`](Self::end) hands it out.
///
/// ```
/// use meanwhile_http::Frame;
/// use meanwhile_http::frame::JsonLines;
///
/// let mut lines = JsonLines::default();
/// lines.push("{\"text\":".into());
/// assert_eq!(lines.next()?, None);
/// lines.push(" \"hi\"}\n{\"done\": true}".into());
/// assert_eq!(lines.next()?, Some(Frame::Line(br#"{"text": "hi"}"#)));
/// assert_eq!(lines.next()?, None);
/// // The last line lacks its end.
/// assert_eq!(lines.end()?, Some(Frame::Line(br#"{"done": true}"#)));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    limit: usize,
    // The chunk that is being read, and how far.
    chunk: Bytes,
    at: usize,
    // The beginning of a line whose end has not come.
    carry: Vec<u8>,
    first_line: bool,
    handed_out: bool,
}

impl Default for JsonLines {
    fn default() -> Self {
        Self::new(FRAME_LIMIT)
    }
}

impl JsonLines {
    /// Makes a parser for one body whose lines hold at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            chunk: Bytes::new(),
            at: 0,
            carry: Vec::new(),
            first_line: true,
            handed_out: false,
        }
    }

    /// Adds the next chunk of the body.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = append(&self.chunk, self.at, chunk);
        self.at = 0;
    }

    /// Takes the next line; `None` when there is none without another chunk.
    ///
    /// # Errors
    ///
    /// [`Decode`](meanwhile_core::ErrorKind::Decode) when a line is larger than the limit. The
    /// parser cannot go on then.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>> {
        loop {
            self.start_line();
            let rest = self.chunk.get(self.at..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', rest) else {
                self.carry.extend_from_slice(rest);
                // So that the connection's buffer, of which it is a part, can be filled again.
                self.chunk = Bytes::new();
                self.at = 0;
                self.check_size(self.carry.len())?;
                return Ok(None);
            };
            let start = self.at;
            self.at += length + 1;
            self.check_size(self.carry.len() + length)?;
            let first = std::mem::take(&mut self.first_line);
            let line = rest.get(..length).unwrap_or_default();
            if !self.carry.is_empty() {
                self.carry.extend_from_slice(line);
                self.handed_out = true;
                if !trim(&self.carry, first).is_empty() {
                    return Ok(Some(Frame::Line(trim(&self.carry, first))));
                }
            } else if !trim(line, first).is_empty() {
                let line = self.chunk.get(start..start + length).unwrap_or_default();
                return Ok(Some(Frame::Line(trim(line, first))));
            }
        }
    }

    /// Reads the end of the body: takes the last line if it lacks its end.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn end(&mut self) -> Result<Option<Frame<'_>>> {
        self.start_line();
        self.handed_out = true;
        let first = std::mem::take(&mut self.first_line);
        let line = trim(&self.carry, first);
        Ok(if line.is_empty() { None } else { Some(Frame::Line(line)) })
    }

    fn start_line(&mut self) {
        if self.handed_out {
            self.handed_out = false;
            reset(&mut self.carry);
        }
    }

    fn check_size(&self, size: usize) -> Result<()> {
        if size > self.limit { Err(too_large(self.limit)) } else { Ok(()) }
    }
}

fn trim(line: &[u8], first: bool) -> &[u8] {
    if first { without_mark(line).trim_ascii() } else { line.trim_ascii() }
}
