//! `#[derive(Partial)]`: beside a struct, the struct of its fields while they are being read.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DataStruct, DeriveInput, Field, Fields};

use super::serde::{has_serde, renamed, serde_value};
use crate::common::{Errors, Root, plain, root_of_derive};

/// A field that is read from the text.
struct Member<'a> {
    field: &'a Field,
    name: &'a Ident,
    /// Its key in the text.
    key: String,
    /// Whether it is there as a whole or not at all.
    whole: bool,
}

/// Expands `#[derive(Partial)]`.
pub(crate) fn partial(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = root_of_derive(&input.attrs, &mut errors);
    if !input.generics.params.is_empty() {
        errors.on(
            &input.generics.params,
            "a type with parameters has no partial form; derive it on a type without",
        );
    }
    let out = match &input.data {
        Data::Struct(data) => structure(&root, &input, data, &mut errors),
        Data::Enum(_) => whole(&root, &input),
        Data::Union(_) => {
            errors.on(&input.ident, "a union is not read from JSON; use a struct or an enum");
            TokenStream::new()
        }
    };
    if errors.is_empty() { out } else { errors.into_tokens() }
}

/// An enum is there as a whole or not at all.
fn whole(root: &Root, input: &DeriveInput) -> TokenStream {
    let name = &input.ident;
    quote_spanned! {Span::mixed_site().located_at(name.span())=>
        #[automatically_derived]
        impl #root::output::HasPartial for #name {
            type Partial = #root::output::PartialValue<Self>;
        }
    }
}

fn structure(
    root: &Root,
    input: &DeriveInput,
    data: &DataStruct,
    errors: &mut Errors,
) -> TokenStream {
    let Fields::Named(_) = &data.fields else {
        errors.on(
            &input.ident,
            "a partial form has named fields; give the struct named fields, or mark where it is used with `#[partial(whole)]`",
        );
        return TokenStream::new();
    };
    let rename_all = serde_value(&input.attrs, "rename_all");
    let members: Vec<Member<'_>> = data
        .fields
        .iter()
        .filter_map(|field| member(field, rename_all.as_deref(), errors))
        .collect();
    let name = &input.ident;
    let visibility = &input.vis;
    let partial = format_ident!("Partial{}", plain(name), span = name.span());
    let doc = format!("[`{}`] while it is being read.", plain(name));
    let span = Span::mixed_site();
    let types = members.iter().map(|member| {
        let ty = &member.field.ty;
        let span = span.located_at(ty.span());
        if member.whole {
            quote_spanned!(span=> #root::output::PartialValue<#ty>)
        } else {
            quote_spanned!(span=> <#ty as #root::output::HasPartial>::Partial)
        }
    });
    let fields = members.iter().zip(types).map(|(member, ty)| {
        let docs = member.field.attrs.iter().filter(|one| one.path().is_ident("doc"));
        let (visibility, name) = (&member.field.vis, member.name);
        quote!(#(#docs)* #visibility #name: #ty,)
    });
    let arms = members.iter().map(|member| {
        let (key, name) = (&member.key, member.name);
        quote_spanned! {span=>
            ::core::option::Option::Some(#root::output::Step::Key(#key)) => {
                #root::output::Growing::change(&mut self.#name, depth + 1, change);
            }
        }
    });
    let fills = members.iter().map(|member| {
        let (key, name) = (&member.key, member.name);
        quote_spanned! {span=>
            if let ::core::option::Option::Some(value) = value.get(#key) {
                #root::output::Growing::fill(&mut self.#name, value);
            }
        }
    });
    quote_spanned! {span=>
        #[doc = #doc]
        #[derive(::core::fmt::Debug, ::core::default::Default)]
        #[allow(missing_docs, dead_code)]
        #visibility struct #partial {
            #(#fields)*
            // How far the whole has come.
            progress: #root::output::Progress,
        }

        #[automatically_derived]
        impl #root::output::Growing for #partial {
            fn change(
                &mut self,
                depth: ::core::primitive::usize,
                change: &#root::output::Change<'_>,
            ) {
                match change.path().step(depth) {
                    #(#arms)*
                    ::core::option::Option::Some(_) => {}
                    ::core::option::Option::None => match change {
                        #root::output::Change::Started { .. } => {
                            *self = ::core::default::Default::default();
                            self.progress = #root::output::Progress::Started;
                        }
                        #root::output::Change::Completed { value, .. } => {
                            if self.progress != #root::output::Progress::Started {
                                #root::output::Growing::fill(self, value);
                            }
                            self.progress = #root::output::Progress::Done;
                        }
                        _ => {}
                    },
                }
            }

            fn fill(&mut self, value: &#root::output::Value) {
                #(#fills)*
                self.progress = #root::output::Progress::Done;
            }

            fn is_done(&self) -> ::core::primitive::bool {
                self.progress == #root::output::Progress::Done
            }
        }

        #[automatically_derived]
        impl #root::output::HasPartial for #name {
            type Partial = #partial;

            const IS_OBJECT: ::core::primitive::bool = true;
        }
    }
}

fn member<'a>(
    field: &'a Field,
    rename_all: Option<&str>,
    errors: &mut Errors,
) -> Option<Member<'a>> {
    let name = field.ident.as_ref()?;
    if plain(name) == "progress" {
        errors.on(name, "`progress` is a mark of the partial form; name the field otherwise and rename it with serde");
    }
    let mut whole = false;
    for attribute in field.attrs.iter().filter(|one| one.path().is_ident("partial")) {
        let read = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("whole") {
                whole = true;
                return Ok(());
            }
            Err(meta.error("unknown key; the only one is `whole`"))
        });
        errors.take(read);
    }
    if has_serde(&field.attrs, "skip") || has_serde(&field.attrs, "skip_deserializing") {
        return None;
    }
    if has_serde(&field.attrs, "flatten") {
        errors.on(name, "a flattened field has no key of its own, and so no partial form");
    }
    // What serde reads in its own way has no form that this could know of.
    whole |= ["with", "deserialize_with"].iter().any(|key| has_serde(&field.attrs, key));
    let key =
        serde_value(&field.attrs, "rename").unwrap_or_else(|| renamed(&plain(name), rename_all));
    Some(Member { field, name, key, whole })
}
