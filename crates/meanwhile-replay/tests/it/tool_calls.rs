//! Tool calls in pieces, on every wire that streams their arguments: whatever the pieces, however they
//! interleave and wherever the bytes are cut, the calls come out as they were made; and calls that the token
//! limit cut do not run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use meanwhile_anthropic::{Host, MessagesCodec};
use meanwhile_bedrock::ConverseCodec;
use meanwhile_core::tool::{AnyTool, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox};
use meanwhile_core::{
    Capabilities, Event, EventStream, FinishReason, Fold, Message, Model, Part, Provider, Request,
    Response, Result, Role, Schema,
};
use meanwhile_google::GenerateContentCodec;
use meanwhile_http::{Answer, Codec, Framing};
use meanwhile_openai_compatible::{ChatCodec, Quirks};
use meanwhile_openai_responses::{ResponsesCodec, ResponsesQuirks};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// A call as the model makes it: its arguments are `{"a": …}`, or nothing at all.
#[derive(Debug, Clone)]
struct Made {
    id: Option<String>,
    name: String,
    text: Option<String>,
    cuts: Vec<Index>,
}

/// An answer with calls, and the order in which its pieces come.
#[derive(Debug, Clone)]
struct Script {
    calls: Vec<Made>,
    /// Text beside the calls.
    said: Option<String>,
    turns: Vec<Index>,
    /// After so much of it the token limit cuts the answer.
    limit: Option<Index>,
    sizes: Vec<usize>,
}

/// What comes at once.
#[derive(Debug, Clone)]
enum Piece {
    Said(String),
    Start(usize),
    More(usize, String),
    End(usize),
}

impl Made {
    fn arguments(&self) -> String {
        self.text.as_ref().map_or_else(String::new, |text| json!({ "a": text }).to_string())
    }

    /// A text cut where the script says.
    fn cut(&self, text: &str) -> Vec<String> {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut ends: Vec<usize> = self.cuts.iter().map(|cut| *cut.get(&ends)).collect();
        ends.push(text.len());
        ends.sort_unstable();
        let mut start = 0;
        ends.into_iter()
            .map(|end| text[std::mem::replace(&mut start, end)..end].to_owned())
            .collect()
    }
}

impl Script {
    /// The pieces in their order; those of one call follow each other where calls may not interleave.
    fn pieces(&self, interleave: bool, whole_texts: bool) -> Vec<Piece> {
        let mut rows: Vec<Vec<Piece>> = Vec::new();
        for (at, call) in self.calls.iter().enumerate() {
            let text = match &call.text {
                Some(text) if whole_texts => text.clone(),
                _ => call.arguments(),
            };
            let more = call.cut(&text).into_iter().map(|piece| Piece::More(at, piece));
            rows.push([Piece::Start(at)].into_iter().chain(more).chain([Piece::End(at)]).collect());
        }
        rows.extend(self.said.clone().map(|said| vec![Piece::Said(said)]));
        let mut pieces = Vec::new();
        let mut turns = self.turns.iter().cycle();
        while !rows.is_empty() {
            let row = turns.next().unwrap().index(rows.len());
            if interleave {
                pieces.push(rows[row].remove(0));
            } else {
                pieces.append(&mut rows[row]);
            }
            rows.retain(|row| !row.is_empty());
        }
        if let Some(limit) = &self.limit {
            pieces.truncate(limit.index(pieces.len() + 1));
        }
        pieces
    }
}

fn script() -> impl Strategy<Value = Script> {
    // Ids may be missing, be one for two calls, and be numbered as ours are: the next one is `call_3`.
    let id = prop::sample::select(vec![None, Some("own"), Some("twin"), Some("call_3")]);
    let call = (
        id,
        prop::sample::select(vec!["look", "find", "buy"]),
        prop::option::weighted(0.8, "[a-zé\\\\\"{}\n ]{0,12}"),
        prop::collection::vec(any::<Index>(), 0..4),
    );
    (
        prop::collection::vec(call, 1..5),
        prop::option::of("[a-z ]{1,8}x"),
        prop::collection::vec(any::<Index>(), 1..16),
        prop::option::weighted(0.3, any::<Index>()),
        prop::collection::vec(1..40_usize, 1..6),
    )
        .prop_map(|(calls, said, turns, limit, sizes)| Script {
            calls: calls
                .into_iter()
                .enumerate()
                .map(|(at, (id, name, text, cuts))| Made {
                    id: id.map(|id| if id == "own" { format!("tool_{at}") } else { id.to_owned() }),
                    name: name.to_owned(),
                    text,
                    cuts,
                })
                .collect(),
            said,
            turns,
            limit,
            sizes,
        })
}

