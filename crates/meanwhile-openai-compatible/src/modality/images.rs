//! [`ImageApi`]: `POST /images/generations`, as in <https://platform.openai.com/docs/api-reference/images/create>.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meanwhile_core::{
    Error, ErrorKind, GeneratedImage, GeneratedImages, Image, ImageGenerator, ImageRequest,
    MediaSource, Result,
};
use meanwhile_http::{Api, Framing, Wire};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{options, token_usage, written};

/// Makes images through a host of the dialect.
///
/// Whether they come as bytes or as addresses is the model's habit; hosts that offer a choice take it
/// as the option `response_format`.
///
/// ```
/// # use meanwhile_core::{ImageGenerator as _, ImageRequest};
/// # use meanwhile_openai_compatible::{ImageApi, OpenAiCompatible};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// # use std::io::{Read as _, Write as _};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let base_url = format!("http://{}", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (mut connection, _) = listener.accept().unwrap();
/// #     let mut read = [0; 65536];
/// #     let _ = connection.read(&mut read);
/// #     let body = r#"{"created": 1, "data": [{"b64_json": "R0lGODlh", "revised_prompt": "A ginger cat"}]}"#;
/// #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
/// #     write!(connection, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
/// #     while connection.read(&mut read).is_ok_and(|more| more > 0) {}
/// # });
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// let request = ImageRequest::new("painter", "A cat").size(512, 512);
/// let drawn = ImageApi::new(api).generate(request).await?;
/// assert_eq!(drawn.images[0].revised_prompt.as_deref(), Some("A ginger cat"));
/// assert_eq!(drawn.images[0].image.source.base64().as_deref(), Some("R0lGODlh"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ImageApi {
    api: Api,
    size: ImageSize,
}

/// How a host is told the size of images.
///
/// ```
/// # use meanwhile_core::{ErrorKind, ImageGenerator as _, ImageRequest};
/// # use meanwhile_openai_compatible::{ImageApi, ImageSize, OpenAiCompatible};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> meanwhile_core::Result<()> {
/// let base_url = "https://api.acme.example/v1";
/// let api = OpenAiCompatible::builder("acme", base_url).api_key("not-a-real-key").api()?;
/// // A host that knows no pixels: nothing is sent, rather than without the size.
/// let images = ImageApi::new(api).with_size(ImageSize::None);
/// let request = ImageRequest::new("painter", "A cat").size(512, 512);
/// assert_eq!(images.generate(request).await.unwrap_err().kind(), ErrorKind::Unsupported);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageSize {
    /// As text in one field: `"size": "1024x1536"`.
    Text,
    /// As two numbers: `"width": 1024, "height": 1536` (Together).
    Numbers,
    /// Not in pixels (xAI).
    None,
}

impl ImageApi {
    /// Makes images through `api`, whose base URL is that of the dialect.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, size: ImageSize::Text }
    }

    /// Sets how the size is written.
    #[must_use]
    pub fn with_size(mut self, size: ImageSize) -> Self {
        self.size = size;
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a str>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    output_format: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    b64_json: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    mime_type: Option<String>,
    #[serde(default)]
    revised_prompt: Option<String>,
}

#[async_trait]
impl ImageGenerator for ImageApi {
    fn id(&self) -> &str {
        self.api.id()
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages> {
        let body = self.body(&request)?;
        let path = "/images/generations";
        let wire = Wire::post(path, written(&body)?, Framing::Whole);
        let reply = self.api.send(wire, &request.model, request.timeouts).await?;
        let answer: Answer = reply.json()?;
        let format = answer.output_format.map(|format| format!("image/{format}"));
        let images: Option<Vec<GeneratedImage>> =
            answer.data.into_iter().map(|item| image(item, format.as_deref())).collect();
        let Some(images) = images.filter(|images| !images.is_empty()) else {
            let message = "the answer has no image, or one that cannot be read";
            return Err(reply.unexpected(Error::new(ErrorKind::Decode, message)));
        };
        let model = answer.model.unwrap_or(request.model);
        Ok(GeneratedImages::new(self.api.id(), model, images, token_usage(answer.usage)))
    }
}

impl ImageApi {
    fn body<'a>(&self, request: &'a ImageRequest) -> Result<Body<'a>> {
        let mut more = Map::new();
        match (request.size, self.size) {
            (None, _) => {}
            (Some((width, height)), ImageSize::Text) => {
                more.insert("size".to_owned(), format!("{width}x{height}").into());
            }
            (Some((width, height)), ImageSize::Numbers) => {
                more.insert("width".to_owned(), width.into());
                more.insert("height".to_owned(), height.into());
            }
            (Some(_), ImageSize::None) => {
                let message = "this provider takes no size in pixels; leave it out, or set `aspect_ratio` as an option";
                return Err(self.named(Error::new(ErrorKind::Unsupported, message), request));
            }
        }
        more.extend(options(&self.api, &request.options));
        // The caller's own choice goes before the request's.
        let unless = |name: &str| (!more.contains_key(name)).then_some(());
        Ok(Body {
            model: &request.model,
            prompt: &request.prompt,
            n: unless("n").and(request.count),
            quality: unless("quality").and(request.quality.as_deref()),
            output_format: unless("output_format").and(request.format.as_deref()),
            more,
        })
    }

    fn named(&self, error: Error, request: &ImageRequest) -> Error {
        error.with_provider(self.api.id().to_owned()).with_model(request.model.clone())
    }
}

fn image(item: Item, format: Option<&str>) -> Option<GeneratedImage> {
    let mut image = match (item.b64_json, item.url) {
        (Some(text), _) => {
            let bytes = STANDARD.decode(text).ok()?;
            // What the bytes are goes before what was asked for.
            let mut image = Image::from_source(MediaSource::from(bytes), None);
            image.media_type =
                image.media_type.or(item.mime_type).or_else(|| format.map(str::to_owned));
            GeneratedImage::new(image)
        }
        (None, Some(url)) => {
            GeneratedImage::new(Image::from_source(MediaSource::Url(url), item.mime_type))
        }
        (None, None) => return None,
    };
    image.revised_prompt = item.revised_prompt;
    Some(image)
}
