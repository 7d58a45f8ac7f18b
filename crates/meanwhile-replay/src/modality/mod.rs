//! [`play`]: exchanges that are no chat, through the public traits of the providers.
//!
//! Each is asked for with the provider's own builder and trait, over a client that answers from the
//! recording. So what is decoded, and how a refusal is read, is what a program would see.

mod found;
mod hosts;
mod recording;
mod requests;

use http::StatusCode;
use meanwhile_core::{
    Audio, BatchId, EmbedRequest, Error, ErrorKind, ImageRequest, MediaSource, ModerationRequest,
    Request, RerankRequest, Result, Speech, SpeechRequest, SpeechStream, TranscriptionRequest,
    Usage,
};
use serde_json::Value;

use crate::corpus::{Corpus, Exchange};
use crate::report::{Kind, Record};
use crate::wires::reasons;
pub use found::Found;
use hosts::Host;
use recording::Recording;

/// In how many places the body of an answer is cut off.
const CUTS: usize = 48;

/// Which trait an exchange belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Embed,
    Rerank,
    Models,
    CreateBatch,
    BatchStatus,
    BatchResults,
    CancelBatch,
    CountTokens,
    Moderate,
    Speak,
    Transcribe,
    Images,
}

impl Operation {
    /// The head of its column in the table.
    fn column(self) -> &'static str {
        match self {
            Self::Embed => "embeddings",
            Self::Rerank => "rankings",
            Self::Models => "lists of models",
            Self::CreateBatch | Self::BatchStatus | Self::BatchResults | Self::CancelBatch => {
                "batches"
            }
            Self::CountTokens => "token counts",
            Self::Moderate => "moderations",
            Self::Speak => "speech",
            Self::Transcribe => "transcriptions",
            Self::Images => "images",
        }
    }
}

/// The operation of an exchange; `None` where it is none of ours.
fn operation(exchange: &Exchange) -> Option<Operation> {
    let path = exchange.request.path.as_deref().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let provider = exchange.provider.as_str();
    Some(match exchange.api.as_str() {
        "embeddings" | "embeddings_v1" => Operation::Embed,
        "predict" if path.ends_with(":predict") && path.contains("embedding") => Operation::Embed,
        "rerank" | "rerank_v1" => Operation::Rerank,
        // Below the list are single models and operations.
        "models" if path.is_empty() || path.ends_with("/models") || path.ends_with("/tags") => {
            Operation::Models
        }
        // Batches are known by their ids, and stay.
        "batches" if is_list_of_batches(exchange, path) => return None,
        "batches" if exchange.request.method.as_deref() == Some("POST") => {
            if path.ends_with("cancel") { Operation::CancelBatch } else { Operation::CreateBatch }
        }
        "batches" if path.ends_with("/results") => Operation::BatchResults,
        "batches" => Operation::BatchStatus,
        "count_tokens" if ["anthropic", "google", "vertex"].contains(&provider) => {
            Operation::CountTokens
        }
        // Conversations are not judged, and usage is not reported.
        "moderations" if path.is_empty() || path.ends_with("v1/moderations") => Operation::Moderate,
        // Only Mistral's speech comes in events; that of others comes as bytes.
        "audio_speech" if exchange.response.body_kind != "sse" || provider == "mistral" => {
            Operation::Speak
        }
        // A form of JSON, which is not spoken.
        "audio_transcription" if provider != "openrouter" => Operation::Transcribe,
        "images" if path.is_empty() || path.ends_with("/generations") => Operation::Images,
        _ => return None,
    })
}

/// Whether a batch brings its answers along.
fn has_outputs(batch: &Value) -> bool {
    let places = ["/outputs", "/response/inlinedResponses/inlinedResponses"];
    let mut lists = places.iter().filter_map(|place| batch.pointer(place)?.as_array());
    lists.any(|answers| !answers.is_empty())
}

fn is_list_of_batches(exchange: &Exchange, path: &str) -> bool {
    match exchange.request.method.as_deref() {
        Some("POST") => false,
        Some("GET") | None => {
            ["/batches", "/jobs"].iter().any(|name| path.ends_with(name))
                && exchange.response.json().get("data").is_some()
        }
        Some(_) => true,
    }
}

/// The id of the batch of an exchange: what its path names behind the collection, or the answer.
fn batch_id(exchange: &Exchange) -> String {
    let path = exchange.request.path.as_deref().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let behind = ["/batches/", "/jobs/"].iter().find_map(|name| path.split_once(name));
    let named = behind.and_then(|(_, rest)| rest.split(['/', ':']).next());
    let body = exchange.response.json();
    let id = named.or_else(|| ["id", "name"].iter().find_map(|name| body.get(name)?.as_str()));
    id.unwrap_or_default().to_owned()
}

