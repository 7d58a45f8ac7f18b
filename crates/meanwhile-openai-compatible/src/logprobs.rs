//! [`read`]: how probable tokens were, from the two forms that servers use.

use std::collections::BTreeMap;

use meanwhile_core::Logprob;
use meanwhile_http::lenient::{List, Str, record};
use serde_json::value::RawValue;

record! {
    /// What a choice says about its tokens.
    struct Logprobs<'a> {
        content: List<Token<'a>>,
        refusal: Option<&'a RawValue>,
        reasoning_content: Option<&'a RawValue>,
        /// The form of the older completions, which some hosts keep.
        tokens: Option<Vec<String>>,
        token_logprobs: Option<Vec<Option<f64>>>,
        top_logprobs: Option<&'a RawValue>,
    }

    struct Token<'a> {
        token: Str<'a>,
        logprob: Option<f64>,
        top_logprobs: List<Top<'a>>,
    }

    struct Top<'a> {
        token: Str<'a>,
        logprob: Option<f64>,
    }
}

/// Tokens of the text, and whether there were others, which are no text.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: Vec<Logprob>,
    pub(crate) others: bool,
}

/// Reads the probabilities of a choice; `None` where they cannot be read. Together streams a number alone,
/// which is that of the one `token` that came with it.
pub(crate) fn read(raw: &RawValue, token: Option<&str>) -> Option<Tokens> {
    let json = raw.get();
    if matches!(json, "[]" | "false" | "\"\"") {
        return Some(Tokens::default());
    }
    if !json.starts_with('{') {
        let logprob = json.parse().ok()?;
        let token =
            token.filter(|token| !token.is_empty()).map(|token| Logprob::new(token, logprob));
        return Some(Tokens { text: token.into_iter().collect(), others: false });
    }
    let read: Logprobs<'_> = serde_json::from_str(json).ok()?;
    let given = |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "null" | "[]"));
    let others = given(read.refusal) || given(read.reasoning_content);
    let mut text: Vec<Logprob> = read
        .content
        .0
        .into_iter()
        .filter_map(|token| {
            let mut logprob = Logprob::new(token.token.into_text(), token.logprob?);
            let top = token.top_logprobs.0.into_iter();
            logprob.top = top
                .filter_map(|top| Some((top.token.into_text().into_owned(), top.logprob?)))
                .collect();
            Some(logprob)
        })
        .collect();
    if text.is_empty() {
        let mut tops = read
            .top_logprobs
            .and_then(|raw| {
                serde_json::from_str::<Vec<Option<BTreeMap<String, f64>>>>(raw.get()).ok()
            })
            .unwrap_or_default()
            .into_iter();
        let tokens = read.tokens.unwrap_or_default().into_iter();
        text.extend(tokens.zip(read.token_logprobs.unwrap_or_default()).filter_map(
            |(token, logprob)| {
                let top = tops.next().flatten().unwrap_or_default();
                let mut logprob = Logprob::new(token, logprob?);
                logprob.top = top.into_iter().collect();
                logprob.top.sort_by(|one, other| other.1.total_cmp(&one.1));
                Some(logprob)
            },
        ));
    }
    Some(Tokens { text, others })
}
