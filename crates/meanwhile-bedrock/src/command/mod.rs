//! [`CommandCodec`]: Cohere's Command R and R+ behind `InvokeModel`, on the first version of Cohere's chat.
//!
//! That wire has one message to answer, what was said before it, and what tools gave since.

mod decode;
mod encode;
mod tools;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

pub(crate) use decode::CommandDecoder;

use crate::config::ID;
use crate::error;
use crate::models::{Family, Model};

/// Writes requests for Command R and R+, and reads their answers.
///
/// The wire is that of
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html>.
#[derive(Debug, Clone)]
pub(crate) struct CommandCodec;

impl CommandCodec {
    /// The wire of a model; `None` where it has another.
    pub(crate) fn of(model: &Model<'_>) -> Option<Self> {
        (model.family == Family::Cohere && model.is_one_of(&["command-r"])).then_some(Self)
    }
}

impl Codec for CommandCodec {
    type Decoder = CommandDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request)
    }

    fn decoder(&self, request: &Request) -> CommandDecoder {
        CommandDecoder::new(request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(ID)
    }
}
