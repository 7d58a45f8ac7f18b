//! [`Nested`]: the checks of a field's type, where it has any.
//!
//! Whether it has is found by the method lookup in the code of the derive, where the type is known: of two
//! traits with one method, the second is implemented for one reference more, and so found last.

use std::fmt::Display;

use meanwhile_core::{Checked, Checks};

/// A field, to be checked by its own type.
#[derive(Debug)]
pub struct Nested<'a, T: ?Sized>(pub &'a T);

/// A type with checks.
pub trait CheckNested {
    /// Runs them.
    fn check_nested(&self, checks: &mut Checks);
}

impl<T: Checked + ?Sized> CheckNested for Nested<'_, T> {
    fn check_nested(&self, checks: &mut Checks) {
        self.0.check(checks);
    }
}

/// Any other type.
pub trait CheckNothing {
    /// Does nothing.
    fn check_nested(&self, _: &mut Checks) {}
}

impl<T: ?Sized> CheckNothing for &Nested<'_, T> {}

/// What a check may return.
#[diagnostic::on_unimplemented(
    message = "a check cannot return `{Self}`",
    label = "not the outcome of a check",
    note = "a check is a `fn(&Field) -> Result<(), E>` with an `E` that can be displayed, such as `String`"
)]
pub trait CheckOutcome {
    /// Notes what is wrong, where something is.
    fn note(self, checks: &mut Checks);
}

#[diagnostic::do_not_recommend]
impl<E: Display> CheckOutcome for Result<(), E> {
    fn note(self, checks: &mut Checks) {
        if let Err(error) = self {
            checks.fail(error);
        }
    }
}

/// Takes the outcome of a check.
pub fn note_check(outcome: impl CheckOutcome, checks: &mut Checks) {
    outcome.note(checks);
}
