//! Which codec answers for which recording. A new wire is one arm of [`wire`].

mod azure;
mod cohere;
mod converse;
mod generate_content;
mod invoke;
mod messages;
mod ollama;
pub(crate) mod reasons;
mod responses;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Event, Request, Result};
use meanwhile_http::{Answer, Codec, Decoder, Framing};
use meanwhile_openai_compatible::{ChatCodec, Preset, Quirks};
use serde_json::Value;

/// A codec, whatever its type, and what else the replay has to know about its wire.
pub(crate) trait Wire {
    /// Starts decoding one answer.
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running>;
    /// Reads a refusal.
    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error;
    /// Whether the data of an event says that the answer is complete, judged without the codec.
    fn is_terminal(&self, data: &str) -> bool;
}

/// An answer that is being decoded.
pub(crate) trait Running {
    fn push(&mut self, chunk: Bytes);
    fn end(&mut self);
    fn next(&mut self) -> Option<Result<Event>>;
}

impl<D: Decoder> Running for Answer<D> {
    fn push(&mut self, chunk: Bytes) {
        Self::push(self, chunk);
    }

    fn end(&mut self) {
        Self::end(self);
    }

    fn next(&mut self) -> Option<Result<Event>> {
        Self::next(self)
    }
}

/// The codec of a recording; `None` where it is of no chat.
pub(crate) fn wire(provider: &str, api: &str) -> Option<Box<dyn Wire>> {
    let quirks = match (provider, api) {
        ("cohere", "chat") => return Some(cohere::wire()),
        ("ollama", "chat") => return Some(ollama::wire()),
        // Answers about code and of stored agents are those of the chat.
        ("mistral", "chat" | "fim" | "agents") => {
            return Some(Box::new(Chat(meanwhile_mistral::codec())));
        }
        ("openai", "chat") => {
            return Some(Box::new(Chat(meanwhile_openai::codec())));
        }
        (_, "compatibility") => Quirks::new(),
        ("azure", "chat") => return Some(azure::chat()),
        ("azure", "responses") => return Some(azure::responses()),
        (provider, "chat") => {
            Preset::find(provider).map_or_else(Quirks::new, |preset| preset.quirks)
        }
        (provider, "generate_content") => return Some(generate_content::wire(provider)),
        (_, "invoke") => return Some(invoke::wire()),
        (provider, "converse") => return Some(converse::wire(provider)),
        (provider, "messages" | "anthropic_messages") => return Some(messages::wire(provider)),
        (provider, "responses") => return Some(responses::wire(provider)),
        _ => return None,
    };
    Some(Box::new(Chat(ChatCodec::new(provider, quirks))))
}

/// The Chat Completions dialect.
struct Chat(ChatCodec);

impl Wire for Chat {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        Box::new(Answer::new(self.0.decoder(request), framing))
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        is_last_chunk(data)
    }
}

/// Whether a chunk of Chat Completions says that the answer is complete.
fn is_last_chunk(data: &str) -> bool {
    if data.trim() == "[DONE]" {
        return true;
    }
    let chunk: Value = serde_json::from_str(data).unwrap_or_default();
    let choices = chunk.get("choices").and_then(Value::as_array).into_iter().flatten();
    choices.filter(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0).any(
        |choice| {
            let reason = choice.get("finish_reason").and_then(Value::as_str);
            reason.is_some_and(|reason| !reason.is_empty())
        },
    )
}
