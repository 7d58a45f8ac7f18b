//! [`Checked`]: what must hold of a value beyond its shape; and [`Checks`], what was found wrong.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

/// So many failures are listed; the rest is counted.
const LISTED: usize = 10;

/// A value that can be checked once it has been read: numbers within bounds, fields that agree.
///
/// `#[derive(Extract)]` implements it, and runs the functions named by `#[extract(check = "…")]` and the
/// checks of the fields' own types. A type without checks needs nothing more than
/// `impl Checked for Type {}`.
#[diagnostic::on_unimplemented(
    message = "it is not known how `{Self}` is checked",
    label = "has no checks, and does not say so",
    note = "put `#[derive(Extract)]` on the type, or return `Json<_>`, which reads without checks"
)]
pub trait Checked {
    /// Tells `checks` what is wrong with the value. Without a body, nothing is.
    fn check(&self, checks: &mut Checks) {
        let _ = checks;
    }
}

/// What the checks of a value have found wrong, and where.
///
/// ```
/// use meanwhile_core::{Checked, Checks};
///
/// struct Book {
///     pages: u32,
/// }
///
/// impl Checked for Book {
///     fn check(&self, checks: &mut Checks) {
///         checks.at("pages", |checks| {
///             if self.pages == 0 {
///                 checks.fail("a book has pages");
///             }
///         });
///     }
/// }
///
/// let books = [Book { pages: 612 }, Book { pages: 0 }];
/// assert_eq!(Checks::of(&books).to_string(), "`/1/pages`: a book has pages");
/// ```
#[derive(Debug, Default)]
pub struct Checks {
    /// Where the value that is being checked stands, as a JSON pointer.
    path: String,
    listed: String,
    failed: usize,
}

impl Checks {
    /// Checks a whole value.
    #[must_use]
    pub fn of<T: Checked + ?Sized>(value: &T) -> Self {
        let mut checks = Self::default();
        value.check(&mut checks);
        checks
    }

    /// Checks what stands at a key or an index of the value.
    pub fn at(&mut self, step: impl Display, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // As in RFC 6901.
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        self.path.push('/');
        self.path.push_str(&step);
        check(self);
        self.path.truncate(length);
    }

    /// Says what is wrong with the value, in words that a model can act on.
    pub fn fail(&mut self, message: impl Display) {
        self.failed += 1;
        if self.failed > LISTED {
            return;
        }
        if !self.listed.is_empty() {
            self.listed.push_str("; ");
        }
        if !self.path.is_empty() {
            self.listed.extend(["`", &self.path, "`: "]);
        }
        let message = message.to_string();
        self.listed.push_str(message.trim().trim_end_matches('.'));
    }

    /// How many checks have failed so far.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }
}

impl Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.listed)?;
        match self.failed.checked_sub(LISTED) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "; and {more} more"),
        }
    }
}

macro_rules! plain {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Checked for $type {}
    )*};
}

plain! {
    [] bool, [] char, [] i8, [] i16, [] i32, [] i64, [] i128, [] isize, [] u8, [] u16, [] u32, [] u64,
    [] u128, [] usize, [] f32, [] f64, [] (), [] str, [] String, [] serde_json::Value,
    [] serde_json::Number, [] std::time::Duration, [T: ?Sized] PhantomData<T>,
    [T] crate::Json<T>,
}

macro_rules! inner {
    ($($type:ident),*) => {$(
        impl<T: Checked + ?Sized> Checked for $type<T> {
            fn check(&self, checks: &mut Checks) {
                (**self).check(checks);
            }
        }
    )*};
}

inner!(Box, Rc, Arc);

impl<T: Checked + ToOwned + ?Sized> Checked for Cow<'_, T> {
    fn check(&self, checks: &mut Checks) {
        (**self).check(checks);
    }
}

impl<T: Checked> Checked for Option<T> {
    fn check(&self, checks: &mut Checks) {
        if let Some(value) = self {
            value.check(checks);
        }
    }
}

fn all<'a, T: Checked + 'a>(items: impl IntoIterator<Item = &'a T>, checks: &mut Checks) {
    for (index, item) in items.into_iter().enumerate() {
        checks.at(index, |checks| item.check(checks));
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<T: Checked, $($generics)*> Checked for $type {
            fn check(&self, checks: &mut Checks) {
                all(self, checks);
            }
        }
    )*};
}

lists! {
    [] Vec<T>, [] VecDeque<T>, [] [T], [const N: usize] [T; N], [] BTreeSet<T>, [S] HashSet<T, S>,
}

macro_rules! maps {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<K: Display, V: Checked, $($generics)*> Checked for $type {
            fn check(&self, checks: &mut Checks) {
                for (key, value) in self {
                    checks.at(key, |checks| value.check(checks));
                }
            }
        }
    )*};
}

maps!([] BTreeMap<K, V>, [S] HashMap<K, V, S>);

macro_rules! tuples {
    ($($type:ident . $index:tt),*) => {
        impl<$($type: Checked),*> Checked for ($($type,)*) {
            fn check(&self, checks: &mut Checks) {
                $(checks.at($index, |checks| self.$index.check(checks));)*
            }
        }
    };
}

tuples!(A.0);
tuples!(A.0, B.1);
tuples!(A.0, B.1, C.2);
tuples!(A.0, B.1, C.2, D.3);
