//! [`Cassette`]: recorded requests and answers as a file that people read and review.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Recorded interactions, in the order in which their answers ended.
///
/// The file is JSON. A body that is JSON is written as such, a text as its lines, and other bytes in
/// Base64, so that a change of a recording can be read. Every byte comes back as it was.
///
/// ```
/// use meanwhile_testkit::{Cassette, Content};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("models.json");
/// # std::fs::write(&path, r#"{"interactions": [{
/// #     "request": {"method": "GET", "url": "https://api.example.com/v1/models"},
/// #     "response": {"status": 200, "body": {"json": {"data": []}}}
/// # }]}"#).unwrap();
/// let cassette = Cassette::load(&path)?;
/// let recorded = &cassette.interactions[0];
/// assert_eq!((&*recorded.request.method, recorded.response.status), ("GET", 200));
/// assert_eq!(recorded.response.body, Content::new(br#"{"data":[]}"#));
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cassette {
    /// The requests and their answers.
    pub interactions: Vec<Interaction>,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interaction {
    /// What was asked.
    pub request: Recorded,
    /// What came.
    pub response: Answered,
}

/// A request without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers, in alphabetical order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub body: Content,
}

/// An answer without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers, in alphabetical order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub body: Content,
}

/// A body.
///
/// ```
/// use meanwhile_testkit::Content;
/// use serde_json::json;
///
/// // In the form that is easiest to review; every byte comes back as it was.
/// let value = Content::new(br#"{"text":"hi"}"#);
/// assert_eq!(value, Content::Json(json!({"text": "hi"})));
/// let lines = Content::new(b"data: 1\n\ndata: 2\n\n");
/// assert!(matches!(&lines, Content::Lines(lines) if lines.len() == 4));
/// assert_eq!(lines.bytes().unwrap(), "data: 1\n\ndata: 2\n\n");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// JSON that was written without white space.
    Json(Value),
    /// A text, by its lines; the line ends belong to it.
    Lines(Vec<String>),
    /// Other bytes.
    Base64(String),
}

impl Default for Content {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

impl Content {
    /// Writes `bytes` in the form that is easiest to read.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(bytes)
            && value.to_string().as_bytes() == bytes
        {
            return Self::Json(value);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Lines(text.split_inclusive('\n').map(str::to_owned).collect()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// The bytes as they were.
    ///
    /// # Errors
    ///
    /// A sentence, when the file does not hold what it says.
    pub fn bytes(&self) -> Result<Bytes, String> {
        match self {
            Self::Json(value) => Ok(value.to_string().into()),
            Self::Lines(lines) => Ok(lines.concat().into()),
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).map(Bytes::from);
                bytes.map_err(|error| format!("a recorded body is not Base64: {error}"))
            }
        }
    }

    /// Whether there is no body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Lines(lines) if lines.is_empty())
    }

    /// Whether two bodies say the same: JSON does whatever the order of its fields.
    fn says(&self, other: &Self) -> bool {
        let json = |content: &Self| serde_json::from_slice::<Value>(&content.bytes().ok()?).ok();
        self == other || matches!((json(self), json(other)), (Some(a), Some(b)) if a == b)
    }
}

impl Recorded {
    /// Whether this recording is the one of a request: the same method, path, query and body. The
    /// host and the headers may differ.
    pub(super) fn answers(&self, asked: &Self) -> bool {
        self.method == asked.method
            && below_host(&self.url) == below_host(&asked.url)
            && self.body.says(&asked.body)
    }

    pub(super) fn shown(&self) -> String {
        let body = self.body.bytes().unwrap_or_default();
        format!("`{} {}` {}", self.method, self.url, meanwhile_http::redact::shown(&body))
    }
}

fn below_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

impl Cassette {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when there is none, or it is not a recording.
    pub fn load(path: &Path) -> Result<Self> {
        let fail = |what: String, source: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Config, what).with_source(source)
        };
        let text = std::fs::read(path).map_err(|source| {
            let path = path.display();
            let what = format!(
                "there is no recording `{path}`; set MEANWHILE_REPLAY=record and run the test once"
            );
            fail(what, source.into())
        })?;
        serde_json::from_slice(&text).map_err(|source| {
            fail(format!("`{}` is not a recording", path.display()), source.into())
        })
    }

    /// Writes a file, and the folder where it is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
            std::fs::write(path, text + "\n")
        };
        write().map_err(|source| {
            let message = format!("the recording `{}` cannot be written", path.display());
            Error::new(ErrorKind::Config, message).with_source(source)
        })
    }
}
