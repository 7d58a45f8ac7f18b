//! Changes texts at random for some seconds, and stops at the first panic or broken promise.
//!
//! `cargo run --release -p meanwhile-json --example fuzz -- 60 1` runs for 60 seconds from seed 1. What is
//! promised: the outcome does not depend on the cuts, values only grow, what was told adds up to the value,
//! `Strict` is `serde_json`, valid texts need no repair, and the work is linear.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a fuzzer fails by panicking and prints what it does"
)]

use std::time::{Duration, Instant};

use fastrand::Rng;
use meanwhile_json::{Change, Guide, JsonError, Outcome, Policy, Reader, RepairKind};
use serde_json::{Value, json};

const SEEDS: &[&str] = &[
    r#"{"a": 1, "b": "two", "c": ["x", {"d": null}], "e": {"kind": "x", "n": 7}}"#,
    "Sure! Here it is:\n```json\n{\"a\": 5, \"tree\": {\"name\": \"r\", \"children\": []}}\n```\nBye [1].",
    "<think>{\"a\": 2}</think>\n{'a': 'it's', b: True, /* c */ \"c\": \"RED\", \"d\": \"x\",}",
    "{\"a\": \"he said \"hi\", then\", \"b\": \"\"\"x \"y\"\n\"\"\", \"c\": `z`}",
    "{“a”: “x”, ‘b’: ‘it’s’, \"e\": {\"s\": \"t\", \"kind\": \"y\"}}",
    "{\\\"a\\\": \\\"x\\\\n\\\", \\\"b\\\": [1, 2]}",
    "{\"a\": 1}\n{\"a\": 2}\n[3, +.5, 0x1f, 1_000, 1e400, -0, 12345678901234567890]",
    "{\"d\": [\"x\" \"y\"; 'z', ...], \"b\": \"x\" + \"y\", // c\n \"other\": \"\\ud83d\\ude00\\u00e9\"}",
    "\"a\": 1, \"b\": {\"c\": [1, 2}, \"tree\": {name: q, Children: {\"name\": \"s\"}}",
    "[{\"x\": [[[{\"y\": [true, false, null]}]]]}, \"é😀\", -1.5e-3]",
    "\"{\\\"a\\\": 1}\"",
];

const PARTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "```",
    "\"\"\"",
    ",",
    ":",
    ";",
    "\\",
    "\\\"",
    "\\u",
    "\\ud83d",
    "/",
    "//",
    "/*",
    "*/",
    "#",
    "\n",
    " ",
    "\t",
    "…",
    "...",
    "“",
    "”",
    "’",
    "+",
    "-",
    ".",
    "0",
    "9",
    "e",
    "E",
    "true",
    "None",
    "null",
    "a",
    "kind",
    "x",
    "<think>",
    "</think>",
    "```json\n",
    "\u{feff}",
    "\u{a0}",
    "é",
    "😀",
    "\u{0}",
    "=",
    "=>",
    "\"a\":",
    "\"b\": \"",
    "\"e\": {\"kind\": \"",
    "(",
    ")",
];

fn schemas() -> Vec<Value> {
    let tree = json!({"type": "object", "properties": {
        "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
    }, "required": ["name"]});
    let object = json!({"$defs": {"tree": tree}, "type": "object", "properties": {
        "a": {"type": "integer"}, "b": {"type": ["string", "null"]}, "c": {"enum": ["red", "green"]},
        "d": {"type": "array", "items": {"type": "string"}},
        "e": {"anyOf": [
            {"type": "object", "properties": {"kind": {"const": "x"}, "n": {"type": "integer"}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "y"}, "s": {"type": "string"}}, "required": ["kind"]},
            {"type": "number"}, {"type": "null"},
        ]},
        "tree": {"$ref": "#/$defs/tree"},
    }});
    vec![
        json!({"type": "array", "items": object.clone(), "$defs": {"tree": tree}}),
        json!({"type": "array", "items": {"type": ["number", "string"]}}),
        json!({"enum": ["red", "green", 5, null]}),
        json!({"$defs": {"e": {"anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/e"}},
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/e"}}, "additionalProperties": false},
            {"type": "boolean"}, {"type": "integer"},
        ]}}, "$ref": "#/$defs/e"}),
        object,
    ]
}

fn mutate(random: &mut Rng) -> String {
    let mut text: Vec<char> = random.choice(SEEDS).unwrap().chars().collect();
    for _ in 0..random.usize(0..8) {
        let at = random.usize(0..=text.len());
        match random.u8(0..7) {
            0 | 1 => {
                let part: Vec<char> = random.choice(PARTS).unwrap().chars().collect();
                text.splice(at..at, part);
            }
            2 => drop(text.drain(at..(at + random.usize(0..6)).min(text.len()))),
            3 => text.truncate(at),
            4 => {
                let piece = text[at..(at + random.usize(0..20)).min(text.len())].to_vec();
                let to = random.usize(0..=text.len());
                text.splice(to..to, piece);
            }
            5 => {
                let other: Vec<char> = random.choice(SEEDS).unwrap().chars().collect();
                text.splice(at..at, other);
            }
            _ if at < text.len() => text[at] = random.char(..),
            _ => {}
        }
    }
    text.into_iter().collect()
}

