//! [`AwsEventStream`]: the messages of `application/vnd.amazon.eventstream` from chunks of bytes.

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Result};

use super::{FRAME_LIMIT, append, reset, too_large};
use crate::Frame;

// Two lengths and their checksum; a message has another checksum at its end.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// A push parser for AWS event streams: binary messages of headers and a payload, both under a
/// checksum.
///
/// Messages are handed out only when both checksums are right and every header can be read. Of the
/// headers, those count that say what the message is ([`MessageHeaders`]).
///
/// The wire is that of <https://smithy.io/2.0/aws/amazon-eventstream.html>.
///
/// ```
/// use meanwhile_http::Frame;
/// use meanwhile_http::frame::AwsEventStream;
///
/// let mut messages = AwsEventStream::default();
/// // A message without headers whose payload is `hi`.
/// messages.push(b"\0\0\0\x12\0\0\0\0\x7f\x02\x1b\x8b".as_slice().into());
/// assert_eq!(messages.next()?, None);
/// messages.push(b"hiT\xa7\xf4\x15".as_slice().into());
/// assert!(matches!(messages.next()?, Some(Frame::Message { data: b"hi", .. })));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
pub struct AwsEventStream {
    limit: usize,
    // The chunk that is being read, and how far.
    chunk: Bytes,
    at: usize,
    // Holds a message that was begun in an earlier chunk.
    carry: Vec<u8>,
    // The length of the message in `carry`, once its prelude was read.
    size: Option<Size>,
    handed_out: bool,
}

/// The lengths that a message begins with.
#[derive(Debug, Clone, Copy)]
struct Size {
    whole: usize,
    headers: usize,
}

/// The headers of an AWS event stream message that say what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MessageHeaders<'a> {
    /// `:message-type`: `event`, `exception` or `error`.
    pub message_type: Option<&'a str>,
    /// `:event-type`: which event it is.
    pub event_type: Option<&'a str>,
    /// `:exception-type`: which modelled failure it is.
    pub exception_type: Option<&'a str>,
    /// `:error-code`: which other failure it is.
    pub error_code: Option<&'a str>,
    /// `:error-message`: what the other failure says.
    pub error_message: Option<&'a str>,
    /// `:content-type`: how the payload is written.
    pub content_type: Option<&'a str>,
}

impl Default for AwsEventStream {
    fn default() -> Self {
        Self::new(FRAME_LIMIT)
    }
}

impl AwsEventStream {
    /// Makes a parser for one body whose messages hold at most `limit` bytes each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, chunk: Bytes::new(), at: 0, carry: Vec::new(), size: None, handed_out: false }
    }

    /// Adds the next chunk of the body.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = append(&self.chunk, self.at, chunk);
        self.at = 0;
    }

    /// Takes the next message; `None` when there is none without another chunk.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) when a message is larger than the limit, a checksum is wrong or
    /// a header cannot be read. The parser cannot go on then.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>> {
        if std::mem::take(&mut self.handed_out) {
            reset(&mut self.carry);
            self.size = None;
        }
        if self.carry.is_empty() {
            let rest = self.chunk.get(self.at..).unwrap_or_default();
            if let Some(size) = size(rest, self.limit)?
                && rest.len() >= size.whole
            {
                let start = self.at;
                self.at += size.whole;
                let message = self.chunk.get(start..self.at).unwrap_or_default();
                return read(message, size).map(Some);
            }
        }
        // What is left of the chunk is the beginning of a message that goes on in the next one.
        if self.size.is_none() {
            self.carry_until(PRELUDE);
            self.size = size(&self.carry, self.limit)?;
        }
        let Some(size) = self.size else { return Ok(None) };
        self.carry_until(size.whole);
        if self.carry.len() < size.whole {
            return Ok(None);
        }
        self.handed_out = true;
        read(&self.carry, size).map(Some)
    }

    /// Reads the end of the body, which never holds another message.
    ///
    /// # Errors
    ///
    /// [`StreamInterrupted`](ErrorKind::StreamInterrupted) when the body ends within a message.
    pub fn end(&mut self) -> Result<Option<Frame<'_>>> {
        let is_left = self.at < self.chunk.len() || !(self.handed_out || self.carry.is_empty());
        self.at = self.chunk.len();
        reset(&mut self.carry);
        self.size = None;
        self.handed_out = false;
        if is_left {
            let message = "the answer broke off in the middle of an event; send the request again";
            return Err(Error::new(ErrorKind::StreamInterrupted, message));
        }
        Ok(None)
    }

    /// Moves bytes of the chunk to the carry until that holds `wanted`, as far as there are any.
    fn carry_until(&mut self, wanted: usize) {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let missing = wanted.saturating_sub(self.carry.len()).min(rest.len());
        self.carry.extend_from_slice(rest.get(..missing).unwrap_or_default());
        self.at += missing;
    }
}

