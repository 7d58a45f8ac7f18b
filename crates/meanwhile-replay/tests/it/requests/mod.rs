//! Recorded requests: each becomes a [`Request`], is written again by the public codec, and must be
//! what was recorded, up to the differences that `allowed` lists with a reason.

mod allowed;
mod anthropic;
mod bedrock;
mod chat;
mod cohere;
mod conversations;
mod difference;
mod fields;
mod google;
mod modality;
mod ollama;
mod responses;
mod runs;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use meanwhile_core::Request;
use meanwhile_http::Codec;
use serde_json::{Value, json};

use crate::fixtures;
use difference::{Difference, differences};

/// How one recorded request came back.
enum Outcome {
    /// As it was.
    Equal,
    /// As it was, but for differences that are allowed.
    Allowed,
    /// It says something that a [`Request`] has no place for.
    Unmapped(String),
    /// Otherwise.
    Different(Vec<Difference>),
}

/// A recorded request, before it is read.
struct Recorded<'a> {
    provider: &'a str,
    path: &'a str,
    body: &'a Value,
}

/// A mapped request and the body that our codec writes for it.
struct Written {
    body: Value,
    warnings: Vec<String>,
}

/// Writes a request with a codec.
fn write(codec: &impl Codec, request: &Request) -> Result<Written, String> {
    let wire = codec.encode(request).map_err(|error| format!("cannot be written: {error}"))?;
    Ok(Written {
        body: serde_json::from_slice(&wire.body).unwrap(),
        warnings: wire.warnings.iter().map(ToString::to_string).collect(),
    })
}

/// The recorded body, in the spelling in which ours is compared with it.
fn spell(wire: &str, body: &Value) -> Value {
    match wire {
        "google" => turns(google::spell(body), "contents", "parts"),
        "anthropic" | "bedrock" => turns(body.clone(), "messages", "content"),
        "cohere" => cohere::spell(body),
        "responses" => responses::spell(body),
        _ => body.clone(),
    }
}

/// A body in which turns of one role in a row are one turn, with results in front and without blank
/// texts: what these APIs ask for, or do themselves.
fn turns(mut body: Value, list: &str, content: &str) -> Value {
    let Some(Value::Array(recorded)) = body.get_mut(list).map(Value::take) else { return body };
    let mut turns: Vec<Value> = Vec::new();
    for mut turn in recorded {
        let mut blocks = match turn[content].take() {
            Value::String(text) => vec![json!({ "type": "text", "text": text })],
            Value::Array(blocks) => blocks,
            _ => Vec::new(),
        };
        // A text that carries data is not blank.
        let is_blank = |block: &Value| {
            block["text"].as_str().is_some_and(|text| text.trim().is_empty())
                && block.get("thoughtSignature").is_none()
        };
        blocks.retain(|block| !is_blank(block));
        match turns.last_mut().filter(|last| last["role"] == turn["role"]) {
            Some(last) => last[content].as_array_mut().unwrap().extend(blocks),
            None if blocks.is_empty() => {}
            None => {
                turn[content] = blocks.into();
                turns.push(turn);
            }
        }
    }
    let is_result = |block: &Value| {
        let kinds = ["toolResult", "functionResponse"];
        block["type"] == "tool_result" || kinds.iter().any(|kind| block.get(*kind).is_some())
    };
    for turn in
        turns.iter_mut().filter(|turn| turn["role"] != "assistant" && turn["role"] != "model")
    {
        turn[content].as_array_mut().unwrap().sort_by_key(|block| !is_result(block));
    }
    body[list] = turns.into();
    body
}

