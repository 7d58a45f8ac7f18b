//! A program that sorts texts, examples for it, and models that answer as a test tells them to.

use meanwhile_core::{Model, Request, Scripted};
use meanwhile_programs::{Example, Predict, fields};

/// A program of one predictor that asks `model`.
pub(crate) fn program(model: &Scripted) -> Predict {
    Predict::parse("text -> label").unwrap().model(Model::new(model.clone(), "any"))
}

pub(crate) fn example(text: &str, label: &str) -> Example {
    Example::new(fields! { text: text, label: label }, ["text"])
}

/// Examples whose texts are their numbers, and whose labels say whether these are even.
pub(crate) fn numbers(numbers: impl IntoIterator<Item = u32>) -> Vec<Example> {
    numbers.into_iter().map(|n| example(&n.to_string(), parity(n))).collect()
}

pub(crate) fn parity(number: u32) -> &'static str {
    if number.is_multiple_of(2) { "even" } else { "odd" }
}

/// The text that a request is about.
pub(crate) fn text_of(request: &Request) -> String {
    field_of(request, "text")
}

/// A field of what a request is about.
pub(crate) fn field_of(request: &Request, name: &str) -> String {
    let asked = request.messages.last().unwrap().text();
    let (_, after) = asked.split_once(&format!("[[ ## {name} ## ]]\n")).unwrap();
    after.lines().next().unwrap().trim().to_owned()
}

/// The texts of the demonstrations in a request.
pub(crate) fn demos_of(request: &Request) -> Vec<String> {
    let before = &request.messages[..request.messages.len() - 1];
    let texts = before.iter().map(meanwhile_core::Message::text);
    let texts = texts.filter_map(|text| {
        let (_, after) = text.split_once("[[ ## text ## ]]\n")?;
        Some(after.lines().next()?.trim().to_owned())
    });
    texts.filter(|text| !text.starts_with('{')).collect()
}

/// An answer of one field.
pub(crate) fn answer(name: &str, value: &str) -> String {
    format!("[[ ## {name} ## ]]\n{value}\n\n[[ ## completed ## ]]")
}
