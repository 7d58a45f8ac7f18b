//! [`EmbeddingApi`]: `POST /embeddings`, as in <https://platform.openai.com/docs/api-reference/embeddings>.

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, Embeddings, Error, ErrorKind, Result, Usage,
};
use meanwhile_http::{Api, Framing, Wire};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::written;

/// Embeds through a host of the dialect.
///
/// At most 2,048 texts go into one request, OpenAI's limit; hosts with a lower one are told of it by
/// [`with_batch_limit`](Self::with_batch_limit).
///
/// ```
/// # use meanwhile_core::EmbeddingModel;
/// # use meanwhile_openai_compatible::{EmbeddingApi, OpenAiCompatible};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"model": "small", "data": [{"index": 0, "embedding": [0.5, 0.25]}], "usage": {"prompt_tokens": 2}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let model = EmbeddingModel::new(EmbeddingApi::new(api), "small");
/// assert_eq!(model.embed_one("a cat").await?, [0.5, 0.25]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddingApi {
    api: Api,
    path: Cow<'static, str>,
    encoding: Option<VectorEncoding>,
    batch_limit: usize,
    dimensions_field: &'static str,
    purpose: Option<PurposeField>,
}

type PurposeField = (&'static str, fn(EmbedPurpose) -> Option<&'static str>);

/// How vectors are written on the wire.
///
/// ```
/// # use meanwhile_core::EmbeddingModel;
/// # use meanwhile_openai_compatible::{EmbeddingApi, OpenAiCompatible, VectorEncoding};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"model": "small", "data": [{"index": 0, "embedding": "AAAAPwAAgD4="}], "usage": {"prompt_tokens": 2}}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let embedder = EmbeddingApi::new(api).with_encoding(VectorEncoding::Base64);
/// let model = EmbeddingModel::new(embedder, "small");
/// assert_eq!(model.embed_one("a cat").await?, [0.5, 0.25]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VectorEncoding {
    /// As a list of numbers.
    Float,
    /// As base64 of 32-bit floats, the lowest byte first: a third of the size.
    Base64,
    /// As base64 of whole numbers between -128 and 127, a byte each (Perplexity).
    #[serde(rename = "base64_int8")]
    Base64Int8,
}

impl EmbeddingApi {
    /// Embeds through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self {
            api,
            path: Cow::Borrowed("/embeddings"),
            encoding: None,
            batch_limit: 2048,
            dimensions_field: "dimensions",
            purpose: None,
        }
    }

    /// Asks for an encoding; without it the host chooses, and must choose numbers.
    #[must_use]
    pub fn with_encoding(mut self, encoding: VectorEncoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// Sets the most texts of one request.
    #[must_use]
    pub fn with_batch_limit(mut self, texts: usize) -> Self {
        self.batch_limit = texts;
        self
    }

    /// Sets the path below the base URL.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the field for the wanted length of the vectors.
    #[must_use]
    pub fn with_dimensions_field(mut self, field: &'static str) -> Self {
        self.dimensions_field = field;
        self
    }

    /// Sets the field that says what the vectors are for, and its words.
    #[must_use]
    pub fn with_purpose_field(
        mut self,
        field: &'static str,
        word: fn(EmbedPurpose) -> Option<&'static str>,
    ) -> Self {
        self.purpose = Some((field, word));
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<VectorEncoding>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vector,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Text(String),
}

#[async_trait]
impl Embedder for EmbeddingApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    fn batch_limit(&self, _: &str) -> usize {
        self.batch_limit
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let mut more = Map::new();
        if let Some(dimensions) = request.dimensions {
            more.insert(self.dimensions_field.to_owned(), dimensions.into());
        }
        // A model without a choice of purposes embeds for all of them alike.
        if let (Some((field, word)), Some(purpose)) = (self.purpose, request.purpose)
            && let Some(word) = word(purpose)
        {
            more.insert(field.to_owned(), word.into());
        }
        more.extend(request.options.get(self.api.id()).cloned().unwrap_or_default());
        let is_small =
            more.get("output_dtype").and_then(Value::as_str).unwrap_or("float") != "float";
        // The caller's own choice goes before that of the host's row.
        let encoding = match more.shift_remove("encoding_format") {
            Some(chosen) => Some(VectorEncoding::named(&chosen).map_err(|error| {
                error.with_provider(self.api.id().to_owned()).with_model(request.model.clone())
            })?),
            None => self.encoding,
        };
        if is_small && encoding == Some(VectorEncoding::Base64) {
            let message =
                "vectors of small numbers cannot be read from base64; leave out `encoding_format`";
            let error = Error::new(ErrorKind::Unsupported, message);
            let error = error.with_provider(self.api.id().to_owned());
            return Err(error.with_model(request.model.clone()));
        }
        let body =
            Body { model: &request.model, input: &request.inputs, encoding_format: encoding, more };
        let wire = Wire::post(&*self.path, written(&body)?, Framing::Whole);
        let reply = self.api.send(wire, &request.model, request.timeouts).await?;
        self.read(reply.json()?, &request, encoding).map_err(|error| reply.unexpected(error))
    }
}

impl EmbeddingApi {
    fn read(
        &self,
        mut answer: Answer,
        request: &EmbedRequest,
        encoding: Option<VectorEncoding>,
    ) -> Result<Embeddings> {
        let wrong = |message| Error::new(ErrorKind::Decode, message);
        if answer.data.iter().any(|item| item.index.is_some()) {
            answer.data.sort_by_key(|item| item.index);
            let mut places = answer.data.iter().enumerate();
            if !places.all(|(place, item)| item.index == Some(place)) {
                return Err(wrong("the vectors are not numbered from 0 on, each text once"));
            }
        }
        let vectors = answer.data.into_iter().map(|item| match (item.embedding, encoding) {
            (Vector::Numbers(numbers), _) => Ok(numbers),
            (Vector::Text(text), Some(VectorEncoding::Base64)) => floats(&text),
            (Vector::Text(text), Some(VectorEncoding::Base64Int8)) => bytes(&text),
            (Vector::Text(_), _) => Err("a vector came as text although numbers were expected"),
        });
        let vectors = vectors.collect::<std::result::Result<Vec<_>, _>>().map_err(wrong)?;
        let mut usage = Usage::default();
        let counters = answer.usage.as_ref();
        let count = |name| counters.and_then(|usage: &Value| usage.get(name)?.as_u64());
        usage.input.total = count("prompt_tokens").or_else(|| count("total_tokens"));
        usage.raw = answer.usage.map(Into::into);
        let model = answer.model.unwrap_or_else(|| request.model.clone());
        Ok(Embeddings::new(self.api.id(), model, vectors, usage))
    }
}

impl VectorEncoding {
    /// The encoding of this name.
    fn named(name: &Value) -> Result<Self> {
        match name.as_str() {
            Some("float") => Ok(Self::Float),
            Some("base64") => Ok(Self::Base64),
            Some("base64_int8") => Ok(Self::Base64Int8),
            _ => {
                let message = format!(
                    "vectors cannot be read from the encoding {name}; choose `float`, `base64` or `base64_int8`"
                );
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }
}

fn bytes(text: &str) -> std::result::Result<Vec<f32>, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_| "a vector is not base64")?;
    Ok(bytes.into_iter().map(|byte| f32::from(byte.cast_signed())).collect())
}

fn floats(text: &str) -> std::result::Result<Vec<f32>, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_| "a vector is not base64")?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("a vector is not made of 32-bit floats");
    }
    Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
}
