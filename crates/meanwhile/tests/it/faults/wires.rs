//! [`Wire`]: what each vendor says and is asked, in the forms that the rows need.

use meanwhile::provider::{anthropic, bedrock, cohere, google, mistral, ollama, openai};
use meanwhile::{AnyProvider, ErrorKind};
use meanwhile_http::Client;
use serde_json::json;

use super::frames::{aws, event, exception, json_line, named, unending};
use super::hosts::{AZURE, AZURE_RESPONSES, BEDROCK_INVOKE, VERTEX, VERTEX_CLAUDE};

/// One vendor's wire. All say the same: `Grüße, world` for 9 and 4 tokens.
pub(crate) struct Wire {
    pub(crate) name: &'static str,
    /// The id of the provider in errors.
    pub(crate) id: &'static str,
    pub(crate) model: &'static str,
    pub(crate) connect: fn(Place) -> meanwhile::Result<AnyProvider>,
    /// The content type of a stream.
    pub(crate) content_type: &'static str,
    /// The header that names a request.
    pub(crate) request_id: &'static str,
    /// A whole answer.
    pub(crate) whole: fn(&str) -> String,
    /// A stream up to its first text.
    pub(crate) opening: fn() -> Vec<u8>,
    pub(crate) delta: fn(&str) -> Vec<u8>,
    /// The end of a stream that said this.
    pub(crate) ending: fn(&str) -> Vec<u8>,
    /// What holds a connection open and is no event, and what has to be sent before it.
    pub(crate) keep_alive: fn() -> Vec<u8>,
    pub(crate) before_keep_alive: fn() -> Vec<u8>,
    /// An event that says nothing.
    pub(crate) quiet: fn() -> Vec<u8>,
    /// An event that cannot be read.
    pub(crate) garbage: fn() -> Vec<u8>,
    /// An event, and a whole body, that report a failure, and which one it is.
    pub(crate) failure: fn() -> Vec<u8>,
    pub(crate) failure_whole: fn() -> String,
    pub(crate) failure_kind: ErrorKind,
    /// The body of a refusal with this status and message.
    pub(crate) refusal: fn(u16, &str) -> String,
    /// The body of a 429 that asks for a wait of 150 ms, where the vendor says it there.
    pub(crate) hint: Option<fn() -> String>,
    /// Whether the tokens of the prompt are told at the beginning of a stream.
    pub(crate) counts_early: bool,
}

/// Where a provider finds its server, and by which means.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) frame_limit: usize,
}

/// The secret that must not be seen anywhere.
pub(crate) const KEY: &str = "sk-planted-secret-0123456789";

pub(crate) const WIRES: [&Wire; 13] = [
    &OPENAI_CHAT,
    &OPENAI_RESPONSES,
    &ANTHROPIC,
    &GOOGLE,
    &MISTRAL,
    &COHERE,
    &OLLAMA,
    &BEDROCK,
    &AZURE,
    &AZURE_RESPONSES,
    &VERTEX,
    &VERTEX_CLAUDE,
    &BEDROCK_INVOKE,
];

const EVENTS: &str = "text/event-stream";

macro_rules! connect {
    ($builder:expr, $url:ident) => {
        |place| {
            $builder
                .$url(place.url)
                .api_key(KEY)
                .http_client(place.client)
                .frame_limit(place.frame_limit)
                .build()
        }
    };
}
pub(super) use connect;

