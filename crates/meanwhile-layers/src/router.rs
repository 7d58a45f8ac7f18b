//! [`Router`]: several deployments behind one provider id; each request goes to one that is well.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::select_all;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Error, ErrorKind, EventStream, Metadata, OutputSupport,
    Provider, Request, Result,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::breaker::{Blame, Circuit, CircuitBreaker, CircuitState, Rules, Trial, Tried, blame};
use crate::deadline::Deadline;
use crate::held::{Held, Restart, Restarting, record, tell_retry};

/// A provider that spreads requests over deployments, by weight, and leaves out those that fail.
///
/// A deployment is a model of a provider: the same model under two keys, in two regions, at two
/// vendors. Each has a [circuit](CircuitBreaker) of its own, and at most
/// [so many](Deployment::concurrency) answers at the same time; when all that are well are full, a
/// request waits for the first free place. A request that fails before its answer has begun goes to
/// another deployment, unless the request itself is to blame; each deployment is asked once. What failed
/// is listed on the answer, or on the last error.
///
/// What the router can do is what all its deployments can. An answer names the provider and the model that
/// gave it.
///
/// # Errors
///
/// [`ErrorKind::ModelNotFound`] where no deployment serves the model, [`ErrorKind::Overloaded`]
/// with [`Error::retry_after`] while all circuits are open, [`ErrorKind::Timeout`] of the whole call when
/// its clock runs out in the queue, and otherwise the error of the last deployment that was asked.
///
/// ```
/// use meanwhile_core::{Error, ErrorKind, Model, Response, Scripted};
/// use meanwhile_layers::{Deployment, Router};
/// # futures::executor::block_on(async {
/// let down = Scripted::new().error(Error::new(ErrorKind::Server, "down"));
/// let well = Scripted::new().reply("at your service");
/// let router = Router::new("house")
///     .deployment(Deployment::new(down.into(), "large"))
///     // Asked only when there is no other.
///     .deployment(Deployment::new(well.into(), "large").weight(0));
///
/// let answer: Response = Model::new(router, "any").call("hello").await?;
///
/// assert_eq!(answer.text(), "at your service");
/// assert_eq!(answer.attempts[0].kind, ErrorKind::Server);
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Router {
    id: Arc<str>,
    rules: Rules,
    targets: Arc<[Target]>,
}

/// One model of one provider, for a [`Router`].
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_layers::{Deployment, Router};
/// # futures::executor::block_on(async {
/// let (large, small) = (Scripted::new().reply("I am large"), Scripted::new());
/// let router = Router::new("house")
///     .deployment(Deployment::new(large.into(), "gpt-4o").serves("best"))
///     .deployment(Deployment::new(small.into(), "gpt-4o-mini").serves("cheap"));
///
/// let answer: String = Model::new(router.clone(), "best").call("Who are you?").await?;
/// assert_eq!(answer, "I am large");
/// assert_eq!(router.status()[1].model, "gpt-4o-mini");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a deployment does nothing until it is given to a router"]
pub struct Deployment {
    provider: AnyProvider,
    model: String,
    serves: Option<String>,
    weight: u32,
    concurrency: Option<usize>,
}

/// How a deployment of a [`Router`] is at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeploymentStatus {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Whether it is asked.
    pub circuit: CircuitState,
    /// How many more answers it may give at the same time; `None` for any number.
    pub free: Option<usize>,
}

#[derive(Debug, Clone)]
struct Target {
    deployment: Deployment,
    circuit: Circuit,
    places: Option<Arc<Semaphore>>,
}

impl Deployment {
    /// Asks `model` of `provider`, with weight 1.
    pub fn new(provider: AnyProvider, model: impl Into<String>) -> Self {
        let model = model.into();
        Self { provider, model, serves: None, weight: 1, concurrency: None }
    }

    /// Sets how often it is chosen, compared with the others. With 0 it is asked only when no other can
    /// be.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the most answers at the same time; 0 counts as 1.
    pub fn concurrency(mut self, answers: usize) -> Self {
        self.concurrency = Some(answers.clamp(1, Semaphore::MAX_PERMITS));
        self
    }

    /// Asks it only for one model name of the router; without it, whatever the name.
    pub fn serves(mut self, name: impl Into<String>) -> Self {
        self.serves = Some(name.into());
        self
    }
}

impl Target {
    fn new(deployment: Deployment, rules: Rules) -> Self {
        let places = deployment.concurrency.map(|most| Arc::new(Semaphore::new(most)));
        Self { deployment, circuit: Circuit::new(rules), places }
    }

    fn serves(&self, model: &str) -> bool {
        self.deployment.serves.as_ref().is_none_or(|name| name == model)
    }

    fn has_place(&self) -> bool {
        self.places.as_ref().is_none_or(|places| places.available_permits() > 0)
    }
}

