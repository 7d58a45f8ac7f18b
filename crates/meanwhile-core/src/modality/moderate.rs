//! [`Moderator`]: says what is wrong with a text or an image before anybody sees it.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Image, Result, Timeouts, Usage};

/// Classifies content by what makes it harmful.
#[async_trait]
pub trait Moderator: fmt::Debug + Send + Sync + 'static {
    /// Names the provider in errors and `provider/model` strings.
    fn id(&self) -> &str;

    /// Judges the inputs of one request, in order. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever the provider reports; [`Unsupported`](crate::ErrorKind::Unsupported) for images
    /// where it judges texts only; [`Decode`](crate::ErrorKind::Decode) when the judgements are not
    /// as many as the inputs.
    async fn moderate(&self, request: ModerationRequest) -> Result<Moderations>;
}

/// What is to be judged.
///
/// ```
/// # use meanwhile_core::{
/// #     Moderation, ModerationCategory, ModerationRequest, Moderations, Moderator, Result, Usage,
/// # };
/// # #[derive(Debug)]
/// # struct Judge;
/// # #[async_trait::async_trait]
/// # impl Moderator for Judge {
/// #     fn id(&self) -> &str {
/// #         "judge"
/// #     }
/// #     async fn moderate(&self, request: ModerationRequest) -> Result<Moderations> {
/// #         let judge = |text: &String| {
/// #             let category = ModerationCategory::new("insult", text.contains("fool"), None);
/// #             Moderation::new(vec![category])
/// #         };
/// #         let results = request.texts.iter().map(judge).collect();
/// #         Ok(Moderations::new("judge", request.model, results, Usage::default()))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let moderator = Judge;
/// let texts = vec!["Good morning".to_owned(), "You fool".to_owned()];
/// let answer = moderator.moderate(ModerationRequest::new("omni-moderation", texts)).await?;
/// assert!(!answer.results[0].flagged && answer.results[1].flagged);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModerationRequest {
    /// The model's id, without the provider.
    pub model: String,
    /// The texts, each judged on its own; with images, all judged together.
    pub texts: Vec<String>,
    /// Images, which are judged together with the texts as one thing.
    pub images: Vec<Image>,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// Vendor options by provider id, merged into the request body as they are.
    pub options: BTreeMap<String, Map<String, Value>>,
}

impl ModerationRequest {
    /// Asks `model` to judge each of the texts.
    #[must_use]
    pub fn new(model: impl Into<String>, texts: Vec<String>) -> Self {
        Self {
            model: model.into(),
            texts,
            images: Vec::new(),
            timeouts: Timeouts::default(),
            options: BTreeMap::new(),
        }
    }

    /// Adds an image, which is judged together with the texts as one thing.
    #[must_use]
    pub fn image(mut self, image: impl Into<Image>) -> Self {
        self.images.push(image.into());
        self
    }
}

super::setters!(ModerationRequest);

/// Judgements, one for each text, or one for all of a request with images.
///
/// ```
/// use meanwhile_core::{Moderation, ModerationCategory, Moderations, Usage};
///
/// let results = [false, true].map(|found| {
///     Moderation::new(vec![ModerationCategory::new("violence", found, None)])
/// });
/// let answer = Moderations::new("openai", "omni-moderation", results.to_vec(), Usage::default());
/// assert!(answer.flagged());
/// assert_eq!(answer.results.iter().position(|result| result.flagged), Some(1));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moderations {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// The judgements, in the order of the texts.
    pub results: Vec<Moderation>,
    /// Token counts, where the provider reports them.
    pub usage: Usage,
}

impl Moderations {
    /// Makes the answer of `provider` and `model`.
    #[must_use]
    pub fn new(
        provider: impl Into<String>,
        model: impl Into<String>,
        results: Vec<Moderation>,
        usage: Usage,
    ) -> Self {
        Self { provider: provider.into(), model: model.into(), results, usage }
    }

    /// Whether anything was found in any of the inputs.
    #[must_use]
    pub fn flagged(&self) -> bool {
        self.results.iter().any(|result| result.flagged)
    }
}

/// The judgement of one input.
///
/// ```
/// use meanwhile_core::{Moderation, ModerationCategory};
///
/// let judgement = Moderation::new(vec![
///     ModerationCategory::new("violence", true, Some(0.97)),
///     ModerationCategory::new("self-harm", false, Some(0.01)),
/// ]);
/// assert!(judgement.flagged);
/// assert_eq!(judgement.found().collect::<Vec<_>>(), ["violence"]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moderation {
    /// Whether anything was found.
    pub flagged: bool,
    /// Every category that was looked at, in the provider's order.
    pub categories: Vec<ModerationCategory>,
}

impl Moderation {
    /// Makes a judgement, flagged where a category is.
    #[must_use]
    pub fn new(categories: Vec<ModerationCategory>) -> Self {
        Self { flagged: categories.iter().any(|category| category.flagged), categories }
    }

    /// The names of the categories that were found.
    pub fn found(&self) -> impl Iterator<Item = &str> {
        let found = self.categories.iter().filter(|category| category.flagged);
        found.map(|category| category.name.as_str())
    }
}

/// One category of harmful content.
///
/// ```
/// use meanwhile_core::{Moderation, ModerationCategory};
///
/// // Below the provider's own threshold, and above that of this program.
/// let close = ModerationCategory::new("violence", false, Some(0.4));
/// let judgement = Moderation::new(vec![close]);
/// let strict = judgement.categories.iter().any(|one| one.score.is_some_and(|score| score > 0.3));
/// assert!(strict && !judgement.flagged);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModerationCategory {
    /// The provider's name of it.
    pub name: String,
    /// Whether it was found.
    pub flagged: bool,
    /// How sure the model is, from 0 to 1, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl ModerationCategory {
    /// Makes a category.
    #[must_use]
    pub fn new(name: impl Into<String>, flagged: bool, score: Option<f64>) -> Self {
        Self { name: name.into(), flagged, score }
    }
}