pub(super) const OPENAI_CHAT: Wire = Wire {
    name: "openai chat",
    id: "openai",
    model: "gpt-4o-mini",
    connect: connect!(openai::OpenAi::builder(), base_url),
    content_type: EVENTS,
    request_id: "x-request-id",
    whole: |text| {
        json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
        .to_string()
    },
    opening: || chunk(&json!({"role": "assistant", "content": ""}), None),
    delta: |text| chunk(&json!({ "content": text }), None),
    ending: |_| {
        let usage = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1,
            "model": "m", "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}});
        [chunk(&json!({}), Some("stop")), event(&usage), b"data: [DONE]\n\n".to_vec()].concat()
    },
    keep_alive: || b": OPENROUTER PROCESSING\n\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || chunk(&json!({}), None),
    garbage: || b"data: {\"choices\": [<html>\n\n".to_vec(),
    failure: || event(&refused(None)),
    failure_whole: || refused(None).to_string(),
    failure_kind: ErrorKind::Server,
    refusal: |status, message| {
        json!({"error": {"message": message, "type": kind_of(status), "param": null,
            "code": null}})
        .to_string()
    },
    hint: Some(|| {
        let message = "Rate limit reached for gpt-4o-mini in organization org-1 on tokens per min \
            (TPM): Limit 200000, Used 199000, Requested 2000. Please try again in 150ms. Visit \
            https://platform.openai.com/account/rate-limits to learn more.";
        json!({"error": {"message": message, "type": "tokens", "param": null,
            "code": "rate_limit_exceeded"}})
        .to_string()
    }),
    counts_early: false,
};

const MISTRAL: Wire = Wire {
    name: "mistral",
    id: "mistral",
    model: "mistral-small-latest",
    connect: connect!(mistral::Mistral::builder(), base_url),
    refusal: |status, message| {
        json!({"object": "error", "message": message, "type": kind_of(status), "param": null,
            "code": "0", "raw_status_code": status})
        .to_string()
    },
    hint: None,
    ..OPENAI_CHAT
};

fn chunk(delta: &serde_json::Value, finish: Option<&str>) -> Vec<u8> {
    event(&json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
}

fn refused(code: Option<&str>) -> serde_json::Value {
    json!({"error": {"message": "The server had an error while processing your request",
        "type": "server_error", "param": null, "code": code}})
}

/// The type of error that vendors name beside a status. It is not always one that says anything.
fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "requests",
        500.. => "server_error",
        _ => "some_error",
    }
}

pub(super) const OPENAI_RESPONSES: Wire = Wire {
    name: "openai responses",
    id: "openai-responses",
    connect: connect!(openai::OpenAi::responses_builder(), base_url),
    whole: |text| response("completed", text).to_string(),
    opening: || {
        let item = json!({"id": "msg_1", "type": "message", "status": "in_progress",
            "role": "assistant", "content": []});
        [
            named(&json!({"type": "response.created", "sequence_number": 0, "response":
                {"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress",
                "model": "m", "output": []}})),
            named(&json!({"type": "response.output_item.added", "sequence_number": 1,
                "output_index": 0, "item": item})),
        ]
        .concat()
    },
    delta: |text| {
        named(&json!({"type": "response.output_text.delta", "sequence_number": 3,
            "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text}))
    },
    ending: |text| {
        named(&json!({"type": "response.completed", "sequence_number": 9,
            "response": response("completed", text)}))
    },
    keep_alive: || b": keep-alive\n\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || named(&json!({"type": "response.in_progress", "sequence_number": 1})),
    garbage: || b"event: response.output_text.delta\ndata: {\"type\": <html>\n\n".to_vec(),
    failure: || {
        named(&json!({"type": "error", "sequence_number": 4, "code": "server_error",
            "message": "The server had an error", "param": null}))
    },
    failure_whole: || {
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "failed",
            "model": "m", "output": [], "usage": null,
            "error": {"code": "server_error", "message": "The server had an error"}})
        .to_string()
    },
    ..OPENAI_CHAT
};

fn response(status: &str, text: &str) -> serde_json::Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "m",
        "output": [{"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]}],
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 13}})
}