/// How the requests of one wire are read and written.
struct Judge {
    wire: &'static str,
    /// Which providers and families of endpoints it is for.
    takes: fn(&str, &str) -> bool,
    /// A recorded body as a request, or why it cannot be one.
    read: fn(&Recorded<'_>) -> Result<Request, String>,
    /// The request as the codec of this provider writes it.
    write: fn(&str, &Request) -> Result<Written, String>,
}

impl Judge {
    fn judge(&self, recorded: &Recorded<'_>) -> Outcome {
        let written =
            (self.read)(recorded).and_then(|request| (self.write)(recorded.provider, &request));
        match written {
            Ok(written) => compare(self.wire, recorded, written),
            Err(reason) => Outcome::Unmapped(reason),
        }
    }
}

/// Compares what was recorded with what we write.
fn compare(wire: &str, recorded: &Recorded<'_>, mut written: Written) -> Outcome {
    written.body = spell(wire, &written.body);
    let all = differences(&spell(wire, recorded.body), &written.body);
    if all.is_empty() {
        return Outcome::Equal;
    }
    let context = allowed::Context { wire, recorded, written: &written };
    let left: Vec<Difference> =
        all.into_iter().filter(|difference| !allowed::is_allowed(difference, &context)).collect();
    if left.is_empty() { Outcome::Allowed } else { Outcome::Different(left) }
}

/// Why a judge leaves a request out that is not of its wire.
const OTHER_WIRE: &str = "another wire, which has a judge of its own";

/// Every recording of these providers and this family of endpoints.
fn check(judge: &Judge) {
    let wire = judge.wire;
    let Some(corpus) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    let (mut equal, mut after, mut not_understood) = (0, 0, 0);
    let mut unmapped: BTreeMap<String, usize> = BTreeMap::new();
    let mut different = Vec::new();
    for file in recordings(&corpus, &judge.takes) {
        let exchange: Value =
            serde_json::from_slice(&fs::read(corpus.join(&file)).unwrap()).unwrap();
        let body = &exchange["request"]["body"];
        let kind = exchange["request"]["body_kind"].as_str().unwrap_or("none");
        if !body.is_object() {
            *unmapped.entry(format!("no request recorded ({kind})")).or_default() += 1;
            continue;
        }
        let recorded = Recorded {
            provider: exchange["provider"].as_str().unwrap(),
            path: exchange["request"]["path"].as_str().unwrap_or_default(),
            body,
        };
        match judge.judge(&recorded) {
            Outcome::Equal => equal += 1,
            Outcome::Allowed => after += 1,
            Outcome::Unmapped(reason) => {
                not_understood += usize::from(reason != OTHER_WIRE);
                *unmapped.entry(reason).or_default() += 1;
            }
            Outcome::Different(left) => different.push((file, left)),
        }
    }
    println!(
        "{wire}: {equal} equal, {after} equal after allowed differences, {} not mappable, {} different",
        unmapped.values().sum::<usize>(),
        different.len()
    );
    for (reason, number) in &unmapped {
        println!("    not mappable: {number} with {reason}");
    }
    for (file, left) in &different {
        for difference in left {
            println!("{file} {difference}");
        }
    }
    // A judge that understands little must not pass for one that found nothing wrong.
    let compared = equal + after + different.len();
    if compared + not_understood == 0 {
        println!("skipped: no request of {wire} was recorded");
    }
    assert!(compared >= 9 * not_understood, "{not_understood} requests were not understood");
    assert!(different.is_empty(), "{} requests of {wire} are written differently", different.len());
}

/// The recordings, relative to the corpus, in order.
fn recordings(corpus: &Path, takes: &impl Fn(&str, &str) -> bool) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let mut files = Vec::new();
    for provider in names(corpus).into_iter().filter(|name| corpus.join(name).is_dir()) {
        for api in names(&corpus.join(&provider)).into_iter().filter(|api| takes(&provider, api)) {
            let folder = corpus.join(&provider).join(&api);
            files.extend(names(&folder).into_iter().map(|name| format!("{provider}/{api}/{name}")));
        }
    }
    files
}

#[test]
fn chat_completions_requests_come_back_as_they_were() {
    check(&chat::JUDGE);
}

#[test]
fn messages_requests_come_back_as_they_were() {
    check(&anthropic::JUDGE);
}

#[test]
fn responses_requests_come_back_as_they_were() {
    check(&responses::JUDGE);
}

#[test]
fn generate_content_requests_come_back_as_they_were() {
    check(&google::JUDGE);
}

#[test]
fn ollama_requests_come_back_as_they_were() {
    check(&ollama::JUDGE);
}

#[test]
fn converse_requests_come_back_as_they_were() {
    check(&bedrock::JUDGE);
}

#[test]
fn mistral_requests_come_back_as_they_were() {
    check(&chat::MISTRAL);
}

#[test]
fn cohere_requests_come_back_as_they_were() {
    check(&cohere::JUDGE);
}
