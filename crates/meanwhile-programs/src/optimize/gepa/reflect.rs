//! What the reflecting model is shown of a predictor's runs, and how new instructions are read from its
//! answer.

use std::fmt::Write as _;

use fastrand::Rng;
use meanwhile_core::{Error, ErrorKind, Result};

use crate::{Fields, PredictorId, Row};

/// Where the instructions go in a template.
const INSTRUCTIONS: &str = "{instructions}";

/// Where the runs go.
const EXAMPLES: &str = "{examples}";

/// What the model is told unless there is another template.
pub(super) const TEMPLATE: &str = "\
An assistant works on a task by these instructions:
```
{instructions}
```

These are inputs that it was given, what it answered, and what was said about its answers:

{examples}

Write better instructions for the assistant.

- Work out from the inputs what the task is, and say in detail what is given and what is wanted.
- Keep what the instructions above say that is right.
- The assistant will not see these remarks again: put every fact, rule and format that they teach into the \
instructions, so that it holds for other inputs too.
- Where an answer was good, say how to go about it.

Write the new instructions, and nothing else, between two lines of ```.";

/// Whether a template has a place for everything.
pub(super) fn check(template: &str) -> Result<()> {
    match [INSTRUCTIONS, EXAMPLES].into_iter().find(|place| !template.contains(place)) {
        None => Ok(()),
        Some(missing) => {
            let message =
                format!("the reflection prompt has no `{missing}`; put it where it belongs");
            Err(Error::new(ErrorKind::Config, message))
        }
    }
}

/// Fills a template. What is filled in is not looked at again.
pub(super) fn fill(template: &str, instructions: &str, examples: &str) -> String {
    let mut filled = String::with_capacity(template.len() + instructions.len() + examples.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        if let Some(after) = from.strip_prefix(INSTRUCTIONS) {
            filled.push_str(instructions);
            rest = after;
        } else if let Some(after) = from.strip_prefix(EXAMPLES) {
            filled.push_str(examples);
            rest = after;
        } else {
            filled.push('{');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    filled.push_str(rest);
    filled
}

/// The runs of one predictor as text; `None` where it was not run. Of a predictor that was called several
/// times in a row's run one call is shown: one that failed, else one at random. A run that failed
/// elsewhere says nothing about this predictor.
pub(super) fn examples<O>(
    rows: &[Row<O>],
    predictor: PredictorId,
    path: &str,
    rng: &mut Rng,
) -> Option<String> {
    let mut text = String::new();
    let mut count = 0;
    for row in rows {
        let calls: Vec<_> = row.trace.of(predictor).collect();
        let unread = calls.iter().find_map(|call| match &call.outcome {
            Err(error) if error.kind() == ErrorKind::Output => Some((*call, error)),
            _ => None,
        });
        let (inputs, answer, feedback) = if let Some((call, error)) = unread {
            let raw = error.partial().map(|partial| partial.text());
            let answer = raw.unwrap_or_else(|| "(there was no answer)".to_owned());
            let feedback = format!(
                "The answer could not be read: {}. Every answer must have the form that is asked for.",
                error.message()
            );
            (&call.inputs, answer + "\n", feedback)
        } else {
            if row.error.is_some() {
                continue;
            }
            let answered =
                calls.iter().filter_map(|call| Some((call, call.outcome.as_ref().ok()?)));
            let Some((call, outputs)) = rng.choice(answered.collect::<Vec<_>>()) else { continue };
            let feedback = match row.score.about(path) {
                Some(feedback) => feedback.to_owned(),
                None => format!("The score of this answer is {}.", row.score.value),
            };
            (&call.inputs, listed(outputs), feedback)
        };
        count += 1;
        let _ = write!(
            text,
            "# Example {count}\n\n## Inputs\n\n{}\n## Answer\n\n{answer}\n## Feedback\n\n{}\n\n",
            listed(inputs),
            feedback.trim()
        );
    }
    (count > 0).then(|| text.trim_end().to_owned())
}

fn listed(fields: &Fields) -> String {
    fields.iter().fold(String::new(), |mut text, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
        let _ = writeln!(text, "### {name}\n\n{value}\n");
        text
    })
}

/// The instructions in an answer: what stands between its first and its last fence, without the language;
/// the whole answer where there is no fence. `None` when nothing is left.
pub(super) fn instructions(answer: &str) -> Option<String> {
    const FENCE: &str = "```";
    let answer = answer.trim();
    let inside = match (answer.find(FENCE), answer.rfind(FENCE)) {
        (Some(first), Some(last)) if first + FENCE.len() <= last => {
            without_language(answer.get(first + FENCE.len()..last).unwrap_or_default())
        }
        // A fence that was not closed, or only closed.
        (Some(0), _) => without_language(answer.get(FENCE.len()..).unwrap_or_default()),
        _ => answer.strip_suffix(FENCE).unwrap_or(answer),
    };
    let inside = inside.trim();
    (!inside.is_empty()).then(|| inside.to_owned())
}

/// What follows the first line, where that is one word or nothing.
fn without_language(inside: &str) -> &str {
    match inside.split_once('\n') {
        Some((first, rest)) if !first.contains(char::is_whitespace) => rest,
        _ => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, fill, instructions};

    #[test]
    fn new_instructions_are_read_from_their_fence() {
        for (answer, wanted) in [
            ("```\nBe brief.\n```", Some("Be brief.")),
            (
                "Here you are:\n```text\nBe brief.\nAlways.\n```\nGood luck!",
                Some("Be brief.\nAlways."),
            ),
            ("Be brief.", Some("Be brief.")),
            ("```\nBe brief.", Some("Be brief.")),
            ("Be brief.\n```", Some("Be brief.")),
            ("```Be brief.```", Some("Be brief.")),
            ("```\nUse\n```json\n{}\n```\n```", Some("Use\n```json\n{}\n```")),
            ("```\n```", None),
            ("  ", None),
        ] {
            assert_eq!(instructions(answer).as_deref(), wanted, "{answer:?}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let filled = fill("a {instructions} b {examples} {c}", "{examples}", "{instructions}");
        assert_eq!(filled, "a {examples} b {instructions} {c}");
        assert!(check("{instructions}").is_err() && check(super::TEMPLATE).is_ok());
    }
}
