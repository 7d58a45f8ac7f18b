//! Suggestions: the nearest of the words that would have been right.

/// The candidate that `word` was most likely meant to be.
fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing; `quote` is what stands before and after the word.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    quote: (&str, &str),
) -> String {
    match nearest(word, candidates) {
        Some(found) => format!("; did you mean `{}{found}{}`?", quote.0, quote.1),
        None => String::new(),
    }
}

/// Words in backticks, separated by commas.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
