//! A vendor's own wire behind `InvokeModel`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_bedrock::{Bedrock, ConverseCodec, InvokeCodec};
use meanwhile_core::{ErrorKind, Fold, Response, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use serde_json::{Value, json};

use crate::{ask, message, stream};

const NOVA: &str = "amazon.nova-lite-v1:0";

fn read(body: &[u8], size: usize) -> Result<Response> {
    let codec = InvokeCodec::new(ConverseCodec::default());
    let mut answer = Answer::new(codec.decoder(&ask(NOVA).streamed()), Framing::AwsEventStream);
    let mut fold = Fold::new("bedrock", NOVA);
    for chunk in body.chunks(size) {
        answer.push(chunk.to_vec().into());
        for event in std::iter::from_fn(|| answer.next()) {
            fold.push(&event?)?;
        }
    }
    answer.end();
    for event in std::iter::from_fn(|| answer.next()) {
        fold.push(&event?)?;
    }
    fold.finish()
}

/// Nova sends the events of Converse, each in an envelope of its own.
fn chunks(events: &[Value]) -> Vec<u8> {
    let chunks: Vec<(&str, Value)> = events
        .iter()
        .map(|event| ("chunk", json!({ "bytes": STANDARD.encode(event.to_string()), "p": "ab" })))
        .collect();
    stream(&chunks)
}

#[test]
fn chunks_are_taken_out_of_their_envelope() {
    let events = [
        json!({ "messageStart": { "role": "assistant" } }),
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "Hé" } } }),
        json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
        json!({ "messageStop": { "stopReason": "end_turn" } }),
        json!({ "metadata": { "usage": { "inputTokens": 1, "outputTokens": 2 } },
            "amazon-bedrock-invocationMetrics": { "latency": 1 } }),
    ];
    let body = chunks(&events);
    for size in [1, 7, body.len()] {
        let response = read(&body, size).unwrap();
        assert_eq!((response.text(), response.usage.total()), ("Hé".into(), Some(3)));
    }
    for cut in 0..chunks(&events[..4]).len() {
        assert!(read(&body[..cut], cut.max(1)).is_err(), "cut at {cut}");
    }
}

#[test]
fn failures() {
    let delta =
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "x" } } });
    let mut body = chunks(&[delta]);
    let headers = [(":message-type", "exception"), (":exception-type", "throttlingException")];
    message(&headers, b"{\"message\":\"slow down\"}", &mut body);
    let error = read(&body, body.len()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::RateLimit, "slow down"));
    let error = read(&stream(&[("chunk", json!({ "bytes": "?" }))]), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn base64_may_be_escaped() {
    let events = [
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "~~~???" } } }),
        json!({ "messageStop": { "stopReason": "end_turn" } }),
    ];
    let mut body = Vec::new();
    for event in events {
        let bytes = STANDARD.encode(event.to_string());
        let chunk = json!({ "bytes": bytes }).to_string().replace('/', "\\/");
        let headers = [(":message-type", "event"), (":event-type", "chunk")];
        message(&headers, chunk.as_bytes(), &mut body);
    }
    assert!(body.windows(2).any(|pair| pair == b"\\/"), "there is something to escape");
    assert_eq!(read(&body, 7).unwrap().text(), "~~~???");
}

#[test]
fn requests_keep_their_wire() {
    let codec = InvokeCodec::new(ConverseCodec::default());
    let wire = codec.encode(&ask(NOVA).streamed()).unwrap();
    assert_eq!(wire.framing, Framing::AwsEventStream);
    assert_eq!(codec.encode(&ask(NOVA)).unwrap().framing, Framing::Whole);
    let builder = Bedrock::builder().region("us-east-1").api_key("key");
    assert!(builder.build_with(codec).is_ok());
}
