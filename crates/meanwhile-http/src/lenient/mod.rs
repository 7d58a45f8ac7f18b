//! [`BorrowedStr`], lenient fields and serde helpers for servers that drift: `null` for a default, a number
//! for a string, a field that is named twice, half a character.
//!
//! Wire types are strict when they are written and lenient when they are read. Each helper here
//! is for one drift that real servers show; what none of them accepts is a decode error, but for the
//! fields [`Str`] to [`Words`], for which it is absent.

mod absent;
mod fields;
mod halves;
mod record;

#[doc(inline)]
pub use crate::lenient_otherwise_absent as otherwise_absent;
#[doc(inline)]
pub use crate::lenient_record as record;
pub use fields::{Arguments, Flag, List, Number, Object, Raws, Str, Words};
pub use halves::Halves;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;

/// A JSON string that borrows from the input wherever it holds no escape.
///
/// Serde's own `Option<Cow<str>>` always allocates, even with `#[serde(borrow)]`; this type
/// borrows also inside an `Option`, a `Vec` or a struct.
///
/// ```
/// use meanwhile_http::lenient::BorrowedStr;
///
/// let text: Option<BorrowedStr<'_>> = serde_json::from_str(r#""plain""#)?;
/// assert!(text.is_some_and(|text| text.is_borrowed()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BorrowedStr<'a>(Cow<'a, str>);

impl<'a> BorrowedStr<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is a slice of the input.
    #[must_use]
    pub fn is_borrowed(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }

    /// Takes the text out, copying it if it is borrowed.
    #[must_use]
    pub fn into_owned(self) -> String {
        self.0.into_owned()
    }

    /// Takes the text out as it is.
    #[must_use]
    pub fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for BorrowedStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for BorrowedStr<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for BorrowedStr<'_> {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for BorrowedStr<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl<'a> From<&'a str> for BorrowedStr<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for BorrowedStr<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<BorrowedStr<'_>> for String {
    fn from(text: BorrowedStr<'_>) -> Self {
        text.into_owned()
    }
}

impl fmt::Display for BorrowedStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BorrowedStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for BorrowedStr<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(StrVisitor).map(Self)
    }
}

struct StrVisitor;

impl<'de> Visitor<'de> for StrVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// Reads `null` as the type's default, for `#[serde(default, deserialize_with = "null_default")]`.
///
/// # Errors
///
/// When the value is neither `null` nor a `T`.
pub fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a string, number or boolean as text and `null` as `None`, for error codes and ids that
/// are a string with one server and a number with another.
///
/// # Errors
///
/// When the value is an array or an object.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or null")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        inner.deserialize_any(self)
    }
}

/// Reads a count that may come as `3`, `3.0` or `"3"`, and `null` as `None`.
///
/// # Errors
///
/// When the value is no whole number from 0 up.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_any(CountVisitor)
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 up, or null")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        let invalid = || E::invalid_value(de::Unexpected::Signed(number), &self);
        u64::try_from(number).map(Some).map_err(|_| invalid())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // Up to here every whole number has an exact float.
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && (0.0..=LIMIT).contains(&number) {
            return Ok(Some(number as u64));
        }
        Err(E::invalid_value(de::Unexpected::Float(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
        text.trim().parse().map(Some).map_err(|_| invalid())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        inner.deserialize_any(self)
    }
}

/// Reads any JSON that comes whole. Half characters in it read as U+FFFD.
///
/// # Errors
///
/// When it is no JSON.
pub fn value(json: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(json).or_else(|source| match Halves::mended(json) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(source),
    })
}

/// Reads a JSON string, which may be most of an answer, into one piece of memory of the right size. One that
/// holds no escape is borrowed.
///
/// # Errors
///
/// When the text is no JSON string, or holds half a character.
pub fn unescape(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(mut rest) = quoted else { return serde_json::from_str(raw).map(Cow::Owned) };
    let mut text = String::new();
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let plain = rest.get(..at).unwrap_or_default();
        let escaped = rest.get(at + 1..).unwrap_or_default();
        let escaped_char = match escaped.as_bytes().first() {
            Some(b'n') => '\n',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            // A code point, or half of one.
            _ => return serde_json::from_str(raw).map(Cow::Owned),
        };
        if text.capacity() == 0 {
            text.reserve_exact(rest.len());
        }
        text.push_str(plain);
        text.push(escaped_char);
        rest = escaped.get(1..).unwrap_or_default();
    }
    if text.capacity() == 0 {
        return Ok(Cow::Borrowed(rest));
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}
