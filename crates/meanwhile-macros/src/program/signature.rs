//! `#[derive(Signature)]`: beside a struct, the types of its inputs and of its outputs.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Expr, Field, Fields, GenericArgument, LitStr, Meta, Path,
    PathArguments, Token, Type,
};

use super::write::{Member, Typed, Value};
use crate::common::{Errors, Root, did_you_mean, doc_text, is_doc, listed, plain};

/// The keys of `#[input]` and `#[output]`, in the order in which messages list them.
const KEYS: [&str; 5] = ["description", "desc", "constraint", "default", "history"];

/// Types that travel beside the text of a message.
const MEDIA: [&str; 3] = ["Image", "Audio", "Document"];

/// What the attribute of a field says.
#[derive(Default)]
struct Said {
    description: Option<String>,
    constraints: Vec<String>,
    default: Option<Option<Expr>>,
    history: bool,
}

/// Expands `#[derive(Signature)]`.
pub(crate) fn signature(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = crate::common::root_of_derive(&input.attrs, &mut errors);
    let derives = derives(&input.attrs, &mut errors);
    if !input.generics.params.is_empty() {
        errors.on(
            &input.generics.params,
            "a signature has no parameters: the model is told of its fields; name their types",
        );
    }
    let (inputs, outputs) = members(&root, &input, &mut errors);
    if !errors.is_empty() {
        return errors.into_tokens();
    }
    let value =
        Value { name: plain(&input.ident), instructions: doc_text(&input.attrs), inputs, outputs };
    let typed =
        Typed { root: &root, visibility: &input.vis, name: &input.ident, derives: &derives, value };
    let written = typed.write();
    let parts = parts(&typed);
    quote!(#written #parts)
}

/// Splits a filled-in struct: an example with its answer.
fn parts(typed: &Typed<'_>) -> TokenStream {
    let name = typed.name;
    let input = format_ident!("{}Input", plain(name), span = name.span());
    let output = format_ident!("{}Output", plain(name), span = name.span());
    let names = |members: &[Member<'_>]| -> Vec<_> {
        members.iter().map(|member| member.name.clone()).collect()
    };
    let (inputs, outputs) = (names(&typed.value.inputs), names(&typed.value.outputs));
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl ::core::convert::From<#name> for (#input, #output) {
            fn from(#name { #(#inputs,)* #(#outputs),* }: #name) -> Self {
                (#input { #(#inputs),* }, #output { #(#outputs),* })
            }
        }
    }
}

/// Reads `#[signature(derive(PartialEq, …))]`.
fn derives(attributes: &[Attribute], errors: &mut Errors) -> Vec<Path> {
    let mut derives = Vec::new();
    for attribute in attributes.iter().filter(|one| one.path().is_ident("signature")) {
        let read = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("derive") {
                return Err(meta.error("unknown key; the only one is `derive(Trait, …)`"));
            }
            meta.parse_nested_meta(|one| {
                derives.push(one.path);
                Ok(())
            })
        });
        errors.take(read);
    }
    derives
}

fn members<'a>(
    root: &Root,
    input: &'a DeriveInput,
    errors: &mut Errors,
) -> (Vec<Member<'a>>, Vec<Member<'a>>) {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => {
                errors.on(
                    &input.ident,
                    "the fields of a signature have names, which the model sees; write `struct Qa { #[input] question: String, #[output] answer: String }`",
                );
                return (inputs, outputs);
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            errors.on(&input.ident, "a signature is a struct of its inputs and outputs");
            return (inputs, outputs);
        }
    };
    let before = errors.is_empty();
    for field in fields {
        let sides = ["input", "output"].map(|side| {
            let is_side = |one: &&Attribute| one.path().is_ident(side);
            field.attrs.iter().filter(is_side).collect::<Vec<_>>()
        });
        let (attribute, side) = match &sides.each_ref().map(Vec::as_slice) {
            [[one], []] => (*one, &mut inputs),
            [[], [one]] => (*one, &mut outputs),
            [[], []] => {
                errors.on(field, "say what the field is: `#[input]` or `#[output]`");
                continue;
            }
            _ => {
                errors.on(field, "a field is one input or one output; leave one attribute");
                continue;
            }
        };
        let said = said(attribute, errors);
        if let Some(member) = member(root, field, attribute, said, errors) {
            side.push(member);
        }
    }
    if before && errors.is_empty() {
        if inputs.is_empty() {
            errors.on(&input.ident, "a signature has at least one `#[input]`");
        }
        if outputs.is_empty() {
            errors.on(&input.ident, "a signature has at least one `#[output]`");
        }
    }
    (inputs, outputs)
}

