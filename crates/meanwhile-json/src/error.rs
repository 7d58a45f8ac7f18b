//! [`JsonError`]: what was expected, where, and what was read until then.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::Repair;
use crate::core::Mark;

/// What kind of fault a [`JsonError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text is not JSON, and cannot be read as such.
    Syntax,
    /// The text ends before the value does.
    UnexpectedEnd,
    /// The text holds no value.
    NoValue,
    /// The text can be read in several ways.
    Ambiguous,
    /// A number is too large.
    NumberOutOfRange,
    /// A value does not fit the schema, and cannot be turned into one that does.
    Mismatch,
    /// A required property is missing.
    Missing,
    /// A limit was passed. See [`Limits`](crate::Limits).
    Limit,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "this is not JSON",
            Self::UnexpectedEnd => "the text ends too early",
            Self::NoValue => "the text holds no JSON value",
            Self::Ambiguous => "this can be read in several ways",
            Self::NumberOutOfRange => "a number is out of range",
            Self::Mismatch => "a value does not fit the schema",
            Self::Missing => "a required property is missing",
            Self::Limit => "the text passes a limit",
        })
    }
}

/// Why a text could not be read, with the value so far.
///
/// `Display` names the fault, what was expected, the place and what to do. It repeats none of the text.
#[derive(Debug, Clone)]
pub struct JsonError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: JsonErrorKind,
    expected: Cow<'static, str>,
    path: String,
    offset: usize,
    line: usize,
    column: usize,
    value: Option<Value>,
    repairs: Vec<Repair>,
}

impl JsonError {
    pub(crate) fn new(failure: Failure, mark: Mark) -> Self {
        let Failure { kind, expected, path, offset } = failure;
        let (line, column) = (mark.line + 1, mark.column + 1);
        let (value, repairs) = (None, Vec::new());
        Self(Box::new(Inner { kind, expected, path, offset, line, column, value, repairs }))
    }

    pub(crate) fn carry(&mut self, value: Option<Value>, repairs: Vec<Repair>) {
        self.0.value = value;
        self.0.repairs = repairs;
    }

    /// What kind of fault it is.
    #[must_use]
    pub fn kind(&self) -> JsonErrorKind {
        self.0.kind
    }

    /// What was expected at the place.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// In which value, as a JSON pointer. The root is the empty text.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Where in the whole text, in bytes, from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// On which line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// Which character of the line, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// The value so far; `None` where none had begun. The error that [`Reader::error`] lends has none
    /// yet: ask [`Reader::value`].
    ///
    /// [`Reader::error`]: crate::Reader::error
    /// [`Reader::value`]: crate::Reader::value
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.0.value.as_ref()
    }

    /// Takes the value so far out of the error.
    #[must_use]
    pub fn into_value(self) -> Option<Value> {
        self.0.value
    }

    /// What had been mended until then.
    #[must_use]
    pub fn repairs(&self) -> &[Repair] {
        &self.0.repairs
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, expected, path, line, column, .. } = &*self.0;
        write!(f, "{kind} at line {line} column {column}")?;
        if !path.is_empty() {
            write!(f, " ({path})")?;
        }
        write!(f, ": expected {expected}; ")?;
        f.write_str(match kind {
            JsonErrorKind::Limit => "raise the limit if the text is to be trusted",
            JsonErrorKind::UnexpectedEnd => "give the whole text, or ask the model to go on",
            _ => "show this to the model and ask again",
        })
    }
}

impl std::error::Error for JsonError {}

/// A fault as the scanner sees it, before lines are counted.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: JsonErrorKind,
    pub(crate) expected: Cow<'static, str>,
    pub(crate) path: String,
    pub(crate) offset: usize,
}
