//! `prompt!`: a template anywhere.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token};

use super::{expand, read};
use crate::common::{Errors, Root};

struct Input {
    root: Root,
    literal: LitStr,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut root = Root::default();
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            root = Root::parse_value(input)?;
            input.parse::<Token![,]>()?;
        }
        if !input.peek(LitStr) {
            return Err(input.error(
                "`prompt!` takes a string literal: the template is checked at compile time; for text made at run time use `Prompt::from(text)`",
            ));
        }
        let literal = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error(
                "`prompt!` takes one string literal; bind values to locals and write `{name}` in the template",
            ));
        }
        Ok(Self { root, literal })
    }
}

/// Expands `prompt!`.
pub(crate) fn prompt(input: TokenStream) -> TokenStream {
    let Input { root, literal } = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => {
            let (root, error) = (Root::default(), error.to_compile_error());
            return quote!({ #error #root::Prompt::new() });
        }
    };
    let mut errors = Errors::default();
    let template = read(&literal, &mut errors);
    if errors.is_empty() {
        return expand(&template, &literal, &root);
    }
    let errors = errors.into_tokens();
    quote!({ #errors #root::Prompt::new() })
}
