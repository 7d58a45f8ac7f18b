//! Cases of requests, in memory: the same bytes every time, and nothing that is lost in silence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use meanwhile_core::{
    AnyProvider, Audio, Capabilities, Document, Effort, Error, ErrorKind, Event, Image,
    MediaSource, Message, OnUnsupported, OutputFormat, OutputSchema, OutputSupport, Params, Part,
    Reasoning, Request, Schema, ToolResult, Warning,
};
use serde_json::json;

use super::exchange::{Exchange, greeting};
use super::memory::{Canned, Memory};
use super::report::Verdict;
use super::seen::see;
use super::{Conformance, Report};

pub(super) async fn run(suite: &Conformance, capabilities: Capabilities, report: &mut Report) {
    report.case("the same request encodes to the same bytes", stable(suite)).await;
    for (name, set) in SETTINGS {
        let name = format!("the setting `{name}` is carried or reported");
        report.case(name, setting(suite, *set)).await;
    }
    report.case("messages of every role are carried", roles(suite)).await;
    for (name, is_declared, parts) in media(capabilities) {
        let name = format!("{name} is carried or reported");
        report.case(name, carries(suite, is_declared, &parts)).await;
    }
    let name = "a declared schema is carried";
    if capabilities.output == OutputSupport::Schema {
        report.case(name, schema(suite)).await;
    } else {
        report.add(name, Verdict::Skipped("schemas are not declared".to_owned()));
    }
    let name = "a tool call and its result go back";
    if !capabilities.tools {
        report.add(name, Verdict::Skipped("tools are not declared".to_owned()));
    }
    for exchange in suite.with_tools().filter(|_| capabilities.tools) {
        for streamed in [false, true] {
            if exchange.answer(streamed).is_some() {
                let delivery = if streamed { "streamed" } else { "whole" };
                let name = format!("{}, {delivery}: {name}", exchange.name);
                report.case(name, tool_round_trip(suite, exchange, streamed)).await;
            }
        }
    }
}

/// What became of a request: what was sent, and what was reported.
struct Sent {
    place: String,
    /// The headers that say something about the request, not who asks and when.
    headers: HeaderMap,
    body: Bytes,
    warnings: Vec<Warning>,
}

impl Sent {
    /// Whether the body holds `text`, as it is or as JSON writes it.
    fn holds(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }

    /// Whether the provider is told the same.
    fn is_same(&self, other: &Self) -> bool {
        self.body == other.body && self.headers == other.headers
    }

    fn shown(&self) -> String {
        format!("{} {}", self.place, String::from_utf8_lossy(&self.body))
    }
}

/// Sends `request` and looks at what comes out. An error of encoding is the inner one.
async fn send(suite: &Conformance, request: Request) -> Result<Result<Sent, Error>, String> {
    let (provider, memory) = suite.in_memory()?;
    send_to(suite, &provider, &memory, request).await
}

async fn send_to(
    suite: &Conformance,
    provider: &AnyProvider,
    memory: &Memory,
    request: Request,
) -> Result<Result<Sent, Error>, String> {
    if let Some(body) =
        suite.first(request.is_streamed()).and_then(|of| of.answer(request.is_streamed()))
    {
        memory.answer(Canned::ok(&body.content_type, vec![body.bytes.clone()]));
    }
    let seen = see(provider, request).await;
    let Some(sent) = memory.last() else {
        return match seen.error {
            Some(error) => Ok(Err(error)),
            None => Err("nothing was sent".to_owned()),
        };
    };
    let warnings = seen.events.into_iter().filter_map(|event| match event {
        Event::Warning(warning) => Some(*warning),
        _ => None,
    });
    let place = format!("{} {}", sent.method(), sent.uri());
    let mut headers = sent.headers().clone();
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256", "content-length"] {
        headers.remove(name);
    }
    Ok(Ok(Sent { place, headers, body: sent.body().clone(), warnings: warnings.collect() }))
}

async fn sent(suite: &Conformance, request: Request) -> Result<Sent, String> {
    send(suite, request).await?.map_err(|error| format!("it cannot be sent: {error}"))
}

