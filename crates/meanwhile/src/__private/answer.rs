//! [`Returned`]: what a tool function returned, and by which way it becomes an answer.
//!
//! An image is an answer with an image in it, not its JSON, though it could be written as JSON too. The
//! choice is made by the compiler where the type is known, in the code of the macro: of four traits with
//! a method `kind`, each is implemented for one reference less than the one before it, and the method
//! lookup takes the first that fits `&&&&Returned<T>`.

use std::marker::PhantomData;

use meanwhile_core::{Audio, Document, Image, IntoToolOutput, Part, Result, Text, ToolOutput};

use super::ToolError;

/// Stands for a value of the type `T`.
#[derive(Debug)]
pub struct Returned<T>(PhantomData<fn() -> T>);

impl<T> Returned<T> {
    /// Stands for a value of this type.
    pub fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

/// What is shown to the model as it is: a part, or several.
pub trait ToolParts {
    /// Adds the parts, in order.
    fn add_to(self, parts: &mut Vec<Part>);
}

macro_rules! part {
    ($($type:ty)*) => {$(
        impl ToolParts for $type {
            fn add_to(self, parts: &mut Vec<Part>) {
                parts.push(self.into());
            }
        }
    )*};
}
part!(Part Text Image Audio Document);

impl<T: ToolParts> ToolParts for Option<T> {
    fn add_to(self, parts: &mut Vec<Part>) {
        if let Some(part) = self {
            part.add_to(parts);
        }
    }
}

impl<T: ToolParts> ToolParts for Vec<T> {
    fn add_to(self, parts: &mut Vec<Part>) {
        self.into_iter().for_each(|part| part.add_to(parts));
    }
}

impl<T: ToolParts, const N: usize> ToolParts for [T; N] {
    fn add_to(self, parts: &mut Vec<Part>) {
        self.into_iter().for_each(|part| part.add_to(parts));
    }
}

fn shown(value: impl ToolParts) -> ToolOutput {
    let mut parts = Vec::new();
    value.add_to(&mut parts);
    ToolOutput::new(parts)
}

macro_rules! ways {
    ($(
        $(#[$doc:meta])*
        $way:ident, $by:ident for [$($reference:tt)*] [$($generics:tt)*] $type:ty;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $way;

        $(#[$doc])*
        pub trait $by {
            /// Chooses this way.
            fn kind(&self) -> $way {
                $way
            }
        }

        impl<$($generics)*> $by for $($reference)* Returned<$type> {}
    )*};
}

ways! {
    /// Parts, as they are.
    Parts, ByParts for [&&&] [T: ToolParts] T;
    /// Parts as they are, or an error.
    PartsResult, ByPartsResult for [&&] [T: ToolParts, E] std::result::Result<T, E>;
    /// A value or an error.
    ValueResult, ByValueResult for [&] [T, E] std::result::Result<T, E>;
    /// A value.
    Value, ByValue for [] [T] T;
}

impl Parts {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// None; the ways are called alike.
    pub fn answer<T: ToolParts>(self, value: T) -> Result<ToolOutput> {
        Ok(shown(value))
    }
}

impl PartsResult {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// The function's own.
    pub fn answer<T: ToolParts, E: ToolError>(
        self,
        result: std::result::Result<T, E>,
    ) -> Result<ToolOutput> {
        result.map(shown).map_err(ToolError::into_error)
    }
}

impl ValueResult {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// The function's own, or as [`IntoToolOutput::into_tool_output`].
    pub fn answer<Marker, T: IntoToolOutput<Marker>, E: ToolError>(
        self,
        result: std::result::Result<T, E>,
    ) -> Result<ToolOutput> {
        result.map_err(ToolError::into_error)?.into_tool_output()
    }
}

impl Value {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// As [`IntoToolOutput::into_tool_output`].
    pub fn answer<Marker, T: IntoToolOutput<Marker>>(self, value: T) -> Result<ToolOutput> {
        value.into_tool_output()
    }
}
