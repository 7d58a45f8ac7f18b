//! [`Running`]: the body of a generated `run`, which finds what the program gives, calls the user's
//! function, and makes an answer of what it returns.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ReturnType, Signature};

use super::parameters::Parameter;
use crate::common::Root;

/// How a function is run as a tool.
pub(super) struct Running<'a> {
    pub(super) root: &'a Root,
    pub(super) signature: &'a Signature,
    pub(super) parameters: &'a [Parameter],
}

impl Running<'_> {
    /// Writes an expression of the type `Result<ToolOutput>`, for an async body that has `context`.
    ///
    /// `owned` makes what the call uses independent of what the body borrows; `call` writes the call
    /// with the values of the host, one for each parameter that is one.
    pub(super) fn body(
        &self,
        owned: &TokenStream,
        call: impl FnOnce(&[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let root = self.root;
        let is_async = self.signature.asyncness.is_some();
        let hosts = self.parameters.iter().filter_map(Parameter::host).enumerate();
        let (find, arguments): (Vec<_>, Vec<_>) = hosts
            .map(|(index, host)| {
                let name = Ident::new(&format!("host_{index}"), Span::mixed_site());
                host.found(root, &name, !is_async)
            })
            .unzip();
        let call = call(&arguments);
        let wait = self.signature.asyncness.as_ref().map(|_| quote!(.await));
        let outcome = self.outcome();
        let span = Span::mixed_site();
        let run = quote_spanned! {span=>
            #[allow(clippy::let_unit_value)]
            let output = #call #wait;
            #outcome
        };
        if is_async {
            quote_spanned!(span=> #(#find)* #run)
        } else {
            quote_spanned!(span=> #(#find)* #owned #root::off_runtime(move || { #run }).await)
        }
    }

    /// Makes an answer of `output`.
    fn outcome(&self) -> TokenStream {
        let span = match &self.signature.output {
            ReturnType::Default => Span::mixed_site(),
            // Errors about the output belong on the type that the user wrote.
            ReturnType::Type(_, ty) => Span::mixed_site().located_at(ty.span()),
        };
        outcome(self.root, span)
    }
}

/// Makes an answer of `output`: which one is decided by its type, which is known here alone.
pub(super) fn outcome(root: &Root, span: Span) -> TokenStream {
    quote_spanned! {span=>
        {
            #[allow(unused_imports)]
            use #root::answer::{
                ByParts as _, ByPartsResult as _, ByValue as _, ByValueResult as _,
            };
            let kind = (&&&&#root::answer::Returned::of(&output)).kind();
            kind.answer(output)
        }
    }
}