/// Reads the prelude that `bytes` begin with; `None` where it is not complete.
fn size(bytes: &[u8], limit: usize) -> Result<Option<Size>> {
    let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
    let (lengths, checksum) = prelude.split_at(PRELUDE - CHECKSUM);
    if number(checksum) != Some(crc32fast::hash(lengths)) {
        return Err(broken("the checksum of the beginning of an event is wrong"));
    }
    let (whole, headers) = lengths.split_at(4);
    let length = |bytes| number(bytes).and_then(|number| usize::try_from(number).ok());
    let (Some(whole), Some(headers)) = (length(whole), length(headers)) else {
        return Err(too_large(limit));
    };
    if whole > limit {
        return Err(too_large(limit));
    }
    if headers.saturating_add(PRELUDE + CHECKSUM) > whole {
        return Err(broken("the lengths of an event contradict each other"));
    }
    Ok(Some(Size { whole, headers }))
}

/// Checks a complete message and takes it apart.
fn read(message: &[u8], size: Size) -> Result<Frame<'_>> {
    let (covered, checksum) =
        message.split_at_checked(size.whole - CHECKSUM).unwrap_or((message, &[]));
    if number(checksum) != Some(crc32fast::hash(covered)) {
        return Err(broken("the checksum of an event is wrong"));
    }
    let content = covered.get(PRELUDE..).unwrap_or_default();
    let (headers, data) = content.split_at_checked(size.headers).unwrap_or((content, &[]));
    let headers =
        read_headers(headers).ok_or_else(|| broken("the headers of an event cannot be read"))?;
    Ok(Frame::Message { headers, data })
}

fn read_headers(mut rest: &[u8]) -> Option<MessageHeaders<'_>> {
    let mut headers = MessageHeaders::default();
    while let Some((length, behind)) = rest.split_first() {
        let (name, behind) = behind.split_at_checked(usize::from(*length))?;
        if name.is_empty() {
            return None;
        }
        let (kind, behind) = behind.split_first()?;
        let (value, behind) = read_value(*kind, behind)?;
        rest = behind;
        // Only text says what a message is.
        let Some(value) = value else { continue };
        let field = match name {
            b":message-type" => &mut headers.message_type,
            b":event-type" => &mut headers.event_type,
            b":exception-type" => &mut headers.exception_type,
            b":error-code" => &mut headers.error_code,
            b":error-message" => &mut headers.error_message,
            b":content-type" => &mut headers.content_type,
            _ => continue,
        };
        *field = Some(std::str::from_utf8(value).ok()?);
    }
    Some(headers)
}

/// Reads a header's value of this type: its bytes if it is text, and what follows.
fn read_value(kind: u8, rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let length = match kind {
        // True and false.
        0 | 1 => 0,
        // Whole numbers of growing size.
        2 => 1,
        3 => 2,
        4 => 4,
        // A large number, or a time.
        5 | 8 => 8,
        // Bytes and text, with their length before them.
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            return Some(((kind == 7).then_some(value), rest));
        }
        // A UUID.
        9 => 16,
        _ => return None,
    };
    rest.split_at_checked(length).map(|(_, rest)| (None, rest))
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn broken(message: &'static str) -> Error {
    Error::new(ErrorKind::Decode, message)
}
