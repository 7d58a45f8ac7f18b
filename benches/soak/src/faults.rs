//! [`server`]: good answers for the most part, and every way in which an answer can be bad.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use meanwhile_testkit::{Received, Reply};
use serde_json::json;

const WORDS: [&str; 8] = ["Sunny", " in", " Paris", ",", " with", " a", " light", " breeze"];

/// Answers requests, well or badly, by chance.
pub(crate) fn server(seed: u64) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let random = Mutex::new(Rng::with_seed(seed));
    move |request| {
        let drawn = random.lock().unwrap_or_else(PoisonError::into_inner).u32(0..100);
        if request.text().contains("\"stream\":true") { streamed(drawn) } else { whole(drawn) }
    }
}

fn whole(drawn: u32) -> Reply {
    let good = answer();
    let half = good.get(..good.len() / 2).unwrap_or_default().to_owned();
    let head = || Reply::new(200).header("content-type", "application/json");
    match drawn {
        0..60 => Reply::new(200).json(good),
        60..66 => head().pause(Duration::from_millis(20)).piece(good),
        66..70 => head().length(good.len()).piece(half).cut(),
        70..74 => head().piece(half).hang(),
        74..77 => Reply::new(200).json(half),
        drawn => refused(drawn),
    }
}

fn streamed(drawn: u32) -> Reply {
    let events = events();
    let all = events.concat();
    let half = events.get(..events.len() / 2).unwrap_or_default().concat();
    let head = || Reply::new(200).header("content-type", "text/event-stream");
    match drawn {
        0..45 => Reply::new(200).events(all),
        45..60 => events.into_iter().fold(head(), |reply, event| {
            reply.piece(event).pause(Duration::from_millis(2))
        }),
        60..63 => head().piece(half).cut(),
        63..66 => head().piece(half).reset(),
        66..69 => head().piece(half).hang(),
        69..72 => Reply::new(200).events(half),
        72..74 => head().piece(half).endlessly(": still here\n\n", Duration::from_millis(20)),
        74..77 => head().piece(half + "data: {\"error\": {\"message\": \"overloaded\", \"type\": \"server_error\"}}\n\n"),
        drawn => refused(drawn),
    }
}

/// What does not depend on how it was asked.
fn refused(drawn: u32) -> Reply {
    let error = |status| {
        Reply::new(status)
            .json(json!({"error": {"message": "no", "type": "server_error"}}).to_string())
    };
    match drawn {
        77..82 => error(500),
        82..86 => error(503),
        86..90 => error(429).header("retry-after-ms", "10"),
        90..92 => error(401),
        92..94 => Reply::silence(),
        94..96 => Reply::garbage(),
        96..98 => Reply::bare().cut(),
        98 => Reply::bare().reset(),
        _ => Reply::new(200).html("<html>Bad gateway</html>"),
    }
}

fn answer() -> String {
    let message = json!({"role": "assistant", "content": WORDS.concat()});
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11},
    })
    .to_string()
}

fn events() -> Vec<String> {
    let event = |delta: serde_json::Value, finish: Option<&str>| {
        let chunk = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![event(json!({"role": "assistant", "content": ""}), None)];
    events.extend(WORDS.map(|word| event(json!({"content": word}), None)));
    events.push(event(json!({}), Some("stop")));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