fn is_beginning(one: &Value, whole: &Value) -> bool {
    match (one, whole) {
        (Value::String(one), Value::String(whole)) => whole.starts_with(one),
        (Value::Array(one), Value::Array(whole)) => {
            one.len() <= whole.len() && one.iter().zip(whole).all(|(a, b)| is_beginning(a, b))
        }
        (Value::Object(one), Value::Object(whole)) => {
            one.iter().all(|(key, a)| whole.get(key).is_some_and(|b| is_beginning(a, b)))
        }
        (one, whole) => one == whole,
    }
}

type Read = Result<Outcome, JsonError>;

/// Reads in pieces, and looks at the value after each.
fn read(
    text: &str,
    guide: Option<&Guide>,
    policy: Policy,
    random: Option<&mut Rng>,
) -> (Read, u64) {
    let mut reader = match guide {
        Some(guide) => Reader::with_guide(guide, policy),
        None => Reader::new(None, policy),
    };
    let Some(random) = random else {
        reader.push(text);
        let steps = reader.steps();
        return (reader.finish(), steps);
    };
    let most = *random.choice(&[1, 2, 5, 40]).unwrap();
    let (mut rest, mut before, mut replaced) = (text, None::<Value>, false);
    while !rest.is_empty() {
        let count = random.usize(1..=most);
        let end = rest.char_indices().nth(count).map_or(rest.len(), |(at, _)| at);
        let (piece, behind) = rest.split_at(end);
        let mut texts = 0;
        reader.push_with(piece, &mut |change| match change {
            Change::Text { added, .. } => texts += added.len(),
            // A key that comes twice, or several values that become a list.
            Change::Started { path, .. } => {
                let there = before.as_ref().and_then(|value| value.pointer(&path.to_string()));
                replaced |= there.is_some();
            }
            Change::Completed { path, value } => {
                let there = before.as_ref().and_then(|before| before.pointer(&path.to_string()));
                replaced |= there.is_some_and(|there| !is_beginning(there, value));
            }
            _ => {}
        });
        // Text that is told comes from the piece, and from what was held back before.
        assert!(texts <= text.len() * 2);
        replaced |= reader.repairs().iter().any(|repair| repair.kind == RepairKind::DuplicateKey);
        let looks = random.bool();
        if looks {
            let now = reader.value().cloned();
            let grows = match (&before, &now) {
                (Some(before), Some(now)) => is_beginning(before, now),
                (Some(_), None) => false,
                (None, _) => true,
            };
            assert!(grows || replaced || reader.error().is_some(), "{before:?}\n{now:?}");
            before = now;
        }
        rest = behind;
    }
    let steps = reader.steps();
    let read = reader.finish();
    if let (Some(before), Ok(outcome)) = (&before, &read) {
        let fits = replaced
            || is_beginning(before, &outcome.value)
            || outcome.repairs.iter().any(|repair| {
                matches!(repair.kind, RepairKind::DuplicateKey | RepairKind::SeveralValues)
            });
        assert!(fits, "{before}\n{}", outcome.value);
    }
    (read, steps)
}

fn told(read: &Read) -> String {
    match read {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => format!("{error} {error:?}"),
    }
}

fn check(text: &str, guides: &[Guide], random: &mut Rng) -> bool {
    let limit = 64 * text.len() as u64 + 512;
    let theirs: Result<Value, _> = serde_json::from_str(text);
    let mut all_read = false;
    for policy in [Policy::Strict, Policy::Repair, Policy::Coerce] {
        let guided = guides.iter().map(Some).chain([None]);
        for guide in guided.filter(|guide| guide.is_none() || policy != Policy::Strict) {
            let (whole, steps) = read(text, guide, policy, None);
            assert!(steps <= limit, "{steps} steps");
            let (cut, steps) = read(text, guide, policy, Some(random));
            assert!(steps <= limit, "{steps} steps in pieces");
            assert_eq!(told(&whole), told(&cut), "{policy:?}");
            if guide.is_none() {
                match (&theirs, &whole) {
                    (Ok(theirs), Ok(whole)) => {
                        assert_eq!(theirs.to_string(), whole.value.to_string());
                        let is_duplicate = |repair: &meanwhile_json::Repair| {
                            repair.kind == RepairKind::DuplicateKey
                        };
                        assert!(whole.repairs.iter().all(is_duplicate));
                    }
                    (Ok(_), Err(error)) => panic!("valid, but {error}"),
                    (Err(_), Ok(_)) => assert_ne!(policy, Policy::Strict),
                    (Err(_), Err(_)) => {}
                }
                all_read = whole.is_ok();
            }
        }
    }
    all_read
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        arguments.next().map_or(default, |text| text.parse().expect("seconds, and a seed"))
    };
    let (seconds, seed) = (number(10), number(1));
    let guides: Vec<Guide> = schemas().iter().map(Guide::new).collect();
    let begin = Instant::now();
    let (mut count, mut read_count) = (0_u64, 0_u64);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let mut random = Rng::with_seed(seed.wrapping_add(count));
        let text = mutate(&mut random);
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&text, &guides, &mut random)
        }));
        match checked {
            Ok(was_read) => read_count += u64::from(was_read),
            Err(_) => panic!("seed {} with {text:?}", seed.wrapping_add(count)),
        }
        count += 1;
    }
    println!(
        "{count} texts from seed {seed}, {read_count} of them read under Coerce without a schema"
    );
}
