//! `#[derive(Module)]`: the predictors of a struct are those of its fields.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Field, Fields, LitStr, Member, parse_quote_spanned};

use crate::common::{Errors, plain, root_of_derive};

/// A field that is a module.
struct Part<'a> {
    field: &'a Field,
    member: Member,
    /// Its name in paths.
    name: String,
}

/// Expands `#[derive(Module)]`.
pub(crate) fn module(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = root_of_derive(&input.attrs, &mut errors);
    let parts = parts(&input, &mut errors);
    if !errors.is_empty() {
        return errors.into_tokens();
    }
    let name = &input.ident;
    let span = Span::mixed_site();
    let mut generics = input.generics.clone();
    if !generics.params.is_empty() {
        let clause = generics.make_where_clause();
        for part in &parts {
            let ty = &part.field.ty;
            let span = span.located_at(ty.span());
            clause.predicates.push(parse_quote_spanned!(span=> #ty: #root::programs::Module));
        }
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let visits = parts.iter().map(|Part { field, member, name }| {
        let span = span.located_at(field.ty.span());
        quote_spanned! {span=>
            #root::programs::macro_support::visit_part(&self.#member, #name, visit);
        }
    });
    let visits_mut = parts.iter().map(|Part { field, member, name }| {
        let span = span.located_at(field.ty.span());
        quote_spanned! {span=>
            #root::programs::macro_support::visit_part_mut(&mut self.#member, #name, visit);
        }
    });
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #root::programs::Module for #name #type_generics #where_clause {
            fn predictors(
                &self,
                visit: &mut dyn ::core::ops::FnMut(
                    &::core::primitive::str,
                    &#root::programs::Predictor,
                ),
            ) {
                let _ = &visit;
                #(#visits)*
            }

            fn predictors_mut(
                &mut self,
                visit: &mut dyn ::core::ops::FnMut(
                    &::core::primitive::str,
                    &mut #root::programs::Predictor,
                ),
            ) {
                let _ = &visit;
                #(#visits_mut)*
            }
        }
    }
}

fn parts<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Vec<Part<'a>> {
    let Data::Struct(data) = &input.data else {
        errors.on(
            &input.ident,
            "a module is a struct whose fields are modules; implement `Module` by hand for another shape",
        );
        return Vec::new();
    };
    if matches!(data.fields, Fields::Unit) {
        errors.on(&input.ident, "a module holds predictors; this struct has no fields");
    }
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (index, field) in data.fields.iter().enumerate() {
        let (mut skip, mut name) = (false, None);
        for attribute in field.attrs.iter().filter(|one| one.path().is_ident("module")) {
            let read = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    skip = true;
                } else if meta.path.is_ident("name") {
                    name = Some(meta.value()?.parse::<LitStr>()?);
                } else {
                    return Err(meta.error("unknown key; there are `skip` and `name = \"…\"`"));
                }
                Ok(())
            });
            errors.take(read);
        }
        if skip {
            continue;
        }
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(index.into()),
        };
        let path = match (&name, &field.ident) {
            (Some(name), _) => name.value(),
            (None, Some(ident)) => plain(ident),
            (None, None) => index.to_string(),
        };
        if parts.iter().any(|part| part.name == path) {
            errors.on(field, format!("another field has the name `{path}` already"));
            continue;
        }
        parts.push(Part { field, member, name: path });
    }
    parts
}
