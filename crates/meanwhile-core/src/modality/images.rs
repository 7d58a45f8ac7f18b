//! [`ImageGenerator`]: makes images from a description.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Image, Result, Timeouts, Usage};

/// Makes images.
#[async_trait]
pub trait ImageGenerator: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// Makes images of one description. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`Unsupported`](crate::ErrorKind::Unsupported) for a setting
    /// that it cannot carry; [`Decode`](crate::ErrorKind::Decode) when no image comes back.
    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages>;
}

/// What is to be shown.
///
/// ```
/// # use meanwhile_core::{
/// #     GeneratedImage, GeneratedImages, Image, ImageGenerator, ImageRequest, Result, Usage,
/// # };
/// # #[derive(Debug)]
/// # struct Painter;
/// # #[async_trait::async_trait]
/// # impl ImageGenerator for Painter {
/// #     fn id(&self) -> &str {
/// #         "painter"
/// #     }
/// #     async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages> {
/// #         let image = GeneratedImage::new(Image::url("https://example.com/1.png"));
/// #         let images = vec![image; request.count.unwrap_or(1) as usize];
/// #         Ok(GeneratedImages::new("painter", request.model, images, Usage::default()))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let painter = Painter;
/// let request = ImageRequest::new("gpt-image-1", "A cat on a mat").size(1024, 1024).count(2);
/// let answer = painter.generate(request).await?;
/// assert_eq!(answer.images.len(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImageRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// What the image shows.
    pub prompt: String,
    /// How many images; one without it.
    pub count: Option<u32>,
    /// Width and height in pixels; models differ in what they can.
    pub size: Option<(u32, u32)>,
    /// How carefully to draw, in the provider's words.
    pub quality: Option<String>,
    /// The format of the images, such as `png`; the provider chooses without it.
    pub format: Option<String>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl ImageRequest {
    /// Asks `model` for an image.
    #[must_use]
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            prompt: prompt.into(),
            count: None,
            size: None,
            quality: None,
            format: None,
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Asks for several images.
    #[must_use]
    pub fn count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Asks for a width and a height, in pixels.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        self
    }

    /// Says in the provider's words how carefully to draw.
    #[must_use]
    pub fn quality(mut self, quality: impl Into<String>) -> Self {
        self.quality = Some(quality.into());
        self
    }

    /// Asks for a format, such as `png`.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }
}

super::setters!(ImageRequest);

/// Images that were made.
///
/// ```
/// use meanwhile_core::{GeneratedImage, GeneratedImages, Image, Usage};
///
/// let images = vec![GeneratedImage::new(Image::bytes(&b"GIF89a"[..], "image/gif"))];
/// let answer = GeneratedImages::new("openai", "gpt-image-1", images, Usage::default());
/// let types = answer.images.iter().map(|one| one.image.media_type.as_deref());
/// assert_eq!(types.collect::<Vec<_>>(), [Some("image/gif")]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GeneratedImages {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it; else the one that was asked.
    pub model: String,
    /// The images, in the provider's order.
    pub images: Vec<GeneratedImage>,
    /// Token counts, where the provider reports them.
    pub usage: Usage,
}

impl GeneratedImages {
    /// Makes the answer of `provider` and `model`.
    #[must_use]
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        images: Vec<GeneratedImage>,
        usage: Usage,
    ) -> Self {
        Self { provider: provider.into(), model: model.into(), images, usage }
    }
}

/// One image that was made.
///
/// ```
/// use meanwhile_core::{GeneratedImage, Image};
///
/// let mut drawn = GeneratedImage::new(b"GIF89a".to_vec());
/// drawn.revised_prompt = Some("A ginger cat on a mat".to_owned());
/// assert_eq!(drawn.image.source.base64().as_deref(), Some("R0lGODlh"));
/// let fetched = GeneratedImage::new(Image::url("https://example.com/1.png"));
/// assert_eq!(fetched.revised_prompt, None);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GeneratedImage {
    /// The bytes, or an address from which they can be fetched for a while.
    pub image: Image,
    /// The description that was drawn, where the provider rewrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
}

impl GeneratedImage {
    /// Makes an image whose description was not rewritten.
    #[must_use]
    pub fn new(image: impl Into<Image>) -> Self {
        Self { image: image.into(), revised_prompt: None }
    }
}