pub(super) const ANTHROPIC: Wire = Wire {
    name: "anthropic",
    id: "anthropic",
    model: "claude-sonnet-4-5",
    connect: connect!(anthropic::Anthropic::builder(), base_url),
    content_type: EVENTS,
    request_id: "request-id",
    whole: |text| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 4}})
        .to_string()
    },
    opening: || {
        named(&json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
            "role": "assistant", "model": "m", "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 1}}}))
    },
    delta: |text| {
        named(&json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": text}}))
    },
    ending: |_| {
        [
            named(&json!({"type": "content_block_stop", "index": 0})),
            named(&json!({"type": "message_delta", "usage": {"output_tokens": 4},
                "delta": {"stop_reason": "end_turn", "stop_sequence": null}})),
            named(&json!({"type": "message_stop"})),
        ]
        .concat()
    },
    keep_alive: || b": keep-alive\n\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || named(&json!({"type": "ping"})),
    garbage: || b"event: content_block_delta\ndata: {\"type\": <html>\n\n".to_vec(),
    failure: || named(&overloaded()),
    failure_whole: || overloaded().to_string(),
    failure_kind: ErrorKind::Overloaded,
    refusal: |status, message| {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            500 => "api_error",
            503 | 529 => "overloaded_error",
            _ => "some_error",
        };
        json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
    },
    hint: None,
    counts_early: true,
};

fn overloaded() -> serde_json::Value {
    json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
}

pub(super) const GOOGLE: Wire = Wire {
    name: "google",
    id: "google",
    model: "gemini-2.5-flash",
    connect: connect!(google::Google::builder(), base_url),
    content_type: EVENTS,
    request_id: "x-request-id",
    whole: |text| candidate(text, true).to_string(),
    opening: Vec::new,
    delta: |text| event(&candidate(text, false)),
    ending: |_| event(&candidate("", true)),
    keep_alive: || b": keep-alive\n\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || event(&json!({"modelVersion": "m", "responseId": "r1"})),
    garbage: || b"data: {\"candidates\": [<html>\n\n".to_vec(),
    failure: || event(&unavailable()),
    failure_whole: || unavailable().to_string(),
    failure_kind: ErrorKind::Overloaded,
    refusal: |status, message| {
        let code = match status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            500 => "INTERNAL",
            503 => "UNAVAILABLE",
            _ => "",
        };
        json!({"error": {"code": status, "message": message, "status": code}}).to_string()
    },
    hint: Some(|| {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": "0.15s"}]);
        json!({"error": {"code": 429, "message": "You exceeded your current quota",
            "status": "RESOURCE_EXHAUSTED", "details": details}})
        .to_string()
    }),
    counts_early: true,
};

fn candidate(text: &str, ends: bool) -> serde_json::Value {
    let finish = if ends { json!("STOP") } else { json!(null) };
    let usage = match ends {
        true => json!({"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}),
        false => json!({"promptTokenCount": 9, "totalTokenCount": 9}),
    };
    json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"},
        "finishReason": finish, "index": 0}], "usageMetadata": usage, "modelVersion": "m",
        "responseId": "r1"})
}

fn unavailable() -> serde_json::Value {
    json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})
}

