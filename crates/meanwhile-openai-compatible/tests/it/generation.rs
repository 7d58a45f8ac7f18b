//! Moderation, speech, transcription and images: exact requests, answers of every form, refusals, and
//! the whole way over a socket.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use meanwhile_core::{
    Audio, ErrorKind, Image, ImageRequest, MediaSource, ModerationRequest, Result, SpeechRequest,
    TimestampUnit, TranscriptionRequest,
};
use meanwhile_http::{Body, Client, Transport};
use meanwhile_openai_compatible::{
    Builder, EmbeddingApi, ModerationApi, OpenAiCompatible, TranscriptionApi, presets,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What was sent: the URL, the headers and the body.
type Sent = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

#[derive(Debug)]
struct Answers {
    status: u16,
    media_type: &'static str,
    body: Vec<u8>,
    sent: Sent,
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let (head, body) = request.into_parts();
        self.sent.lock().unwrap().push((head.uri.to_string(), head.headers, body));
        // In two pieces, as networks do.
        let (first, rest) = self.body.split_at(self.body.len() / 2);
        let chunks = [first, rest].map(Bytes::copy_from_slice);
        let mut answer = Response::new(Body::from_chunks(chunks));
        *answer.status_mut() = self.status.try_into().unwrap();
        answer.headers_mut().insert("content-type", self.media_type.parse().unwrap());
        Ok(answer)
    }
}

fn client(status: u16, media_type: &'static str, body: impl Into<Vec<u8>>) -> (Client, Sent) {
    let sent = Sent::default();
    let answers = Answers { status, media_type, body: body.into(), sent: sent.clone() };
    (Client::new(answers), sent)
}

fn host(status: u16, media_type: &'static str, body: impl Into<Vec<u8>>) -> (Builder, Sent) {
    let (client, sent) = client(status, media_type, body);
    (OpenAiCompatible::builder("acme", "https://acme.example/v1").http_client(client), sent)
}

fn json_host(body: &Value) -> (Builder, Sent) {
    host(200, "application/json", body.to_string())
}

fn text(sent: &Sent) -> (String, String) {
    let (url, _, body) = sent.lock().unwrap().remove(0);
    (url, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn texts_are_judged_one_by_one() {
    let (builder, sent) = json_host(&json!({ "model": "m-2", "results": [
        { "flagged": false, "categories": { "hate": false }, "category_scores": { "hate": 0.25 } },
        { "categories": { "hate": false, "violence": true, "odd": null } } ] }));
    let texts = vec!["a".to_owned(), "b".to_owned()];
    let judged = builder.moderator().unwrap().moderate(ModerationRequest::new("m", texts)).await;
    let judged = judged.unwrap();
    assert_eq!(
        text(&sent),
        (
            "https://acme.example/v1/moderations".to_owned(),
            r#"{"model":"m","input":["a","b"]}"#.to_owned()
        )
    );
    let [first, second] = &judged.results[..] else { panic!("{judged:?}") };
    assert_eq!((first.flagged, first.categories[0].score), (false, Some(0.25)));
    // Without a word of the host, what was found counts.
    assert_eq!((second.flagged, second.found().collect::<Vec<_>>()), (true, vec!["violence"]));
    assert_eq!((&*judged.model, judged.flagged()), ("m-2", true));
}

#[tokio::test]
async fn images_are_judged_together_with_the_texts() {
    let one = json!({ "results": [{ "flagged": true, "categories": { "sexual": true } }] });
    let (builder, sent) = json_host(&one);
    let request = ModerationRequest::new("m", vec!["a".to_owned(), "b".to_owned()])
        .image(Image::url("https://x.example/i.png"))
        .image(Image::bytes(&b"i"[..], "image/jpeg"));
    assert!(builder.moderator().unwrap().moderate(request.clone()).await.unwrap().flagged());
    assert_eq!(
        text(&sent).1,
        concat!(
            r#"{"model":"m","input":[{"type":"text","text":"a"},{"type":"text","text":"b"},"#,
            r#"{"type":"image_url","image_url":{"url":"https://x.example/i.png"}},"#,
            r#"{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,aQ=="}}]}"#
        )
    );

    let (builder, sent) = json_host(&one);
    let texts_only = ModerationApi::new(builder.api().unwrap()).without_images();
    let error = meanwhile_core::Moderator::moderate(&texts_only, request).await.unwrap_err();
    assert_eq!((error.kind(), sent.lock().unwrap().len()), (ErrorKind::Unsupported, 0));

    let (builder, _) = json_host(&one);
    let two = ModerationRequest::new("m", vec!["a".to_owned(), "b".to_owned()]);
    let error = builder.moderator().unwrap().moderate(two).await.unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Decode, Some("acme")));
}

