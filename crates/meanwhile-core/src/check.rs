//! [`Checked`]: what must hold of a value beyond its shape; and [`Checks`], what was found wrong.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fmt::{self, Display, Write as _};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, RwLock, atomic};
use std::time::{Duration, SystemTime};

/// So many failures are listed; the rest is counted.
const LISTED: usize = 10;

/// A value that can be checked once it has been read: numbers within bounds, fields that agree.
///
/// `#[derive(Extract)]` implements it, and runs the functions named by `#[extract(check = "…")]` and the
/// checks of the fields' own types. A type without checks needs nothing more than
/// `impl Checked for Type {}`.
///
/// Everything of the standard library that can be read from an answer implements it, and what holds other
/// values (lists, maps, tuples, options, boxes, cells) has them checked. Containers of other crates do not:
/// checks do not look into them.
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
        self.path.push('/');
        // Writing to a text does not fail; a `Display` that does has said as much as it can.
        let _ = write!(Step(&mut self.path), "{step}");
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

/// Writes a step of a JSON pointer, as RFC 6901 escapes it.
struct Step<'a>(&'a mut String);

impl fmt::Write for Step<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['~', '/']) {
            let (before, from) = rest.split_at(at);
            self.0.push_str(before);
            self.0.push_str(if from.starts_with('~') { "~0" } else { "~1" });
            rest = from.get(1..).unwrap_or_default();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

macro_rules! plain {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Checked for $type {}
    )*};
}

plain! {
    [] bool, [] char, [] i8, [] i16, [] i32, [] i64, [] i128, [] isize, [] u8, [] u16, [] u32, [] u64,
    [] u128, [] usize, [] f32, [] f64, [] (), [] str, [] String,
    [] NonZero<i8>, [] NonZero<i16>, [] NonZero<i32>, [] NonZero<i64>, [] NonZero<i128>,
    [] NonZero<isize>, [] NonZero<u8>, [] NonZero<u16>, [] NonZero<u32>, [] NonZero<u64>,
    [] NonZero<u128>, [] NonZero<usize>,
    [] IpAddr, [] Ipv4Addr, [] Ipv6Addr, [] SocketAddr, [] SocketAddrV4, [] SocketAddrV6,
    [] Path, [] PathBuf, [] OsStr, [] OsString, [] CStr, [] CString, [] Duration, [] SystemTime,
    [] atomic::AtomicBool, [] atomic::AtomicI8, [] atomic::AtomicI16, [] atomic::AtomicI32,
    [] atomic::AtomicIsize, [] atomic::AtomicU8, [] atomic::AtomicU16, [] atomic::AtomicU32,
    [] atomic::AtomicUsize,
    [] serde_json::Value, [] serde_json::Number, [] serde_json::Map<String, serde_json::Value>,
    [] serde_json::value::RawValue, [T: ?Sized] PhantomData<T>, [T] crate::Json<T>,
}

#[cfg(target_has_atomic = "64")]
plain!([] atomic::AtomicI64, [] atomic::AtomicU64);

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

macro_rules! around {
    ($($type:ident),*) => {$(
        impl<T: Checked> Checked for $type<T> {
            fn check(&self, checks: &mut Checks) {
                self.0.check(checks);
            }
        }
    )*};
}

around!(Reverse, Wrapping);

impl<T: Checked + Copy> Checked for Cell<T> {
    fn check(&self, checks: &mut Checks) {
        self.get().check(checks);
    }
}

impl<T: Checked + ?Sized> Checked for RefCell<T> {
    fn check(&self, checks: &mut Checks) {
        match self.try_borrow() {
            Ok(value) => value.check(checks),
            Err(_) => checks.fail("it is being changed, and cannot be checked"),
        }
    }
}

/// Waits for the lock.
impl<T: Checked + ?Sized> Checked for Mutex<T> {
    fn check(&self, checks: &mut Checks) {
        self.lock().unwrap_or_else(PoisonError::into_inner).check(checks);
    }
}

