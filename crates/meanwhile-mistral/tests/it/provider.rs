//! Configuration.

use std::sync::Mutex;

use bytes::Bytes;
use meanwhile_core::{
    Audio, BatchStatus, EmbeddingModel, ErrorKind, Message, ModerationRequest, Provider as _,
    Request, Result, SpeechRequest, TranscriptionRequest,
};
use meanwhile_http::{Auth, Body, Client, Transport};
use meanwhile_mistral::{Mistral, PROVIDER};
use serde_json::json;

#[test]
fn what_models_can_do() {
    assert_eq!(PROVIDER.id, "mistral");
    let provider = Mistral::builder().api_key("k").build().unwrap();
    assert_eq!(provider.id(), "mistral");
    for (model, thinking, images, audio) in [
        ("mistral-small-latest", true, true, false),
        ("magistral-small-latest", true, true, false),
        ("mistral-large-latest", false, true, false),
        ("codestral-latest", false, false, false),
        ("voxtral-small-latest", false, false, true),
    ] {
        let known = provider.capabilities(model);
        assert_eq!(
            (known.reasoning, known.images, known.audio),
            (thinking, images, audio),
            "{model}"
        );
        assert!(known.tools && known.streaming && known.documents, "{model}");
    }
}

#[test]
fn addresses_are_checked_and_keys_never_shown() {
    let error = Mistral::builder().api_key("k").base_url("api.mistral.ai").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let builder = Mistral::agents().api_key("a-secret");
    let shown = format!("{builder:?}");
    let built = format!("{:?}", builder.build().unwrap());
    assert!(!shown.contains("a-secret") && !built.contains("a-secret"), "{shown} {built}");
}

/// Answers every request with a body of this type and keeps what was asked.
#[derive(Debug)]
struct Answers {
    content_type: &'static str,
    body: &'static str,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait::async_trait]
impl Transport for &'static Answers {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>> {
        self.asked.lock().unwrap().push(request);
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(self.body)]));
        let value = http::HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(http::header::CONTENT_TYPE, value);
        Ok(response)
    }
}

#[tokio::test]
async fn models_and_stored_agents_are_asked_at_their_places() {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body: r#"{"choices":[{"message":{"content":"so"},"finish_reason":"stop"}]}"#,
        asked: Mutex::default(),
    }));
    for (builder, path, field) in [
        (Mistral::builder(), "/v1/chat/completions", "model"),
        (Mistral::agents(), "/v1/agents/completions", "agent_id"),
    ] {
        let builder = builder.base_url("https://box.example/v1").api_key("k-123456");
        let mistral = builder.http_client(Client::new(answers)).build().unwrap();
        let request = Request::new("some-id", vec![Message::user("x")]);
        assert!(mistral.send(request).await.is_ok());
        let sent = answers.asked.lock().unwrap().pop().unwrap();
        assert_eq!(sent.uri().path(), path);
        assert_eq!(sent.headers()["authorization"], "Bearer k-123456");
        let body: serde_json::Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!(body[field], "some-id");
    }
}

#[tokio::test]
async fn another_credential_takes_the_place_of_the_key() {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body: r#"{"choices":[{"message":{"content":"so"},"finish_reason":"stop"}]}"#,
        asked: Mutex::default(),
    }));
    let builder = Mistral::builder().auth(Auth::header("x-gateway-key", "g-123456").unwrap());
    let mistral = builder.http_client(Client::new(answers)).build().unwrap();
    assert!(mistral.send(Request::new("m", vec![Message::user("x")])).await.is_ok());
    let sent = answers.asked.lock().unwrap().pop().unwrap();
    assert_eq!(sent.headers()["x-gateway-key"], "g-123456");
    assert!(!sent.headers().contains_key("authorization"));
}

fn answering(body: &'static str) -> (meanwhile_mistral::Builder, &'static Answers) {
    let answers: &'static Answers = Box::leak(Box::new(Answers {
        content_type: "application/json",
        body,
        asked: Mutex::default(),
    }));
    (Mistral::builder().api_key("k-123456").http_client(Client::new(answers)), answers)
}

fn body(answers: &Answers) -> serde_json::Value {
    serde_json::from_slice(answers.asked.lock().unwrap().pop().unwrap().body()).unwrap()
}

#[tokio::test]
async fn texts_are_embedded() {
    let (builder, answers) =
        answering(r#"{"data":[{"embedding":[1,2],"index":0}],"usage":{"prompt_tokens":4}}"#);
    let model = EmbeddingModel::of(builder.embedder().unwrap(), "codestral-embed");
    assert_eq!(model.dimensions(2).embed_one("a").await.unwrap(), [1.0, 2.0]);
    let sent = json!({ "model": "codestral-embed", "input": ["a"], "output_dimension": 2 });
    assert_eq!(body(answers), sent);
}

const JOB: &str = r#"{"id":"ca1c-1","object":"batch","model":"m","status":"SUCCESS",
    "total_requests":2,"succeeded_requests":1,"failed_requests":1,"outputs":[
    {"custom_id":"1","response":{"status_code":200,"body":{"model":"m","choices":[
        {"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Jupiter"}}]}}},
    {"custom_id":"0","response":{"status_code":400,"body":{"message":"no"}},"error":null}]}"#;

