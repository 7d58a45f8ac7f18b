//! `#[tool]`: a function, and beside it a type whose fields are the function's parameters; or a struct
//! whose fields are the arguments. `#[toolkit]`: methods that share a value.
//!
//! [`attr`] reads the attribute, [`parameters`] and [`host`] the parameters; [`expand`] writes the type
//! of a function, [`structure`] what a struct needs, [`toolkit`] the tools of an `impl`, each around what
//! [`running`] writes.

mod attr;
mod expand;
mod host;
mod parameters;
mod running;
mod structure;
mod toolkit;

use proc_macro2::TokenStream;
use syn::{Attribute, Item, ItemFn, Meta};

use crate::common::{Errors, doc_text};
pub(crate) use toolkit::toolkit;

/// Expands `#[tool]`.
pub(crate) fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => of_function(attribute, function),
        Ok(Item::Struct(item)) => structure::tool(attribute, &item),
        Ok(_) => {
            let mut errors = Errors::default();
            errors.at(
                proc_macro2::Span::call_site(),
                "`#[tool]` goes on a function or a struct; on an `impl` with tools goes `#[toolkit]`, on an enum of tools `#[derive(ToolSet)]`",
            );
            let mut out = errors.into_tokens();
            out.extend(item);
            out
        }
        Err(error) => {
            let mut out = error.to_compile_error();
            out.extend(item);
            out
        }
    }
}

fn of_function(attribute: TokenStream, mut function: ItemFn) -> TokenStream {
    let mut errors = Errors::default();
    let attr = attr::parse(attribute, "tool", attr::OF_FUNCTION, &mut errors);
    parameters::check_signature(&function.sig, &mut errors);
    let parameters = parameters::take(&mut function.sig, parameters::Takes::Nothing, &mut errors);
    let description = attr.description.as_ref().map(syn::LitStr::value);
    let Some(description) = description.or_else(|| doc_text(&function.attrs)) else {
        errors.on(&function.sig.ident, no_description("function"));
        return fallback(&attr, &function, errors);
    };
    let name = attr::name(&attr, &function.sig.ident, str::to_owned, &mut errors);
    if errors.is_empty() {
        expand::expand(&attr, &function, &parameters, &name, &description)
    } else {
        fallback(&attr, &function, errors)
    }
}

/// Whether the attribute is `#[tool]`, whatever its path.
pub(crate) fn is_tool(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "tool")
}

/// Whether the attribute is `#[host]`.
pub(crate) fn is_host(attribute: &Attribute) -> bool {
    host::is_host(attribute)
}

fn no_description(place: &str) -> String {
    format!(
        "a tool needs a description, by which the model decides when to call it; write a doc comment on the {place}, or `#[tool(description = \"…\")]`"
    )
}

/// The function alone and an empty type, so that only the real error shows.
fn fallback(attr: &attr::Attr, function: &ItemFn, errors: Errors) -> TokenStream {
    let mut out = errors.into_tokens();
    out.extend(expand::stub(attr, function));
    out
}

/// In which configuration an item is there at all.
fn conditions(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// The attributes that the type has in common with the function: which configuration has it.
fn shared(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| {
        attribute.path().is_ident("cfg")
            || attribute.path().is_ident("doc")
            || (attribute.path().is_ident("deprecated") && matches!(attribute.meta, Meta::Path(_)))
    })
}