impl Router {
    /// Makes a router without deployments, under a provider id of its own.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into().into(), rules: Rules::default(), targets: Arc::new([]) }
    }

    /// Adds a deployment.
    #[must_use]
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        let new = Target::new(deployment, self.rules);
        self.targets = self.targets.iter().cloned().chain([new]).collect();
        self
    }

    /// Takes over when circuits open, and for how long; the circuits themselves are the router's own.
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: &CircuitBreaker) -> Self {
        self.rules = breaker.rules();
        let anew = |target: &Target| Target::new(target.deployment.clone(), self.rules);
        self.targets = self.targets.iter().map(anew).collect();
        self
    }

    /// How each deployment is at the moment, in the order in which they were added.
    #[must_use]
    pub fn status(&self) -> Vec<DeploymentStatus> {
        let status = |target: &Target| DeploymentStatus {
            provider: target.deployment.provider.id().to_owned(),
            model: target.deployment.model.clone(),
            circuit: target.circuit.state(),
            free: target.places.as_ref().map(|places| places.available_permits()),
        };
        self.targets.iter().map(status).collect()
    }
}

impl From<Router> for AnyProvider {
    fn from(router: Router) -> Self {
        Self::new(router)
    }
}

#[async_trait]
impl Provider for Router {
    fn id(&self) -> &str {
        &self.id
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        let serving = self.targets.iter().filter(|target| target.serves(model));
        let capabilities = serving.map(|target| {
            let Deployment { provider, model, .. } = &target.deployment;
            let mut capabilities = provider.capabilities(model);
            // One router in front of other models gives other answers.
            let asked = whom(provider.id(), model, capabilities.endpoint);
            capabilities.endpoint = Some(asked);
            capabilities
        });
        capabilities.reduce(common).unwrap_or_default()
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        if !self.targets.iter().any(|target| target.serves(&request.model)) {
            let message = format!(
                "no deployment of `{}` serves `{}`; add one with `Router::deployment`",
                self.id, request.model
            );
            return Err(Error::new(ErrorKind::ModelNotFound, message));
        }
        let route = Route {
            deadline: Deadline::of(&request),
            request,
            targets: self.targets.clone(),
            tried: vec![false; self.targets.len()],
            asked: None,
            attempts: Vec::new(),
            started: Instant::now(),
        };
        let (stream, route) = route.ask(None).await?;
        Ok(Held::stream(stream, route))
    }
}

/// The way of one request.
struct Route {
    targets: Arc<[Target]>,
    request: Request,
    tried: Vec<bool>,
    // Provider and model that have accepted the request.
    asked: Option<(String, String)>,
    attempts: Vec<Attempt>,
    // When the newest try began.
    started: Instant,
    deadline: Deadline,
}

/// A deployment that was chosen, with leave to ask it.
struct Chosen {
    target: Target,
    trial: Trial,
    place: Option<OwnedSemaphorePermit>,
}

impl Route {
    /// Asks one deployment after another until one accepts the request. `last` is why the one before
    /// did not answer, and how long that took.
    async fn ask(mut self, mut last: Option<(Error, Duration)>) -> Result<(EventStream, Self)> {
        loop {
            let chosen = match self.choose().await {
                Ok(Some(chosen)) => chosen,
                Ok(None) => {
                    let error = last.map_or_else(|| self.all_open(), |(error, _)| error);
                    return Err(error.with_attempts(self.attempts));
                }
                Err(error) => {
                    if let Some((last, elapsed)) = last {
                        record(&mut self.attempts, &self.request, &last, elapsed, Duration::ZERO);
                    }
                    return Err(error.with_attempts(self.attempts));
                }
            };
            if let Some((error, elapsed)) = last.take() {
                record(&mut self.attempts, &self.request, &error, elapsed, Duration::ZERO);
                tell_retry(&self.request, &self.attempts);
            }
            self.started = Instant::now();
            let Chosen { target, mut trial, place } = chosen;
            let Deployment { provider, model, .. } = target.deployment;
            let mut request = self.request.clone();
            request.model.clone_from(&model);
            self.deadline.shorten(&mut request);
            match provider.send(request).await {
                Ok(stream) => {
                    self.asked = Some((provider.id().to_owned(), model));
                    return Ok((EventStream::new(Tried { stream, trial, place }), self));
                }
                Err(error) => {
                    trial.failed(&error);
                    let error = error.with_provider(provider.id().to_owned()).with_model(model);
                    if !moves_on(&error) {
                        return Err(error.with_attempts(self.attempts));
                    }
                    last = Some((error, self.started.elapsed()));
                }
            }
        }
    }

    /// Chooses a deployment that was not asked yet, waiting for a place where all are full. `None` where
    /// there is none.
    async fn choose(&mut self) -> Result<Option<Chosen>> {
        loop {
            let left: Vec<usize> = (0..self.targets.len()).filter(|at| self.is_left(*at)).collect();
            let free: Vec<usize> = left
                .iter()
                .copied()
                .filter(|at| self.target(*at).is_some_and(Target::has_place))
                .collect();
            let (at, place) = if let Some(at) = self.draw(&free) {
                (at, None)
            } else if left.is_empty() {
                return Ok(None);
            } else {
                let (at, place) = self.first_place(&left).await?;
                (at, Some(place))
            };
            let Some(target) = self.target(at).cloned() else { return Ok(None) };
            let place = match (&target.places, place) {
                (Some(places), None) => match places.clone().try_acquire_owned() {
                    Ok(place) => Some(place),
                    // Somebody was faster.
                    Err(_) => continue,
                },
                (_, place) => place,
            };
            // Where somebody else has the probe of a half-open circuit, it is no longer passable.
            let Ok(trial) = target.circuit.enter() else { continue };
            if let Some(tried) = self.tried.get_mut(at) {
                *tried = true;
            }
            return Ok(Some(Chosen { target, trial, place }));
        }
    }

