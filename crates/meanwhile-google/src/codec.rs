//! [`GenerateContentCodec`]: the wire of `generateContent`, on either of its hosts.

use std::fmt::Write as _;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{Error, Request, Result};
use meanwhile_http::{Codec, Wire};

use crate::{GenerateContentDecoder, encode, error};

/// The id of Google AI Studio, under which vendor options of both hosts are looked up.
pub(crate) const GOOGLE: &str = "google";
/// Another id of the same.
pub(crate) const GEMINI: &str = "gemini";
/// The id of Vertex AI.
pub(crate) const VERTEX: &str = "vertex";

/// Writes requests and reads answers of `generateContent`. Pure, so a recorded body is the whole test.
///
/// See <https://ai.google.dev/api/generate-content>.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_google::GenerateContentCodec;
/// use meanwhile_http::Codec as _;
///
/// let request = Request::new("gemini-2.5-flash", vec![Message::user("Hello")]);
/// let here = GenerateContentCodec::ai_studio().encode(&request)?;
/// assert_eq!(here.path, "/models/gemini-2.5-flash:generateContent");
/// // The other host wants to know whose project it is.
/// let there = GenerateContentCodec::vertex("my-project", "europe-west4").encode(&request)?;
/// assert!(there.path.starts_with("/projects/my-project/locations/europe-west4/"));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GenerateContentCodec {
    host: Host,
}

/// Who serves the wire.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    AiStudio,
    /// The path of the project and location in front of a model's, beginning with `/`; empty where the
    /// key tells the project.
    Vertex {
        prefix: Arc<str>,
    },
}

impl GenerateContentCodec {
    /// The codec of Google AI Studio.
    #[must_use]
    pub fn ai_studio() -> Self {
        Self { host: Host::AiStudio }
    }

    /// The codec of Vertex AI for a project and location.
    #[must_use]
    pub fn vertex(project: &str, location: &str) -> Self {
        let prefix = format!("/projects/{project}/locations/{location}").into();
        Self { host: Host::Vertex { prefix } }
    }

    /// The codec of Vertex AI in express mode, where the key tells the project.
    #[must_use]
    pub fn vertex_express() -> Self {
        Self { host: Host::Vertex { prefix: "".into() } }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }
}

impl Host {
    /// The id under which provider data is issued.
    pub(crate) fn id(&self) -> &'static str {
        match self {
            Self::AiStudio => GOOGLE,
            Self::Vertex { .. } => VERTEX,
        }
    }

    /// The ids under which vendor options are looked up, the strongest last.
    pub(crate) fn option_ids(&self) -> [&'static str; 2] {
        match self {
            Self::AiStudio => [GOOGLE, GEMINI],
            Self::Vertex { .. } => [GOOGLE, VERTEX],
        }
    }

    /// Whether files that are said to be stored at `provider` are stored here.
    pub(crate) fn answers_to(&self, provider: &str) -> bool {
        match self {
            Self::AiStudio => matches!(provider, GOOGLE | GEMINI),
            Self::Vertex { .. } => provider == VERTEX,
        }
    }

    pub(crate) fn is_vertex(&self) -> bool {
        matches!(self, Self::Vertex { .. })
    }

    /// Whether an address must come with its media type.
    pub(crate) fn needs_media_type(&self) -> bool {
        self.is_vertex()
    }

    /// The path of a model below the base URL.
    pub(crate) fn model_path(&self, model: &str) -> String {
        let model = model.trim_start_matches('/');
        let within = match self {
            Self::AiStudio if model.contains('/') => format!("/{model}"),
            Self::AiStudio => format!("/models/{model}"),
            Self::Vertex { .. } if model.starts_with("projects/") => format!("/{model}"),
            Self::Vertex { prefix }
                if ["publishers/", "endpoints/"].iter().any(|start| model.starts_with(start)) =>
            {
                format!("{prefix}/{model}")
            }
            Self::Vertex { prefix } => match model.split_once('/') {
                Some((publisher, model)) if publisher != "models" => {
                    format!("{prefix}/publishers/{publisher}/models/{model}")
                }
                _ => {
                    let model = model.trim_start_matches("models/");
                    format!("{prefix}/publishers/google/models/{model}")
                }
            },
        };
        escape(&within)
    }
}

/// Encodes everything but letters, digits, `-`, `.`, `_` and `~`, as queries and forms need it.
pub(crate) fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Encodes what would end a path.
pub(crate) fn escape(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}

impl Codec for GenerateContentCodec {
    type Decoder = GenerateContentDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        encode::request(request, &self.host)
    }

    fn decoder(&self, request: &Request) -> GenerateContentDecoder {
        GenerateContentDecoder::new(self.host.id().into(), request)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_status(status, headers, body).with_provider(self.host.id())
    }
}
