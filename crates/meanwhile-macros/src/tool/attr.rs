//! The attribute of `#[tool]`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, LitStr, Path, Token, Type, parenthesized};

use crate::common::{Errors, Root, did_you_mean, duration, listed, plain};

/// The keys on a function.
pub(super) const OF_FUNCTION: &[&str] =
    &["name", "type", "description", "timeout", "derive", "crate"];
/// The keys on a struct.
pub(super) const OF_STRUCT: &[&str] = &["name", "description", "timeout", "needs", "crate"];
/// The keys on a method of a toolkit.
pub(super) const OF_METHOD: &[&str] = &["name", "description", "timeout"];
/// The keys of `#[toolkit]` itself.
pub(super) const OF_TOOLKIT: &[&str] = &["crate"];

/// What the attribute says.
#[derive(Default)]
pub(super) struct Attr {
    pub(super) root: Root,
    /// The tool's name as the model sees it.
    pub(super) name: Option<LitStr>,
    /// The name of the type.
    pub(super) type_name: Option<Ident>,
    pub(super) description: Option<LitStr>,
    /// The longest that one run may take, an expression of the type `Duration`.
    pub(super) timeout: Option<TokenStream>,
    /// The types of the values of the program that a struct cannot run without.
    pub(super) needs: Vec<Type>,
    /// Derives beside those that a tool needs.
    pub(super) derives: Vec<Path>,
}

/// Parses the attribute, which may have these keys. A wrong entry is reported and skipped.
pub(super) fn parse(
    attribute: TokenStream,
    macro_name: &str,
    keys: &'static [&'static str],
    errors: &mut Errors,
) -> Attr {
    let mut attr = Attr::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = attr.entry(input, macro_name, keys) {
                errors.push(error);
                while !input.is_empty() && !input.peek(Token![,]) {
                    input.parse::<TokenTree>()?;
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    let parsed = parser.parse2(attribute);
    errors.take(parsed);
    attr
}

impl Attr {
    fn entry(
        &mut self,
        input: ParseStream<'_>,
        macro_name: &str,
        keys: &'static [&'static str],
    ) -> syn::Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = plain(&key);
        if !keys.contains(&name.as_str()) {
            let suggestion = did_you_mean(&name, keys.iter().copied(), ("", ""));
            let keys = listed(keys.iter().copied());
            return Err(syn::Error::new_spanned(
                key,
                format!(
                    "unknown key `{name}` of `#[{macro_name}]`{suggestion} (the keys are {keys})"
                ),
            ));
        }
        match name.as_str() {
            "crate" => self.root = Root::parse_value(input)?,
            "name" => {
                input.parse::<Token![=]>()?;
                let name: LitStr = input.parse()?;
                check_name(&name)?;
                self.name = Some(name);
            }
            "type" => {
                input.parse::<Token![=]>()?;
                self.type_name = Some(input.parse()?);
            }
            "description" => {
                input.parse::<Token![=]>()?;
                self.description = Some(input.parse()?);
            }
            "timeout" => {
                input.parse::<Token![=]>()?;
                self.timeout = Some(match input.parse()? {
                    Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => duration(&literal)?,
                    value => value.into_token_stream(),
                });
            }
            "needs" => {
                let inside;
                parenthesized!(inside in input);
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&inside)?;
                self.needs.extend(types);
            }
            _ => {
                let inside;
                parenthesized!(inside in input);
                let derives = Punctuated::<Path, Token![,]>::parse_terminated(&inside)?;
                self.derives.extend(derives);
            }
        }
        Ok(())
    }

    /// The value of `TIMEOUT`.
    pub(super) fn timeout(&self) -> TokenStream {
        match &self.timeout {
            Some(timeout) => {
                quote::quote_spanned!(Span::mixed_site()=> ::core::option::Option::Some(#timeout))
            }
            None => quote::quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
        }
    }
}

/// The name of a tool: as the attribute has it, else made of an identifier.
pub(super) fn name(
    attr: &Attr,
    ident: &Ident,
    derived: impl FnOnce(&str) -> String,
    errors: &mut Errors,
) -> String {
    if let Some(name) = &attr.name {
        return name.value();
    }
    let name = derived(&plain(ident));
    if !is_accepted(&name) {
        errors.on(
            ident,
            format!(
                "the tool would be called `{name}`, but {ACCEPTED}; give it a name with `#[tool(name = \"…\")]`"
            ),
        );
    }
    name
}

/// What every provider accepts as the name of a tool.
const ACCEPTED: &str = "the name of a tool has 1 to 64 ASCII letters, digits, `_` and `-`";

fn is_accepted(name: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    (1..=64).contains(&name.len()) && name.chars().all(good)
}

fn check_name(name: &LitStr) -> syn::Result<()> {
    match is_accepted(&name.value()) {
        true => Ok(()),
        false => Err(syn::Error::new_spanned(name, ACCEPTED)),
    }
}
