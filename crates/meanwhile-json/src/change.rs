//! [`Change`]: what a push added to the value, with the [`Path`] to it. Nothing is allocated for one.

use std::fmt;

use serde_json::Value;

use crate::tree::{Container, Frame};

/// What a push added to the value. Changes come in the order of the text.
///
/// Numbers, booleans and null are told by one `Completed`; so is what a schema may still turn into
/// something else, such as a text where a number is wanted. Everything else begins with `Started`. A
/// second `Started` or `Completed` for a path replaces what was there: a key came twice, or the second of
/// several values made a list of the first.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A text, a list or an object begins.
    Started {
        /// Where it is.
        path: Path<'a>,
        /// What begins.
        kind: Kind,
    },
    /// A text has grown.
    Text {
        /// Where the text is.
        path: Path<'a>,
        /// What came to it; never empty.
        added: &'a str,
    },
    /// A value is complete, and final.
    Completed {
        /// Where it is.
        path: Path<'a>,
        /// The whole value.
        value: &'a Value,
    },
}

impl<'a> Change<'a> {
    /// Where the change is.
    #[must_use]
    pub fn path(&self) -> Path<'a> {
        match self {
            Self::Started { path, .. } | Self::Text { path, .. } | Self::Completed { path, .. } => {
                *path
            }
        }
    }
}

/// What has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

/// Where a value is: the keys and places from the root to it. `Display` writes a JSON pointer.
#[derive(Clone, Copy)]
pub struct Path<'a>(pub(crate) &'a [Frame]);

impl<'a> Path<'a> {
    /// The steps from the root; none for the root itself.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step<'a>> + use<'a> {
        self.0.iter().map(|frame| match &frame.node {
            Container::Object(_) => Step::Key(&frame.key),
            Container::Array(items) => Step::Index(items.len()),
        })
    }

    /// The step at a depth, from 0.
    #[must_use]
    pub fn step(&self, depth: usize) -> Option<Step<'a>> {
        self.steps().nth(depth)
    }

    /// How many steps it is from the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            match step {
                Step::Key(key) => {
                    f.write_str("/")?;
                    write_key(key, f)?;
                }
                Step::Index(index) => write!(f, "/{index}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

/// One step of a [`Path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into the property of an object.
    Key(&'a str),
    /// Into the item of a list, from 0.
    Index(usize),
}

/// Writes a key as JSON pointers do.
pub(crate) fn write_key(key: &str, f: &mut impl fmt::Write) -> fmt::Result {
    key.chars().try_for_each(|c| match c {
        '~' => f.write_str("~0"),
        '/' => f.write_str("~1"),
        c => f.write_char(c),
    })
}
