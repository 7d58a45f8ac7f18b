//! [`ModerationApi`]: `POST /moderations`, as in <https://platform.openai.com/docs/api-reference/moderations>; Mistral has it too.

use async_trait::async_trait;
use meanwhile_core::{
    Error, ErrorKind, Image, Moderation, ModerationCategory, ModerationRequest, Moderations,
    Moderator, Result,
};
use meanwhile_http::Api;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{options, token_usage};
use crate::dialect::{Url, url};

/// Judges through a host that has `/moderations`.
///
/// ```
/// # use meanwhile_core::{ModerationRequest, Moderator as _};
/// # use meanwhile_openai_compatible::{ModerationApi, OpenAiCompatible};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"model": "judge", "results": [{"flagged": true, "categories": {"violence": true, "sexual": false}, "category_scores": {"violence": 0.9, "sexual": 0.0}}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let request = ModerationRequest::new("judge", vec!["I will hit you".to_owned()]);
/// let judged = ModerationApi::new(api).moderate(request).await?;
/// assert_eq!(judged.results[0].found().collect::<Vec<_>>(), ["violence"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ModerationApi {
    api: Api,
    images: bool,
}

impl ModerationApi {
    /// Judges through `api`, texts and images.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, images: true }
    }

    /// Judges texts only.
    #[must_use]
    pub fn without_images(mut self) -> Self {
        self.images = false;
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Input<'a>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Texts(&'a [String]),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Url<'a>,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Judgement>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Judgement {
    // Mistral leaves it to the reader.
    #[serde(default)]
    flagged: Option<bool>,
    // In the order of the wire; a category that a model does not know is null.
    categories: Map<String, Value>,
    #[serde(default)]
    category_scores: Option<Map<String, Value>>,
}

#[async_trait]
impl Moderator for ModerationApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn moderate(&self, request: ModerationRequest) -> Result<Moderations> {
        let input = self.input(&request)?;
        let count = if request.images.is_empty() { request.texts.len() } else { 1 };
        let more = options(&self.api, &request.options);
        let body = Body { model: &request.model, input, more };
        let answer: Answer =
            self.api.post("/moderations", &body, &request.model, request.timeouts).await?;
        let results: Vec<Moderation> = answer.results.into_iter().map(judgement).collect();
        if results.len() != count {
            let message = format!("{} judgements came back for {count} inputs", results.len());
            return Err(self.named(Error::new(ErrorKind::Decode, message), &request));
        }
        let model = answer.model.unwrap_or(request.model);
        Ok(Moderations::new(self.api.id(), model, results, token_usage(answer.usage)))
    }
}

impl ModerationApi {
    fn input<'a>(&self, request: &'a ModerationRequest) -> Result<Input<'a>> {
        if request.images.is_empty() {
            return Ok(Input::Texts(&request.texts));
        }
        if !self.images {
            let message = "this provider judges texts only; leave out the images";
            return Err(self.named(Error::new(ErrorKind::Unsupported, message), request));
        }
        let mut parts: Vec<Part<'_>> =
            request.texts.iter().map(|text| Part::Text { text }).collect();
        for image in &request.images {
            let url = self.address(image, request)?;
            parts.push(Part::ImageUrl { image_url: ImageUrl { url } });
        }
        Ok(Input::Parts(parts))
    }

    fn address<'a>(&self, image: &'a Image, request: &ModerationRequest) -> Result<Url<'a>> {
        let url = url(&image.source, image.media_type.as_deref(), "image/png");
        url.ok_or_else(|| {
            let message = "an image that is judged must be bytes or an address";
            self.named(Error::new(ErrorKind::Unsupported, message), request)
        })
    }

    fn named(&self, error: Error, request: &ModerationRequest) -> Error {
        error.with_provider(self.api.id().to_owned()).with_model(request.model.clone())
    }
}

fn judgement(found: Judgement) -> Moderation {
    let scores = found.category_scores.unwrap_or_default();
    let categories = found.categories.into_iter().map(|(name, is_found)| {
        let score = scores.get(&name).and_then(Value::as_f64);
        let is_found = is_found.as_bool().unwrap_or_default();
        ModerationCategory::new(name, is_found, score)
    });
    let mut judgement = Moderation::new(categories.collect());
    if let Some(flagged) = found.flagged {
        judgement.flagged = flagged;
    }
    judgement
}
