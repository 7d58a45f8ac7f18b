//! Writes the function as it was, the type of its arguments, and what makes the type a tool.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ItemFn, ReturnType, Type};

use super::attr::Attr;
use super::parameters::{Parameter, crate_attributes};
use super::shared;
use crate::common::{camel_case, plain};

/// Writes everything.
pub(super) fn expand(
    attr: &Attr,
    function: &ItemFn,
    parameters: &[Parameter],
    description: &str,
) -> TokenStream {
    let root = &attr.root;
    let type_name = type_name(attr, function);
    let name = attr.name.as_ref().map_or_else(|| plain(&function.sig.ident), syn::LitStr::value);
    let structure = structure(attr, function, parameters, &type_name);
    let call = call(function, parameters, &type_name);

    let span = Span::mixed_site();
    let asynchronous = function.sig.asyncness.is_some();
    // Errors about the output belong on the type that the user wrote.
    let output = match &function.sig.output {
        ReturnType::Default => quote_spanned!(span=> #root::tool_output(output)),
        ReturnType::Type(_, ty) => {
            let span = span.located_at(syn::spanned::Spanned::span(ty));
            if is_result(ty) {
                quote_spanned!(span=> #root::tool_result(output))
            } else {
                quote_spanned!(span=> #root::tool_output(output))
            }
        }
    };
    let run = if asynchronous {
        quote_spanned! {span=>
            #[allow(clippy::let_unit_value)]
            let output = self.call().await;
            #output
        }
    } else {
        quote_spanned! {span=>
            #root::off_runtime(move || {
                #[allow(clippy::let_unit_value)]
                let output = self.call();
                #output
            })
            .await
        }
    };
    quote_spanned! {span=>
        #function

        #structure

        #call

        #[automatically_derived]
        impl #root::FunctionTool for #type_name {
            const NAME: &'static ::core::primitive::str = #name;
            const IS_ASYNC: ::core::primitive::bool = #asynchronous;

            fn spec() -> #root::ToolSpec {
                static SPEC: ::std::sync::OnceLock<#root::ToolSpec> = ::std::sync::OnceLock::new();
                ::core::clone::Clone::clone(
                    SPEC.get_or_init(|| #root::tool_spec::<Self>(#name, #description)),
                )
            }

            async fn run(
                self,
                context: &#root::ToolContext,
            ) -> #root::Result<#root::ToolOutput> {
                #run
            }
        }

        #[automatically_derived]
        impl #root::ToolSet for #type_name {
            fn toolbox() -> #root::Toolbox {
                #root::Toolbox::new().with(#root::AnyTool::function::<Self>())
            }

            fn from_call(call: &#root::ToolCall) -> #root::Result<Self> {
                #root::tool_from_call(call)
            }

            fn has(name: &::core::primitive::str) -> ::core::primitive::bool {
                name == <Self as #root::FunctionTool>::NAME
            }

            async fn run(
                self,
                context: &#root::ToolContext,
            ) -> #root::Result<#root::ToolOutput> {
                <Self as #root::FunctionTool>::run(self, context).await
            }
        }
    }
}

/// The type of the arguments.
fn structure(
    attr: &Attr,
    function: &ItemFn,
    parameters: &[Parameter],
    type_name: &Ident,
) -> TokenStream {
    let root = &attr.root;
    let visibility = &function.vis;
    let derives = &attr.derives;
    let attributes = shared(&function.attrs);
    let crates = crate_attributes(root);
    let fields = parameters.iter().map(|parameter| {
        let Parameter { attributes, name, .. } = parameter;
        let ty = parameter.field();
        quote!(#(#attributes)* #visibility #name: #ty,)
    });
    let span = Span::mixed_site();
    quote_spanned! {span=>
        #(#attributes)*
        #[derive(
            ::core::fmt::Debug,
            #root::serde::Deserialize,
            #root::schemars::JsonSchema,
            #(#derives,)*
        )]
        #crates
        #[allow(missing_docs, dead_code)]
        #visibility struct #type_name {
            #(#fields)*
        }
    }
}

/// `call`, which is the function with the fields as arguments.
fn call(function: &ItemFn, parameters: &[Parameter], type_name: &Ident) -> TokenStream {
    let visibility = &function.vis;
    let asyncness = &function.sig.asyncness;
    let wait = asyncness.as_ref().map(|_| quote!(.await));
    let name = &function.sig.ident;
    let output = &function.sig.output;
    let arguments = parameters.iter().map(Parameter::argument);
    quote_spanned! {Span::mixed_site()=>
        impl #type_name {
            /// Calls the function with these arguments.
            #[allow(dead_code)]
            #visibility #asyncness fn call(self) #output {
                #name(#(#arguments),*) #wait
            }
        }
    }
}

/// What stands in for everything when there are errors.
pub(super) fn stub(attr: &Attr, function: &ItemFn) -> TokenStream {
    let root = &attr.root;
    let visibility = &function.vis;
    let type_name = type_name(attr, function);
    let crates = crate_attributes(root);
    quote! {
        #function

        #[derive(::core::fmt::Debug, #root::serde::Deserialize, #root::schemars::JsonSchema)]
        #crates
        #[allow(missing_docs, dead_code)]
        #visibility struct #type_name {}

        impl #root::ToolSet for #type_name {
            fn toolbox() -> #root::Toolbox {
                ::core::unreachable!()
            }

            fn from_call(_: &#root::ToolCall) -> #root::Result<Self> {
                ::core::unreachable!()
            }

            fn has(_: &::core::primitive::str) -> ::core::primitive::bool {
                ::core::unreachable!()
            }

            async fn run(
                self,
                _: &#root::ToolContext,
            ) -> #root::Result<#root::ToolOutput> {
                ::core::unreachable!()
            }
        }
    }
}

/// The name of the type: the function's in camel case, unless the attribute says another.
fn type_name(attr: &Attr, function: &ItemFn) -> Ident {
    let name = &function.sig.ident;
    attr.type_name.clone().unwrap_or_else(|| Ident::new(&camel_case(&plain(name)), name.span()))
}

/// Whether the type is called `Result`.
fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
        Type::Group(group) => is_result(&group.elem),
        Type::Paren(paren) => is_result(&paren.elem),
        _ => false,
    }
}
