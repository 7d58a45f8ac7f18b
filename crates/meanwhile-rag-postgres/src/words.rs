//! The words of a text: runs of letters and digits in lower case, in documents and questions alike.

/// The words of a text with a space between them: nothing in it means anything to a parser.
pub(crate) fn plain(text: &str) -> (String, usize) {
    let mut words = String::with_capacity(text.len());
    let mut count = 0;
    for word in text.split(|character: char| !character.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        if count > 0 {
            words.push(' ');
        }
        words.push_str(&word.to_lowercase());
        count += 1;
    }
    (words, count)
}

/// An expression of Postgres for a text with at least one of these lexemes.
pub(crate) fn any_of<'a>(lexemes: impl IntoIterator<Item = &'a str>) -> String {
    let quote = |lexeme: &str| format!("'{}'", lexeme.replace('\\', "\\\\").replace('\'', "''"));
    lexemes.into_iter().map(quote).collect::<Vec<_>>().join(" | ")
}
