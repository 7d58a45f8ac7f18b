//! The Amazon Bedrock provider of Meanwhile: every model behind Converse and `ConverseStream`.
//!
//! Register [`PROVIDER`] and write `"bedrock/amazon.nova-lite-v1:0"`, or configure one in code:
//!
//! ```
//! use meanwhile_bedrock::Bedrock;
//! use meanwhile_core::Model;
//!
//! let bedrock = Bedrock::builder().region("us-east-1").api_key("not-a-real-key").build()?;
//! let model = Model::of(bedrock, "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The model is an id, the id of an inference profile, or an ARN. Settings that only Bedrock has
//! are [`BedrockOptions`]; blocks of content that the core has no part for (a guarded text, a search
//! result) are opaque parts: `Part::opaque("bedrock", json!({ "guardContent": … }))`. A picture, film
//! or document may lie at an `s3://` address. A document that carries provider data sends its fields
//! along: `{ "citations": { "enabled": true } }`.
//!
//! The way of the data: [`ConverseCodec`] writes a request (`encode`, `messages`, `media`) and makes
//! a [`ConverseDecoder`], which reads whole answers and streams alike (`decode`, over the types of
//! `wire`). What a guardrail found and the fields that were asked for stand in an opaque part behind
//! the answer.
//!
//! With feature `invoke`, `:invoke` behind the id asks a model on its vendor's own wire, behind
//! `InvokeModel`: `"bedrock/anthropic.claude-3-haiku-20240307-v1:0:invoke"`,
//! `"bedrock/amazon.nova-lite-v1:0:invoke"`. Models of Anthropic are asked on the Messages wire, Nova in
//! a body that is nearly that of Converse, those of Mistral, OpenAI, Qwen, AI21 (Jamba) and DeepSeek (V3) in
//! Chat Completions. Cohere's Command R and R+ have the first version of Cohere's chat (`command`). Llama 3
//! and 4, Titan, the older ones of Mistral and DeepSeek R1 take one prompt, in which the vendor's marks tell
//! the turns apart (`prompted`, `template`, `completion`); it carries text alone. Then the vendor's options
//! count, such as `AnthropicOptions`. What the service itself takes goes into headers, the same for all
//! (`envelope`): the tier, the latency, the metadata of the request; a guardrail is refused there, because
//! Converse applies it. Any other wire is
//! [`InvokeCodec`] around a codec, given to [`Builder::build_with`].
//!
//! [`BedrockApi`] embeds texts, with Titan's and Cohere's models.
//!
//! A shape of the answer is asked for by the service's own structured output where the model has
//! that, and else by a tool that the model must call, whose arguments then arrive as text.

mod api;
mod blocks;
mod codec;
#[cfg(feature = "invoke")]
mod command;
#[cfg(feature = "invoke")]
mod completion;
mod config;
#[cfg(feature = "sigv4")]
mod credentials;
mod decode;
mod encode;
#[cfg(feature = "invoke")]
mod envelope;
mod error;
mod invoke;
mod media;
mod messages;
mod models;
mod nova;
mod options;
mod output;
#[cfg(feature = "sigv4")]
mod profile;
#[cfg(feature = "invoke")]
mod prompted;
mod reasoning;
mod route;
mod schema;
#[cfg(feature = "sigv4")]
mod sign;
#[cfg(feature = "invoke")]
mod template;
#[cfg(feature = "invoke")]
mod thoughts;
mod usage;
#[cfg(feature = "invoke")]
mod vendors;
mod wire;
mod written;

pub use api::BedrockApi;
pub use codec::ConverseCodec;
pub use config::{Bedrock, Builder, PROVIDER};
#[cfg(feature = "sigv4")]
pub use credentials::{AwsCredentials, CredentialsSource};
pub use decode::ConverseDecoder;
pub use invoke::{InvokeCodec, InvokeDecoder};
pub use options::{BedrockOptions, Guardrail};
pub use route::{BedrockCodec, BedrockDecoder};
#[cfg(feature = "sigv4")]
pub use sign::SigV4;