/// Whether an exchange that is no chat belongs to one of the traits.
pub(crate) fn is_played(exchange: &Exchange) -> bool {
    operation(exchange).is_some()
}

/// Plays an exchange that is no chat; `None` where it belongs to none of the traits.
pub(crate) fn play(file: &str, exchange: &Exchange, sweep: bool) -> Option<Record> {
    let operation = operation(exchange)?;
    let Exchange { provider, api, response, .. } = exchange;
    let Some(body) = response.bytes() else {
        return Some(Record::skip(file, provider, api, reasons::NO_BODY));
    };
    let Some(status) = StatusCode::from_u16(response.status.unwrap_or(200)).ok() else {
        return Some(Record::skip(file, provider, api, reasons::NO_STATUS));
    };
    let recording = Recording::new(status, response.headers(), body.into());
    let mut record = Record::new(file, provider, api);
    record.beside_chat = Some(operation.column());
    let whole = ask(operation, exchange, &recording);
    match &whole {
        Ok(_) => record.kind = Kind::Ok,
        Err(error) => {
            record.kind = Kind::Error;
            record.error(error);
        }
    }
    if sweep {
        let is_same = |pieces: usize| match (
            &whole,
            ask(operation, exchange, &recording.in_pieces(pieces)),
        ) {
            (Ok(whole), Ok(found)) => *whole == found,
            (Err(whole), Err(found)) => facts(whole) == facts(&found),
            _ => false,
        };
        record.split_ok = Some([1, 7, 4096].into_iter().all(is_same));
        // Lines that are missing altogether can be told by nobody but the transport.
        let is_one = response.body_kind == "json" && operation != Operation::BatchResults;
        if status.is_success() && is_one {
            let mut places = recording.places(CUTS);
            let is_noticed = |place| ask(operation, exchange, &recording.cut(place)).is_err();
            record.cut_ok = Some(places.all(is_noticed));
        }
    }
    record.found = whole.ok();
    Some(record)
}

fn facts(error: &Error) -> (ErrorKind, &str) {
    (error.kind(), error.message())
}

/// Asks for what was recorded.
fn ask(operation: Operation, exchange: &Exchange, recording: &Recording) -> Result<Found> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|source| {
        Error::new(ErrorKind::Config, "no runtime could be started").with_source(source)
    })?;
    runtime.block_on(asking(operation, exchange, recording))
}

async fn asking(operation: Operation, exchange: &Exchange, recording: &Recording) -> Result<Found> {
    let Exchange { provider, request, .. } = exchange;
    let path = request.path.as_deref().unwrap_or_default();
    let host = Host { provider, path, client: recording.client() };
    let id = || BatchId::new(provider.as_str(), batch_id(exchange));
    let one = || vec![("1".to_owned(), Request::new("model", Vec::new()))];
    Ok(match operation {
        Operation::Embed => {
            let request = requests::embed(provider, path, &request.body);
            // What ours cannot say has an answer all the same.
            let request = request.unwrap_or_else(|_| any_texts(path));
            Found::embeddings(&host.embedder()?.embed(request).await?)
        }
        Operation::Rerank => {
            let request = requests::rerank(provider, &request.body);
            let request = request.unwrap_or_else(|_| any_documents(exchange));
            Found::rerank(&host.reranker()?.rerank(request).await?)
        }
        Operation::Models => Found::models(&host.models()?.list_models().await?),
        Operation::CreateBatch => Found::batch(&host.batches()?.create(one()).await?),
        Operation::BatchStatus => {
            let batch = host.batches()?.status(&id()).await?;
            if !has_outputs(&exchange.response.json()) {
                return Ok(Found::batch(&batch));
            }
            // The answers came along, and are fetched from the same place.
            let again = recording.again();
            let host = Host { client: again.client(), ..host };
            Found::batch_with(&batch, &host.batches()?.results(&id()).await?)
        }
        Operation::BatchResults => Found::results(&host.batches()?.results(&id()).await?),
        Operation::CancelBatch => Found::batch(&host.batches()?.cancel(&id()).await?),
        Operation::Moderate => {
            let asked = requests::moderate(provider, &request.body);
            let asked = asked.unwrap_or_else(|_| any_moderation(exchange));
            Found::moderation(&host.moderator()?.moderate(asked).await?)
        }
        Operation::Speak => {
            let asked = requests::speak(provider, &request.body);
            let asked = asked.unwrap_or_else(|_| SpeechRequest::new("model", "any", "any"));
            if exchange.response.body_kind == "sse" {
                let (provider, model) = (provider.clone(), asked.model.clone());
                let audio = collected(host.speech()?.stream(asked).await?).await?;
                return Ok(Found::speech(&Speech::new(provider, model, audio, Usage::default())));
            }
            let speech = host.speech()?.speak(asked.clone()).await?;
            // A recording that came as JSON has no stream in it.
            if exchange.response.body_kind == "binary-base64" {
                let again = recording.again();
                let host = Host { client: again.client(), ..host };
                let streamed = collected(host.speech()?.stream(asked).await?).await?;
                if streamed.source != speech.audio.source {
                    let message = "the streamed recording is not the whole one";
                    return Err(Error::new(ErrorKind::Decode, message));
                }
            }
            Found::speech(&speech)
        }
        Operation::Transcribe => {
            let audio = Audio::bytes(&b"any"[..], "audio/wav");
            let asked = TranscriptionRequest::new("model", audio);
            Found::transcription(&host.transcriber()?.transcribe(asked).await?)
        }
        Operation::Images => {
            let asked = requests::image(provider, &request.body);
            let asked = asked.unwrap_or_else(|_| ImageRequest::new("model", "any"));
            Found::images(&host.images()?.generate(asked).await?)
        }
        Operation::CountTokens => {
            let model = request.body.get("model").and_then(Value::as_str);
            let model = model.unwrap_or_else(|| requests::model_of(path));
            let request = Request::new(model, Vec::new());
            Found::TokenCount(match provider.as_str() {
                "anthropic" => host.anthropic()?.count_tokens(&request).await?,
                _ => host.google()?.count_tokens(&request).await?,
            })
        }
    })
}