#[tokio::test]
async fn speech_comes_whole_and_in_pieces() {
    let mut request = SpeechRequest::new("tts", "Hello.", "nova").format("mp3").speed(1.5);
    request.instructions = Some("calmly".to_owned());
    let more = json!({ "stream_format": "audio" }).as_object().unwrap().clone();
    request.options.insert("acme".to_owned(), more);

    let (builder, sent) = host(200, "audio/mpeg; x=y", *b"ID3 and more");
    let speech = builder.speech().unwrap().speak(request.clone()).await.unwrap();
    assert_eq!(speech.audio, Audio::bytes(&b"ID3 and more"[..], "audio/mpeg"));
    let (url, headers, body) = sent.lock().unwrap().remove(0);
    assert_eq!(url, "https://acme.example/v1/audio/speech");
    assert_eq!(headers["accept"], "audio/*, */*;q=0.1");
    assert_eq!(
        body,
        concat!(
            r#"{"model":"tts","input":"Hello.","voice":"nova","instructions":"calmly","#,
            r#""response_format":"mp3","speed":1.5,"stream_format":"audio"}"#
        )
    );

    let (builder, sent) = host(200, "audio/mpeg", *b"ID3 and more");
    let mut stream = builder.speech().unwrap().stream(request).await.unwrap();
    assert_eq!(stream.media_type.as_deref(), Some("audio/mpeg"));
    let mut pieces = Vec::new();
    while let Some(piece) = stream.chunk().await {
        pieces.push(piece.unwrap());
    }
    assert_eq!(pieces, ["ID3 an", "d more"]);
    assert_eq!(sent.lock().unwrap().remove(0).2, body);
}

