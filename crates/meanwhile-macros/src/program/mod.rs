//! Programs: signatures made of structs ([`signature`]) and of text ([`text`], [`literal`]), and the
//! modules that hold predictors ([`module`]).

mod literal;
mod module;
mod signature;
mod text;
mod write;

pub(crate) use literal::signature as signature_of_text;
pub(crate) use module::module;
pub(crate) use signature::signature;
