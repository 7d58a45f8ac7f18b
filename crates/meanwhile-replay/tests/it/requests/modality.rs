//! Recorded requests for vectors, rankings, judgements, speech and images: each becomes one of ours, goes out through the provider's
//! public trait, and must be what was recorded, path and body, up to the differences listed here.

use std::collections::BTreeMap;

use meanwhile_replay::{Corpus, Written, written};
use serde_json::{Value, json};

use super::difference::{Difference, differences};
use super::recordings;
use crate::fixtures;

/// The place of a difference, whether it is of the kind, and why it is allowed.
type Row = (&'static str, When, &'static str);
type When = fn(&str, &Difference, &Written) -> bool;

#[rustfmt::skip]
const ALLOWED: &[Row] = &[
    ("", |_, difference, _| is_null(difference), "null and absent are the same"),
    ("/body/input", |_, difference, _| one_text(difference), "one text is a list of one"),
    ("/body/encoding_format", |provider, difference, _| provider == "openai" && difference.recorded.is_none(), "vectors are asked for in the smaller form"),
    ("/body/encoding_format", |provider, difference, _| provider == "perplexity" && difference.recorded.is_none(), "the only form that there is, written out"),
    ("/body/model", |provider, difference, _| provider == "azure" && difference.pattern == "/body/model", "the deployment is in the path, and named again"),
    ("/body/model", |_, difference, _| difference.recorded.is_none() && difference.ours == Some(json!("")), "ours names a model; the recorded one left it to the server"),
    ("/body/voice", |provider, difference, _| provider == "mistral" && difference.ours.is_none(), "the field of the official description is `voice_id`"),
    ("/body/voice_id", |provider, difference, written| provider == "mistral" && difference.ours.as_ref() == written.recorded.get("voice"), "the field of the official description, for `voice`"),
    ("/body/embedding_types", |provider, difference, _| provider == "cohere" && difference.recorded.is_none(), "floats, written out: since version 2 the type must be named"),
    ("/body/input_type", |provider, difference, _| provider == "cohere" && difference.recorded.is_none(), "the purpose, which must be named"),
    ("/body/requests/*/outputDimensionality", snake_case, "the other spelling of the same field"),
    ("/body/requests/*/output_dimensionality", snake_case, "the other spelling of the same field"),
    ("/path", |provider, difference, _| provider == "cohere" && same_but(difference, "/v1/", "/v2/"), "version 2 of the API is spoken"),
    ("/path", |provider, difference, _| provider == "vertex" && same_tail(difference), "the place of the project was redacted"),
];

fn is_null(difference: &Difference) -> bool {
    let absent = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_null);
    absent(&difference.recorded) && absent(&difference.ours)
}

fn one_text(difference: &Difference) -> bool {
    let (Some(recorded), Some(ours)) = (&difference.recorded, &difference.ours) else {
        return false;
    };
    recorded.is_string() && *ours == json!([recorded])
}

fn snake_case(_: &str, _: &Difference, written: &Written) -> bool {
    let of = |body: &Value, name: &str| body.pointer(&format!("/requests/0/{name}")).cloned();
    of(&written.recorded, "output_dimensionality") == of(&written.body, "outputDimensionality")
}

fn texts(difference: &Difference) -> (&str, &str) {
    let recorded = difference.recorded.as_ref().and_then(Value::as_str).unwrap_or_default();
    (recorded, difference.ours.as_ref().and_then(Value::as_str).unwrap_or_default())
}

fn same_but(difference: &Difference, from: &str, to: &str) -> bool {
    let (recorded, ours) = texts(difference);
    recorded.replacen(from, to, 1) == ours
}

fn same_tail(difference: &Difference) -> bool {
    let (recorded, ours) = texts(difference);
    let tail = |path: &str| path.split_once("/publishers/").map(|(_, tail)| tail.to_owned());
    tail(recorded).is_some() && tail(recorded) == tail(ours)
}

fn check(families: &[&str], least: usize) {
    let Some(folder) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    let corpus = Corpus::open(&folder, None).unwrap();
    let (mut equal, mut after) = (0, 0);
    let mut unmapped: BTreeMap<String, usize> = BTreeMap::new();
    let mut different = Vec::new();
    for file in recordings(&folder, &|_, api| families.contains(&api)) {
        let written = match written(&corpus, &file) {
            None => continue,
            Some(Err(reason)) => {
                *unmapped.entry(reason).or_default() += 1;
                continue;
            }
            Some(Ok(written)) => written,
        };
        let provider = file.split('/').next().unwrap();
        let recorded = json!({ "path": written.recorded_path, "body": written.recorded });
        let ours = json!({ "path": written.path, "body": written.body });
        let all = differences(&recorded, &ours);
        let is_allowed = |difference: &Difference| {
            ALLOWED.iter().any(|(place, when, _because)| {
                difference.pattern.starts_with(place) && when(provider, difference, &written)
            })
        };
        match (all.is_empty(), all.iter().all(is_allowed)) {
            (true, _) => equal += 1,
            (false, true) => after += 1,
            (false, false) => {
                let left = all.iter().filter(|difference| !is_allowed(difference));
                different.extend(left.map(|difference| format!("{file} {difference}")));
            }
        }
    }
    println!("{families:?}: {equal} equal, {after} equal after allowed differences");
    for (reason, number) in &unmapped {
        println!("    not mappable: {number} with {reason}");
    }
    assert!(different.is_empty(), "written differently:\n{}", different.join("\n"));
    assert!(equal + after >= least, "only {} requests were compared", equal + after);
}

#[test]
fn requests_for_vectors_come_back_as_they_were() {
    check(&["embeddings", "embeddings_v1", "predict"], 45);
}

#[test]
fn requests_for_rankings_come_back_as_they_were() {
    check(&["rerank", "rerank_v1"], 12);
}

#[test]
fn requests_for_judgements_speech_and_images_come_back_as_they_were() {
    check(&["moderations"], 4);
    check(&["audio_speech"], 5);
    check(&["images"], 18);
}
