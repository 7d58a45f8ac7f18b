//! `signature!`: a signature that is written as text, checked at compile time.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Token, Visibility};

use super::text::{Choice, Line, Type};
use super::write::{Member, Typed, Value};
use crate::common::{Errors, Root, doc_text, identifier};

/// `"question -> answer"`, with instructions behind it; and in front of it the name of a type to make.
struct Input {
    attributes: Vec<Attribute>,
    named: Option<(Visibility, Ident)>,
    text: LitStr,
    instructions: Option<LitStr>,
    root: Root,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let named = if input.peek(LitStr) {
            None
        } else {
            let visibility = input.parse()?;
            let name = input.parse::<Ident>()?;
            input.parse::<Token![=]>()?;
            Some((visibility, name))
        };
        let text = input.parse().map_err(|error: syn::Error| {
            syn::Error::new(
                error.span(),
                "write a signature in quotes: `\"question, k: int -> answer\"`",
            )
        })?;
        let (mut instructions, mut root) = (None, Root::default());
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            if input.parse::<Option<Token![crate]>>()?.is_some() {
                root = Root::parse_value(input)?;
            } else {
                instructions = Some(input.parse()?);
            }
        }
        // An item may end so.
        input.parse::<Option<Token![;]>>()?;
        Ok(Self { attributes, named, text, instructions, root })
    }
}

