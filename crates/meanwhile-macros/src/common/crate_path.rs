//! [`Root`]: where the expansion finds its support module.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::ParseStream;
use syn::{Attribute, Path, Token};

use super::Errors;

/// The path of the facade; written out, it is the path of its support module.
#[derive(Clone, Default)]
pub(crate) struct Root(Option<Path>);

impl Root {
    /// Uses another path than `::meanwhile`.
    pub(crate) fn new(path: Path) -> Self {
        Self(Some(path))
    }

    /// Parses `= path`, what follows the key `crate`.
    pub(crate) fn parse_value(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<Token![=]>()?;
        input.call(Path::parse_mod_style).map(Self::new)
    }

    /// The path of a crate inside the support module as text, for the attributes of other derives.
    pub(crate) fn inside(&self, name: &str) -> String {
        let path = quote!(#self).to_string();
        format!("{}::{name}", path.replace(' ', ""))
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let span = proc_macro2::Span::mixed_site();
        tokens.extend(match &self.0 {
            Some(path) => quote_spanned!(span=> #path::__private),
            None => quote_spanned!(span=> ::meanwhile::__private),
        });
    }
}

/// Reads `#[meanwhile(crate = path)]` off a derive's item.
pub(crate) fn root_of_derive(attributes: &[Attribute], errors: &mut Errors) -> Root {
    let mut root = Root::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("meanwhile")) {
        let read = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                root = Root::parse_value(meta.input)?;
                Ok(())
            } else {
                Err(meta.error("unknown key; the only one is `crate = path`"))
            }
        });
        errors.take(read);
    }
    root
}