/// A wire, and how a server writes pieces on it.
struct Wire {
    name: &'static str,
    framing: Framing,
    interleaves: bool,
    /// Whether arguments come as pieces of their texts, not of JSON.
    whole_texts: bool,
    /// Whether calls may come without ids.
    without_ids: bool,
    write: fn(&Script, &[Piece]) -> Vec<Value>,
    decode: fn(&Request, Framing, Vec<Bytes>) -> Vec<Result<Event>>,
}

fn read<C: Codec>(
    codec: &C,
    request: &Request,
    framing: Framing,
    chunks: Vec<Bytes>,
) -> Vec<Result<Event>> {
    let mut answer = Answer::new(codec.decoder(request), framing);
    let mut events = Vec::new();
    for chunk in chunks {
        answer.push(chunk);
        events.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    events.extend(std::iter::from_fn(|| answer.next()));
    events
}

const CHAT: Wire = Wire {
    name: "chat",
    framing: Framing::ServerSentEvents,
    interleaves: true,
    whole_texts: false,
    without_ids: true,
    write: |script, pieces| chat(script, pieces, Some),
    decode: |request, framing, chunks| {
        read(&ChatCodec::new("acme", Quirks::new()), request, framing, chunks)
    },
};

/// Servers that give every call the index 0, or none at all: the calls come one after the other, and have ids.
const CHAT_ONE_INDEX: Wire = Wire {
    name: "chat, one index",
    interleaves: false,
    without_ids: false,
    write: |script, pieces| chat(script, pieces, |_| Some(0)),
    ..CHAT
};
const CHAT_NO_INDEX: Wire = Wire {
    name: "chat, no index",
    write: |script, pieces| chat(script, pieces, |_| None),
    ..CHAT_ONE_INDEX
};

fn chat(script: &Script, pieces: &[Piece], index: fn(usize) -> Option<usize>) -> Vec<Value> {
    let delta = |delta: Value| json!({ "id": "r", "choices": [{ "index": 0, "delta": delta }] });
    let call = |at: usize, mut call: Value| {
        if let Some(index) = index(at) {
            call["index"] = index.into();
        }
        delta(json!({ "tool_calls": [call] }))
    };
    let written = pieces.iter().enumerate().filter_map(|(place, piece)| {
        Some(match piece {
            Piece::Said(said) => delta(json!({ "content": said })),
            Piece::Start(at) => {
                let Made { id, name, .. } = &script.calls[*at];
                let function = json!({ "name": name, "arguments": "" });
                call(*at, json!({ "id": id, "type": "function", "function": function }))
            }
            // Later pieces repeat the id, leave it empty, or leave it out.
            Piece::More(at, text) => {
                let function = json!({ "arguments": text });
                match (place % 3, &script.calls[*at].id) {
                    (0, Some(id)) => call(*at, json!({ "id": id, "function": function })),
                    (1, _) => call(*at, json!({ "id": "", "function": function })),
                    _ => call(*at, json!({ "function": function })),
                }
            }
            Piece::End(_) => return None,
        })
    });
    let reason = if script.limit.is_some() { "length" } else { "tool_calls" };
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] });
    written.chain([end]).collect()
}

const RESPONSES: Wire = Wire {
    name: "responses",
    write: responses,
    decode: |request, framing, chunks| {
        read(&ResponsesCodec::new("acme", ResponsesQuirks::new()), request, framing, chunks)
    },
    ..CHAT
};

