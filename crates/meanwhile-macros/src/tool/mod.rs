//! `#[tool]`: a function, and beside it a type whose fields are the function's parameters.
//!
//! [`attr`] reads the attribute, [`parameters`] the parameters, [`expand`] writes the type.

mod attr;
mod expand;
mod parameters;

use proc_macro2::TokenStream;
use syn::{Attribute, ItemFn, Meta};

use crate::common::{Errors, doc_text};

/// Expands `#[tool]`.
pub(crate) fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let mut out = error.to_compile_error();
            out.extend(item);
            return out;
        }
    };
    let mut errors = Errors::default();
    let attr = attr::parse(attribute, &mut errors);
    parameters::check_signature(&function.sig, &mut errors);
    let parameters = parameters::take(&mut function.sig, &mut errors);
    let description = attr.description.as_ref().map(syn::LitStr::value);
    let Some(description) = description.or_else(|| doc_text(&function.attrs)) else {
        errors.on(
            &function.sig.ident,
            "a tool needs a description, by which the model decides when to call it; write a doc comment on the function, or `#[tool(description = \"…\")]`",
        );
        return fallback(&attr, &function, errors);
    };
    if errors.is_empty() {
        expand::expand(&attr, &function, &parameters, &description)
    } else {
        fallback(&attr, &function, errors)
    }
}

/// The function alone and an empty type, so that only the real error shows.
fn fallback(attr: &attr::Attr, function: &ItemFn, errors: Errors) -> TokenStream {
    let mut out = errors.into_tokens();
    out.extend(expand::stub(attr, function));
    out
}

/// The attributes that the type has in common with the function: which configuration has it.
fn shared(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| {
        attribute.path().is_ident("cfg")
            || attribute.path().is_ident("doc")
            || (attribute.path().is_ident("deprecated") && matches!(attribute.meta, Meta::Path(_)))
    })
}