    fn target(&self, at: usize) -> Option<&Target> {
        self.targets.get(at)
    }

    fn is_left(&self, at: usize) -> bool {
        let fits =
            |target: &Target| target.serves(&self.request.model) && target.circuit.is_passable();
        self.tried.get(at) == Some(&false) && self.target(at).is_some_and(fits)
    }

    /// Draws by weight; among those of weight 0 only where there is no other.
    fn draw(&self, among: &[usize]) -> Option<usize> {
        let weight =
            |at: usize| self.target(at).map_or(0, |target| u64::from(target.deployment.weight));
        let all: u64 = among.iter().map(|at| weight(*at)).sum();
        if all == 0 {
            return fastrand::choice(among).copied();
        }
        let mut drawn = fastrand::u64(..all);
        among.iter().copied().find(|at| match drawn.checked_sub(weight(*at)) {
            Some(rest) => {
                drawn = rest;
                false
            }
            None => true,
        })
    }

    /// Waits for the first free place.
    async fn first_place(&self, among: &[usize]) -> Result<(usize, OwnedSemaphorePermit)> {
        let waits = among.iter().filter_map(|at| {
            let places = self.target(*at)?.places.clone()?;
            let wait = async move { (*at, places.acquire_owned().await) };
            let wait: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(wait);
            Some(wait)
        });
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() {
            return Err(Error::new(ErrorKind::Overloaded, "no deployment has a free place"));
        }
        let what = "the wait for a place at one of the deployments";
        let ((at, place), ..) = self.deadline.run(select_all(waits), what).await?;
        // The semaphores are never closed.
        let place = place.map_err(|closed| {
            Error::new(ErrorKind::Other, "the deployment is closed").with_source(closed)
        })?;
        Ok((at, place))
    }

    fn all_open(&self) -> Error {
        let serving = self.targets.iter().filter(|target| target.serves(&self.request.model));
        let left = serving.filter_map(|target| match target.circuit.state() {
            CircuitState::Open(left) => Some(left),
            CircuitState::Closed | CircuitState::HalfOpen => None,
        });
        let left = left.min().unwrap_or_default().max(Duration::from_millis(100));
        let message =
            format!("every deployment has kept failing; none is asked for another {left:?}");
        Error::new(ErrorKind::Overloaded, message).with_retry_after(left)
    }
}

impl Restart for Route {
    fn restart(mut self, error: Error) -> Restarting<Self> {
        Box::pin(async move {
            let error = match self.asked.take() {
                Some((provider, model)) => error.with_provider(provider).with_model(model),
                None => error,
            };
            if !moves_on(&error) {
                return Err(error.with_attempts(self.attempts));
            }
            let elapsed = self.started.elapsed();
            self.ask(Some((error, elapsed))).await
        })
    }

    fn begin(self) -> Vec<Attempt> {
        self.attempts
    }

    fn introduce(&self) -> Option<Metadata> {
        let (provider, model) = self.asked.as_ref()?;
        let mut metadata = Metadata::default();
        metadata.provider = Some(provider.clone());
        metadata.model = Some(model.clone());
        metadata.requested_model = Some(model.clone());
        Some(metadata)
    }
}

/// Whether another deployment may do better.
fn moves_on(error: &Error) -> bool {
    error.is_retryable() || blame(error) != Blame::None
}

/// A digest of whom a deployment asks, the same in every process: 64-bit FNV-1a, with lengths
/// between, over the provider, the model and where it is.
fn whom(provider: &str, model: &str, endpoint: Option<u64>) -> u64 {
    let endpoint = endpoint.unwrap_or_default().to_le_bytes();
    let parts = [provider.as_bytes(), model.as_bytes(), &endpoint];
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes();
        length.iter().chain(*part).fold(hash, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    })
}

/// What both can do.
fn common(one: Capabilities, other: Capabilities) -> Capabilities {
    let mut both = one;
    both.streaming &= other.streaming;
    both.tools &= other.tools;
    both.images &= other.images;
    both.audio &= other.audio;
    both.documents &= other.documents;
    both.reasoning &= other.reasoning;
    both.output = match (one.output, other.output) {
        (OutputSupport::Schema, output) | (output, OutputSupport::Schema) => output,
        (OutputSupport::Json, output) | (output, OutputSupport::Json) => output,
        _ => OutputSupport::Prompted,
    };
    // Where a router asks is the sum of where its deployments ask.
    both.endpoint = match (one.endpoint, other.endpoint) {
        (Some(one), Some(other)) => Some(one.rotate_left(1) ^ other),
        (one, other) => one.or(other),
    };
    both
}