impl Input {
    /// The mistakes as code: items, or an expression.
    fn refused(&self, errors: Errors) -> TokenStream {
        let errors = errors.into_tokens();
        if self.named.is_some() { errors } else { quote!({ #errors }) }
    }
}

/// Expands `signature!`.
pub(crate) fn signature(input: TokenStream) -> TokenStream {
    let input: Input = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let line = match Line::read(&input.text.value()) {
        Ok(line) => line,
        Err(mistakes) => {
            mistakes.into_iter().for_each(|mistake| errors.at(input.text.span(), mistake));
            return input.refused(errors);
        }
    };
    let root = &input.root;
    let span = input.text.span();
    let visibility =
        input.named.as_ref().map_or(&Visibility::Inherited, |(visibility, _)| visibility);
    let members = |fields: &[(String, Type)], errors: &mut Errors| -> Vec<Member<'_>> {
        let member = |(name, ty): &(String, Type)| Member {
            name: identifier(name, Span::mixed_site().located_at(span)),
            docs: Vec::new(),
            visibility,
            ty: ty.in_rust(root, span, errors),
            is_text: *ty == Type::Text,
            field_type: ty.as_field_type(root, span, errors),
            description: None,
            constraints: Vec::new(),
            default: None,
            has_rules: false,
        };
        fields.iter().map(member).collect()
    };
    let instructions = input.instructions.as_ref().map(LitStr::value);
    let value = Value {
        name: input.named.as_ref().map_or("StringSignature".into(), |(_, name)| name.to_string()),
        instructions: instructions.or_else(|| doc_text(&input.attributes)),
        inputs: members(&line.inputs, &mut errors),
        outputs: members(&line.outputs, &mut errors),
    };
    if !errors.is_empty() {
        return input.refused(errors);
    }
    let Some((_, name)) = &input.named else {
        return value.write(root);
    };
    let typed = Typed { root, visibility, name, derives: &[], value }.write();
    let attributes = &input.attributes;
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #visibility struct #name;

        #typed
    }
}

impl Type {
    /// The type in Rust.
    fn in_rust(&self, root: &Root, span: Span, errors: &mut Errors) -> TokenStream {
        let at = Span::mixed_site().located_at(span);
        match self {
            // The choices hold in the prompt and in the reading; the value is one of the texts.
            Self::Choice(choices) => {
                let all = |is: fn(&Choice) -> bool| {
                    choices.iter().filter(|one| **one != Choice::Nothing).all(is)
                };
                let value = if choices.iter().all(|one| *one == Choice::Nothing) {
                    None
                } else if all(|one| matches!(one, Choice::Text(_))) {
                    Some(quote_spanned!(at=> ::std::string::String))
                } else if all(|one| matches!(one, Choice::Number(_))) {
                    Some(quote_spanned!(at=> ::core::primitive::i64))
                } else if all(|one| matches!(one, Choice::Truth(_))) {
                    Some(quote_spanned!(at=> ::core::primitive::bool))
                } else {
                    None
                };
                match value {
                    // Of several kinds.
                    None => quote_spanned!(at=> #root::programs::macro_support::Value),
                    Some(value) if choices.contains(&Choice::Nothing) => {
                        quote_spanned!(at=> ::core::option::Option<#value>)
                    }
                    Some(value) => value,
                }
            }
            Self::Text => quote_spanned!(at=> ::std::string::String),
            Self::Simple(name, _) => {
                let name = Ident::new(name, at);
                quote_spanned!(at=> ::core::primitive::#name)
            }
            Self::Any => quote_spanned!(at=> #root::programs::macro_support::Value),
            Self::Media(name) => {
                let name = Ident::new(name, at);
                quote_spanned!(at=> #root::programs::macro_support::#name)
            }
            Self::History => quote_spanned!(at=> ::std::vec::Vec<#root::programs::Fields>),
            Self::List(inner) => {
                let inner = inner.in_rust(root, span, errors);
                quote_spanned!(at=> ::std::vec::Vec<#inner>)
            }
            Self::Map(inner) => {
                let inner = inner.in_rust(root, span, errors);
                quote_spanned!(at=> ::std::collections::BTreeMap<::std::string::String, #inner>)
            }
            Self::Optional(inner) => {
                let inner = inner.in_rust(root, span, errors);
                quote_spanned!(at=> ::core::option::Option<#inner>)
            }
            Self::Named(path) => named(path, span, errors),
        }
    }

    /// An expression of the type `FieldType`.
    fn as_field_type(&self, root: &Root, span: Span, errors: &mut Errors) -> TokenStream {
        let at = Span::mixed_site().located_at(span);
        let simple = |name: &str| {
            let name = Ident::new(name, at);
            quote_spanned!(at=> #root::programs::FieldType::#name)
        };
        match self {
            Self::Text => simple("String"),
            Self::Simple(_, name) | Self::Media(name) => simple(name),
            Self::Any => simple("Any"),
            Self::History => simple("History"),
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => {
                let wrapper = match self {
                    Self::List(_) => "List",
                    Self::Map(_) => "Map",
                    _ => "Optional",
                };
                let wrapper = format_ident!("{wrapper}", span = at);
                let inner = inner.as_field_type(root, span, errors);
                quote_spanned! {at=>
                    #root::programs::FieldType::#wrapper(::std::boxed::Box::new(#inner))
                }
            }
            Self::Choice(choices) => {
                let choices = choices.iter().map(|choice| match choice {
                    Choice::Text(text) => quote_spanned!(at=> ::core::convert::From::from(#text)),
                    Choice::Number(number) => {
                        quote_spanned!(at=> ::core::convert::From::from(#number))
                    }
                    Choice::Truth(truth) => {
                        quote_spanned!(at=> ::core::convert::From::from(#truth))
                    }
                    Choice::Nothing => {
                        quote_spanned!(at=> #root::programs::macro_support::Value::Null)
                    }
                });
                quote_spanned! {at=>
                    #root::programs::FieldType::Choice(::std::vec![#(#choices),*])
                }
            }
            Self::Named(path) => {
                let path = named(path, span, errors);
                quote_spanned!(at=> #root::programs::macro_support::field_type::<#path>())
            }
        }
    }
}

/// A type of the program, looked up where the macro stands.
fn named(path: &str, span: Span, errors: &mut Errors) -> TokenStream {
    match syn::LitStr::new(path, span).parse_with(syn::Path::parse_mod_style) {
        Ok(path) => quote_spanned!(span=> #path),
        Err(_) => {
            errors.at(span, format!("`{path}` is no type"));
            TokenStream::new()
        }
    }
}