/// Everything of a stream.
async fn collected(mut stream: SpeechStream) -> Result<Audio> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.chunk().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(Audio::from_source(MediaSource::from(bytes), stream.media_type))
}

/// As many texts as the answer judges.
fn any_moderation(exchange: &Exchange) -> ModerationRequest {
    let body = exchange.response.json();
    let count = body.get("results").and_then(Value::as_array).map_or(0, Vec::len);
    ModerationRequest::new("model", vec![String::new(); count])
}

fn any_texts(path: &str) -> EmbedRequest {
    EmbedRequest::new(requests::model_of(path), vec!["any".to_owned()])
}

/// As many documents as the answer ranks.
fn any_documents(exchange: &Exchange) -> RerankRequest {
    let body: Value = exchange.response.json();
    let results = body.get("results").or_else(|| body.get("data")).and_then(Value::as_array);
    let indexes = results.into_iter().flatten().filter_map(|found| found.get("index")?.as_u64());
    let count = indexes.max().map_or(0, |last| usize::try_from(last).unwrap_or(0) + 1);
    RerankRequest::new("model", "any", vec![String::new(); count])
}

/// A recorded request and ours for the same.
#[derive(Debug)]
#[non_exhaustive]
pub struct Written {
    /// The recorded path and query.
    pub recorded_path: String,
    /// The recorded body.
    pub recorded: Value,
    /// The path and query that we ask.
    pub path: String,
    /// The body that we send.
    pub body: Value,
}

/// Reads a recorded request for vectors, a ranking, a judgement, speech or images as ours, sends that through the provider's
/// public trait, and returns what was sent; `None` where the recording is of something else.
///
/// # Errors
///
/// Why the recorded request cannot be one of ours.
#[must_use]
pub fn written(corpus: &Corpus, file: &str) -> Option<std::result::Result<Written, String>> {
    let exchange = corpus.read(file).ok()?;
    let operation = operation(&exchange)?;
    let path = exchange.request.path.clone().unwrap_or_default();
    let body = &exchange.request.body;
    let mapped = match operation {
        Operation::Embed => requests::embed(&exchange.provider, &path, body).map(drop),
        Operation::Rerank => requests::rerank(&exchange.provider, body).map(drop),
        Operation::Moderate => requests::moderate(&exchange.provider, body).map(drop),
        Operation::Speak => requests::speak(&exchange.provider, body).map(drop),
        Operation::Images => requests::image(&exchange.provider, body).map(drop),
        _ => return None,
    };
    Some(mapped.and_then(|()| {
        let nothing = Recording::new(StatusCode::OK, http::HeaderMap::new(), "{}".into());
        // That `{}` is no answer does not matter: it has been asked by then.
        let failure = ask(operation, &exchange, &nothing).err();
        let asked = nothing.asked().into_iter().next().ok_or_else(|| {
            failure.map_or_else(|| "nothing was sent".to_owned(), |error| error.to_string())
        })?;
        Ok(Written {
            recorded_path: path,
            recorded: exchange.request.body,
            path: asked.path,
            body: serde_json::from_slice(&asked.body).unwrap_or_default(),
        })
    }))
}
