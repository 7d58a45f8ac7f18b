//! Acme's own protocol: a request is one JSON body, an answer is lines of JSON.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{
    Capabilities, Error, ErrorKind, Event, Finish, FinishReason, Message, OnUnsupported,
    OutputFormat, Params, Part, ProviderInfo, Request, Result, ToolCall, ToolChoice, Warning,
};
use meanwhile_http::status;
use meanwhile_http::{Auth, Codec, Decoder, Endpoint, Frame, Framing, HttpProvider, Secret, Wire};
use serde_json::{Value, json};

use crate::KEY_VARIABLES;
use crate::wire::{Failure, Line, Refused, Talk, Turn};

/// `acme-native/…`, to be registered.
pub const NATIVE: ProviderInfo = ProviderInfo::new("acme-native", KEY_VARIABLES, || {
    let key = Secret::from_env(KEY_VARIABLES)?;
    Ok(acme_native("https://api.acme.example/native", key)?.into())
});

/// Makes a provider that sends `key` to `base_url`.
pub fn acme_native(base_url: &str, key: impl Into<Secret>) -> Result<HttpProvider<LinesCodec>> {
    let mut capabilities = Capabilities::none();
    (capabilities.streaming, capabilities.tools) = (true, true);
    Ok(HttpProvider::new("acme-native", LinesCodec, Endpoint::new(base_url)?)
        .with_auth(Auth::bearer(key)?)
        .with_capabilities(move |_| capabilities))
}

/// The protocol.
#[derive(Debug, Clone, Copy)]
pub struct LinesCodec;

impl Codec for LinesCodec {
    type Decoder = LinesDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let mut lost = Vec::new();
        let body = json!(talk(request, &mut lost)?).to_string();
        if let (OnUnsupported::Error, Some(lost)) = (request.unsupported, lost.first()) {
            return Err(Error::new(ErrorKind::Unsupported, format!("acme has no {lost}")));
        }
        let framing = if request.is_streamed() { Framing::JsonLines } else { Framing::Whole };
        let mut wire = Wire::post("/talk", body, framing);
        wire.warnings.extend(lost.into_iter().map(|what| Warning::dropped(what, "acme has none")));
        Ok(wire)
    }

    fn decoder(&self, _: &Request) -> LinesDecoder {
        LinesDecoder::default()
    }

    fn error(&self, code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let refused = serde_json::from_slice::<Refused>(body);
        let error = refused.map(|refused| failure(refused.error, status::kind(code)));
        let error = error.unwrap_or_else(|_| status::error(code, body));
        status::with_headers(error.with_status(code.as_u16()), headers)
    }
}

/// Writes a request; what the protocol has no place for is `lost`.
fn talk<'a>(request: &'a Request, lost: &mut Vec<String>) -> Result<Talk<'a>> {
    let Params { temperature, max_tokens, stop, .. } = request.params.clone();
    let mut turns = Vec::new();
    let parts = |message: &'a Message| message.parts.iter().map(|part| (message.role, part));
    for (role, part) in request.messages.iter().flat_map(parts) {
        turns.push(match part {
            Part::Text(text) => Turn::Said { by: role.as_str(), say: &text.text },
            Part::ToolCall(call) => {
                Turn::Call { call: &call.name, id: &call.id, with: call.json()? }
            }
            Part::ToolResult(done) => {
                let other = done.parts.iter().filter(|part| part.as_text().is_none());
                lost.extend(other.map(|part| part.kind().to_owned()));
                Turn::Result { of: &done.call_id, say: done.text(), failed: done.is_error }
            }
            other => {
                lost.push(other.kind().to_owned());
                continue;
            }
        });
    }
    // Every other setting, those of tomorrow included.
    if let Value::Object(settings) = json!(request.params) {
        let known = ["temperature", "max_tokens", "stop", "options"];
        let set = settings.into_iter().filter(|(_, value)| !value.is_null());
        lost.extend(set.map(|(name, _)| name).filter(|name| !known.contains(&&**name)));
    }
    let options = request.params.options.contains_key("acme-native");
    lost.extend(options.then(|| "options".to_owned()));
    lost.extend((request.tool_choice != ToolChoice::Auto).then(|| "tool_choice".to_owned()));
    lost.extend((request.output != OutputFormat::Text).then(|| "output".to_owned()));
    let (model, stream, tools) = (&*request.model, request.is_streamed(), &*request.tools);
    Ok(Talk { model, stream, turns, tools, temperature, max_tokens, stop })
}

fn failure(Failure { code, text }: Failure, otherwise: ErrorKind) -> Error {
    let known = [("busy", ErrorKind::Overloaded), ("no_such_model", ErrorKind::ModelNotFound)];
    let kind = known.iter().find(|(name, _)| *name == code).map_or(otherwise, |(_, kind)| *kind);
    Error::new(kind, text).with_code(code)
}

/// The state of one answer.
#[derive(Debug, Default)]
pub struct LinesDecoder {
    parts: u32,
    is_open: bool,
}

impl Decoder for LinesDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let (Frame::Body(data) | Frame::Line(data)) = frame else { return Ok(()) };
        let line = serde_json::from_slice::<Line<'_>>(data);
        let line = line.map_err(|_| Error::new(ErrorKind::Decode, "this is no line of acme"))?;
        if let Some(error) = line.error {
            return Err(failure(error, ErrorKind::Server));
        }
        if let Some(text) = line.say {
            if !std::mem::replace(&mut self.is_open, true) {
                events.push_back(Event::text_start(self.parts));
            }
            events.push_back(Event::text_delta(self.parts, text));
        }
        if self.is_open && (line.end.is_some() || !line.calls.is_empty()) {
            events.push_back(Event::part_end(self.parts));
            (self.parts, self.is_open) = (self.parts + 1, false);
        }
        for call in line.calls {
            events.push_back(Event::part(self.parts, ToolCall::from(call)));
            self.parts += 1;
        }
        events.extend(line.tokens.map(|tokens| Event::usage(tokens.into())));
        if let Some(end) = line.end {
            let reason = match &*end {
                "done" => FinishReason::Stop,
                "limit" => FinishReason::Length,
                "calls" => FinishReason::ToolCalls,
                _ => FinishReason::Other,
            };
            events.push_back(Event::finish(Finish::new(reason).with_raw(end)));
        }
        Ok(())
    }

    fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
        Err(Error::new(ErrorKind::StreamInterrupted, "the answer has no end; send it again"))
    }
}
