//! What the model may do beside searching.

use std::sync::{Mutex, PoisonError};

use meanwhile::prelude::*;

/// What was noted down in this session.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// All notes, oldest first.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[toolkit]
impl Notes {
    /// Notes down a finding, so that it is not lost.
    #[tool]
    fn take_note(
        &self,
        /** The finding, in one sentence, with its source. */
        finding: String,
    ) -> String {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(finding);
        format!("noted as number {}", notes.len())
    }

    /// Reads all notes.
    #[tool]
    fn read_notes(&self) -> Vec<String> {
        self.all()
    }
}

/// Calculates with two numbers.
#[tool]
pub(crate) fn calculate(
    left: f64,
    /** One of + - * / */
    operator: char,
    right: f64,
) -> Result<f64, String> {
    match operator {
        '+' => Ok(left + right),
        '-' => Ok(left - right),
        '*' => Ok(left * right),
        '/' if right != 0.0 => Ok(left / right),
        '/' => Err("nothing is divided by zero".to_owned()),
        other => Err(format!("`{other}` is no operator; use + - * /")),
    }
}