#[tokio::test]
async fn what_is_no_audio_is_an_error() {
    let request = || SpeechRequest::new("tts", "Hello.", "nova");
    for (media_type, body) in [("text/html", "<p>Welcome</p>"), ("audio/mpeg", "")] {
        let (builder, _) = host(200, media_type, body);
        let error = builder.speech().unwrap().speak(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::Decode, Some("tts")));
    }
    let (builder, _) = host(200, "application/json", "{}");
    let error = builder.speech().unwrap().stream(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn what_is_no_audio_is_told_without_the_key() {
    const KEY: &str = "sk-planted-key";
    let (builder, _) = host(200, "text/html", format!("<p>{KEY} is unknown here</p>"));
    let speech = builder.api_key(KEY).speech().unwrap();
    let error = speech.speak(SpeechRequest::new("m", "a", "v")).await.unwrap_err();
    assert_eq!(error.body(), Some("<p>[redacted] is unknown here</p>"));
    assert_eq!((error.provider(), error.model()), (Some("acme"), Some("m")));
}

#[tokio::test]
async fn a_recording_goes_as_a_form() {
    let answer = json!({ "text": "Hi there.", "language": "english", "duration": 1.5,
        "segments": [{ "id": 0, "start": 0, "end": 1.5, "text": " Hi there.", "speaker": "A" }],
        "words": [{ "word": "Hi", "start": 0.0, "end": 0.5 }],
        "usage": { "type": "tokens", "input_tokens": 9, "output_tokens": 4 } });
    let (builder, sent) = json_host(&answer);
    let mut request =
        TranscriptionRequest::new("whisper-1", Audio::bytes(&b"RIFF"[..], "audio/wav"))
            .language("en")
            .prompt("Names: \"Ada\"")
            .timestamps(TimestampUnit::Word)
            .timestamps(TimestampUnit::Segment);
    request.temperature = Some(0.5);
    let more = json!({ "include": ["logprobs"], "chunking_strategy": "auto" });
    request.options.insert("acme".to_owned(), more.as_object().unwrap().clone());
    let written = builder.transcriber().unwrap().transcribe(request).await.unwrap();

    let (url, headers, body) = sent.lock().unwrap().remove(0);
    assert_eq!(url, "https://acme.example/v1/audio/transcriptions");
    assert_eq!(headers["content-type"], "multipart/form-data; boundary=meanwhile-form-boundary");
    let field = |name: &str, value: &str| {
        format!(
            "--meanwhile-form-boundary\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let expected = [
        "--meanwhile-form-boundary\r\ncontent-disposition: form-data; name=\"file\"; \
         filename=\"audio.wav\"\r\ncontent-type: audio/wav\r\n\r\nRIFF\r\n"
            .to_owned(),
        field("model", "whisper-1"),
        field("language", "en"),
        field("prompt", "Names: \"Ada\""),
        field("temperature", "0.5"),
        field("response_format", "verbose_json"),
        field("timestamp_granularities[]", "word"),
        field("timestamp_granularities[]", "segment"),
        field("include[]", "logprobs"),
        field("chunking_strategy", "auto"),
        "--meanwhile-form-boundary--\r\n".to_owned(),
    ];
    assert_eq!(String::from_utf8(body.to_vec()).unwrap(), expected.concat());

    assert_eq!((&*written.text, written.language.as_deref()), ("Hi there.", Some("english")));
    assert_eq!(written.duration, Some(1.5));
    assert_eq!(written.segments[0].speaker.as_deref(), Some("A"));
    assert_eq!((&*written.words[0].text, written.words[0].end), ("Hi", 0.5));
    assert_eq!(written.usage.total(), Some(13));
}

#[tokio::test]
async fn a_transcription_may_be_text_or_events() {
    let request = || TranscriptionRequest::new("m", Audio::bytes(&b"x"[..], "audio/mpeg"));
    let (builder, _) = host(200, "text/plain; charset=utf-8", "1\n00:00 --> 00:01\nHi\n");
    let written = builder.transcriber().unwrap().transcribe(request()).await.unwrap();
    assert_eq!((&*written.text, &*written.model), ("1\n00:00 --> 00:01\nHi\n", "m"));

    let events = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hi\"}\r\n\r\n\
                  data: {\"type\":\"transcript.text.done\",\"text\":\"Hi\"}\r\n\r\ndata: [DONE]\r\n\r\n";
    let (builder, _) = host(200, "text/event-stream", events);
    assert_eq!(builder.transcriber().unwrap().transcribe(request()).await.unwrap().text, "Hi");

    let (cut, _) = events.split_once("data: {\"type\":\"transcript.text.done").unwrap();
    let (builder, _) = host(200, "text/event-stream", cut);
    let error = builder.transcriber().unwrap().transcribe(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);

    let refused = concat!(
        "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hi\"}\n\n",
        "data: {\"type\":\"error\",\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}\n\n",
    );
    let (builder, _) = host(200, "text/event-stream", refused);
    let error = builder.transcriber().unwrap().transcribe(request()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::RateLimit, "slow down"));
    assert_eq!((error.provider(), error.model()), (Some("acme"), Some("m")));
    // What was written down until then is in the body.
    assert!(error.body().unwrap().contains("\"Hi\""), "{error:?}");

    for (media_type, body) in [("application/json", "{}"), ("text/html", "<p>Welcome</p>")] {
        let (builder, _) = host(200, media_type, body);
        let error = builder.transcriber().unwrap().transcribe(request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{media_type}");
    }
}

#[tokio::test]
async fn audio_elsewhere_is_only_for_hosts_that_fetch_it() {
    let request = TranscriptionRequest::new("m", Audio::url("https://x.example/a.mp3"));
    let (builder, sent) = json_host(&json!({ "text": "Hi" }));
    let error = builder.transcriber().unwrap().transcribe(request.clone()).await.unwrap_err();
    assert_eq!((error.kind(), sent.lock().unwrap().len()), (ErrorKind::Unsupported, 0));

    let (builder, sent) = json_host(&json!({ "text": "Hi" }));
    let mistral = TranscriptionApi::mistral(builder.api().unwrap());
    let request = request.timestamps(TimestampUnit::Segment);
    meanwhile_core::Transcriber::transcribe(&mistral, request.clone()).await.unwrap();
    let (_, body) = text(&sent);
    assert!(body.contains("name=\"file_url\"\r\n\r\nhttps://x.example/a.mp3\r\n"), "{body}");
    assert!(body.contains("name=\"timestamp_granularities\"\r\n\r\nsegment\r\n"), "{body}");
    assert!(!body.contains("response_format"), "{body}");
    let refused = meanwhile_core::Transcriber::transcribe(&mistral, request.prompt("x")).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn images_come_as_bytes_or_addresses() {
    let (builder, sent) = json_host(&json!({ "output_format": "webp", "data": [
        { "b64_json": "aGVsbG8=", "revised_prompt": "a red circle" },
        { "b64_json": "/9j/", "url": null },
        { "url": "https://x.example/i", "mime_type": "image/jpeg" } ],
        "usage": { "input_tokens": 14, "output_tokens": 272 } }));
    let request = ImageRequest::new("m", "a circle").count(3).size(1024, 1536).quality("low");
    let made = builder.images().unwrap().generate(request.format("webp")).await.unwrap();
    assert_eq!(
        text(&sent),
        (
            "https://acme.example/v1/images/generations".to_owned(),
            concat!(
                r#"{"model":"m","prompt":"a circle","n":3,"quality":"low","output_format":"webp","#,
                r#""size":"1024x1536"}"#
            )
            .to_owned()
        )
    );
    let [first, second, third] = &made.images[..] else { panic!("{made:?}") };
    assert_eq!(first.image, Image::bytes(&b"hello"[..], "image/webp"));
    assert_eq!(first.revised_prompt.as_deref(), Some("a red circle"));
    assert_eq!(second.image.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!(third.image.source, MediaSource::Url("https://x.example/i".to_owned()));
    assert_eq!(made.usage.output.total, Some(272));

    for body in
        [json!({ "data": [] }), json!({ "data": [{}] }), json!({ "data": [{ "b64_json": "?" }] })]
    {
        let (builder, _) = json_host(&body);
        let made = builder.images().unwrap().generate(ImageRequest::new("m", "x")).await;
        let error = made.unwrap_err();
        assert_eq!((error.kind(), error.body()), (ErrorKind::Decode, Some(&*body.to_string())));
    }
}

#[tokio::test]
async fn the_size_of_images_is_told_as_the_host_reads_it() {
    let answer = json!({ "data": [{ "url": "https://x.example/i" }] }).to_string();
    let request = || ImageRequest::new("m", "x").size(512, 256);
    let (client_of_together, sent) = client(200, "application/json", answer.clone());
    let together = presets::TOGETHER.builder().api_key("k").http_client(client_of_together);
    together.images().unwrap().generate(request()).await.unwrap();
    assert_eq!(text(&sent).1, r#"{"model":"m","prompt":"x","width":512,"height":256}"#);

    let (client_of_xai, sent) = client(200, "application/json", answer);
    let xai = presets::XAI.builder().api_key("k").http_client(client_of_xai);
    let error = xai.images().unwrap().generate(request()).await.unwrap_err();
    assert_eq!((error.kind(), sent.lock().unwrap().len()), (ErrorKind::Unsupported, 0));
}

#[tokio::test]
async fn refusals_are_read_as_those_of_a_chat() {
    let refused = || {
        let body = json!({ "error": { "message": "slow down", "code": "rate_limit_exceeded" } });
        host(429, "application/json", body.to_string()).0.api_key("sk-secret-key")
    };
    let audio = Audio::bytes(&b"x"[..], "audio/wav");
    let errors = [
        refused().moderator().unwrap().moderate(ModerationRequest::new("m", vec![])).await.err(),
        refused().speech().unwrap().speak(SpeechRequest::new("m", "x", "v")).await.err(),
        refused().speech().unwrap().stream(SpeechRequest::new("m", "x", "v")).await.err(),
        refused()
            .transcriber()
            .unwrap()
            .transcribe(TranscriptionRequest::new("m", audio))
            .await
            .err(),
        refused().images().unwrap().generate(ImageRequest::new("m", "x")).await.err(),
    ];
    for error in errors {
        let error = error.unwrap();
        assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimit, Some(429)));
        assert_eq!((error.provider(), error.model()), (Some("acme"), Some("m")));
        assert!(!format!("{error:?} {error}").contains("sk-secret-key"));
    }
    let shown = format!("{:?} {:?}", refused().speech().unwrap(), refused().images().unwrap());
    assert!(!shown.contains("sk-secret-key"), "{shown}");
}

#[tokio::test]
async fn vectors_of_small_numbers_and_of_the_callers_choice() {
    let embed = |host: Builder, options: Value| async move {
        let mut request = meanwhile_core::EmbedRequest::new("m", vec!["a".to_owned()]);
        request.options.insert("acme".to_owned(), options.as_object().unwrap().clone());
        let embedder = EmbeddingApi::new(host.api().unwrap());
        meanwhile_core::Embedder::embed(&embedder, request).await
    };
    let answer = |text: &str| json!({ "data": [{ "embedding": text }] });
    let (builder, sent) = json_host(&answer("AIB//w=="));
    let found = embed(builder, json!({ "encoding_format": "base64_int8" })).await.unwrap();
    assert_eq!(found.vectors, [[0.0, -128.0, 127.0, -1.0]]);
    assert!(text(&sent).1.contains(r#""encoding_format":"base64_int8""#));

    let (builder, _) = json_host(&answer("AACAPw=="));
    let found = embed(builder, json!({ "encoding_format": "base64" })).await.unwrap();
    assert_eq!(found.vectors, [[1.0]]);

    let (builder, sent) = json_host(&answer("AACAPw=="));
    let error = embed(builder, json!({ "encoding_format": "base64_binary" })).await.unwrap_err();
    assert_eq!((error.kind(), sent.lock().unwrap().len()), (ErrorKind::Unsupported, 0));

    // Bytes of another type would be taken for floats.
    let (builder, sent) = json_host(&answer("AACAPw=="));
    let small = json!({ "encoding_format": "base64", "output_dtype": "int8" });
    let error = embed(builder, small).await.unwrap_err();
    assert_eq!((error.kind(), sent.lock().unwrap().len()), (ErrorKind::Unsupported, 0));
}

/// Answers one request on a socket with these bytes, and returns what was asked.
async fn serve_once(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = socket.read(&mut buffer).await.unwrap();
            asked.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&asked);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                break;
            }
        }
        socket.write_all(&answer).await.unwrap();
        asked
    });
    (url, server)
}