const COHERE: Wire = Wire {
    name: "cohere",
    id: "cohere",
    model: "command-a-03-2025",
    connect: connect!(cohere::Cohere::builder(), base_url),
    content_type: EVENTS,
    request_id: "x-request-id",
    whole: |text| {
        json!({"id": "c1", "finish_reason": "COMPLETE", "usage": cohere_usage(),
            "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}})
        .to_string()
    },
    opening: || {
        let message = json!({"role": "assistant", "content": [], "tool_plan": "",
            "tool_calls": [], "citations": []});
        named(&json!({"id": "c1", "type": "message-start", "delta": {"message": message}}))
    },
    delta: |text| {
        named(&json!({"type": "content-delta", "index": 0,
            "delta": {"message": {"content": {"text": text}}}}))
    },
    ending: |_| {
        let end = json!({"finish_reason": "COMPLETE", "usage": cohere_usage()});
        [
            named(&json!({"type": "content-end", "index": 0})),
            named(&json!({"type": "message-end", "delta": end})),
        ]
        .concat()
    },
    keep_alive: || b": keep-alive\n\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || named(&json!({"type": "debug"})),
    garbage: || b"event: content-delta\ndata: {\"type\": <html>\n\n".to_vec(),
    failure: || {
        let end = json!({"finish_reason": "ERROR", "error": "the model failed"});
        named(&json!({"type": "message-end", "delta": end}))
    },
    failure_whole: || json!({"id": "c1", "message": "internal server error"}).to_string(),
    failure_kind: ErrorKind::Server,
    refusal: |_, message| json!({"id": "req_7", "message": message}).to_string(),
    hint: None,
    counts_early: false,
};

fn cohere_usage() -> serde_json::Value {
    json!({"billed_units": {"input_tokens": 1, "output_tokens": 4},
        "tokens": {"input_tokens": 9, "output_tokens": 4}})
}

const OLLAMA: Wire = Wire {
    name: "ollama",
    id: "ollama",
    model: "qwen3",
    connect: connect!(ollama::Ollama::builder(), host),
    content_type: "application/x-ndjson",
    request_id: "x-request-id",
    whole: |text| ollama_line(text, true).to_string(),
    opening: Vec::new,
    delta: |text| json_line(&ollama_line(text, false)),
    ending: |_| json_line(&ollama_line("", true)),
    keep_alive: || b"\n".to_vec(),
    before_keep_alive: Vec::new,
    quiet: || json_line(&ollama_line("", false)),
    garbage: || b"{\"message\": <html>\n".to_vec(),
    failure: || json_line(&json!({"error": "the model runner has unexpectedly stopped"})),
    failure_whole: || json!({"error": "the model runner has unexpectedly stopped"}).to_string(),
    failure_kind: ErrorKind::Server,
    refusal: |_, message| json!({ "error": message }).to_string(),
    hint: None,
    counts_early: false,
};

fn ollama_line(text: &str, ends: bool) -> serde_json::Value {
    let mut line = json!({"model": "m", "created_at": "2025-01-01T00:00:00Z", "done": ends,
        "message": {"role": "assistant", "content": text}});
    if ends {
        line["done_reason"] = json!("stop");
        line["prompt_eval_count"] = json!(9);
        line["eval_count"] = json!(4);
    }
    line
}

pub(super) const BEDROCK: Wire = Wire {
    name: "bedrock",
    id: "bedrock",
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    connect: connect!(bedrock::Bedrock::builder().region("us-east-1"), base_url),
    content_type: "application/vnd.amazon.eventstream",
    request_id: "x-amzn-requestid",
    whole: |text| {
        json!({"output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": "end_turn", "metrics": {"latencyMs": 5},
            "usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}})
        .to_string()
    },
    opening: || aws("messageStart", &json!({"role": "assistant"})),
    delta: |text| {
        aws("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": text}}))
    },
    ending: |_| {
        let usage = json!({"inputTokens": 9, "outputTokens": 4, "totalTokens": 13});
        [
            aws("contentBlockStop", &json!({"contentBlockIndex": 0})),
            aws("messageStop", &json!({"stopReason": "end_turn"})),
            aws("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 5}})),
        ]
        .concat()
    },
    // The framing has nothing of the kind: a message that never ends has to do.
    keep_alive: || b"\x00".to_vec(),
    before_keep_alive: || unending(1 << 24),
    quiet: || aws("somethingNew", &json!({})),
    // What was sent is not what the checksum is of.
    garbage: || {
        let mut message = aws("contentBlockDelta", &json!({"contentBlockIndex": 0}));
        if let Some(last) = message.last_mut() {
            *last ^= 0xff;
        }
        message
    },
    failure: || exception("serviceUnavailableException", &json!({"message": "Bedrock is busy"})),
    failure_whole: || {
        json!({"__type": "ServiceUnavailableException", "message": "Bedrock is busy"}).to_string()
    },
    failure_kind: ErrorKind::Overloaded,
    refusal: |_, message| json!({ "message": message }).to_string(),
    hint: None,
    counts_early: false,
};
