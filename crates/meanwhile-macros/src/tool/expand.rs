//! Writes the function as it was, the type of its arguments, and what makes the type a tool.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, ItemFn, Visibility};

use super::attr::Attr;
use super::parameters::{self, Parameter, crate_attributes};
use super::running::Running;
use super::{conditions, shared};
use crate::common::{Root, camel_case, plain};

/// Writes everything.
pub(super) fn expand(
    attr: &Attr,
    function: &ItemFn,
    parameters: &[Parameter],
    name: &str,
    description: &str,
) -> TokenStream {
    let root = &attr.root;
    let type_name = type_name(attr, function);
    let structure = of_function(attr, function, parameters, &type_name);
    let call = call(function, parameters, &type_name);

    let running = Running { root, signature: &function.sig, parameters };
    let run = running.body(
        &TokenStream::new(),
        |hosts| quote_spanned!(Span::mixed_site()=> self.call(#(#hosts),*)),
    );
    let implementation = Implementation {
        root,
        conditions: conditions(&function.attrs),
        type_name: &type_name,
        name,
        description,
        is_async: function.sig.asyncness.is_some(),
        timeout: attr.timeout(),
        needs: parameters::needs(root, parameters),
        run,
    };
    let implementation = implementation.write();
    quote_spanned! {Span::mixed_site()=>
        #function

        #structure

        #call

        #implementation
    }
}

/// What makes a type a tool.
pub(super) struct Implementation<'a> {
    pub(super) root: &'a Root,
    /// Where the item is there at all.
    pub(super) conditions: Vec<&'a Attribute>,
    pub(super) type_name: &'a Ident,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) is_async: bool,
    pub(super) timeout: TokenStream,
    pub(super) needs: TokenStream,
    /// The body of `run`.
    pub(super) run: TokenStream,
}

impl Implementation<'_> {
    /// Writes `FunctionTool` and `ToolSet`.
    pub(super) fn write(self) -> TokenStream {
        let Self { root, conditions, type_name, name, description, is_async, timeout, needs, run } =
            self;
        quote_spanned! {Span::mixed_site()=>
            #(#conditions)*
            #[automatically_derived]
            impl #root::FunctionTool for #type_name {
                const NAME: &'static ::core::primitive::str = #name;
                const IS_ASYNC: ::core::primitive::bool = #is_async;
                const TIMEOUT: ::core::option::Option<::core::time::Duration> = #timeout;

                fn spec() -> #root::ToolSpec {
                    static SPEC: ::std::sync::OnceLock<#root::ToolSpec> =
                        ::std::sync::OnceLock::new();
                    ::core::clone::Clone::clone(
                        SPEC.get_or_init(|| #root::tool_spec::<Self>(#name, #description)),
                    )
                }

                fn needs() -> ::std::vec::Vec<#root::HostType> {
                    #needs
                }

                async fn run(
                    self,
                    context: &#root::ToolContext,
                ) -> #root::Result<#root::ToolOutput> {
                    #run
                }
            }

            #(#conditions)*
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
}

/// The type of the arguments of a function.
fn of_function(
    attr: &Attr,
    function: &ItemFn,
    parameters: &[Parameter],
    type_name: &Ident,
) -> TokenStream {
    let attributes: Vec<&Attribute> = shared(&function.attrs).collect();
    let derives = &attr.derives;
    structure(&attr.root, &attributes, &quote!(#(#derives,)*), &function.vis, type_name, parameters)
}

/// A struct with a field for each argument.
pub(super) fn structure(
    root: &Root,
    attributes: &[&Attribute],
    derives: &TokenStream,
    visibility: &Visibility,
    name: &Ident,
    parameters: &[Parameter],
) -> TokenStream {
    let crates = crate_attributes(root);
    let fields = parameters.iter().filter_map(|parameter| parameter.field(visibility));
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[derive(
            ::core::fmt::Debug,
            #root::serde::Deserialize,
            #root::schemars::JsonSchema,
            #derives
        )]
        #crates
        #[allow(missing_docs, dead_code)]
        #visibility struct #name {
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
    let fields = quote_spanned!(Span::mixed_site()=> self);
    let arguments = parameters.iter().map(|parameter| parameter.argument(&fields));
    let hosts = parameters.iter().filter_map(|parameter| {
        let (name, ty) = (&parameter.name, &parameter.host()?.written);
        Some(quote!(#name: #ty))
    });
    let conditions = conditions(&function.attrs);
    quote_spanned! {Span::mixed_site()=>
        #(#conditions)*
        impl #type_name {
            /// Calls the function with these arguments.
            #[allow(dead_code)]
            #visibility #asyncness fn call(self, #(#hosts),*) #output {
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
    let set = stub_set(root, &type_name);
    quote! {
        #function

        #[derive(::core::fmt::Debug, #root::serde::Deserialize, #root::schemars::JsonSchema)]
        #crates
        #[allow(missing_docs, dead_code)]
        #visibility struct #type_name {}

        #set
    }
}

/// What stands in for the implementations when there are errors.
pub(super) fn stub_set(root: &Root, type_name: &Ident) -> TokenStream {
    quote! {
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
