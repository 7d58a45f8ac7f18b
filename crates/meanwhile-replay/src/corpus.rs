//! [`Corpus`]: a folder of recorded exchanges, one JSON file each.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::aws;

/// The recordings below one folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct Corpus {
    /// The folder.
    pub root: PathBuf,
    /// The files, relative to the folder, in order.
    pub files: Vec<String>,
}

impl Corpus {
    /// Finds the recordings `PROVIDER/API/ID.json` below `root`.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn open(root: &Path, provider: Option<&str>) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for folder in list(root)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !folder.is_dir() || provider.is_some_and(|provider| provider != name) {
                continue;
            }
            for api in list(&folder)?.into_iter().filter(|path| path.is_dir()) {
                files.extend(list(&api)?.into_iter().filter_map(|file| {
                    let is_json = file.extension().is_some_and(|extension| extension == "json");
                    let relative = file.strip_prefix(root).ok()?;
                    is_json.then(|| relative.to_string_lossy().replace('\\', "/"))
                }));
            }
        }
        files.sort();
        Ok(Self { root: root.to_owned(), files })
    }

    /// Reads one recording.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no recording.
    pub fn read(&self, file: &str) -> anyhow::Result<Exchange> {
        let bytes =
            fs::read(self.root.join(file)).with_context(|| format!("cannot read {file}"))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{file} is no recording"))
    }
}

fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// One recorded HTTP exchange.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Exchange {
    /// Who answered.
    pub provider: String,
    /// Which family of endpoints.
    pub api: String,
    #[serde(default)]
    pub(crate) request: Recorded,
    pub(crate) response: Answered,
}

impl Exchange {
    /// Which wire was spoken: the family of endpoints, except that some vendors speak another's too.
    pub(crate) fn wire(&self) -> &str {
        let path = self.request.path.as_deref().unwrap_or_default();
        if path.contains("/compatibility/") { "compatibility" } else { &self.api }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Recorded {
    #[serde(default)]
    pub(crate) body: Value,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) method: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Answered {
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    headers: Option<serde_json::Map<String, Value>>,
    pub(crate) body_kind: String,
    #[serde(default)]
    body: Option<Box<RawValue>>,
}

impl Answered {
    pub(crate) fn headers(&self) -> HeaderMap {
        let pairs = self.headers.iter().flatten().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
        });
        pairs.collect()
    }

    /// The body, where it is JSON.
    pub(crate) fn json(&self) -> Value {
        self.body
            .as_deref()
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    /// The bytes of the body as they came over the network; `None` where they are not text.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let raw = self.body.as_deref().map_or("null", RawValue::get);
        match self.body_kind.as_str() {
            "none" => Some(Vec::new()),
            "json" => Some(raw.as_bytes().to_vec()),
            "sse" | "ndjson" | "text" | "jsonl" => {
                serde_json::from_str::<String>(raw).ok().map(String::into_bytes)
            }
            "aws-eventstream-base64" | "binary-base64" => {
                STANDARD.decode(serde_json::from_str::<String>(raw).ok()?).ok()
            }
            "events-json" => Some(aws::frame(&serde_json::from_str::<Vec<_>>(raw).ok()?)),
            _ => None,
        }
    }
}