fn said(attribute: &Attribute, errors: &mut Errors) -> Said {
    let mut said = Said::default();
    if matches!(attribute.meta, Meta::Path(_)) {
        return said;
    }
    let text = |meta: &ParseNestedMeta<'_>| -> syn::Result<String> {
        meta.value()?.parse::<LitStr>().map(|text| text.value())
    };
    let read = attribute.parse_nested_meta(|meta| {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "description" | "desc" => said.description = Some(text(&meta)?),
            "constraint" => said.constraints.push(text(&meta)?),
            "default" if meta.input.peek(Token![=]) => {
                said.default = Some(Some(meta.value()?.parse()?));
            }
            "default" => said.default = Some(None),
            "history" => said.history = true,
            _ => {
                let hint = did_you_mean(&key, KEYS, ("", ""));
                let message = format!("unknown key{hint}; there are {}", listed(KEYS));
                return Err(meta.error(message));
            }
        }
        Ok(())
    });
    errors.take(read);
    said
}

fn member<'a>(
    root: &Root,
    field: &'a Field,
    attribute: &Attribute,
    said: Said,
    errors: &mut Errors,
) -> Option<Member<'a>> {
    let name = field.ident.clone()?;
    let is_input = attribute.path().is_ident("input");
    if is_input && said.default.is_some() {
        errors.on(
            attribute,
            "a default is for an output that the model leaves out; an input that may be missing is an `Option`",
        );
    }
    if said.history && !is_input {
        errors.on(attribute, "the conversation so far is an input");
    }
    let ty = &field.ty;
    let span = Span::mixed_site().located_at(ty.span());
    let default = said.default.map(|value| {
        let value = match value {
            Some(value) if is_named(ty, "String") => {
                quote_spanned!(span=> ::core::convert::Into::into(#value))
            }
            Some(value) => value.into_token_stream(),
            None => quote_spanned!(span=> ::core::default::Default::default()),
        };
        quote_spanned!(span=> #root::programs::macro_support::json::<#ty>(&#value))
    });
    Some(Member {
        name,
        docs: field.attrs.iter().filter(|one| is_doc(one)).collect(),
        visibility: &field.vis,
        ty: ty.to_token_stream(),
        is_text: is_named(ty, "String"),
        field_type: if said.history {
            quote_spanned!(span=> #root::programs::FieldType::History)
        } else {
            field_type(root, ty)
        },
        description: said.description.or_else(|| doc_text(&field.attrs)),
        constraints: said.constraints,
        default,
        has_rules: !is_input && !is_named(ty, "String") && media(root, ty).is_none(),
    })
}

/// The `FieldType` of a type: media by name, since they have no JSON Schema, everything else by its
/// schema.
pub(super) fn field_type(root: &Root, ty: &Type) -> TokenStream {
    let span = Span::mixed_site().located_at(ty.span());
    media(root, ty).unwrap_or_else(
        || quote_spanned!(span=> #root::programs::macro_support::field_type::<#ty>()),
    )
}

fn media(root: &Root, ty: &Type) -> Option<TokenStream> {
    let span = Span::mixed_site().located_at(ty.span());
    if let Some(name) = MEDIA.iter().find(|name| is_named(ty, name)) {
        let name = format_ident!("{name}", span = span);
        return Some(quote_spanned!(span=> #root::programs::FieldType::#name));
    }
    let (wrapper, inner) = [("Vec", "List"), ("Option", "Optional")]
        .into_iter()
        .find_map(|(name, wrapper)| Some((wrapper, argument(ty, name)?)))?;
    let (wrapper, inner) = (format_ident!("{wrapper}", span = span), media(root, inner)?);
    Some(quote_spanned! {span=>
        #root::programs::FieldType::#wrapper(::std::boxed::Box::new(#inner))
    })
}

/// Whether the type is written with this name at its end, and without arguments.
fn is_named(ty: &Type, name: &str) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == name && last.arguments.is_none())
}

/// The one argument of a type of this name.
fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}
