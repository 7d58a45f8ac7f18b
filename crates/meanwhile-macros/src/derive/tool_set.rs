//! `#[derive(ToolSet)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Fields, Type, Variant};

use crate::common::{Errors, root_of_derive};

/// A variant and the tool, or the set of tools, that it holds.
struct Member<'a> {
    variant: &'a Ident,
    tool: &'a Type,
}

/// Expands `#[derive(ToolSet)]`.
pub(crate) fn tool_set(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let root = root_of_derive(&input.attrs, &mut errors);
    let members = members(&input, &mut errors);
    if !errors.is_empty() {
        return errors.into_tokens();
    }

    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let toolboxes = members.iter().map(|Member { tool, .. }| {
        let span = Span::mixed_site().located_at(tool.span());
        quote_spanned!(span=> .with_all(<#tool as #root::ToolSet>::toolbox()))
    });
    let reads = members.iter().map(|Member { variant, tool }| {
        quote_spanned! {Span::mixed_site().located_at(tool.span())=>
            if #root::has_tool::<#tool>(&call.name) {
                return <#tool as #root::ToolSet>::from_call(call).map(Self::#variant);
            }
        }
    });
    let has = members.iter().map(|Member { tool, .. }| {
        let span = Span::mixed_site().located_at(tool.span());
        quote_spanned!(span=> #root::has_tool::<#tool>(name))
    });
    let runs = members.iter().map(|Member { variant, .. }| {
        let span = Span::mixed_site();
        quote_spanned!(span=> Self::#variant(tool) => #root::run_tool(tool, context).await,)
    });
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl #impl_generics #root::ToolSet for #name #type_generics #where_clause {
            fn toolbox() -> #root::Toolbox {
                #root::Toolbox::new() #(#toolboxes)*
            }

            fn from_call(call: &#root::ToolCall) -> #root::Result<Self> {
                #(#reads)*
                ::core::result::Result::Err(
                    #root::unknown_tool(call, &<Self as #root::ToolSet>::toolbox()),
                )
            }

            fn has(name: &::core::primitive::str) -> ::core::primitive::bool {
                false #(|| #has)*
            }

            async fn run(
                self,
                context: &#root::ToolContext,
            ) -> #root::Result<#root::ToolOutput> {
                match self {
                    #(#runs)*
                }
            }
        }
    }
}

fn members<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Vec<Member<'a>> {
    let Data::Enum(data) = &input.data else {
        errors.on(
            &input.ident,
            "a set of tools is an enum with one variant a tool: `enum Desk { FormatBook(FormatBook), AuthorOf(AuthorOf) }`",
        );
        return Vec::new();
    };
    if data.variants.is_empty() {
        errors.on(&input.ident, "a set of tools has at least one tool");
    }
    let mut members: Vec<Member<'_>> = Vec::new();
    for variant in &data.variants {
        let Some(tool) = tool_of(variant) else {
            errors.on(
                variant,
                "each variant holds one tool: the type that `#[tool]` makes of a function, or a nested set; write `Variant(Tool)`",
            );
            continue;
        };
        let written = tool.to_token_stream().to_string();
        let same = |member: &&Member<'_>| member.tool.to_token_stream().to_string() == written;
        if let Some(first) = members.iter().find(same) {
            errors.on(
                tool,
                format!(
                    "the variant `{}` holds this tool already; tools of a set need different names",
                    first.variant
                ),
            );
            continue;
        }
        members.push(Member { variant: &variant.ident, tool });
    }
    members
}

fn tool_of(variant: &Variant) -> Option<&Type> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.first().map(|field| &field.ty)
        }
        _ => None,
    }
}
