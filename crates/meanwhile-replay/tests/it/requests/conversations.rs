//! Conversations: where a recorded request holds the answer of an earlier recording of its group, the
//! same request with *our* answer in that place must say what was recorded.
//!
//! Clients leave out much of an answer when they send it back, so ours may say more in the places that
//! `allowed` lists. What was recorded, it must say in the same place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use meanwhile_core::tool::ToolCall;
use meanwhile_core::{Message, Part, Request, Role};
use meanwhile_replay::{Corpus, response};
use serde_json::Value;

use super::difference::Difference;
use super::{
    Judge, Outcome, Recorded, allowed, anthropic, bedrock, chat, cohere, compare, google, ollama,
    responses,
};
use crate::fixtures;

/// One recording of a group.
pub(super) struct Turn {
    pub(super) file: String,
    exchange: Value,
}

impl Turn {
    pub(super) fn recorded(&self) -> Recorded<'_> {
        let request = &self.exchange["request"];
        Recorded {
            provider: self.exchange["provider"].as_str().unwrap(),
            path: request["path"].as_str().unwrap_or_default(),
            body: &request["body"],
        }
    }
}

/// The recordings of the judge's wire by group, in the order in which they were made.
pub(super) fn groups(corpus: &Corpus, judge: &Judge) -> BTreeMap<String, Vec<Turn>> {
    // A corpus without an index does not say what belongs together.
    let index = fs::read_to_string(corpus.root.join("index.jsonl")).unwrap_or_default();
    let mut rows: Vec<Value> =
        index.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(|row| row["source_index"].as_u64());
    let mut groups: BTreeMap<String, Vec<Turn>> = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let (provider, api, file) = (text("provider"), text("api"), text("file"));
        if (judge.takes)(&provider, &api) {
            let exchange = fs::read(corpus.root.join(&file)).unwrap();
            let exchange = serde_json::from_slice(&exchange).unwrap();
            let name = format!("{} {provider}/{api}", text("group"));
            groups.entry(name).or_default().push(Turn { file, exchange });
        }
    }
    groups.retain(|_, turns| turns.len() > 1);
    groups
}

/// Where the request holds the answer.
fn place(request: &Request, answer: &Message) -> Option<usize> {
    let called = |message: &Message| -> Vec<(String, Option<Value>)> {
        message.tool_calls().map(|call| (call.name.clone(), call.json().ok())).collect()
    };
    let ids = |message: &Message| -> Vec<String> {
        message.tool_calls().map(|call| call.id.clone()).collect()
    };
    let (theirs, said) = (marks(answer), answer.text());
    request.messages.iter().rposition(|message| {
        let marks = marks(message);
        if message.role != Role::Assistant
            || !(marks.is_empty() || theirs.is_empty() || !marks.is_disjoint(&theirs))
        {
            return false;
        }
        let (calls, text) = (called(message), message.text());
        let same_text = text.trim() == said.trim();
        if calls.is_empty() {
            return called(answer).is_empty() && same_text && !text.trim().is_empty();
        }
        // Wires without ids, and clients that make up their own, are told by what is called.
        let no_ids = ids(message).iter().all(String::is_empty);
        if no_ids {
            calls == called(answer) && (same_text || text.is_empty())
        } else {
            ids(message) == ids(answer)
        }
    })
}

/// What tells one answer from another that says the same: ids of its items, signatures.
pub(super) fn marks(message: &Message) -> BTreeSet<String> {
    let data = message.parts.iter().filter_map(Part::data);
    let marks = data.flat_map(|data| {
        let names = ["id", "signature", "thoughtSignature"];
        names.into_iter().filter_map(|name| data.value[name].as_str()).map(letters)
    });
    marks.collect()
}

