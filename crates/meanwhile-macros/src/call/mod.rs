//! `#[call]`: from an `async fn` whose body is a prompt to a function that returns a call.
//!
//! [`attr`] reads the attribute, [`signature`] the signature, [`body`] makes the body evaluate to a
//! prompt, [`expand`] puts them together.

mod attr;
mod body;
mod expand;
mod names;
mod signature;

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Block, Signature, Token, Visibility};

use crate::common::Errors;

/// A function as written, with or without a body.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    /// `None` for `fn f();`.
    body: Option<Block>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            Some(input.parse()?)
        };
        Ok(Self { attributes, visibility, signature, body })
    }
}

/// Expands `#[call]`.
pub(crate) fn call(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let mut out = error.to_compile_error();
            out.extend(item);
            return out;
        }
    };
    let mut errors = Errors::default();
    let attribute = attr::parse(attribute, &mut errors);
    signature::check_tools(&mut function, &mut errors);
    expand::expand(attribute, function, errors)
}
