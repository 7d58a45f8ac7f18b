//! [`Growing`]: the text of one output while it is written.

use super::FieldChange;
use super::coerce::{Gathered, is_null};
use super::render::Wording;
use crate::{FieldType, SignatureSpec};

const LONGEST_NULL: usize = 4;

/// Whether a text is the beginning of a word for nothing.
fn may_be_null(text: &str) -> bool {
    let begins =
        |word: &str| word.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text));
    begins("null") || begins("none")
}

/// The text of one output, as far as it has come. White space around it is no part of it.
#[derive(Debug)]
pub(super) struct Growing {
    at: usize,
    text: String,
    /// White space behind the text, which counts if more follows.
    space: String,
    /// How much of the text has been told.
    told: usize,
    streams: bool,
    is_optional: bool,
    /// Whether the text may still be a word for nothing.
    undecided: bool,
}

impl Growing {
    pub(super) fn new(at: usize, spec: &SignatureSpec, wording: Wording) -> Self {
        let ty = spec.outputs.get(at).map(|field| &field.ty);
        let is_optional = matches!(ty, Some(FieldType::Optional(_))) && wording == Wording::Neutral;
        Self {
            at,
            text: String::new(),
            space: String::new(),
            told: 0,
            streams: ty.is_some_and(FieldType::is_text),
            is_optional,
            undecided: is_optional,
        }
    }

    /// Adds a piece, as long as it may be: how it is cut makes no difference.
    pub(super) fn push(&mut self, piece: &str) {
        let piece = match self.text.is_empty() {
            true => piece.trim_start(),
            false => piece,
        };
        let filled = piece.trim_end();
        if !filled.is_empty() {
            self.text.push_str(&self.space);
            self.space.clear();
            self.text.push_str(filled);
            self.undecided &= self.text.len() <= LONGEST_NULL && may_be_null(&self.text);
        }
        if !self.text.is_empty() {
            self.space.push_str(piece.get(filled.len()..).unwrap_or_default());
        }
    }

    pub(super) fn line_break(&mut self, behind_header: bool) {
        if behind_header {
            self.space.clear();
        }
        self.push("\n");
    }

    pub(super) fn tell(&mut self, spec: &SignatureSpec, tell: &mut dyn FnMut(FieldChange<'_>)) {
        if !self.streams || self.undecided {
            return;
        }
        if let Some(delta) = self.text.get(self.told..)
            && let Some(field) = spec.outputs.get(self.at)
            && !delta.is_empty()
        {
            tell(FieldChange::Text { name: &field.name, delta });
            self.told = self.text.len();
        }
    }

    /// Reads the whole text as the output's value.
    pub(super) fn close(
        mut self,
        spec: &SignatureSpec,
        wording: Wording,
        gathered: &mut Gathered,
        tell: &mut dyn FnMut(FieldChange<'_>),
    ) {
        self.undecided = false;
        if !(self.is_optional && is_null(&self.text)) {
            self.tell(spec, tell);
        }
        if let Some(value) = gathered.text(spec, self.at, self.text, wording)
            && let Some(field) = spec.outputs.get(self.at)
        {
            tell(FieldChange::Completed { name: &field.name, value });
        }
    }
}
