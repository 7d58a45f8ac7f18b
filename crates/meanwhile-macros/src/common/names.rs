//! Names: identifiers made of text, and the type of a tool made of its function's name.

use proc_macro2::{Ident, Span};

/// Makes an identifier, a raw one where the name is a keyword.
pub(crate) fn identifier(name: &str, span: Span) -> Ident {
    let name = name.strip_prefix("r#").unwrap_or(name);
    if name == "self" {
        return Ident::new(name, span);
    }
    match syn::parse_str::<Ident>(name) {
        Ok(_) => Ident::new(name, span),
        Err(_) => Ident::new_raw(name, span),
    }
}

/// The name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or_else(|| name.clone(), str::to_owned)
}

/// `format_book` → `FormatBook`; a name that begins with a capital stays.
pub(crate) fn camel_case(name: &str) -> String {
    if name.starts_with(|first: char| first.is_uppercase()) {
        return name.to_owned();
    }
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('_').filter_map(capitalised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_become_types() {
        for (name, expected) in [
            ("format_book", "FormatBook"),
            ("now", "Now"),
            ("FormatBook", "FormatBook"),
            ("_a__b2", "AB2"),
        ] {
            assert_eq!(camel_case(name), expected);
        }
    }

    #[test]
    fn keywords_become_raw() {
        let name = |text| identifier(text, Span::call_site()).to_string();
        assert_eq!(
            [name("genre"), name("type"), name("r#match"), name("self")],
            ["genre", "r#type", "r#match", "self"]
        );
    }
}
