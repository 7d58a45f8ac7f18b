//! Whether the independent judge in `tests/extract` sees what it is there to see.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::root;

/// Runs a program of the judge; whether it ended well, and what it said.
fn judge(program: &str, arguments: &[&Path]) -> (bool, String) {
    let mut command = Command::new("python3");
    // Without `-B`, modules would leave compiled copies of themselves in the tree.
    command.arg("-B").arg(root().join("xtask/tests/extract").join(program)).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What the judge reads in one recording.
fn read(folder: &Path, provider: &str, api: &str, path: &str, response: &Value) -> Value {
    let place = folder.join(provider).join(api);
    fs::create_dir_all(&place).unwrap();
    let recording = json!({ "provider": provider, "api": api, "response": response,
        "request": { "method": "POST", "path": path, "body": {} } });
    fs::write(place.join("1.json"), recording.to_string()).unwrap();
    let out = folder.join("judge.jsonl");
    let (is_read, said) =
        judge("main.py", &[Path::new("--corpus"), folder, Path::new("--json"), &out]);
    assert!(is_read, "{said}");
    fs::remove_dir_all(folder.join(provider)).unwrap();
    serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap()
}

/// Whether the judge takes this for what it has read itself.
fn agrees(folder: &Path, replayed: &Value) -> bool {
    let other = folder.join("replay.jsonl");
    fs::write(&other, replayed.to_string()).unwrap();
    let (agrees, said) = judge("compare.py", &[&folder.join("judge.jsonl"), &other]);
    assert!(said.contains("exchanges compared"), "{said}");
    agrees
}

fn is_there() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        println!("skipped: no python3");
    }
    there
}

#[test]
fn every_word_of_an_error_is_judged() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let body = json!({ "error": { "message": "slow down.", "type": "tokens", "code": "rate_limit_exceeded" } });
    let refusal = json!({ "status": 429, "body_kind": "json", "body": body });
    let found = read(folder, "acme", "chat", "/v1/chat/completions", &refusal);
    let error = json!({ "kind": "RateLimit", "status": 429, "code": "rate_limit_exceeded",
        "type": "tokens", "message": "slow down." });
    assert_eq!((&found["kind"], &found["error"]), (&json!("error"), &error));
    assert!(agrees(folder, &found));

    let with = |field: &str, value: Value| {
        let mut other = found.clone();
        other["error"][field] = value;
        other
    };
    assert!(
        agrees(folder, &with("message", json!("slow down; wait a minute"))),
        "advice is welcome"
    );
    for (field, value) in [
        ("kind", json!("Server")),
        ("status", json!(400)),
        ("code", Value::Null),
        ("type", json!("requests")),
        ("message", json!("slow")),
        ("message", json!("")),
    ] {
        assert!(!agrees(folder, &with(field, value.clone())), "{field} {value}");
    }
    let mut other = found.clone();
    other["error"] = Value::Null;
    assert!(!agrees(folder, &other));
}

#[test]
fn what_one_side_leaves_out_is_a_disagreement() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let skipped = |file: &str| json!({ "file": file, "kind": "skip", "skip_reason": "why not" });

    let body = json!({ "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] });
    let answer = json!({ "status": 200, "body_kind": "json", "body": body });
    let found = read(folder, "acme", "chat", "/v1/chat/completions", &answer);
    assert!(agrees(folder, &found));
    assert!(!agrees(folder, &skipped("acme/chat/1.json")), "there was an answer");
    assert!(!agrees(folder, &skipped("acme/chat/2.json")), "a recording is missing");

    let body = json!({ "choices": [{ "text": "hi" }] });
    let answer = json!({ "status": 200, "body_kind": "json", "body": body });
    let found = read(folder, "acme", "completions", "/v1/completions", &answer);
    assert_eq!((&found["kind"], &found["text"]), (&json!("skip"), &json!("hi")));
    assert!(agrees(folder, &skipped("acme/completions/1.json")));
    let mut played = found.clone();
    played["kind"] = json!("ok");
    assert!(!agrees(folder, &played));

    // What the judge has never heard of is no reason to leave it out.
    let found = read(folder, "acme", "knitting", "/v1/knitting", &answer);
    assert_eq!(found["kind"], "unknown");
    assert!(!agrees(folder, &skipped("acme/knitting/1.json")));
}
