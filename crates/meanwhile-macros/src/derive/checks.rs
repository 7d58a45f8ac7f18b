//! [`checked`]: what `#[extract(check = "…")]` says, and the implementation of `Checked` that it becomes.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, GenericParam, Index, LitStr, Path,
    parse_quote_spanned,
};

use super::serde::{has_serde, renamed, renamed_variant, serde_value};
use crate::common::{Errors, Root, plain};

/// Writes `Checked` for a type: the checks of its fields and of their types, then its own.
pub(super) fn checked(root: &Root, input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let span = Span::mixed_site();
    let own = functions(&input.attrs, errors);
    let fields = match &input.data {
        Data::Struct(data) => {
            let rule = serde_value(&input.attrs, "rename_all");
            let fields = fields(&data.fields, rule.as_deref(), errors);
            let transparent = has_serde(&input.attrs, "transparent");
            let checks = fields.iter().map(|field| field.check(root, !transparent));
            let pattern = pattern(&data.fields, &fields);
            quote_spanned!(span=> let Self #pattern = self; #(#checks)*)
        }
        Data::Enum(data) => {
            let arms: Vec<TokenStream> = data
                .variants
                .iter()
                .map(|variant| {
                    // Functions are of fields and of the whole type, not of variants.
                    for path in functions(&variant.attrs, errors) {
                        errors.on(path, "a variant has no check of its own; put it on the enum");
                    }
                    let rule = serde_value(&variant.attrs, "rename_all")
                        .or_else(|| serde_value(&input.attrs, "rename_all_fields"));
                    let fields = self::fields(&variant.fields, rule.as_deref(), errors);
                    let checks = fields.iter().map(|field| field.check(root, true));
                    let pattern = pattern(&variant.fields, &fields);
                    let name = &variant.ident;
                    let body = quote_spanned!(span=> #(#checks)*);
                    let body = match step_of(input, variant) {
                        Some(step) if !fields.is_empty() => within(&step, &body),
                        _ => body,
                    };
                    quote_spanned!(span=> Self::#name #pattern => { #body })
                })
                .collect();
            if arms.is_empty() {
                quote_spanned!(span=> match *self {})
            } else {
                quote_spanned!(span=> match self { #(#arms)* })
            }
        }
        Data::Union(_) => TokenStream::new(),
    };
    let own = own.iter().map(|path| {
        let span = span.located_at(path.span());
        quote_spanned!(span=> #root::note_check(#path(self), checks);)
    });
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let clause = generics.make_where_clause();
    for parameter in &input.generics.params {
        if let GenericParam::Type(parameter) = parameter {
            let parameter = &parameter.ident;
            let span = span.located_at(parameter.span());
            clause.predicates.push(parse_quote_spanned!(span=> #parameter: #root::Checked));
        }
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #root::Checked for #name #type_generics #where_clause {
            #[allow(unused_variables, clippy::all)]
            fn check(&self, checks: &mut #root::Checks) {
                #[allow(unused_imports)]
                use #root::{CheckNested as _, CheckNothing as _};
                let before = checks.failed();
                #fields
                // Fields that are wrong one by one need not agree.
                if checks.failed() == before {
                    #(#own)*
                }
            }
        }
    }
}

/// A field that is read from the answer.
struct Checkable {
    /// What it is bound to.
    binding: proc_macro2::Ident,
    /// Where it stands in the value; `None` where it stands for the whole of it.
    step: Option<String>,
    span: Span,
    functions: Vec<Path>,
}

impl Checkable {
    fn check(&self, root: &Root, steps: bool) -> TokenStream {
        let Self { binding, functions, .. } = self;
        let span = Span::mixed_site().located_at(self.span);
        let functions = functions.iter().map(|path| {
            let span = Span::mixed_site().located_at(path.span());
            quote_spanned!(span=> #root::note_check(#path(#binding), checks);)
        });
        let body = quote_spanned! {span=>
            (&#root::Nested(#binding)).check_nested(checks);
            #(#functions)*
        };
        match self.step.as_ref().filter(|_| steps) {
            Some(step) => within(step, &body),
            None => body,
        }
    }
}

fn within(step: &str, body: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    quote_spanned!(span=> checks.at(#step, |checks| { #body });)
}

fn fields(fields: &Fields, rename_all: Option<&str>, errors: &mut Errors) -> Vec<Checkable> {
    let alone = fields.len() == 1;
    let read = fields.iter().enumerate().filter_map(|(at, field)| {
        let functions = functions(&field.attrs, errors);
        if has_serde(&field.attrs, "skip") || has_serde(&field.attrs, "skip_deserializing") {
            for path in functions {
                let message =
                    "serde does not read this field from the answer; check it on the type";
                errors.on(path, message);
            }
            return None;
        }
        let step = step(field, at, alone, rename_all);
        let span = field.ty.span();
        Some(Checkable { binding: format_ident!("field_{at}"), step, span, functions })
    });
    read.collect()
}

/// Where a field stands in the value that it is a part of.
fn step(field: &Field, at: usize, alone: bool, rename_all: Option<&str>) -> Option<String> {
    let Some(name) = &field.ident else { return (!alone).then(|| at.to_string()) };
    if has_serde(&field.attrs, "flatten") {
        return None;
    }
    let key = serde_value(&field.attrs, "rename");
    Some(key.unwrap_or_else(|| renamed(&plain(name), rename_all)))
}

/// Where the fields of a variant stand, by the form that serde gives the enum.
fn step_of(input: &DeriveInput, variant: &syn::Variant) -> Option<String> {
    if has_serde(&input.attrs, "untagged") || has_serde(&variant.attrs, "untagged") {
        return None;
    }
    if has_serde(&input.attrs, "tag") {
        return serde_value(&input.attrs, "content");
    }
    let rule = serde_value(&input.attrs, "rename_all");
    let key = serde_value(&variant.attrs, "rename");
    Some(key.unwrap_or_else(|| renamed_variant(&plain(&variant.ident), rule.as_deref())))
}

/// Binds the fields that are checked.
fn pattern(all: &Fields, checked: &[Checkable]) -> TokenStream {
    if matches!(all, Fields::Unit) {
        return TokenStream::new();
    }
    let members = all.iter().enumerate().filter_map(|(at, field)| {
        let binding = format_ident!("field_{at}");
        checked.iter().find(|checked| checked.binding == binding)?;
        Some(match &field.ident {
            Some(name) => quote!(#name: #binding),
            None => {
                let index = Index::from(at);
                quote!(#index: #binding)
            }
        })
    });
    quote!({ #(#members,)* .. })
}

/// The functions that `#[extract(check = "…")]` names.
fn functions(attributes: &[Attribute], errors: &mut Errors) -> Vec<Path> {
    let mut functions = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("extract")) {
        let before = functions.len();
        let read = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("check") {
                return Err(
                    meta.error("unknown key; the only one is `check = \"path::to::function\"`")
                );
            }
            let path: LitStr = meta.value()?.parse().map_err(|error| {
                let message =
                    "write the path of the function in quotes: `check = \"path::to::function\"`";
                syn::Error::new(error.span(), message)
            })?;
            let parsed = path.parse_with(Path::parse_mod_style).map_err(|_| {
                let message = format!(
                    "`{}` is not the path of a function; write `check = \"path::to::function\"`",
                    path.value()
                );
                syn::Error::new(path.span(), message)
            });
            functions.push(parsed?);
            Ok(())
        });
        if errors.take(read).is_some() && functions.len() == before {
            errors.on(attribute, "name a function: `#[extract(check = \"path::to::function\")]`");
        }
    }
    functions
}
