//! Plays the recordings, where they are found beside the workspace, and a few of our own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test"
)]

mod requests;
mod schemas;
mod tool_calls;
mod unframed;

use std::fs;
use std::path::{Path, PathBuf};

use meanwhile_replay::{Corpus, Record, Summary, replay, skip_reason};
use serde_json::{Value, json};

fn fixtures() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("MEANWHILE_FIXTURES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn the_recordings_decode_however_they_arrive() {
    let Some(folder) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    // All of them are for `cargo xtask replay`; this host has oddities enough for a first look.
    let records = replay(&Corpus::open(&folder, Some("huggingface")).unwrap());
    let failed: Vec<&Record> = records
        .iter()
        .filter(|record| {
            record.is_unreadable()
                || record.split_ok == Some(false)
                || record.cut_ok == Some(false)
                || record.mutate_ok == Some(false)
        })
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

fn play(api: &str, body_kind: &str, status: u16, body: &Value) -> Value {
    let (record, is_clean) = play_any(api, body_kind, status, body);
    assert!(is_clean, "{record}");
    record
}

/// What an exchange is read as, and whether the replay takes that for a success.
fn play_any(api: &str, body_kind: &str, status: u16, body: &Value) -> (Value, bool) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("acme").join(api);
    fs::create_dir_all(&place).unwrap();
    let recording = json!({ "provider": "acme", "api": api,
        "request": { "method": "GET", "path": format!("/v1/{api}"), "body": { "model": "m" } },
        "response": { "status": status, "body_kind": body_kind, "body": body } });
    fs::write(place.join("1.json"), recording.to_string()).unwrap();
    let records = replay(&Corpus::open(folder.path(), None).unwrap());
    (serde_json::to_value(&records[0]).unwrap(), Summary::of(&records).is_clean())
}

#[test]
fn a_record_says_what_came() {
    let stream = concat!(
        "data: {\"id\":\"r\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],",
        "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    );
    let record = play("chat", "sse", 200, &json!(stream));
    assert_eq!(record["file"], "acme/chat/1.json");
    assert_eq!((&record["kind"], &record["text"]), (&json!("ok"), &json!("hi")));
    assert_eq!((&record["finish"], &record["finish_raw"]), (&json!("stop"), &json!("stop")));
    assert_eq!(record["usage_total_output"], 2);
    assert_eq!((&record["split_ok"], &record["cut_ok"]), (&json!(true), &json!(true)));
    assert_eq!(record["mutate_ok"], true);

    let cut = stream.split_once("data: {\"choices\"").unwrap().0;
    let record = play("chat", "sse", 200, &json!(cut));
    assert_eq!((&record["kind"], &record["text"]), (&json!("truncated"), &json!("hi")));

    let record =
        play("chat", "json", 200, &json!({ "choices": [{ "message": { "content": "hi" } }] }));
    assert_eq!((&record["kind"], &record["finish"]), (&json!("ok"), &json!(null)));
    assert_eq!(record["cut_ok"], json!(null));

    let record = play("chat", "json", 429, &json!({ "error": { "message": "slow down" } }));
    assert_eq!((&record["kind"], &record["error"]["kind"]), (&json!("error"), &json!("RateLimit")));

    let record = play("chat", "sse", 200, &json!("data: {\"error\":\"no\"}\n\n"));
    assert_eq!(record["kind"], "stream_error");

    let record = play("knitting", "json", 200, &json!({}));
    assert_eq!(
        (&record["kind"], &record["skip_reason"]),
        (
            &json!("skip"),
            &json!("a family of endpoints that the replay has not met: `knitting` of `acme`")
        )
    );
}

#[test]
fn a_record_says_what_came_beside_chat() {
    let vectors = json!({ "data": [
        { "index": 1, "embedding": [0.5, -1.0] }, { "index": 0, "embedding": [0.25, 0.75] } ],
        "usage": { "prompt_tokens": 7 } });
    let record = play("embeddings", "json", 200, &vectors);
    assert_eq!((&record["kind"], &record["split_ok"]), (&json!("ok"), &json!(true)));
    assert_eq!((&record["cut_ok"], &record["text"]), (&json!(true), &Value::Null));
    assert_eq!(
        record["embeddings"],
        json!({ "count": 2, "dimensions": 2, "first": [[0.25, 0.75], [0.5, -1.0]],
            "sums": [1.0, -0.5], "input_tokens": 7 })
    );

    let ranking = json!({ "results": [
        { "index": 0, "relevance_score": 0.1 }, { "index": 2, "relevance_score": 0.9 } ] });
    let record = play("rerank", "json", 200, &ranking);
    assert_eq!(
        record["rerank"],
        json!([{ "index": 2, "score": 0.9 }, { "index": 0, "score": 0.1 }])
    );

    let twice = json!({ "results": [
        { "index": 0, "relevance_score": 0.1 }, { "index": 0, "relevance_score": 0.9 } ] });
    let (record, is_clean) = play_any("rerank", "json", 200, &twice);
    assert_eq!((&record["kind"], &record["error"]["kind"]), (&json!("error"), &json!("Decode")));
    assert!(!is_clean, "what cannot be read is no success");

    let record = play("models", "json", 200, &json!({ "data": [{ "id": "a" }, { "id": "b" }] }));
    assert_eq!(record["models"], json!(["a", "b"]));

    let batch = json!({ "id": "batch_1", "status": "completed",
        "request_counts": { "total": 3, "completed": 2, "failed": 1 } });
    let record = play("batches", "json", 200, &batch);
    assert_eq!(
        record["batch"],
        json!({ "id": "batch_1", "status": "completed", "total": 3, "succeeded": 2, "failed": 1 })
    );

    let record = play("embeddings", "json", 429, &json!({ "error": { "message": "slow down" } }));
    assert_eq!((&record["kind"], &record["error"]["kind"]), (&json!("error"), &json!("RateLimit")));
}

#[test]
fn what_is_not_played_says_why() {
    let Some(folder) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    let corpus = Corpus::open(&folder, None).unwrap();
    let reasons: Vec<(&String, String)> =
        corpus.files.iter().filter_map(|file| Some((file, skip_reason(&corpus, file)?))).collect();
    println!("{} of {} are not played", reasons.len(), corpus.files.len());
    let generic: Vec<_> = reasons
        .iter()
        .filter(|(_, reason)| {
            reason.starts_with("a family of endpoints") || reason.contains("implemented")
        })
        .collect();
    assert!(generic.is_empty(), "{generic:#?}");
}
