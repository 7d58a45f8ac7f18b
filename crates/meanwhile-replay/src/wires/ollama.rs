//! Ollama, which serves two wires: its own and the Chat Completions dialect.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Event, Request, Result};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_ollama::OllamaCodec;
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use serde_json::Value;

use super::{Chat, Running, Wire};

/// The wire of a recording, whichever of the two it is.
pub(crate) fn wire() -> Box<dyn Wire> {
    Box::new(Ollama { chat: Chat(ChatCodec::new("ollama", Quirks::new())) })
}

struct Ollama {
    chat: Chat,
}

impl Wire for Ollama {
    fn answer(&self, request: &Request, framing: Framing) -> Box<dyn Running> {
        let native = Box::new(Answer::new(OllamaCodec::new().decoder(request), framing));
        match framing {
            Framing::ServerSentEvents => self.chat.answer(request, framing),
            Framing::JsonLines => native,
            _ => {
                let chat = self.chat.answer(request, framing);
                Box::new(Undecided { body: Vec::new(), native, chat, is_chat: false })
            }
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        OllamaCodec::new().error(status, headers, body)
    }

    fn is_terminal(&self, data: &str) -> bool {
        let line: Value = serde_json::from_str(data).unwrap_or_default();
        self.chat.is_terminal(data) || line.get("done").and_then(Value::as_bool) == Some(true)
    }
}

/// A whole answer, of which the recording does not say where it was asked for; its body does.
struct Undecided {
    body: Vec<u8>,
    native: Box<dyn Running>,
    chat: Box<dyn Running>,
    is_chat: bool,
}

impl Undecided {
    fn chosen(&mut self) -> &mut dyn Running {
        if self.is_chat { &mut *self.chat } else { &mut *self.native }
    }
}

impl Running for Undecided {
    fn push(&mut self, chunk: Bytes) {
        self.body.extend_from_slice(&chunk);
    }

    fn end(&mut self) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.is_chat = body.get("choices").is_some_and(Value::is_array);
        let body = std::mem::take(&mut self.body);
        self.chosen().push(body.into());
        self.chosen().end();
    }

    fn next(&mut self) -> Option<Result<Event>> {
        self.chosen().next()
    }
}
