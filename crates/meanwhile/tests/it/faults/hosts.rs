//! Hosts that serve a vendor's wire at an address of their own, with what they say in their own way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile::ErrorKind;
use meanwhile::provider::{anthropic, azure, bedrock, google};
use serde_json::json;

use super::frames::aws;
use super::wires::{ANTHROPIC, BEDROCK, GOOGLE, KEY, OPENAI_CHAT, OPENAI_RESPONSES, Wire, connect};

/// Vertex with a token, as of a service account, in a project.
macro_rules! vertex {
    () => {
        |place| {
            google::Vertex::builder()
                .project("my-project")
                .location("europe-west4")
                .access_token(KEY)
                .base_url(place.url)
                .http_client(place.client)
                .frame_limit(place.frame_limit)
                .build()
        }
    };
}

pub(super) const VERTEX: Wire =
    Wire { name: "vertex, gemini", id: "vertex", connect: vertex!(), ..GOOGLE };

pub(super) const VERTEX_CLAUDE: Wire =
    Wire { name: "vertex, claude", id: "vertex", connect: vertex!(), ..ANTHROPIC };

pub(super) const AZURE: Wire = Wire {
    name: "azure",
    id: "azure",
    connect: connect!(azure::Azure::builder(), endpoint),
    request_id: "apim-request-id",
    hint: None,
    ..OPENAI_CHAT
};

pub(super) const AZURE_RESPONSES: Wire = Wire {
    name: "azure responses",
    id: "azure",
    connect: connect!(azure::Azure::builder().responses(), endpoint),
    request_id: "apim-request-id",
    hint: None,
    ..OPENAI_RESPONSES
};

/// Anthropic's wire in Bedrock's framing and with its errors.
pub(super) const BEDROCK_INVOKE: Wire = Wire {
    name: "bedrock invoke, claude",
    connect: |place| {
        let messages = anthropic::MessagesCodec::new("bedrock", anthropic::Host::Bedrock);
        bedrock::Bedrock::builder()
            .region("us-east-1")
            .base_url(place.url)
            .api_key(KEY)
            .http_client(place.client)
            .frame_limit(place.frame_limit)
            .build_with(bedrock::InvokeCodec::new(messages))
    },
    whole: ANTHROPIC.whole,
    opening: || chunks(&(ANTHROPIC.opening)()),
    delta: |text| chunks(&(ANTHROPIC.delta)(text)),
    ending: |text| chunks(&(ANTHROPIC.ending)(text)),
    quiet: || chunks(&(ANTHROPIC.quiet)()),
    failure_whole: ANTHROPIC.failure_whole,
    failure_kind: ErrorKind::Overloaded,
    counts_early: true,
    ..BEDROCK
};

/// The data of server-sent events as the chunks that Bedrock makes of them.
fn chunks(events: &[u8]) -> Vec<u8> {
    let events = std::str::from_utf8(events).unwrap();
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.flat_map(|data| aws("chunk", &json!({ "bytes": STANDARD.encode(data) }))).collect()
}
