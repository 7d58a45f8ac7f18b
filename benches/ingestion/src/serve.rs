//! A server of OpenAI's embeddings and chat completions on the loopback interface, whose vectors depend on
//! nothing but the text.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Numbers of a vector, as many as small embedding models give.
const DIMENSIONS: usize = 384;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long an answer takes
    #[arg(long, default_value_t = 20)]
    delay_ms: u64,
}

#[derive(Deserialize)]
struct Embed {
    input: Input,
    #[serde(default)]
    encoding_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[allow(clippy::print_stdout, reason = "the address is what it is asked for")]
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let delay = Duration::from_millis(arguments.delay_ms);
    let server = MockServer::builder().disable_request_recording().start().await;
    let embeddings = move |request: &Request| match serde_json::from_slice(&request.body) {
        Ok(asked) => ResponseTemplate::new(200).set_delay(delay).set_body_json(embed(asked)),
        Err(error) => ResponseTemplate::new(400).set_body_string(error.to_string()),
    };
    let chat =
        move |_: &Request| ResponseTemplate::new(200).set_delay(delay).set_body_json(answer());
    let paths = Mock::given(method("POST")).and(path("/v1/embeddings"));
    paths.respond_with(embeddings).mount(&server).await;
    let paths = Mock::given(method("POST")).and(path("/v1/chat/completions"));
    paths.respond_with(chat).mount(&server).await;
    println!("{}", server.uri());
    std::future::pending().await
}

fn embed(asked: Embed) -> Value {
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let is_base64 = asked.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text);
            let embedding = if is_base64 {
                let bytes: Vec<u8> =
                    vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                Value::from(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": "text-embedding-3-small",
        "usage": { "prompt_tokens": 10 * texts.len(), "total_tokens": 10 * texts.len() },
    })
}

/// A unit vector; each word of the text draws it into a direction of its own.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for word in text.split_whitespace() {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % DIMENSIONS as u64).unwrap_or_default();
        if let Some(number) = vector.get_mut(place) {
            *number += 1.0;
        }
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(1.0);
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}

fn answer() -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_741_476_777,
        "model": "gpt-4o-mini",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Within 30 days [1].", "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 1200, "completion_tokens": 6, "total_tokens": 1206 },
    })
}