/// Waits for the lock.
impl<T: Checked + ?Sized> Checked for RwLock<T> {
    fn check(&self, checks: &mut Checks) {
        self.read().unwrap_or_else(PoisonError::into_inner).check(checks);
    }
}

impl<T: Checked> Checked for Option<T> {
    fn check(&self, checks: &mut Checks) {
        if let Some(value) = self {
            value.check(checks);
        }
    }
}

// The steps of what follows are those of the form that serde reads it from.

impl<T: Checked, E: Checked> Checked for Result<T, E> {
    fn check(&self, checks: &mut Checks) {
        match self {
            Ok(value) => checks.at("Ok", |checks| value.check(checks)),
            Err(error) => checks.at("Err", |checks| error.check(checks)),
        }
    }
}

impl<T: Checked> Checked for Bound<T> {
    fn check(&self, checks: &mut Checks) {
        match self {
            Self::Included(value) => checks.at("Included", |checks| value.check(checks)),
            Self::Excluded(value) => checks.at("Excluded", |checks| value.check(checks)),
            Self::Unbounded => {}
        }
    }
}

impl<T: Checked> Checked for Range<T> {
    fn check(&self, checks: &mut Checks) {
        checks.at("start", |checks| self.start.check(checks));
        checks.at("end", |checks| self.end.check(checks));
    }
}

impl<T: Checked> Checked for RangeInclusive<T> {
    fn check(&self, checks: &mut Checks) {
        checks.at("start", |checks| self.start().check(checks));
        checks.at("end", |checks| self.end().check(checks));
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
    [] Vec<T>, [] VecDeque<T>, [] LinkedList<T>, [] [T], [const N: usize] [T; N],
}

macro_rules! unordered {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        /// Every item stands at `*`: where it stood in the answer is not known any more.
        impl<T: Checked, $($generics)*> Checked for $type {
            fn check(&self, checks: &mut Checks) {
                for item in self {
                    checks.at('*', |checks| item.check(checks));
                }
            }
        }
    )*};
}

unordered!([] BTreeSet<T>, [S] HashSet<T, S>, [] BinaryHeap<T>);

/// A key of a map as it stands in JSON. What a type of the program is called there is not known: any key
/// is written `*`.
struct Key<'a>(&'a dyn Any);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        macro_rules! known {
            ($($type:ty),* $(,)?) => {$(
                if let Some(key) = self.0.downcast_ref::<$type>() {
                    return key.fmt(f);
                }
            )*};
        }
        known! {
            String, &'static str, Cow<'static, str>, Box<str>, Rc<str>, Arc<str>, char, bool, i8, i16, i32,
            i64, i128, isize, u8, u16, u32, u64, u128, usize,
        }
        f.write_char('*')
    }
}

macro_rules! maps {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        /// The values of a map stand at its keys where those are text or numbers, else at `*`.
        impl<K: 'static, V: Checked, $($generics)*> Checked for $type {
            fn check(&self, checks: &mut Checks) {
                for (key, value) in self {
                    checks.at(Key(key), |checks| value.check(checks));
                }
            }
        }
    )*};
}

maps!([] BTreeMap<K, V>, [S] HashMap<K, V, S>);

macro_rules! tuples {
    (@one $($type:ident $index:tt)*) => {
        impl<$($type: Checked),*> Checked for ($($type,)*) {
            fn check(&self, checks: &mut Checks) {
                $(checks.at($index, |checks| self.$index.check(checks));)*
            }
        }
    };
    ([$($one:tt)*]) => {
        tuples!(@one $($one)*);
    };
    ([$($one:tt)*] $next:ident $index:tt $($rest:tt)*) => {
        tuples!(@one $($one)*);
        tuples!([$($one)* $next $index] $($rest)*);
    };
}

// As many as serde reads.
tuples!([A 0] B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15);