fn responses(script: &Script, pieces: &[Piece]) -> Vec<Value> {
    let item = |at: usize, arguments: &str| {
        let Made { id, name, .. } = &script.calls[at];
        json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments })
    };
    let text = |said: &str| {
        let content = json!([{ "type": "output_text", "text": said, "annotations": [] }]);
        json!({ "type": "message", "id": "m", "role": "assistant", "content": content })
    };
    let mut written = vec![json!({ "type": "response.created", "response": { "id": "r" } })];
    for piece in pieces {
        match piece {
            Piece::Said(said) => {
                let place = script.calls.len();
                for (kind, key) in [("added", ""), ("done", said.as_str())] {
                    written.push(json!({ "type": format!("response.output_item.{kind}"),
                        "output_index": place, "item": text(key) }));
                }
            }
            Piece::Start(at) => written.push(json!({ "type": "response.output_item.added",
                "output_index": at, "item": item(*at, "") })),
            Piece::More(at, more) => {
                written.push(json!({ "type": "response.function_call_arguments.delta",
                    "output_index": at, "delta": more }));
            }
            Piece::End(at) => {
                let arguments = script.calls[*at].arguments();
                written.push(json!({ "type": "response.function_call_arguments.done",
                    "output_index": at, "arguments": arguments }));
                written.push(json!({ "type": "response.output_item.done",
                    "output_index": at, "item": item(*at, &arguments) }));
            }
        }
    }
    written.push(match script.limit {
        None => json!({ "type": "response.completed", "response": { "id": "r", "status": "completed" } }),
        Some(_) => json!({ "type": "response.incomplete", "response": { "id": "r", "status": "incomplete",
            "incomplete_details": { "reason": "max_output_tokens" } } }),
    });
    written
}

const MESSAGES: Wire = Wire {
    name: "messages",
    write: messages,
    decode: |request, framing, chunks| {
        read(&MessagesCodec::new("anthropic", Host::Anthropic), request, framing, chunks)
    },
    ..CHAT
};

fn messages(script: &Script, pieces: &[Piece]) -> Vec<Value> {
    let mut written =
        vec![json!({ "type": "message_start", "message": { "id": "m", "content": [] } })];
    let start = |index: usize, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let delta = |index: usize, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let stop = |index: usize| json!({ "type": "content_block_stop", "index": index });
    for piece in pieces {
        match piece {
            Piece::Said(said) => {
                let place = script.calls.len();
                written.push(start(place, json!({ "type": "text", "text": "" })));
                written.push(delta(place, json!({ "type": "text_delta", "text": said })));
                written.push(stop(place));
            }
            Piece::Start(at) => {
                let Made { id, name, .. } = &script.calls[*at];
                let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                written.push(start(*at, block));
            }
            Piece::More(at, more) => {
                let more = json!({ "type": "input_json_delta", "partial_json": more });
                written.push(delta(*at, more));
            }
            Piece::End(at) => written.push(stop(*at)),
        }
    }
    let reason = if script.limit.is_some() { "max_tokens" } else { "tool_use" };
    written.push(json!({ "type": "message_delta", "delta": { "stop_reason": reason } }));
    written.push(json!({ "type": "message_stop" }));
    written
}

const COHERE: Wire = Wire {
    name: "cohere",
    write: cohere,
    decode: |request, framing, chunks| {
        read(&meanwhile_cohere::ChatCodec::default(), request, framing, chunks)
    },
    ..CHAT
};

fn cohere(script: &Script, pieces: &[Piece]) -> Vec<Value> {
    let event = |kind: &str, index: usize, message: Value| json!({ "type": kind, "index": index, "delta": { "message": message } });
    let mut written = vec![json!({ "type": "message-start", "id": "m" })];
    for piece in pieces {
        written.extend(match piece {
            Piece::Said(said) => {
                let content = |text: &str| json!({ "content": { "type": "text", "text": text } });
                vec![
                    event("content-start", 0, content("")),
                    event("content-delta", 0, content(said)),
                    event("content-end", 0, Value::Null),
                ]
            }
            Piece::Start(at) => {
                let Made { id, name, .. } = &script.calls[*at];
                let function = json!({ "name": name, "arguments": "" });
                let call = json!({ "id": id, "type": "function", "function": function });
                vec![event("tool-call-start", *at, json!({ "tool_calls": call }))]
            }
            Piece::More(at, more) => {
                let call = json!({ "function": { "arguments": more } });
                vec![event("tool-call-delta", *at, json!({ "tool_calls": call }))]
            }
            Piece::End(at) => vec![event("tool-call-end", *at, Value::Null)],
        });
    }
    let reason = if script.limit.is_some() { "MAX_TOKENS" } else { "TOOL_CALL" };
    written.push(json!({ "type": "message-end", "delta": { "finish_reason": reason } }));
    written
}

const CONVERSE: Wire = Wire {
    name: "converse",
    framing: Framing::JsonLines,
    write: converse,
    decode: |request, framing, chunks| {
        read(&ConverseCodec::new("bedrock"), request, framing, chunks)
    },
    ..CHAT
};

