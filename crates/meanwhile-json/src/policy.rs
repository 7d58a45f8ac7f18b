//! [`Policy`] and [`Limits`]: how much is forgiven, and how much is read.

/// How much a [`Reader`](crate::Reader) forgives.
///
/// Each policy accepts all that the one before it accepts, and reads it as the same value.
///
/// ```
/// use meanwhile_json::{Policy, read};
/// use serde_json::json;
///
/// let schema = json!({"type": "object", "properties": {"year": {"type": "integer"}}});
/// let reply = r#"Here you are: {"year": "1990",}"#;
/// assert!(read(reply, Some(&schema), Policy::Strict).is_err());
/// // The prose and the comma are mended, the text stays a text.
/// assert_eq!(read(reply, Some(&schema), Policy::Repair)?.value, json!({"year": "1990"}));
/// assert_eq!(read(reply, Some(&schema), Policy::Coerce)?.value, json!({"year": 1990}));
/// # Ok::<(), meanwhile_json::JsonError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// RFC 8259 and nothing else: exactly what `serde_json` accepts. Nothing is repaired.
    Strict,
    /// Mends the syntax: code fences, prose around the value, commas, quotes, comments, brackets, a cut
    /// end. The types of values are left as they are written. A schema only helps to find the value.
    #[default]
    Repair,
    /// Mends the syntax, and turns values into the types that the schema asks for.
    Coerce,
}

/// How much is read at most. Whoever passes a limit gets an error, never less than was there.
///
/// ```
/// use meanwhile_json::Limits;
///
/// let limits = Limits { bytes: 64 * 1024, ..Limits::default() };
/// assert_eq!(limits.depth, 128);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many lists and objects may be open at once: fewer than this. 128 unless told otherwise, as in
    /// `serde_json`. Values above 512 count as 512.
    pub depth: usize,
    /// How long the whole text may be, in bytes. 64 MiB unless told otherwise.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128, bytes: 64 * 1024 * 1024 }
    }
}
