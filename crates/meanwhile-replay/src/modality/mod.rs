//! [`play`]: exchanges that are no chat, through the public traits of the providers.
//!
//! Each is asked for with the provider's own builder and trait, over a client that answers from the
//! recording. So what is decoded, and how a refusal is read, is what a program would see.

mod found;
mod hosts;
mod recording;
mod requests;

use http::StatusCode;
use meanwhile_core::{BatchId, EmbedRequest, Error, ErrorKind, Request, RerankRequest, Result};
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
        "batches" if exchange.request.method.as_deref() == Some("POST") => {
            if path.ends_with("cancel") { Operation::CancelBatch } else { Operation::CreateBatch }
        }
        "batches" if path.ends_with("/results") => Operation::BatchResults,
        "batches" => match has_outputs(&exchange.response.json()) {
            true => Operation::BatchResults,
            false => Operation::BatchStatus,
        },
        "count_tokens" if ["anthropic", "google", "vertex"].contains(&provider) => {
            Operation::CountTokens
        }
        _ => return None,
    })
}

/// Whether a batch brings its answers along.
fn has_outputs(batch: &Value) -> bool {
    let places = ["/outputs", "/response/inlinedResponses/inlinedResponses"];
    let mut lists = places.iter().filter_map(|place| batch.pointer(place)?.as_array());
    lists.any(|answers| !answers.is_empty())
}

/// The id of the batch of an exchange: what its path names behind the collection.
fn batch_id(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    let behind = ["/batches/", "/jobs/"].iter().find_map(|name| path.split_once(name));
    behind.map_or("", |(_, rest)| rest.split(['/', ':']).next().unwrap_or_default())
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
        if status.is_success() && response.body_kind == "json" {
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
    let id = || BatchId::new(provider.as_str(), batch_id(path));
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
        Operation::BatchStatus => Found::batch(&host.batches()?.status(&id()).await?),
        Operation::BatchResults => Found::results(&host.batches()?.results(&id()).await?),
        Operation::CancelBatch => Found::batch(&host.batches()?.cancel(&id()).await?),
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

/// Reads a recorded request for vectors or a ranking as ours, sends that through the provider's
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
