//! Decodes one exchange.

use bytes::Bytes;
use http::StatusCode;
use meanwhile_core::{Error, ErrorKind, Event, Fold, Request, Response, Result};
use meanwhile_http::Framing;
use serde_json::Value;

use crate::corpus::{Corpus, Exchange};
use crate::modality;
use crate::mutate::{Shapes, Subject, mutate, mutate_refusal};
use crate::report::{Kind, Record};
use crate::sweep;
use crate::wires::{Wire, reasons, wire};

/// Plays one recording; with the shapes of its wire, in other pieces and changed too.
pub(crate) fn play(corpus: &Corpus, file: &str, shapes: Option<&Shapes>) -> Record {
    match corpus.read(file) {
        Ok(exchange) => play_exchange(file, &exchange, shapes),
        Err(error) => Record::skip(file, "", "", &format!("{error:#}")),
    }
}

fn play_exchange(file: &str, exchange: &Exchange, shapes: Option<&Shapes>) -> Record {
    let Exchange { provider, api, request, response } = exchange;
    let skip = |reason: &str| Record::skip(file, provider, api, reason);
    let wire = match wire(provider, exchange.wire()) {
        Some(wire) => wire,
        None => {
            let played = modality::play(file, exchange, shapes.is_some());
            return played.unwrap_or_else(|| skip(&reasons::reason(exchange)));
        }
    };
    let Some(body) = response.bytes() else { return skip(reasons::NO_BODY) };
    let Some(status) = StatusCode::from_u16(response.status.unwrap_or(200)).ok() else {
        return skip(reasons::NO_STATUS);
    };
    let mut record = Record::new(file, provider, api);
    let framing = framing(&response.body_kind);
    let request = self::request(&request.body, request.path.as_deref());
    let body = Bytes::from(body);
    let subject = Subject { file, exchange, wire: &*wire, request: &request, framing, body: &body };
    if !status.is_success() {
        record.kind = Kind::Error;
        record.error(&wire.error(status, &response.headers(), &body));
        let failed = shapes.and_then(|shapes| mutate_refusal(&subject, shapes, status));
        record.mutated(failed);
        return record;
    }
    let events = decode(&*wire, &request, framing, [body.clone()]);

    let mut fold = Fold::new(provider.clone(), request.model.clone());
    let mut failure = None;
    for event in &events {
        match event {
            Ok(event) => {
                if let Err(error) = fold.push(event) {
                    failure = Some(error_facts(&error));
                    record.error(&error);
                    break;
                }
            }
            Err(error) => {
                failure = Some(error_facts(error));
                record.error(error);
            }
        }
    }
    record.response(&fold.into_partial());
    record.kind = match (failure, framing) {
        (None, _) => Kind::Ok,
        (Some((ErrorKind::StreamInterrupted, _)), _) => Kind::Truncated,
        (Some(_), Framing::Whole) => Kind::Error,
        (Some(_), _) => Kind::StreamError,
    };
    let Some(shapes) = shapes else { return record };
    record.mutated(mutate(&subject, shapes, &events));
    record.split_ok = Some(sweep::split(&*wire, &request, framing, &body, &events));
    if matches!(framing, Framing::ServerSentEvents | Framing::AwsEventStream) {
        record.cut_ok = Some(sweep::cut(&*wire, &request, framing, &body));
    }
    record
}

/// Why a recording is not played.
pub(crate) fn skip_reason(corpus: &Corpus, file: &str) -> Option<String> {
    let exchange = match corpus.read(file) {
        Ok(exchange) => exchange,
        Err(error) => return Some(format!("{error:#}")),
    };
    let is_played =
        wire(&exchange.provider, exchange.wire()).is_some() || modality::is_played(&exchange);
    (!is_played).then(|| reasons::reason(&exchange))
}

/// The events that a recording decodes to, where that is a complete answer.
pub(crate) fn events(corpus: &Corpus, file: &str) -> Option<Vec<Event>> {
    read(corpus, file).map(|(_, events)| events)
}

/// What a recording decodes to, where that is a complete answer.
pub(crate) fn response(corpus: &Corpus, file: &str) -> Option<Response> {
    read(corpus, file).map(|(response, _)| response)
}

fn read(corpus: &Corpus, file: &str) -> Option<(Response, Vec<Event>)> {
    let exchange = corpus.read(file).ok()?;
    let wire = wire(&exchange.provider, exchange.wire())?;
    let Exchange { provider, request, response, .. } = exchange;
    let request = self::request(&request.body, request.path.as_deref());
    let body = response.bytes().filter(|_| response.status.unwrap_or(200) < 300)?;
    let mut fold = Fold::new(provider, request.model.clone());
    let mut events = Vec::new();
    for event in decode(&*wire, &request, framing(&response.body_kind), [Bytes::from(body)]) {
        let event = event.ok()?;
        fold.push(&event).ok()?;
        events.push(event);
    }
    Some((fold.finish().ok()?, events))
}

pub(crate) fn framing(body_kind: &str) -> Framing {
    match body_kind {
        "sse" => Framing::ServerSentEvents,
        "ndjson" => Framing::JsonLines,
        "aws-eventstream-base64" | "events-json" => Framing::AwsEventStream,
        _ => Framing::Whole,
    }
}

/// What of the recorded request matters for reading its answer.
fn request(body: &Value, path: Option<&str>) -> Request {
    let model = body.get("model").and_then(Value::as_str).or(path).unwrap_or_default();
    let mut request = Request::new(model, Vec::new());
    if body.get("logprobs").and_then(Value::as_bool) == Some(true) {
        let alternatives = body.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0);
        request.params.logprobs = Some(u8::try_from(alternatives).unwrap_or(u8::MAX));
    }
    request
}

/// Decodes a body that arrives in these chunks.
pub(crate) fn decode(
    wire: &dyn Wire,
    request: &Request,
    framing: Framing,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Vec<Result<Event>> {
    let mut answer = wire.answer(request, framing);
    let mut events = Vec::new();
    for chunk in chunks {
        answer.push(chunk);
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

/// What must be the same about two errors.
pub(crate) fn error_facts(error: &Error) -> (ErrorKind, String) {
    (error.kind(), error.message().to_owned())
}
