//! The smallest wire format that has everything: text, an error, a finish, whole and in pieces.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Fold, Message, Provider, Request, Response,
    Result,
};
use meanwhile_http::{Codec, Decoder, Frame, Framing, HttpProvider, Wire, status};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Toy(pub(crate) Framing);

pub(crate) const SSE: Toy = Toy(Framing::ServerSentEvents);

impl Codec for Toy {
    type Decoder = ToyDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let text: Vec<String> = request.messages.iter().map(Message::text).collect();
        let body = json!({ "model": request.model, "text": text.join("\n"), "stream": request.is_streamed() });
        let framing = if request.is_streamed() { self.0 } else { Framing::Whole };
        Ok(Wire::post("/chat", body.to_string(), framing))
    }

    fn decoder(&self, _: &Request) -> ToyDecoder {
        ToyDecoder::default()
    }

    fn error(&self, code: StatusCode, _: &HeaderMap, body: &[u8]) -> Error {
        match serde_json::from_slice::<Value>(body) {
            Ok(body) if body["error"].is_string() => {
                Error::new(status::kind(code), body["error"].as_str().unwrap().to_owned())
            }
            _ => status::error(code, body),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct ToyDecoder {
    opened: bool,
    finished: bool,
}

impl Decoder for ToyDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let (name, data) = match frame {
            Frame::Event { name, data } => (name, data),
            Frame::Body(data) | Frame::Line(data) => (None, data),
            #[cfg(feature = "aws-event-stream")]
            Frame::Message { data, .. } => (None, data),
            _ => return Ok(()),
        };
        if name == Some(b"ping") {
            return Ok(());
        }
        let whole = matches!(frame, Frame::Body(_));
        if data == b"[DONE]" {
            self.finished = true;
        } else {
            let value: Value = serde_json::from_slice(data).map_err(|error| {
                Error::new(ErrorKind::Decode, "an event is not JSON").with_source(error)
            })?;
            if let Some(error) = value["error"].as_str() {
                return Err(Error::new(ErrorKind::Server, error.to_owned()));
            }
            if let Some(text) = value["text"].as_str() {
                if !std::mem::replace(&mut self.opened, true) {
                    events.push_back(Event::text_start(0));
                }
                events.push_back(Event::text_delta(0, text));
            }
            self.finished |= whole || value["done"] == true;
        }
        if self.finished {
            events.push_back(Event::finish(Finish::new(FinishReason::Stop)));
        }
        Ok(())
    }

    fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
        Err(Error::new(ErrorKind::StreamInterrupted, "the answer ended without its mark"))
    }
}

pub(crate) fn whole() -> Request {
    Request::new("small", vec![Message::user("hello")])
}

pub(crate) fn streamed() -> Request {
    whole().streamed()
}

/// Reads every event of the answer, up to the error if there is one.
pub(crate) async fn events(
    provider: &HttpProvider<Toy>,
    request: Request,
) -> (Vec<Event>, Option<Error>) {
    let mut events = Vec::new();
    let mut stream = match provider.send(request).await {
        Ok(stream) => stream,
        Err(error) => return (events, Some(error)),
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(stream.next().await.is_none(), "something came after the error");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

pub(crate) async fn answer(provider: &HttpProvider<Toy>, request: Request) -> Result<Response> {
    let (events, error) = events(provider, request).await;
    match error {
        Some(error) => Err(error),
        None => {
            let mut fold = Fold::new("toy", "small");
            events.iter().try_for_each(|event| fold.push(event))?;
            Ok(fold.into_partial())
        }
    }
}

pub(crate) async fn failure(provider: &HttpProvider<Toy>, request: Request) -> Error {
    events(provider, request).await.1.expect("the call succeeded")
}

pub(crate) fn text(events: &[Event]) -> String {
    let text = events.iter().filter_map(|event| match event {
        Event::TextDelta { text, .. } => Some(text.as_str()),
        _ => None,
    });
    text.collect()
}
