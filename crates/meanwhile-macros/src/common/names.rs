//! Names: identifiers made of text, the type of a tool made of its function's name, and the
//! other way round.

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

/// `FormatBook` → `format_book`.
pub(crate) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        // A word begins at a capital, and in `HTTPServer` at the last one of a row.
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                *before != '_'
                    && (!before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()))
            });
        if begins {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
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
    fn types_become_names() {
        for (name, expected) in [
            ("FormatBook", "format_book"),
            ("Now", "now"),
            ("HTTPServer", "http_server"),
            ("Page2Text", "page2_text"),
            ("look_up", "look_up"),
        ] {
            assert_eq!(snake_case(name), expected);
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
