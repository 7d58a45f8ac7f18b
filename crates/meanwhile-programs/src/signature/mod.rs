//! Signatures: what a predictor is given and what it is to answer. One definition over values
//! ([`SignatureSpec`]), written as text, built at run time or made of types ([`Signature`]).

mod field;
mod parse;
mod spec;
mod typed;
mod types;

pub use field::FieldSpec;
pub use spec::SignatureSpec;
pub use typed::{Dynamic, Signature};
pub use types::FieldType;

pub(crate) use types::{with_defs, word_of};
