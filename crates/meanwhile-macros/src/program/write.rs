//! [`Typed`]: a signature as it is written out: the types of its inputs and outputs, and its value.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Path, Visibility};

use crate::common::{Root, plain};

/// A signature that is complete and has no mistakes.
pub(super) struct Typed<'a> {
    pub(super) root: &'a Root,
    pub(super) visibility: &'a Visibility,
    pub(super) name: &'a Ident,
    /// More traits to derive on inputs and outputs.
    pub(super) derives: &'a [Path],
    pub(super) value: Value<'a>,
}

/// A signature as a value.
pub(super) struct Value<'a> {
    pub(super) name: String,
    pub(super) instructions: Option<String>,
    pub(super) inputs: Vec<Member<'a>>,
    pub(super) outputs: Vec<Member<'a>>,
}

/// An input or output.
pub(super) struct Member<'a> {
    pub(super) name: Ident,
    pub(super) docs: Vec<&'a Attribute>,
    pub(super) visibility: &'a Visibility,
    /// Its type in Rust.
    pub(super) ty: TokenStream,
    /// Whether that is `String`, so that a `&str` may be given too.
    pub(super) is_text: bool,
    /// An expression of the type `FieldType`.
    pub(super) field_type: TokenStream,
    pub(super) description: Option<String>,
    pub(super) constraints: Vec<String>,
    /// An expression of the type `Value`.
    pub(super) default: Option<TokenStream>,
    /// Whether the schema of its type may say more of it than its `FieldType`.
    pub(super) has_rules: bool,
}

impl Value<'_> {
    /// An expression of the type `SignatureSpec`.
    pub(super) fn write(&self, root: &Root) -> TokenStream {
        let name = &self.name;
        let inputs = self.inputs.iter().map(|member| member.write(root));
        let outputs = self.outputs.iter().map(|member| member.write(root));
        let instructions = self.instructions.iter();
        quote_spanned! {Span::mixed_site()=>
            #root::programs::SignatureSpec::new(#name, [#(#inputs),*], [#(#outputs),*])
                #(.with_instructions(#instructions))*
        }
    }
}

impl Member<'_> {
    /// An expression of the type `FieldSpec`.
    fn write(&self, root: &Root) -> TokenStream {
        let (name, field_type) = (plain(&self.name), &self.field_type);
        let description = self.description.iter();
        let constraints = &self.constraints;
        let default = self.default.iter();
        let field = quote_spanned! {Span::mixed_site()=>
            #root::programs::FieldSpec::new(#name, #field_type)
                #(.description(#description))*
                #(.constraint(#constraints))*
                #(.default_value(#default))*
        };
        if !self.has_rules {
            return field;
        }
        let ty = &self.ty;
        quote_spanned!(Span::mixed_site()=> #root::programs::macro_support::with_rules::<#ty>(#field))
    }
}

impl Typed<'_> {
    /// The types of inputs and outputs, and what makes `name` a signature.
    pub(super) fn write(&self) -> TokenStream {
        let Self { root, visibility, name, .. } = self;
        let input = format_ident!("{}Input", plain(name), span = name.span());
        let output = format_ident!("{}Output", plain(name), span = name.span());
        let inputs = self.structure(&input, "inputs", &self.value.inputs);
        let outputs = self.structure(&output, "outputs", &self.value.outputs);
        let spec = self.value.write(root);
        let span = Span::mixed_site();
        let parameters = self.value.inputs.iter().map(|Member { name, ty, is_text, .. }| {
            if *is_text {
                quote_spanned!(span=> #name: impl ::core::convert::Into<::std::string::String>)
            } else {
                quote_spanned!(span=> #name: #ty)
            }
        });
        let values = self.value.inputs.iter().map(|Member { name, is_text, .. }| {
            if *is_text {
                quote_spanned!(span=> #name: ::core::convert::Into::into(#name))
            } else {
                quote_spanned!(span=> #name)
            }
        });
        let doc = format!("Makes the inputs of [`{}`].", plain(name));
        quote_spanned! {span=>
            #inputs

            #outputs

            #[automatically_derived]
            impl #name {
                #[doc = #doc]
                #[allow(dead_code, private_interfaces, clippy::too_many_arguments)]
                #visibility fn input(#(#parameters),*) -> #input {
                    #input { #(#values),* }
                }
            }

            #[automatically_derived]
            impl #root::programs::Signature for #name {
                type Input = #input;
                type Output = #output;

                fn spec() -> #root::programs::SignatureSpec {
                    // Where strings that name models are looked up.
                    let _ = #root::registry();
                    #spec
                }
            }
        }
    }

    fn structure(&self, ty: &Ident, what: &str, members: &[Member<'_>]) -> TokenStream {
        let Self { root, visibility, name, derives, .. } = self;
        let doc = format!("The {what} of [`{}`].", plain(name));
        let serde = root.inside("serde");
        let fields = members.iter().map(
            |Member { name, docs, visibility, ty, .. }| quote!(#(#docs)* #visibility #name: #ty,),
        );
        quote_spanned! {Span::mixed_site()=>
            #[doc = #doc]
            #[derive(
                ::core::fmt::Debug,
                ::core::clone::Clone,
                #root::serde::Serialize,
                #root::serde::Deserialize,
                #(#derives,)*
            )]
            #[serde(crate = #serde)]
            #[allow(missing_docs, dead_code)]
            #visibility struct #ty {
                #(#fields)*
            }
        }
    }
}
