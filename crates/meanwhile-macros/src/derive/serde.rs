//! What serde's attributes say about the keys of fields and variants.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The entries of `#[serde(…)]`.
fn serde(attributes: &[Attribute]) -> impl Iterator<Item = Meta> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("serde")).flat_map(|attribute| {
        // What serde does not understand it says itself.
        let list = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
        attribute.parse_args_with(list).unwrap_or_default()
    })
}

pub(super) fn has_serde(attributes: &[Attribute], key: &str) -> bool {
    serde(attributes).any(|meta| meta.path().is_ident(key))
}

/// The text of `key = "…"`, or of its `deserialize = "…"`.
pub(super) fn serde_value(attributes: &[Attribute], key: &str) -> Option<String> {
    serde(attributes).find_map(|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident(key) => text(&pair.value),
        Meta::List(list) if list.path.is_ident(key) => {
            let mut found = None;
            list.parse_nested_meta(|inner| {
                let value: Expr = inner.value()?.parse()?;
                if inner.path.is_ident("deserialize") {
                    found = text(&value);
                }
                Ok(())
            })
            .ok()?;
            found
        }
        _ => None,
    })
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// The key of a field as serde's `rename_all` makes it.
pub(super) fn renamed(name: &str, rule: Option<&str>) -> String {
    let capitalised = |word: &str| -> String {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    let pascal = || name.split('_').map(capitalised).collect::<String>();
    match rule {
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => name.to_ascii_uppercase(),
        Some("PascalCase") => pascal(),
        Some("camelCase") => {
            let pascal = pascal();
            let mut letters = pascal.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        Some("kebab-case") => name.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => name.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

/// The key of a variant as serde's `rename_all` makes it.
pub(super) fn renamed_variant(name: &str, rule: Option<&str>) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    match rule {
        Some("lowercase") => name.to_ascii_lowercase(),
        Some("UPPERCASE") => name.to_ascii_uppercase(),
        Some("camelCase") => {
            let mut letters = name.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        Some("snake_case") => snake,
        Some("SCREAMING_SNAKE_CASE") => snake.to_ascii_uppercase(),
        Some("kebab-case") => snake.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => snake.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}