fn converse(script: &Script, pieces: &[Piece]) -> Vec<Value> {
    let delta = |index: usize, delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": delta } });
    let stop = |index: usize| json!({ "contentBlockStop": { "contentBlockIndex": index } });
    let mut written = vec![json!({ "messageStart": { "role": "assistant" } })];
    for piece in pieces {
        match piece {
            Piece::Said(said) => {
                let place = script.calls.len();
                written.extend([delta(place, json!({ "text": said })), stop(place)]);
            }
            Piece::Start(at) => {
                let Made { id, name, .. } = &script.calls[*at];
                let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
                written.push(
                    json!({ "contentBlockStart": { "contentBlockIndex": at, "start": start } }),
                );
            }
            Piece::More(at, more) => {
                written.push(delta(*at, json!({ "toolUse": { "input": more } })))
            }
            Piece::End(at) => written.push(stop(*at)),
        }
    }
    let reason = if script.limit.is_some() { "max_tokens" } else { "tool_use" };
    written.push(json!({ "messageStop": { "stopReason": reason } }));
    written.push(json!({ "metadata": { "usage": { "inputTokens": 1, "outputTokens": 1 } } }));
    written
}

const GENERATE_CONTENT: Wire = Wire {
    name: "generate content",
    interleaves: false,
    whole_texts: true,
    write: generate_content,
    decode: |request, framing, chunks| {
        read(&GenerateContentCodec::ai_studio(), request, framing, chunks)
    },
    ..CHAT
};

fn generate_content(script: &Script, pieces: &[Piece]) -> Vec<Value> {
    let part = |part: Value| json!({ "candidates": [{ "content": { "role": "model", "parts": [part] } }] });
    let call = |call: Value| part(json!({ "functionCall": call }));
    let written = pieces.iter().map(|piece| match piece {
        Piece::Said(said) => part(json!({ "text": said })),
        Piece::Start(at) => {
            let Made { id, name, .. } = &script.calls[*at];
            call(json!({ "id": id, "name": name, "willContinue": true }))
        }
        Piece::More(at, more) if script.calls[*at].text.is_some() => {
            let more = json!({ "jsonPath": "$.a", "stringValue": more, "willContinue": true });
            call(json!({ "partialArgs": [more], "willContinue": true }))
        }
        Piece::More(..) => call(json!({ "willContinue": true })),
        Piece::End(_) => call(json!({ "willContinue": false })),
    });
    let reason = if script.limit.is_some() { "MAX_TOKENS" } else { "STOP" };
    let end = json!({ "candidates": [{ "content": { "role": "model" }, "finishReason": reason }] });
    written.chain([end]).collect()
}

fn body(framing: Framing, written: &[Value]) -> Vec<u8> {
    let lines = written.iter().map(|value| match framing {
        Framing::JsonLines => format!("{value}\n"),
        _ => {
            let name = value["type"].as_str().map(|name| format!("event: {name}\n"));
            format!("{}data: {value}\n\n", name.unwrap_or_default())
        }
    });
    lines.collect::<String>().into_bytes()
}

/// The calls of the conversation so far: numbered as ours are, and as those of a server that counts anew in
/// each answer.
const EARLIER: [&str; 3] = ["call_0", "call_2", "tool_1"];

fn request() -> Request {
    let earlier = EARLIER.map(|id| ToolCall::new(id, "look", "{}"));
    let called = Message::new(Role::Assistant, earlier.map(Part::from).to_vec());
    Request::new("m", vec![Message::user("go"), called]).streamed()
}

fn fold(events: &[Result<Event>]) -> Response {
    let mut fold = Fold::new("acme", "m");
    for event in events {
        fold.push(event.as_ref().unwrap()).unwrap();
    }
    fold.finish().unwrap()
}

