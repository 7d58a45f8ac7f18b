//! [`read`]: how probable tokens were, from the two forms that servers use.

use std::collections::BTreeMap;

use meanwhile_core::Logprob;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fields::{List, Str};

/// What a choice says about its tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Logprobs<'a> {
    #[serde(borrow)]
    content: List<Token<'a>>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    /// The form of the older completions, which some hosts keep.
    tokens: Option<Vec<String>>,
    token_logprobs: Option<Vec<Option<f64>>>,
    #[serde(borrow)]
    top_logprobs: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Token<'a> {
    #[serde(borrow)]
    token: Str<'a>,
    logprob: Option<f64>,
    #[serde(borrow)]
    top_logprobs: List<Top<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    token: Str<'a>,
    logprob: Option<f64>,
}

/// Tokens of the text, and whether there were others, which are no text.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: Vec<Logprob>,
    pub(crate) others: bool,
}

/// Reads the probabilities of a choice; `None` where they cannot be read.
pub(crate) fn read(raw: &RawValue) -> Option<Tokens> {
    if !raw.get().starts_with('{') {
        return Some(Tokens::default());
    }
    let read: Logprobs<'_> = serde_json::from_str(raw.get()).ok()?;
    let given = |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "null" | "[]"));
    let others = given(read.refusal) || given(read.reasoning_content);
    let mut text: Vec<Logprob> = read
        .content
        .0
        .into_iter()
        .filter_map(|token| {
            let mut logprob = Logprob::new(token.token.0, token.logprob?);
            let top = token.top_logprobs.0.into_iter();
            logprob.top =
                top.filter_map(|top| Some((top.token.0.into_owned(), top.logprob?))).collect();
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
