//! The OpenAI provider of Meanwhile: Chat Completions and Responses with OpenAI's own rules.
//!
//! Register [`PROVIDER`] and write `"openai/gpt-4o-mini"`, or configure one in code:
//!
//! ```
//! use meanwhile_core::Model;
//! use meanwhile_openai::OpenAi;
//!
//! let openai = OpenAi::builder().api_key("not-a-real-key").project("proj_1").build()?;
//! let model = Model::of(openai, "gpt-4o-mini");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! Models are asked on the Chat Completions wire, and on the Responses wire where they have nothing
//! else (`o3-pro`, `gpt-5-codex`, `o4-mini-deep-research`). To ask any model there, write
//! `"openai/gpt-4o:responses"`, register [`RESPONSES_PROVIDER`] and write `"openai-responses/gpt-4o"`,
//! or call [`Builder::responses`]. The vendor's own tools, stored conversations and the like are
//! [`ResponsesOptions`].
//!
//! The wires are those of [`meanwhile_openai_compatible`] and [`meanwhile_openai_responses`]; what is
//! here is which model is asked where (`codec`), which models think (`models`), and where the key,
//! the organisation and the project come from (`config`).

mod codec;
mod config;
mod modality;
mod models;

pub use codec::{
    Api, OpenAiCodec, OpenAiDecoder, codec, codec_for, responses_codec, responses_codec_for,
};
pub use config::{Builder, OpenAi, PROVIDER, PROVIDERS, RESPONSES_PROVIDER};
pub use models::needs_responses;

pub use meanwhile_openai_responses::{BuiltInTool, ResponsesOptions, item};