/// Base64 in the one alphabet.
fn letters(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

/// Puts our answer in the place of the recorded one, and has the results answer our calls.
fn put(request: &mut Request, place: usize, answer: Message) {
    let Some(slot) = request.messages.get_mut(place) else { return };
    let recorded = std::mem::replace(slot, answer.clone());
    // Marks for the cache are the client's, not the model's.
    slot.parts
        .extend(recorded.parts.last().filter(|part| matches!(part, Part::CacheMark(_))).cloned());
    let mut pairs: Vec<(ToolCall, ToolCall)> =
        recorded.tool_calls().cloned().zip(answer.tool_calls().cloned()).collect();
    let after = request.messages.iter_mut().skip(place + 1);
    for message in after.take_while(|message| message.role != Role::Assistant) {
        for part in &mut message.parts {
            let Part::ToolResult(result) = part else { continue };
            let answers = |(call, _): &(ToolCall, ToolCall)| {
                call.id == result.call_id && (!call.id.is_empty() || call.name == result.name)
            };
            if let Some(found) = pairs.iter().position(answers) {
                let (_, ours) = pairs.remove(found);
                result.call_id = ours.id;
                result.name = ours.name;
            }
        }
    }
}

/// Whether ours says what was recorded, and perhaps more.
fn contains(ours: Option<&Value>, recorded: Option<&Value>) -> bool {
    match (ours, recorded) {
        (_, None | Some(Value::Null)) => true,
        (Some(Value::Object(ours)), Some(Value::Object(recorded))) => {
            recorded.iter().all(|(name, value)| contains(ours.get(name), Some(value)))
        }
        (Some(Value::Array(ours)), Some(Value::Array(recorded))) => {
            let mut left = ours.iter();
            let mut said = recorded.iter().filter(|item| !is_blank(item));
            said.all(|item| left.any(|ours| contains(Some(ours), Some(item))))
        }
        (Some(Value::Array(ours)), Some(Value::String(text))) => {
            let said = ours.iter().filter_map(|part| part["text"].as_str());
            said.collect::<String>().trim() == text.trim()
        }
        (Some(Value::String(text)), Some(Value::Array(recorded))) => {
            let said = recorded.iter().filter_map(|part| part["text"].as_str());
            said.collect::<String>().trim() == text.trim()
        }
        (Some(Value::String(ours)), Some(Value::String(recorded))) => {
            let json = |text: &String| serde_json::from_str::<Value>(text).ok();
            ours.trim() == recorded.trim()
                || letters(ours) == letters(recorded)
                || (json(ours).is_some() && json(ours) == json(recorded))
        }
        (Some(Value::Number(ours)), Some(Value::Number(recorded))) => {
            ours.as_f64() == recorded.as_f64()
        }
        (None, Some(recorded)) => *recorded == "" || *recorded == Value::Array(Vec::new()),
        (Some(ours), Some(recorded)) => ours == recorded,
    }
}

/// Whether this is a text, or a turn, without any.
fn is_blank(item: &Value) -> bool {
    ["text", "content"].iter().any(|name| item[name] == "")
        && item.get("tool_calls").is_none_or(Value::is_null)
}

fn says_more(difference: &Difference) -> bool {
    allowed::may_say_more(difference)
        && contains(difference.ours.as_ref(), difference.recorded.as_ref())
}

/// Leaves out the differences where ours says more.
pub(super) fn narrow(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Different(left) => {
            Outcome::Different(left.into_iter().filter(|found| !says_more(found)).collect())
        }
        outcome => outcome,
    }
}

/// How far off an outcome is.
fn left(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Different(left) => 1 + left.len(),
        _ => 0,
    }
}

/// Judges every pair of an answer and a request that holds it.
fn check(judge: &Judge) {
    let Some(folder) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    let corpus = Corpus::open(&folder, None).unwrap();
    let (mut followed, mut pairs, mut more) = (0, 0, 0);
    let mut different = Vec::new();
    for turns in groups(&corpus, judge).values() {
        let answers: Vec<_> =
            turns.iter().map(|turn| (&turn.file, response(&corpus, &turn.file))).collect();
        for (at, later) in turns.iter().enumerate() {
            followed += usize::from(at > 0);
            let recorded = later.recorded();
            let Ok(request) = (judge.read)(&recorded) else { continue };
            // Several answers may look alike; by place, the one counts that fits best.
            let mut found: BTreeMap<usize, (Outcome, String)> = BTreeMap::new();
            for (file, answer) in answers.iter().take(at) {
                let Some(answer) = answer else { continue };
                let Some(place) = place(&request, &answer.message) else { continue };
                let mut request = request.clone();
                put(&mut request, place, answer.message.clone());
                let written = (judge.write)(recorded.provider, &request).unwrap();
                let outcome = narrow(compare(judge.wire, &recorded, written));
                let best = found.get(&place).map_or(usize::MAX, |(best, _)| left(best));
                if left(&outcome) < best {
                    found.insert(place, (outcome, (*file).clone()));
                }
            }
            for (outcome, earlier) in found.into_values() {
                if allowed::is_own_form(&later.file) {
                    continue;
                }
                pairs += 1;
                match outcome {
                    Outcome::Different(left) if left.is_empty() => more += 1,
                    Outcome::Different(left) => different.push((earlier, later.file.clone(), left)),
                    _ => {}
                }
            }
        }
    }
    println!(
        "{}: {pairs} answers in later requests, {more} of them say more than was recorded, {} differ",
        judge.wire,
        different.len()
    );
    for (earlier, later, left) in &different {
        for difference in left {
            println!("{later} {difference} (answer of {earlier})");
        }
    }
    if followed == 0 {
        println!("skipped: no request of {} follows another", judge.wire);
    }
    // A judge that finds no answer again must not pass for one that found nothing wrong.
    assert!(pairs > 0 || followed < 10, "no answer of {} was found in a later request", judge.wire);
    assert!(different.is_empty(), "{} conversations go on differently", different.len());
}

#[test]
fn chat_completions_conversations_go_on_as_recorded() {
    check(&chat::JUDGE);
}

#[test]
fn messages_conversations_go_on_as_recorded() {
    check(&anthropic::JUDGE);
}

#[test]
fn responses_conversations_go_on_as_recorded() {
    check(&responses::JUDGE);
}

#[test]
fn generate_content_conversations_go_on_as_recorded() {
    check(&google::JUDGE);
}

#[test]
fn ollama_conversations_go_on_as_recorded() {
    check(&ollama::JUDGE);
}

#[test]
fn converse_conversations_go_on_as_recorded() {
    check(&bedrock::JUDGE);
}

#[test]
fn mistral_conversations_go_on_as_recorded() {
    check(&chat::MISTRAL);
}

#[test]
fn cohere_conversations_go_on_as_recorded() {
    check(&cohere::JUDGE);
}