fn check(wire: &Wire, mut script: Script) -> std::result::Result<(), TestCaseError> {
    if !wire.without_ids {
        for (at, call) in script.calls.iter_mut().enumerate() {
            call.id = Some(format!("tool_{at}"));
        }
    }
    let pieces = script.pieces(wire.interleaves, wire.whole_texts);
    let body = body(wire.framing, &(wire.write)(&script, &pieces));
    let mut sizes = script.sizes.iter().cycle();
    let (mut chunks, mut rest) = (Vec::new(), &body[..]);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        chunks.push(Bytes::copy_from_slice(chunk));
        rest = after;
    }
    let events = (wire.decode)(&request(), wire.framing, chunks);
    let response = fold(&events);
    let whole = (wire.decode)(&request(), wire.framing, vec![Bytes::from(body)]);
    prop_assert_eq!(&fold(&whole), &response, "{}: the cuts matter", wire.name);

    let started: Vec<usize> = pieces
        .iter()
        .filter_map(|piece| if let Piece::Start(at) = piece { Some(*at) } else { None })
        .collect();
    let calls: Vec<&ToolCall> = response.tool_calls().collect();
    prop_assert_eq!(calls.len(), started.len(), "{}: {:?}", wire.name, calls);
    let mut ids: Vec<&str> = EARLIER.to_vec();
    for (call, at) in calls.iter().zip(&started) {
        let made = &script.calls[*at];
        prop_assert_eq!(&call.name, &made.name, "{}", wire.name);
        if let Some(id) = made.id.as_ref().filter(|id| !ids.contains(&id.as_str())) {
            prop_assert_eq!(&call.id, id, "{}", wire.name);
        }
        prop_assert!(!ids.contains(&&*call.id), "{}: {} twice", wire.name, call.id);
        ids.push(&call.id);
        let came: String = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::More(of, text) if of == at => Some(text.as_str()),
                _ => None,
            })
            .collect();
        if script.limit.is_none() {
            let arguments =
                made.text.as_ref().map_or_else(|| json!({}), |text| json!({ "a": text }));
            prop_assert_eq!(call.json().unwrap(), arguments, "{}", wire.name);
        }
        if !wire.whole_texts && !came.is_empty() {
            prop_assert_eq!(&call.arguments, &came, "{}", wire.name);
        }
    }
    let said = pieces.iter().find_map(|piece| match piece {
        Piece::Said(said) => Some(said.as_str()),
        _ => None,
    });
    prop_assert_eq!(response.text(), said.unwrap_or_default(), "{}", wire.name);

    let is_cut = response.finish_reason() == Some(FinishReason::Length);
    prop_assert_eq!(is_cut, script.limit.is_some(), "{}", wire.name);
    let ran = run(events);
    let expected = if script.limit.is_some() { 0 } else { started.len() };
    prop_assert_eq!(ran as usize, expected, "{}: what was cut ran", wire.name);
    Ok(())
}

/// Plays one answer, and then a text.
#[derive(Debug)]
struct Plays(std::sync::Mutex<Option<Vec<Result<Event>>>>);

#[async_trait::async_trait]
impl Provider for Plays {
    fn id(&self) -> &str {
        "acme"
    }

    fn capabilities(&self, _: &str) -> Capabilities {
        Capabilities::text()
    }

    async fn send(&self, _: Request) -> Result<EventStream> {
        let done = || {
            let finish = meanwhile_core::Finish::new(FinishReason::Stop);
            vec![Ok(Event::part(0, Part::text("done"))), Ok(Event::finish(finish))]
        };
        Ok(EventStream::from_events(self.0.lock().unwrap().take().unwrap_or_else(done)))
    }
}

/// Counts how often it runs.
#[derive(Debug)]
struct Counts(&'static str, Arc<AtomicU32>);

#[async_trait::async_trait]
impl Tool for Counts {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(
            self.0,
            "Counts.",
            Schema::from(json!({ "type": "object", "properties": {} })),
        )
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(ToolOutput::new("counted"))
    }
}

/// How many tools the loop runs for an answer.
fn run(events: Vec<Result<Event>>) -> u32 {
    let count = Arc::new(AtomicU32::new(0));
    let tools: Toolbox = ["look", "find", "buy"]
        .into_iter()
        .map(|name| AnyTool::new(Counts(name, Arc::clone(&count))))
        .collect();
    let model = Model::new(Plays(std::sync::Mutex::new(Some(events))), "m");
    let call = model.call::<String>("go").tools(tools);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // A cut answer is an error, the others end with a text.
    let _ended = runtime.block_on(call.into_future());
    count.load(Ordering::Relaxed)
}

macro_rules! wires {
    ($($name:ident: $wire:expr),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(400))]
            $(
                #[test]
                fn $name(script in script()) {
                    check(&$wire, script)?;
                }
            )*
        }
    };
}

wires! {
    calls_of_chat_completions_come_whole: CHAT,
    calls_of_chat_completions_under_one_index_come_whole: CHAT_ONE_INDEX,
    calls_of_chat_completions_without_an_index_come_whole: CHAT_NO_INDEX,
    calls_of_responses_come_whole: RESPONSES,
    calls_of_messages_come_whole: MESSAGES,
    calls_of_cohere_come_whole: COHERE,
    calls_of_converse_come_whole: CONVERSE,
    calls_of_generate_content_come_whole: GENERATE_CONTENT,
}
