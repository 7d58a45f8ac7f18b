//! `#[tool]` on a struct: its fields are the arguments, and its own method `call` is what runs.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Fields, ItemStruct};

use super::attr::{self, Attr, OF_STRUCT};
use super::expand::{Implementation, stub_set};
use super::{conditions, host, no_description, running};
use crate::common::{Errors, doc_text, snake_case};

/// Expands `#[tool]` on a struct.
pub(super) fn tool(attribute: TokenStream, structure: &ItemStruct) -> TokenStream {
    let mut errors = Errors::default();
    let attr = attr::parse(attribute, "tool", OF_STRUCT, &mut errors);
    check(structure, &mut errors);
    let description = attr.description.as_ref().map(syn::LitStr::value);
    let description = description.or_else(|| doc_text(&structure.attrs));
    if description.is_none() {
        errors.on(&structure.ident, no_description("struct"));
    }
    let name = attr::name(&attr, &structure.ident, snake_case, &mut errors);
    let mut out = structure.to_token_stream();
    match description {
        Some(description) if errors.is_empty() => {
            out.extend(implementation(&attr, structure, &name, &description));
        }
        _ => {
            out.extend(errors.into_tokens());
            // With generics the stub would only bring errors of its own.
            if structure.generics.params.is_empty() {
                out.extend(stub_set(&attr.root, &structure.ident));
            }
        }
    }
    out
}

fn check(structure: &ItemStruct, errors: &mut Errors) {
    let generics = &structure.generics;
    if !generics.params.is_empty() {
        errors.on(
            &generics.params,
            "a tool has no generics: the model's arguments say nothing about them; name the types",
        );
    }
    if !matches!(structure.fields, Fields::Named(_)) {
        errors.on(
            &structure.ident,
            format!(
                "the arguments of a tool have names, which the model sees; write `struct {} {{ … }}`",
                structure.ident
            ),
        );
    }
}

fn implementation(
    attr: &Attr,
    structure: &ItemStruct,
    name: &str,
    description: &str,
) -> TokenStream {
    let root = &attr.root;
    let type_name = &structure.ident;
    let span = Span::mixed_site().located_at(type_name.span());
    let outcome = running::outcome(root, span);
    let run = quote_spanned! {span=>
        #root::tool_arguments::<Self>();
        #[allow(clippy::let_unit_value)]
        let output = self.call(context).await;
        #outcome
    };
    let implementation = Implementation {
        root,
        conditions: conditions(&structure.attrs),
        type_name,
        name,
        description,
        is_async: true,
        timeout: attr.timeout(),
        needs: host::needs(root, attr.needs.iter()),
        run,
    };
    let implementation = implementation.write();
    quote!(#implementation)
}
