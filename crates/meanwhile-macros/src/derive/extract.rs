//! `#[derive(Extract)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, GenericParam, parse_quote_spanned};

use super::checks::checked;
use crate::common::{Errors, root_of_derive};

/// Expands `#[derive(Extract)]`.
pub(crate) fn extract(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = root_of_derive(&input.attrs, &mut errors);
    if let Data::Union(data) = &input.data {
        errors.on(data.union_token, "a union has no JSON form; use a struct or an enum");
    }
    for parameter in &input.generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            errors.on(
                lifetime,
                "the output of a call is read from an answer, so it cannot borrow; use owned fields such as `String`",
            );
        }
    }
    let checked = checked(&root, &input, &mut errors);
    if !errors.is_empty() {
        return errors.into_tokens();
    }

    let name = &input.ident;
    let mut generics = input.generics.clone();
    let span = Span::mixed_site().located_at(name.span());
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.push(parse_quote_spanned!(span=> Self: #root::Readable));
    if !input.generics.params.is_empty() {
        predicates.push(parse_quote_spanned!(span=> Self: #root::Checked));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let output = if input.generics.params.is_empty() {
        quote! {
            static OUTPUT: ::std::sync::OnceLock<#root::OutputFormat> =
                ::std::sync::OnceLock::new();
            #root::output::<Self>(::core::option::Option::Some(&OUTPUT))
        }
    } else {
        quote!(#root::output::<Self>(::core::option::Option::None))
    };
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #root::Extract for #name #type_generics #where_clause {
            const RUNS_TOOLS: ::core::primitive::bool = true;

            fn output() -> #root::OutputFormat {
                #output
            }

            fn toolbox() -> #root::Toolbox {
                #root::Toolbox::new()
            }

            fn extract(
                response: #root::Response,
                reading: &mut #root::Reading,
            ) -> #root::Result<Self> {
                #root::read(response, reading)
            }
        }

        #checked
    }
}
