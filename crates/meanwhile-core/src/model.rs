//! [`Model`]: a provider, a model id and default params; and [`ModelId`], the `provider/model` string.

use std::borrow::Cow;
use std::fmt;

use crate::{
    AnyProvider, Call, Error, ErrorKind, Extract, IntoPrompt, Params, Provider, Registry, Result,
};

/// A model to call: a provider, an id and default params. Cheap to clone.
///
/// ```
/// # use meanwhile_core::{Model, Params, Scripted};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("[2, 3, 5]");
/// let model = Model::new(scripted.clone(), "any").with_params(Params::new().temperature(0.0));
/// let primes: Vec<u32> = model.call("The first three primes").await?;
/// assert_eq!(primes, [2, 3, 5]);
/// assert_eq!(scripted.requests()[0].params.temperature, Some(0.0));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Model {
    /// The provider that answers.
    pub provider: AnyProvider,
    /// The model's id at that provider.
    pub id: String,
    /// Params of every call, unless the call sets its own.
    pub params: Params,
    // Where it was found, whose settings hold for its calls.
    pub(crate) registry: Option<Registry>,
}

impl Model {
    /// Names a model of `provider`, which belongs to no registry: its own [`call`](Self::call) reads strictly,
    /// and has no timer and no prices but those of the call's settings. The `call` of the `meanwhile` facade
    /// takes such a model, too, and brings what its registry has.
    #[must_use]
    pub fn new(provider: impl Provider, id: impl Into<String>) -> Self {
        Self::of(AnyProvider::new(provider), id)
    }

    /// Names a model of an erased provider.
    #[must_use]
    pub fn of(provider: AnyProvider, id: impl Into<String>) -> Self {
        Self { provider, id: id.into(), params: Params::default(), registry: None }
    }

    pub(crate) fn found_in(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Sets params of every call; what they do not set stays.
    #[must_use]
    pub fn with_params(mut self, params: Params) -> Self {
        self.params = params.or(self.params);
        self
    }

    /// Prepares a call; nothing is sent before the first poll.
    pub fn call<T: Extract>(&self, prompt: impl IntoPrompt) -> Call<'static, T> {
        let none;
        let registry = match &self.registry {
            Some(registry) => registry,
            None => {
                none = Registry::new();
                &none
            }
        };
        Call::new("call", registry, Ok(prompt.into_prompt())).model(self.clone())
    }
}

/// A `provider/model` string, split at its first `/`.
///
/// ```
/// use meanwhile_core::ModelId;
///
/// let id: ModelId = "openrouter/anthropic/claude-sonnet-4".parse()?;
/// assert_eq!((&*id.provider, &*id.model), ("openrouter", "anthropic/claude-sonnet-4"));
/// assert!("claude-sonnet-4".parse::<ModelId>().is_err());
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelId {
    /// The part before the first `/`.
    pub provider: String,
    /// Everything after it; may contain `/` itself.
    pub model: String,
}

impl std::str::FromStr for ModelId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => Err(Error::new(
                ErrorKind::Config,
                format!(
                    "`{text}` is not a model string; write `provider/model`, as in `openai/gpt-4o-mini`"
                ),
            )),
        }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// A model by value or by its `provider/model` string, which is looked up when the call starts.
///
/// ```
/// use meanwhile_core::{Model, ModelRef, Scripted, Settings};
///
/// let by_name = Settings::new().model("openai/gpt-4o-mini");
/// let by_value = Settings::new().model(Model::new(Scripted::new(), "any"));
/// assert!(matches!(by_name.model, Some(ModelRef::Named(name)) if name == "openai/gpt-4o-mini"));
/// assert!(matches!(by_value.model, Some(ModelRef::Model(model)) if model.id == "any"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModelRef {
    /// A `provider/model` string.
    Named(Cow<'static, str>),
    /// A model.
    Model(Box<Model>),
}

impl From<&str> for ModelRef {
    fn from(name: &str) -> Self {
        Self::Named(Cow::Owned(name.to_owned()))
    }
}

impl From<String> for ModelRef {
    fn from(name: String) -> Self {
        Self::Named(Cow::Owned(name))
    }
}

impl From<&String> for ModelRef {
    fn from(name: &String) -> Self {
        Self::Named(Cow::Owned(name.clone()))
    }
}

impl From<Model> for ModelRef {
    fn from(model: Model) -> Self {
        Self::Model(Box::new(model))
    }
}

impl From<&Model> for ModelRef {
    fn from(model: &Model) -> Self {
        Self::Model(Box::new(model.clone()))
    }
}
