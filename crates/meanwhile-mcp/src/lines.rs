//! [`Lines`]: what a server sends over a stream, a message a line, of which none may be without end.
//!
//! A message that is too long is skipped. Where it answers a request, the request fails with
//! [`OVERSIZED`]; where that cannot be told, the stream ends, so that nobody waits for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The most bytes of a message, which are those of an event over HTTP.
const LONGEST: usize = 16 << 20;
pub(crate) const LONGEST_TEXT: &str = "16 MiB";

/// The code of the error that stands in for an answer that is too long. None that a server uses.
pub(crate) const OVERSIZED: i32 = i32::MIN + 16;

/// How much of the beginning and of the end of a message is looked at for its id.
const HEAD: usize = 256;
const TAIL: usize = 64;

/// Whether a stream was ended because of a message that was too long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oversized(Arc<AtomicBool>);

impl Oversized {
    pub(crate) fn is_fatal(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Passes on lines of bounded length.
pub(crate) struct Lines<R> {
    stream: R,
    fatal: Oversized,
    /// The bytes of the line so far, its first ones, and whether the rest of it is skipped.
    length: usize,
    head: Vec<u8>,
    is_skipped: bool,
    /// The last bytes of a line that is skipped.
    tail: Vec<u8>,
    /// What is to be passed on before more is read.
    pending: Vec<u8>,
}

impl<R> Lines<R> {
    pub(crate) fn new(stream: R, fatal: Oversized) -> Self {
        let (head, tail, pending) = (Vec::new(), Vec::new(), Vec::new());
        Self { stream, fatal, length: 0, head, is_skipped: false, tail, pending }
    }

    /// Looks at bytes that are passed on. Too long a line is broken off here.
    fn pass(&mut self, bytes: &[u8]) {
        let mut line = bytes;
        while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            (self.length, line) = (0, line.get(end + 1..).unwrap_or_default());
            self.head.clear();
        }
        self.length += line.len();
        self.head.extend(line.iter().take(HEAD.saturating_sub(self.head.len())));
        if self.length > LONGEST {
            self.is_skipped = true;
            self.tail = line.get(line.len().saturating_sub(TAIL)..).unwrap_or_default().to_vec();
            // What was passed on so far becomes a line by itself, no JSON, which is ignored.
            self.pending.push(b'\n');
        }
    }

    /// Skips bytes up to the end of the line, which is answered in its place.
    fn skip(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.tail.extend(line.get(line.len().saturating_sub(TAIL)..).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        let Some((_, rest)) = rest.split_first() else { return Ok(()) };
        let Some(id) = answered(&self.head, &self.tail) else {
            self.fatal.0.store(true, Ordering::Release);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
        };
        let answer =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{OVERSIZED},"message":""}}}}"#);
        self.pending.extend(answer.as_bytes());
        self.pending.push(b'\n');
        self.pending.extend(rest);
        (self.is_skipped, self.length) = (false, 0);
        self.head.clear();
        self.pass(rest);
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.pending.is_empty() && this.is_skipped {
            let mut chunk = [0; 8 << 10];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.skip(chunk.filled())?;
        }
        if this.pending.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
            this.pass(buffer.filled().get(before..).unwrap_or_default());
        } else {
            let most = this.pending.len().min(buffer.remaining());
            let passed: Vec<u8> = this.pending.drain(..most).collect();
            buffer.put_slice(&passed);
        }
        Poll::Ready(Ok(()))
    }
}

/// The id of the request that a message answers, from its first and last bytes. Servers write the id
/// before the result or at the very end; anything else is not looked for, because a result may hold
/// everything.
fn answered(head: &[u8], tail: &[u8]) -> Option<u64> {
    // The members before the first one that is an object, a list or cut off.
    let head = String::from_utf8_lossy(head);
    let mut members = head.trim_start().strip_prefix('{')?.split_inclusive(',');
    let mut id = None;
    let mut last = "";
    for member in members.by_ref() {
        last = member;
        let Some((name, value)) = member.split_once(':') else { break };
        let value = value.trim().trim_end_matches(',').trim_end();
        match name.trim() {
            r#""jsonrpc""# => {}
            r#""id""# if member.ends_with(',') => id = value.parse().ok(),
            _ => break,
        }
    }
    let name = last.split(':').next().unwrap_or_default().trim();
    // A request or a word of the server may have an id, too: not one of ours.
    if name != r#""result""# && name != r#""error""# {
        return None;
    }
    id.or_else(|| {
        let tail = String::from_utf8_lossy(tail);
        let members = tail.trim_end().strip_suffix('}')?;
        // `"jsonrpc"` may come last.
        let members = match members.rsplit_once(',') {
            Some((before, last)) if last.trim().starts_with(r#""jsonrpc""#) => before,
            _ => members,
        };
        let (_, last) = members.rsplit_once(',')?;
        last.trim().strip_prefix(r#""id""#)?.trim_start().strip_prefix(':')?.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_where_servers_write_it() {
        let check = |head: &str, tail: &str, expected: Option<u64>| {
            assert_eq!(answered(head.as_bytes(), tail.as_bytes()), expected, "{head} … {tail}");
        };
        check(r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"#, r#""x"}]}}"#, Some(7));
        check(r#"{"id" : 8 , "jsonrpc": "2.0", "result": {"a": "b"#, r#"x"}}"#, Some(8));
        check(r#"{"result":{"text":"aaa"#, r#"a"},"jsonrpc":"2.0","id":3}"#, Some(3));
        check(r#"{"result":{"text":"aaa"#, "a\"},\"id\": 4, \"jsonrpc\":\"2.0\"}\r", Some(4));
        check(r#"{"jsonrpc":"2.0","error":{"code":1"#, r#"a"},"id":5}"#, Some(5));
        // Within the result, not of the message.
        check(r#"{"jsonrpc":"2.0","result":{"text":"aaa"#, r#"a","id":5}}"#, None);
        // A request of the server, a notification, and no message at all.
        check(r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","#, "}}", None);
        check(r#"{"method":"ping","params":{"a":"b"#, r#"},"jsonrpc":"2.0","id":5}"#, None);
        check("aaaa", "aaaa", None);
        check(r#"{"jsonrpc":"2.0","id":"seven","result":{"#, "}}", None);
    }
}
