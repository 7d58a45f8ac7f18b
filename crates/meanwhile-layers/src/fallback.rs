//! [`Fallback`]: other models to ask when the first one fails, until its answer begins.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Error, ErrorKind, Event, EventStream, FinishReason, Layer,
    Metadata, Model, Provider, Request, Result, TimeoutPhase,
};
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::held::{Held, Restart, Restarting, record, tell_retry};

/// Asks other models, in order, when a model fails before its answer begins.
///
/// It falls back on a provider that is busy, broken, out of reach or too slow, on one that refuses the
/// credential or has no funds left, and on a model that does not exist or cannot do what is asked. It
/// does not where the request itself is wrong, nor when the clock of the whole call has run out;
/// [`when`](Self::when) decides otherwise. A prompt that is too long, or that a filter stops, fails
/// with another model of the kind as well: for these there are chains of their own
/// ([`on_context_length`](Self::on_context_length), [`on_content_filter`](Self::on_content_filter)),
/// and without them such an error is final. An answer that a filter ends before it began counts as
/// one that it stopped. Each chain is gone down once: one request asks nobody twice for the same model.
///
/// The request goes to each model as it was made: params that the model comes with fill in what the
/// call did not set, a schema is asked for in the prompt where the provider does not hold to it, and
/// what only another provider understands is left out, with a warning. The tries that failed are on
/// the answer ([`Response::attempts`](meanwhile_core::Response::attempts)) or on the last error, and
/// the answer says who gave it. Once anything of an answer was handed on, nobody else is asked.
///
/// ```
/// use meanwhile_core::{Error, ErrorKind, Model, Response, Scripted};
/// use meanwhile_layers::Fallback;
/// # futures::executor::block_on(async {
/// let busy = Scripted::new().error(Error::new(ErrorKind::Overloaded, "come back later"));
/// let other = Model::new(Scripted::new().reply("here I am"), "small");
///
/// let model = Model::of(busy.into(), "large");
/// let answer = model.call::<Response>("Hello?").layer(Fallback::to(other)).await?;
///
/// assert_eq!((answer.text().as_str(), answer.model.as_str()), ("here I am", "small"));
/// assert_eq!(answer.attempts[0].kind, ErrorKind::Overloaded);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Fallback(Arc<Chains>);

#[derive(Clone)]
struct Chains {
    models: Vec<Model>,
    context_length: Vec<Model>,
    content_filter: Vec<Model>,
    when: Arc<dyn Fn(&Error) -> bool + Send + Sync>,
}

impl Fallback {
    /// Asks `model` when the first one fails.
    #[must_use]
    pub fn to(model: Model) -> Self {
        Self::none().then(model)
    }

    /// Asks nobody else, until chains are added.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(Chains {
            models: Vec::new(),
            context_length: Vec::new(),
            content_filter: Vec::new(),
            when: Arc::new(falls_back),
        }))
    }

    /// Asks `model` when all before it fail.
    #[must_use]
    pub fn then(mut self, model: Model) -> Self {
        Arc::make_mut(&mut self.0).models.push(model);
        self
    }

    /// Asks these models, in order, when the prompt is too long for a model.
    #[must_use]
    pub fn on_context_length(mut self, models: impl IntoIterator<Item = Model>) -> Self {
        Arc::make_mut(&mut self.0).context_length.extend(models);
        self
    }

    /// Asks these models, in order, when a content filter stops the prompt, or the answer before it
    /// has begun.
    #[must_use]
    pub fn on_content_filter(mut self, models: impl IntoIterator<Item = Model>) -> Self {
        Arc::make_mut(&mut self.0).content_filter.extend(models);
        self
    }

    /// Decides on which errors the next model is asked, those that have chains of their own apart.
    #[must_use]
    pub fn when(mut self, when: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).when = Arc::new(when);
        self
    }
}

/// Whether another model may succeed where one failed like this.
fn falls_back(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Timeout(phase) => phase != TimeoutPhase::Whole,
        ErrorKind::MissingCredential
        | ErrorKind::Unsupported
        | ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::InsufficientFunds
        | ErrorKind::ModelNotFound
        | ErrorKind::Conflict
        | ErrorKind::RateLimit
        | ErrorKind::Overloaded
        | ErrorKind::Server
        | ErrorKind::Connection
        | ErrorKind::StreamInterrupted
        | ErrorKind::Decode => true,
        _ => false,
    }
}

impl Layer for Fallback {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(FallingBack { inner, chains: Arc::clone(&self.0) })
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Chains {
    fn of(&self, chain: Chain) -> &[Model] {
        match chain {
            Chain::Models => &self.models,
            Chain::ContextLength => &self.context_length,
            Chain::ContentFilter => &self.content_filter,
        }
    }
}

impl fmt::Debug for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback")
            .field("models", &self.models)
            .field("context_length", &self.context_length)
            .field("content_filter", &self.content_filter)
            .finish_non_exhaustive()
    }
}