#[tokio::test]
async fn a_batch_travels_inline() {
    let (builder, answers) = answering(JOB);
    let batches = builder.batches().unwrap();
    let request = |model: &str| Request::new(model, vec![Message::user("x")]);
    let mut second = request("m");
    second.params.top_k = Some(1);
    let batch = batches.create(vec![("0".into(), request("m")), ("1".into(), second)]).await;
    let batch = batch.unwrap();
    let warned: Vec<_> =
        batch.warnings.iter().map(|(id, warning)| (&**id, &*warning.subject)).collect();
    assert_eq!(warned, [("1", "top_k")]);
    assert_eq!((batch.status, batch.failed), (BatchStatus::Completed, Some(1)));
    let messages = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let requests =
        json!([{ "custom_id": "0", "body": messages }, { "custom_id": "1", "body": messages }]);
    let sent = json!({ "endpoint": "/v1/chat/completions", "model": "m", "requests": requests });
    assert_eq!(body(answers), sent);

    let items = batches.results(&batch.id).await.unwrap();
    assert_eq!(items[0].response.as_ref().unwrap().text(), "Jupiter");
    let error = items[1].response.as_ref().unwrap_err();
    assert_eq!((&*items[1].id, error.kind()), ("0", ErrorKind::InvalidRequest));

    let mixed = vec![("0".into(), request("m")), ("1".into(), request("n"))];
    let error = batches.create(mixed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn texts_are_judged() {
    let (builder, answers) = answering(
        r#"{"model":"m-2","results":[{"categories":{"pii":true,"law":false},
        "category_scores":{"pii":0.9,"law":0.1}}],"usage":{"prompt_tokens":12}}"#,
    );
    let request = ModerationRequest::new("m", vec!["a".to_owned()]);
    let judged = builder.moderator().unwrap().moderate(request).await.unwrap();
    assert_eq!(judged.results[0].found().collect::<Vec<_>>(), ["pii"]);
    assert_eq!((&*judged.model, judged.usage.input.total), ("m-2", Some(12)));
    assert_eq!(body(answers), json!({ "model": "m", "input": ["a"] }));
}

#[tokio::test]
async fn speech_comes_as_base64() {
    let request = || SpeechRequest::new("tts", "Hello.", "en_paul").format("mp3");
    let (builder, answers) = answering(r#"{"audio_data":"SUQzYWJj"}"#);
    let speech = builder.speech().unwrap().speak(request()).await.unwrap();
    assert_eq!(speech.audio, Audio::bytes(&b"ID3abc"[..], "audio/mp3"));
    let sent = json!({ "model": "tts", "input": "Hello.", "voice_id": "en_paul",
        "response_format": "mp3" });
    assert_eq!(body(answers), sent);

    let (builder, answers) = answering("{}");
    let error = builder.speech().unwrap().speak(request().speed(2.0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(answers.asked.lock().unwrap().is_empty());
    for wrong in ["{}", r#"{"audio_data":"?"}"#] {
        let error = answering(wrong).0.speech().unwrap().speak(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::Decode, Some("tts")));
    }
}

#[tokio::test]
async fn speech_comes_in_events() {
    const EVENTS: &str = "event: speech.audio.delta\n\
        data: {\"type\":\"speech.audio.delta\",\"audio_data\":\"SUQz\"}\n\n\
        data: {\"type\":\"something.new\"}\n\n\
        data: {\"type\":\"speech.audio.delta\",\"audio_data\":\"YWJj\"}\n\n\
        data: {\"type\":\"speech.audio.done\",\"usage\":{}}\n\n";
    let request = || SpeechRequest::new("tts", "Hello.", "en_paul");
    let read = |events: &'static str| async move {
        let (builder, answers) = answering(events);
        let mut stream = builder.speech().unwrap().stream(request()).await.unwrap();
        assert_eq!(body(answers)["stream"], true);
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.chunk().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(error) => return (bytes, Some(error.kind())),
            }
        }
        (bytes, None)
    };
    assert_eq!(read(EVENTS).await, (b"ID3abc".to_vec(), None));
    let (cut, _) = EVENTS.rsplit_once("data: {\"type\":\"speech.audio.done\"").unwrap();
    assert_eq!(read(cut).await, (b"ID3abc".to_vec(), Some(ErrorKind::StreamInterrupted)));
    assert_eq!(read("data: {]\n\n").await, (Vec::new(), Some(ErrorKind::Decode)));
}

#[tokio::test]
async fn recordings_are_written_down() {
    let (builder, answers) = answering(
        r#"{"model":"voxtral","text":"Hi.","language":"en","segments":[{"type":"transcription_segment",
        "text":"Hi.","start":0.0,"end":1.5,"speaker_id":"s1"}],"usage":{"prompt_tokens":4,
        "completion_tokens":2}}"#,
    );
    let request = TranscriptionRequest::new("voxtral-mini", Audio::bytes(&b"x"[..], "audio/mp3"));
    let written = builder.transcriber().unwrap().transcribe(request).await.unwrap();
    assert_eq!((&*written.text, &*written.model), ("Hi.", "voxtral"));
    assert_eq!(written.segments[0].speaker.as_deref(), Some("s1"));
    assert_eq!(written.usage.total(), Some(6));
    let sent = answers.asked.lock().unwrap().pop().unwrap();
    assert_eq!(sent.uri().path(), "/v1/audio/transcriptions");
    let text = std::str::from_utf8(sent.body()).unwrap();
    assert!(
        text.contains("filename=\"audio.mp3\"\r\ncontent-type: audio/mp3\r\n\r\nx\r\n"),
        "{text}"
    );
}
