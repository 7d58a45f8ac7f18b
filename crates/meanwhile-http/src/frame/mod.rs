//! [`Sse`], [`JsonLines`] and `AwsEventStream`: from the chunks of a body to frames, byte by byte, bounded, without a clock.
//!
//! All are push parsers with the same steps: [`push`](Sse::push) a chunk, take frames with
//! [`next`](Sse::next) until there is none, and so on until the body ends and [`end`](Sse::end)
//! returns what is left. A frame that lies whole within one chunk is a slice of that chunk; only
//! one that spans chunks is copied, once. What was searched is not searched again, so the cost is
//! linear in the bytes, however small the chunks are.

#[cfg(feature = "aws-event-stream")]
mod aws_event_stream;
mod json_lines;
mod sse;

#[cfg(feature = "aws-event-stream")]
pub use aws_event_stream::{AwsEventStream, MessageHeaders};
pub use json_lines::JsonLines;
pub use sse::Sse;

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind};

/// Most bytes of one frame, where nothing else is set: 64 MiB.
pub const FRAME_LIMIT: usize = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A body without the mark that some servers put in front of it.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// Whether a text looks like JSON or a page.
pub(crate) fn is_body(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b'<'))
}

// A buffer that one large frame made grow is not kept for the small ones after it.
const KEPT_CAPACITY: usize = 64 << 10;

/// The error for a frame of more than `limit` bytes.
pub(crate) fn too_large(limit: usize) -> Error {
    let message = format!(
        "the answer holds more than {limit} bytes in one piece; raise the limit if the server can be trusted"
    );
    Error::new(ErrorKind::Decode, message)
}

/// Empties `buffer` and gives the memory back if there is much of it.
fn reset(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_CAPACITY {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}

/// What is left of `old` behind `at`, followed by `new`. Copies only where something is left.
fn append(old: &Bytes, at: usize, new: Bytes) -> Bytes {
    match old.get(at..) {
        Some(rest) if !rest.is_empty() => [rest, &new].concat().into(),
        _ => new,
    }
}
