//! [`Provider`] and [`Layer`], the two contracts that other crates implement, and [`AnyProvider`].

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{EventStream, Request, Result};

/// Answers requests: a hosted API, a local runtime, or a layer around either.
///
/// No method has a default: a wrapper that forgot one would hide its inner provider's answer. The
/// trait does not grow; new abilities arrive as events, capabilities and request fields.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Names this provider in errors, spans and `provider/model` strings.
    fn id(&self) -> &str;

    /// Reports what `model` accepts, after every layer had its say. Does no I/O.
    fn capabilities(&self, model: &str) -> Capabilities;

    /// Sends one request, resolving once the provider has accepted it.
    ///
    /// Later failures arrive on the stream. Dropping the future or the stream cancels the request.
    ///
    /// # Errors
    ///
    /// Whatever keeps the provider from accepting the request; the error names this provider.
    async fn send(&self, request: Request) -> Result<EventStream>;
}

/// Wraps one provider in another. State that calls share lives here, not in the wrapper.
pub trait Layer: fmt::Debug + Send + Sync + 'static {
    /// Returns a provider that answers by asking `inner`.
    fn wrap(&self, inner: AnyProvider) -> AnyProvider;
}

/// A shared, type-erased [`Provider`]; itself a provider, so a layer calls it like any other.
///
/// ```
/// # use meanwhile_core::{AnyProvider, Model, Scripted};
/// # futures::executor::block_on(async {
/// let provider = AnyProvider::new(Scripted::new().reply("small").reply("large"));
/// let small = Model::of(provider.clone(), "small");
/// let large = Model::of(provider, "large");
/// assert!(small.provider.is_same(&large.provider));
/// assert_eq!(small.call::<String>("Which are you?").await?, "small");
/// assert_eq!(large.call::<String>("Which are you?").await?, "large");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AnyProvider(Arc<dyn Provider>);

impl AnyProvider {
    /// Erases a provider.
    #[must_use]
    pub fn new(provider: impl Provider) -> Self {
        Self(Arc::new(provider))
    }

    /// Puts `layer` around this provider, outside of the layers it already has.
    #[must_use]
    pub fn layer(self, layer: &impl Layer) -> Self {
        layer.wrap(self)
    }

    /// Whether both are the same provider, not only two of the same kind: clones are.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Provider for AnyProvider {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.capabilities(model)
    }

    // Hands on the inner provider's own future instead of one around it.
    fn send<'life, 'future>(
        &'life self,
        request: Request,
    ) -> BoxFuture<'future, Result<EventStream>>
    where
        'life: 'future,
        Self: 'future,
    {
        self.0.send(request)
    }
}

impl fmt::Debug for AnyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a model accepts and offers. All `false` where nothing is known.
///
/// ```
/// use meanwhile_core::{Capabilities, Provider, Scripted};
///
/// let mut seeing = Capabilities::text();
/// seeing.images = true;
/// let provider = Scripted::new().with_capabilities(seeing);
/// let found = provider.capabilities("any");
/// assert!(found.tools && found.images && !found.audio);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// Answers can be streamed.
    pub streaming: bool,
    /// The model can call tools.
    pub tools: bool,
    /// Answers can be held to a shape.
    pub output: OutputSupport,
    /// Messages may carry images.
    pub images: bool,
    /// Messages may carry audio.
    pub audio: bool,
    /// Messages may carry documents.
    pub documents: bool,
    /// The model can think before it answers, and how much can be said
    /// ([`Params::reasoning`](crate::Params::reasoning)).
    pub reasoning: bool,
    /// The provider may pause a long answer and go on with it in the next one
    /// ([`FinishReason::Paused`](crate::FinishReason::Paused)); calls then do so by themselves.
    pub pauses: bool,
    /// Tells where requests go: a digest of the base URL, without credentials. Two providers of one id
    /// that ask different hosts differ in it. `None` where there is no host, or it is not known.
    pub endpoint: Option<u64>,
}

impl Capabilities {
    /// Makes capabilities of which nothing is known.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            streaming: false,
            tools: false,
            output: OutputSupport::Prompted,
            images: false,
            audio: false,
            documents: false,
            reasoning: false,
            pauses: false,
            endpoint: None,
        }
    }

    /// Makes the capabilities of a text model that streams, calls tools and keeps to schemas.
    #[must_use]
    pub const fn text() -> Self {
        Self { streaming: true, tools: true, output: OutputSupport::Schema, ..Self::none() }
    }
}

/// How an answer can be held to a shape.
///
/// ```
/// # use meanwhile_core::{Capabilities, Model, OutputFormat, OutputSupport, Scripted};
/// # futures::executor::block_on(async {
/// let mut weak = Capabilities::text();
/// weak.output = OutputSupport::Prompted;
/// let model = Model::new(Scripted::new().with_capabilities(weak), "any");
/// let request = model.call::<u8>("What is six times seven?").request().await?;
/// // The schema is in the prompt, and the request says so.
/// assert_eq!(request.output, OutputFormat::Text);
/// assert_eq!(request.warnings[0].subject, "output schema");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OutputSupport {
    /// Only by asking for it in the prompt.
    #[default]
    Prompted,
    /// The provider guarantees JSON; its shape is asked for in the prompt.
    Json,
    /// The provider guarantees JSON that fits a schema.
    Schema,
}