/// Directs a request at another model than it was made for.
pub(crate) fn directed_at(model: &Model, request: &Request) -> Request {
    let mut request = request.clone();
    request.model.clone_from(&model.id);
    request.params = request.params_for(&model.params);
    request.adapt_output(model.provider.capabilities(&model.id));
    request
}

/// Says who gave the answer, where it is not who was asked.
pub(crate) fn introduction(model: &Model) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.provider = Some(model.provider.id().to_owned());
    metadata.model = Some(model.id.clone());
    metadata.requested_model = Some(model.id.clone());
    metadata
}

#[derive(Debug)]
struct FallingBack {
    inner: AnyProvider,
    chains: Arc<Chains>,
}

#[async_trait]
impl Provider for FallingBack {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let tries = Tries {
            inner: self.inner.clone(),
            chains: Arc::clone(&self.chains),
            chain: Chain::Models,
            asked: Vec::new(),
            current: None,
            attempts: Vec::new(),
            started: Instant::now(),
            deadline: Deadline::of(&request),
            request,
        };
        let (stream, tries) = tries.ask().await?;
        Ok(Held::stream(stream, tries))
    }
}

/// Which of the chains is gone down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    Models,
    ContextLength,
    ContentFilter,
}

/// The tries of one request.
struct Tries {
    inner: AnyProvider,
    chains: Arc<Chains>,
    /// As it was made, for the first model.
    request: Request,
    chain: Chain,
    /// Who was asked after the first one, by any chain.
    asked: Vec<Model>,
    /// Who is asked, where it is not the first one any more.
    current: Option<Model>,
    attempts: Vec<Attempt>,
    /// When the newest try began.
    started: Instant,
    deadline: Deadline,
}

impl Tries {
    /// Asks until a request is accepted or nobody is left.
    async fn ask(mut self) -> Result<(EventStream, Self)> {
        loop {
            let sent = match &self.current {
                Some(model) => model.provider.send(directed_at(model, &self.request)).await,
                None => self.inner.send(self.request.clone()).await,
            };
            match sent {
                Ok(stream) => return Ok((stream, self)),
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// Turns to the next model, or gives up.
    fn failed(&mut self, error: Error) -> Result<()> {
        let error = self.named(error);
        let Some(next) = self.next(&error) else {
            return Err(error.with_attempts(std::mem::take(&mut self.attempts)));
        };
        let elapsed = self.started.elapsed();
        record(&mut self.attempts, &self.request, &error, elapsed, std::time::Duration::ZERO);
        tell_retry(&self.request, &self.attempts);
        self.deadline.shorten(&mut self.request);
        self.started = Instant::now();
        self.current = Some(next);
        Ok(())
    }

    /// Makes the error name who failed: the reader knows only who was asked first.
    fn named(&self, error: Error) -> Error {
        match &self.current {
            Some(model) => {
                error.with_provider(model.provider.id().to_owned()).with_model(model.id.clone())
            }
            None => error
                .with_provider(self.inner.id().to_owned())
                .with_model(self.request.model.clone()),
        }
    }

    fn next(&mut self, error: &Error) -> Option<Model> {
        // Nothing is left of the clock of the whole call.
        if self.deadline.left().is_some_and(|left| left.is_zero()) {
            return None;
        }
        let own = match error.kind() {
            ErrorKind::ContextLength => Some(Chain::ContextLength),
            ErrorKind::ContentFilter => Some(Chain::ContentFilter),
            _ => None,
        };
        match own {
            Some(chain) if !self.chains.of(chain).is_empty() => self.chain = chain,
            _ if (self.chains.when)(error) => {}
            _ => return None,
        }
        let next = self.unasked(self.chain)?.clone();
        self.asked.push(next.clone());
        Some(next)
    }

    /// The first of a chain that was not asked yet. Chains may lead to each other, and never in circles.
    fn unasked(&self, chain: Chain) -> Option<&Model> {
        let is_first =
            |model: &Model| model.id == self.request.model && model.provider.is_same(&self.inner);
        let was_asked = |model: &Model| {
            let mut asked = self.asked.iter();
            asked.any(|one| one.id == model.id && one.provider.is_same(&model.provider))
        };
        self.chains.of(chain).iter().find(|model| !is_first(model) && !was_asked(model))
    }
}

impl Restart for Tries {
    fn restart(mut self, error: Error) -> Restarting<Self> {
        Box::pin(async move {
            self.failed(error)?;
            self.ask().await
        })
    }

    fn begin(self) -> Vec<Attempt> {
        self.attempts
    }

    fn introduce(&self) -> Option<Metadata> {
        self.current.as_ref().map(introduction)
    }

    fn refuse(&self, event: &Event) -> Option<Error> {
        match event {
            Event::Finish(finish)
                if finish.reason == FinishReason::ContentFilter
                    && self.unasked(Chain::ContentFilter).is_some() =>
            {
                let message = "the content filter ended the answer before it began";
                Some(Error::new(ErrorKind::ContentFilter, message))
            }
            _ => None,
        }
    }
}
