//! [`Halves`]: characters that a server cut in two, each half an escape that is no text on its own.
//!
//! Servers that cut text by its UTF-16 units write `"\ud83d"` in one piece and `"\ude00"` in the next. A
//! strict reader refuses both, so the JSON is rewritten for it, and only when it has refused: the first
//! half is held back and joined with the second. A half that stays alone is told as U+FFFD.

use std::ops::Range;

/// The half characters of one answer.
///
/// ```
/// use meanwhile_http::lenient::Halves;
///
/// let mut halves = Halves::of(&["text"]);
/// let first = halves.mend(br#"{"text": "so \ud83d"}"#, false);
/// assert_eq!(first.as_deref(), Some(&br#"{"text": "so "}"#[..]));
/// let second = halves.mend(br#"{"text": "\ude00"}"#, false);
/// assert_eq!(second.as_deref(), Some(&br#"{"text": "\ud83d\ude00"}"#[..]));
/// ```
#[derive(Debug)]
pub struct Halves {
    in_pieces: &'static [&'static str],
    /// The field whose text ended with a first half, and that half.
    waiting: Option<(&'static str, u16)>,
}

/// How long `\uXXXX` is.
const ESCAPE: usize = 6;

impl Halves {
    /// Starts an answer of a wire on which the text of the fields of these names comes in pieces.
    #[must_use]
    pub const fn of(in_pieces: &'static [&'static str]) -> Self {
        Self { in_pieces, waiting: None }
    }

    /// The field whose text ended with a first half that waits for the second. Where there is one, the next
    /// piece has to be rewritten, too.
    #[must_use]
    pub fn waiting(&self) -> Option<&'static str> {
        self.waiting.map(|(name, _)| name)
    }

    /// Whether a first half waits for the second.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether JSON holds escapes of half characters, be they joined or not. Where JSON is kept raw, reading
    /// it does not tell.
    #[must_use]
    pub fn are_in(json: &[u8]) -> bool {
        memchr::memchr_iter(b'\\', json).any(|at| {
            let escape = json.get(at + 1..at + 4);
            matches!(escape, Some([b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F']))
        })
    }

    /// Rewrites JSON that comes whole, so that it holds whole characters only; `None` where nothing has to be
    /// changed.
    #[must_use]
    pub fn mended(json: &[u8]) -> Option<Vec<u8>> {
        Self::are_in(json).then(|| Self::of(&[]).mend(json, true))?
    }

    /// Rewrites JSON so that it holds whole characters only; `None` where nothing has to be changed. What is
    /// `whole` has no later piece.
    #[must_use]
    pub fn mend(&mut self, json: &[u8], whole: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut name = None;
        let mut at = 0;
        while let Some(quote) = memchr::memchr(b'"', json.get(at..)?) {
            let start = at + quote + 1;
            let end = start + length(json.get(start..)?)?;
            let text = json.get(start..end)?;
            let rest = json.get(end + 1..)?;
            at = end + 1;
            let is_name = rest.trim_ascii_start().starts_with(b":");
            if is_name {
                name = self.in_pieces.iter().copied().find(|known| known.as_bytes() == text);
            }
            if let Some(mended) = self.text(text, name.filter(|_| !whole && !is_name)) {
                out.extend_from_slice(json.get(copied..start)?);
                out.extend_from_slice(&mended);
                copied = end;
            }
        }
        if copied == 0 {
            return None;
        }
        out.extend_from_slice(json.get(copied..)?);
        Some(out)
    }

    /// The field whose text ended with half a character, at the end of the answer.
    pub fn take(&mut self) -> Option<&'static str> {
        self.waiting.take().map(|(name, _)| name)
    }

    /// Rewrites what stands between two quotes; `None` where nothing has to be changed.
    fn text(&mut self, text: &[u8], name: Option<&'static str>) -> Option<Vec<u8>> {
        let mut changes: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
        if let (Some((field, first)), false) = (self.waiting, text.is_empty())
            && name == Some(field)
        {
            self.waiting = None;
            match unit(text) {
                Some(second @ 0xdc00..=0xdfff) => {
                    let both = format!("\\u{first:04x}\\u{second:04x}");
                    changes.push((0..ESCAPE, both.into_bytes()));
                }
                _ => changes.push((0..0, REPLACED.to_vec())),
            }
        }
        let mut at = changes.last().map_or(0, |(range, _)| range.end);
        while let Some(slash) = memchr::memchr(b'\\', text.get(at..).unwrap_or_default()) {
            at += slash;
            let escaped = text.get(at..).unwrap_or_default();
            let next = escaped.get(ESCAPE..).unwrap_or_default();
            let length = match (unit(escaped), unit(next)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE,
                (Some(first @ 0xd800..=0xdbff), _) => {
                    let held = name.filter(|_| next.is_empty());
                    self.waiting = held.map(|name| (name, first)).or(self.waiting);
                    let put = if held.is_some() { Vec::new() } else { REPLACED.to_vec() };
                    changes.push((at..at + ESCAPE, put));
                    ESCAPE
                }
                (Some(0xdc00..=0xdfff), _) => {
                    changes.push((at..at + ESCAPE, REPLACED.to_vec()));
                    ESCAPE
                }
                (Some(_), _) => ESCAPE,
                (None, _) => 2,
            };
            at += length;
        }
        if changes.is_empty() {
            return None;
        }
        let mut mended = Vec::with_capacity(text.len() + ESCAPE);
        let mut copied = 0;
        for (range, put) in changes {
            mended.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
            mended.extend_from_slice(&put);
            copied = range.end;
        }
        mended.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(mended)
    }
}

const REPLACED: &[u8] = b"\\ufffd";

/// The unit that text begins with, where that is an escape.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    // `from_str_radix` takes a sign.
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

/// How long the text is that a quote ends.
fn length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match text.get(found) {
            Some(b'\\') => at = found + 2,
            _ => return Some(found),
        }
    }
}
