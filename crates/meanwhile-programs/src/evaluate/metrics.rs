//! Ready metrics for answers of text: [`exact_match`] and [`f1`], on words as question answering counts them.

use std::collections::HashMap;
use std::future::{Ready, ready};

use meanwhile_core::Result;
use serde::Serialize;

use super::{Rollout, Score};
use crate::Fields;

/// Scores 1 when a field of the answer is the example's, else 0. Case, punctuation, articles and white
/// space do not count (the normalisation of SQuAD). A label that is a list holds every right answer.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_programs::{Dynamic, Evaluate, Example, Predict, exact_match, fields};
/// # futures::executor::block_on(async {
/// # let model = Scripted::new().reply_with(|_| "[[ ## answer ## ]]\nThe Andes.".to_owned());
/// # let program = Predict::<Dynamic>::parse("question -> answer")?.model(Model::new(model, "any"));
/// let examples = [Example::new(fields! { question: "Which mountains?", answer: "andes" }, ["question"])];
/// let evaluation = Evaluate::new().run(&program, &examples, exact_match("answer")).await?;
/// assert_eq!(evaluation.percent(), 100.0);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn exact_match<O: Serialize>(
    field: impl Into<String>,
) -> impl Fn(Rollout<O>) -> Ready<Result<Score>> + Send + Sync + Clone {
    compare(field.into(), |given, wanted| f64::from(u8::from(given == wanted)))
}

/// Scores how far the words of a field of the answer are the example's: the harmonic mean of precision
/// and recall, after the normalisation of [`exact_match`]. Of several right answers the best counts.
pub fn f1<O: Serialize>(
    field: impl Into<String>,
) -> impl Fn(Rollout<O>) -> Ready<Result<Score>> + Send + Sync + Clone {
    compare(field.into(), overlap)
}

fn compare<O: Serialize>(
    field: String,
    score: impl Fn(&str, &str) -> f64 + Send + Sync + Clone,
) -> impl Fn(Rollout<O>) -> Ready<Result<Score>> + Send + Sync + Clone {
    move |rollout: Rollout<O>| ready(judge(&rollout, &field, &score))
}

fn judge<O: Serialize>(
    rollout: &Rollout<O>,
    field: &str,
    score: &impl Fn(&str, &str) -> f64,
) -> Result<Score> {
    let found = words(&text_of(&Fields::of(&*rollout.output)?, field)?);
    let wanted = match rollout.example.get::<Vec<String>>(field) {
        Ok(several) => several,
        Err(_) => vec![text_of(rollout.example.fields(), field)?],
    };
    let best = wanted.iter().map(|wanted| score(&found, &words(wanted))).fold(0.0, f64::max);
    Ok(match best {
        1.0 => Score::new(1.0).feedback("The answer is right."),
        _ => {
            let wanted = wanted.join("` or `");
            Score::new(best).feedback(format!("The field `{field}` should be `{wanted}`."))
        }
    })
}

/// A field as text: as it is, or as JSON.
fn text_of(fields: &Fields, field: &str) -> Result<String> {
    let value: serde_json::Value = fields.get(field)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Lower case, without punctuation and articles, one space between words.
pub(crate) fn words(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let kept = plain.split_whitespace().filter(|word| !["a", "an", "the"].contains(word));
    kept.collect::<Vec<_>>().join(" ")
}

fn overlap(found: &str, wanted: &str) -> f64 {
    let mut open: HashMap<&str, usize> = HashMap::new();
    for word in wanted.split(' ') {
        *open.entry(word).or_default() += 1;
    }
    let mut common = 0_usize;
    for word in found.split(' ') {
        if let Some(left) = open.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            common += 1;
        }
    }
    let lengths = found.split(' ').count() + wanted.split(' ').count();
    2.0 * common as f64 / lengths as f64
}
