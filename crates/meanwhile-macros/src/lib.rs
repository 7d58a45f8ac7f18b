//! The macros of Meanwhile.

mod call;
mod common;
mod derive;
mod template;
mod tool;

use proc_macro::TokenStream;

/// Makes a [`Prompt`] of a template.
#[proc_macro]
pub fn prompt(input: TokenStream) -> TokenStream {
    template::prompt(input.into()).into()
}

/// Prompt function.
#[proc_macro_attribute]
pub fn call(attribute: TokenStream, item: TokenStream) -> TokenStream {
    call::call(attribute.into(), item.into()).into()
}

/// Tool.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::tool(attribute.into(), item.into()).into()
}

/// Extract.
#[proc_macro_derive(Extract, attributes(meanwhile))]
pub fn extract(input: TokenStream) -> TokenStream {
    derive::extract(input.into()).into()
}

/// ToolSet.
#[proc_macro_derive(ToolSet, attributes(meanwhile))]
pub fn tool_set(input: TokenStream) -> TokenStream {
    derive::tool_set(input.into()).into()
}