async fn stable(suite: &Conformance) -> Result<(), String> {
    for streamed in [false, true] {
        let requests = suite.exchanges.iter().map(|exchange| exchange.ask(&suite.model, streamed));
        for request in requests {
            let first = sent(suite, request.clone()).await?;
            let second = sent(suite, request).await?;
            if (&first.place, &first.body) != (&second.place, &second.body) {
                return Err(format!("{} became {}", first.shown(), second.shown()));
            }
        }
    }
    Ok(())
}

type Setting = (&'static str, fn(&mut Params));

const SETTINGS: &[Setting] = &[
    ("temperature", |params| params.temperature = Some(0.25)),
    ("top_p", |params| params.top_p = Some(0.75)),
    ("top_k", |params| params.top_k = Some(37)),
    ("max_tokens", |params| params.max_tokens = Some(1234)),
    ("stop", |params| params.stop = Some(vec!["zz-stop".to_owned()])),
    ("seed", |params| params.seed = Some(4711)),
    ("presence_penalty", |params| params.presence_penalty = Some(0.125)),
    ("frequency_penalty", |params| params.frequency_penalty = Some(0.375)),
    ("parallel_tool_calls", |params| params.parallel_tool_calls = Some(false)),
    ("reasoning effort", |params| params.reasoning = Some(Reasoning::Effort(Effort::Low))),
    ("reasoning budget", |params| params.reasoning = Some(Reasoning::Budget(2048))),
    ("logprobs", |params| params.logprobs = Some(3)),
    ("user", |params| params.user = Some("zz-user".to_owned())),
    ("service_tier", |params| params.service_tier = Some("flex".to_owned())),
    ("prompt_cache_key", |params| params.prompt_cache_key = Some("zz-cache".to_owned())),
];

/// A setting changes the request, or a warning says that it does not; where the request asks for
/// errors, one of the two must be.
async fn setting(suite: &Conformance, set: fn(&mut Params)) -> Result<(), String> {
    let tools = suite.with_tools().next();
    let plain = tools.map_or_else(|| greeting(&suite.model), |of| of.ask(&suite.model, false));
    let without = sent(suite, plain.clone()).await?;
    let mut request = plain;
    set(&mut request.params);
    let with = match send(suite, request.clone()).await? {
        Ok(sent) => sent,
        Err(error) if is_refusal(&error) => return Ok(()),
        Err(error) => return Err(format!("it cannot be sent: {error}")),
    };
    if with.is_same(&without) && with.warnings.len() <= without.warnings.len() {
        return Err(format!("it is neither sent nor reported: {}", with.shown()));
    }
    request.unsupported = OnUnsupported::Error;
    match send(suite, request).await? {
        Ok(strict) if strict.is_same(&without) => {
            Err("it is not sent, and there is no error where errors are asked for".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) if is_refusal(&error) => Ok(()),
        Err(error) => Err(format!("an error of another kind: {error}")),
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Config)
}

async fn roles(suite: &Conformance) -> Result<(), String> {
    let mut request = greeting(&suite.model);
    request.messages = vec![
        Message::system("zz-of-the-system"),
        Message::user("zz-first-of-the-user"),
        Message::assistant("zz-of-the-assistant"),
        Message::user(vec![Part::text("zz-second-of-the-user"), Part::text("zz-its-end")]),
    ];
    let sent = sent(suite, request).await?;
    let texts = [
        "zz-of-the-system",
        "zz-first-of-the-user",
        "zz-of-the-assistant",
        "zz-second-of-the-user",
        "zz-its-end",
    ];
    for text in texts {
        if !sent.holds(text) {
            return Err(format!("`{text}` is missing from {}", sent.shown()));
        }
    }
    Ok(())
}

/// Parts of each kind of media, and whether the provider says that it takes the kind.
fn media(capabilities: Capabilities) -> [(&'static str, bool, Vec<Part>); 3] {
    let sound = &b"RIFF\x24\0\0\0WAVEfmt "[..];
    let paper = &b"%PDF-1.4 zz"[..];
    let image = Image::bytes(PIXEL, "image/png");
    let audio = Audio::bytes(sound, "audio/wav");
    let document = Document::bytes(paper, "application/pdf").with_name("paper");
    let text = Document::text("zz-document").with_name("note");
    [
        ("an image", capabilities.images, vec![image.into()]),
        ("audio", capabilities.audio, vec![audio.into()]),
        ("a document", capabilities.documents, vec![document.into(), text.into()]),
    ]
}

/// The head of a PNG file.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

/// Each part is sent or reported; where the kind is declared, one of them at least is sent.
async fn carries(suite: &Conformance, is_declared: bool, parts: &[Part]) -> Result<(), String> {
    let mut carried = false;
    let mut last = String::new();
    for part in parts {
        let mut request = greeting(&suite.model);
        request.messages = vec![Message::user(vec![Part::text("Look"), part.clone()])];
        match send(suite, request).await? {
            Ok(sent) if contents(part).iter().any(|content| sent.holds(content)) => carried = true,
            Ok(sent) if sent.warnings.is_empty() => {
                return Err(format!("it is neither sent nor reported: {}", sent.shown()));
            }
            Ok(sent) => last = sent.shown(),
            Err(error) if is_refusal(&error) => last = error.to_string(),
            Err(error) => return Err(format!("it cannot be sent: {error}")),
        }
    }
    if carried || !is_declared {
        Ok(())
    } else {
        Err(format!("it is declared, but not sent: {last}"))
    }
}

/// The ways in which a wire may write what a part holds.
fn contents(part: &Part) -> Vec<String> {
    let source = match part {
        Part::Image(image) => &image.source,
        Part::Audio(audio) => &audio.source,
        Part::Document(document) => &document.source,
        _ => return Vec::new(),
    };
    let mut contents: Vec<String> = source.base64().into_iter().collect();
    if let MediaSource::Text(text) = source {
        contents.extend([text.clone(), STANDARD.encode(text)]);
    }
    contents
}

async fn schema(suite: &Conformance) -> Result<(), String> {
    let schema = Schema::from(json!({
        "type": "object",
        "properties": { "zz_title": { "type": "string" } },
        "required": ["zz_title"],
    }));
    let mut request = greeting(&suite.model);
    request.output = OutputFormat::Schema(OutputSchema::new("book", schema));
    let sent = sent(suite, request).await?;
    if sent.holds("zz_title") {
        return Ok(());
    }
    Err(format!("its properties are not in {}", sent.shown()))
}

/// Decodes a turn with tool calls, answers them, and sends the conversation again.
async fn tool_round_trip(
    suite: &Conformance,
    exchange: &Exchange,
    streamed: bool,
) -> Result<(), String> {
    let (provider, memory) = suite.in_memory()?;
    let Some(body) = exchange.answer(streamed) else { return Ok(()) };
    memory.answer(Canned::ok(&body.content_type, vec![body.bytes.clone()]));
    let request = exchange.ask(&suite.model, streamed);
    let response = see(&provider, request.clone()).await.response()?;
    let calls: Vec<_> = response.tool_calls().cloned().collect();
    let mut ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != calls.len() || ids.contains(&"") {
        return Err(format!("the ids of the calls are not one for each: {ids:?}"));
    }
    for failed in [false, true] {
        let results = calls.iter().enumerate().map(|(number, call)| {
            let text = format!("zz-result-{number}");
            if failed { ToolResult::error(call, text) } else { ToolResult::new(call, text) }
        });
        let mut next = request.clone();
        next.messages.push(response.message.clone());
        next.messages.push(Message::tool_results(results));
        let (provider, memory) = suite.in_memory()?;
        let sent = send_to(suite, &provider, &memory, next).await?;
        let sent = sent.map_err(|error| format!("the results cannot be sent: {error}"))?;
        for (number, call) in calls.iter().enumerate() {
            for text in [&call.name, &format!("zz-result-{number}")] {
                if !sent.holds(text) {
                    return Err(format!("`{text}` is missing from {}", sent.shown()));
                }
            }
        }
    }
    Ok(())
}
