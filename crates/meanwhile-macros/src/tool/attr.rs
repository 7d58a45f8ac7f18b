//! The attribute of `#[tool]`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{LitStr, Path, Token, parenthesized};

use crate::common::{Errors, Root, did_you_mean, listed, plain};

const KEYS: [&str; 5] = ["name", "type", "description", "derive", "crate"];

/// What the attribute says.
#[derive(Default)]
pub(super) struct Attr {
    pub(super) root: Root,
    /// The tool's name as the model sees it.
    pub(super) name: Option<LitStr>,
    /// The name of the type.
    pub(super) type_name: Option<Ident>,
    pub(super) description: Option<LitStr>,
    /// Derives beside those that a tool needs.
    pub(super) derives: Vec<Path>,
}

/// Parses the attribute. A wrong entry is reported and skipped.
pub(super) fn parse(attribute: TokenStream, errors: &mut Errors) -> Attr {
    let mut attr = Attr::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = attr.entry(input) {
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
    fn entry(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = plain(&key);
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
            "derive" => {
                let inside;
                parenthesized!(inside in input);
                let derives = Punctuated::<Path, Token![,]>::parse_terminated(&inside)?;
                self.derives.extend(derives);
            }
            _ => {
                let suggestion = did_you_mean(&name, KEYS, ("", ""));
                let keys = listed(KEYS);
                return Err(syn::Error::new_spanned(
                    key,
                    format!("unknown key `{name}` of `#[tool]`{suggestion} (the keys are {keys})"),
                ));
            }
        }
        Ok(())
    }
}

/// What every provider accepts as the name of a tool.
fn check_name(name: &LitStr) -> syn::Result<()> {
    let text = name.value();
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(good) {
        return Ok(());
    }
    Err(syn::Error::new_spanned(
        name,
        "the name of a tool has 1 to 64 ASCII letters, digits, `_` and `-`",
    ))
}
