//! [`HasPartial`] and [`Growing`]: a type, and the form of it that fills while it is read.

use meanwhile_core::Json;
use meanwhile_json::Change;
use serde::de::DeserializeOwned;

use crate::values::{PartialBox, PartialList, PartialText, PartialValue};

/// A type of which a part can be had while it is still being read.
///
/// `#[derive(Partial)]` on a struct `Book` writes a struct `PartialBook` whose fields are the partial
/// forms of the fields of `Book`, and this implementation.
#[diagnostic::on_unimplemented(
    message = "there is no partial form of `{Self}`",
    note = "put `#[derive(Partial)]` on the type; for a type from elsewhere, mark the field with `#[partial(whole)]`"
)]
pub trait HasPartial: Send + 'static {
    /// The form that fills.
    type Partial: Growing;

    /// Whether the type is a JSON object. One that is not travels in an object of its own.
    const IS_OBJECT: bool = false;
}

/// The form of `T` that fills while it is read.
pub type Partial<T> = <T as HasPartial>::Partial;

/// A value that fills while it is read.
pub trait Growing: Default + std::fmt::Debug + Send + 'static {
    /// Takes a change that is at this value, or within it: `depth` steps of its path lead here. For the
    /// derive.
    #[doc(hidden)]
    fn change(&mut self, depth: usize, change: &Change<'_>);

    /// Takes a whole value, which was told at once: one that a schema made of something else.
    fn fill(&mut self, value: &serde_json::Value);

    /// Whether the value is complete.
    fn is_done(&self) -> bool;
}

/// How far a list or an object has come. For the derive.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// Nothing was told of it.
    #[default]
    Absent,
    /// It has begun.
    Started,
    /// It is complete.
    Done,
}

impl HasPartial for String {
    type Partial = PartialText;
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl HasPartial for $type {
            type Partial = PartialValue<Self>;
        }
    )*};
}

whole!(bool, char, i8, i16, i32, i64, u8, u16, u32, u64, usize, f32, f64, serde_json::Value);

impl<T: HasPartial> HasPartial for Vec<T> {
    type Partial = PartialList<T::Partial>;
}

impl<T: HasPartial> HasPartial for Option<T> {
    type Partial = T::Partial;
}

impl<T: HasPartial> HasPartial for Box<T> {
    type Partial = PartialBox<T::Partial>;

    const IS_OBJECT: bool = T::IS_OBJECT;
}

impl<T: HasPartial> HasPartial for Json<T> {
    type Partial = T::Partial;

    const IS_OBJECT: bool = T::IS_OBJECT;
}

impl<K, V, S> HasPartial for std::collections::HashMap<K, V, S>
where
    Self: DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    type Partial = PartialValue<Self>;

    const IS_OBJECT: bool = true;
}

impl<K, V> HasPartial for std::collections::BTreeMap<K, V>
where
    Self: DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    type Partial = PartialValue<Self>;

    const IS_OBJECT: bool = true;
}