fn message(media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_recording_goes_over_a_socket_and_speech_comes_back() {
    let (url, server) = serve_once(message("application/json", br#"{"text":"Hi"}"#)).await;
    let host = OpenAiCompatible::builder("acme", url).api_key("k");
    let request = TranscriptionRequest::new("m", Audio::bytes(&b"RIFFabc"[..], "audio/wav"));
    assert_eq!(host.transcriber().unwrap().transcribe(request).await.unwrap().text, "Hi");
    let asked = String::from_utf8(server.await.unwrap()).unwrap();
    assert!(asked.starts_with("POST /v1/audio/transcriptions HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nauthorization: Bearer k\r\n"), "{asked}");
    assert!(asked.ends_with("\r\nm\r\n--meanwhile-form-boundary--\r\n"), "{asked}");

    let (url, server) = serve_once(message("audio/wav", b"RIFFabc")).await;
    let host = OpenAiCompatible::builder("acme", url).api_key("k");
    let mut stream =
        host.speech().unwrap().stream(SpeechRequest::new("m", "Hi", "v")).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.chunk().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(bytes, b"RIFFabc");
    server.await.unwrap();

    // A recording that breaks off is never taken for a whole one.
    let mut cut = message("audio/wav", b"RIFFabc");
    cut.truncate(cut.len() - 3);
    let (url, server) = serve_once(cut).await;
    let host = OpenAiCompatible::builder("acme", url).api_key("k");
    let mut stream =
        host.speech().unwrap().stream(SpeechRequest::new("m", "Hi", "v")).await.unwrap();
    let error = loop {
        match stream.chunk().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the stream ended as if it were complete"),
        }
    };
    assert_eq!((error.kind(), error.provider()), (ErrorKind::StreamInterrupted, Some("acme")));
    assert!(stream.chunk().await.is_none());
    server.await.unwrap();
}
