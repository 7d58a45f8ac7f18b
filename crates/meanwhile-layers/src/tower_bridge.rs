//! [`TowerLayer`] and [`ProviderService`]: the layers of `tower` around providers, and providers as
//! its services.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, EventStream, Layer, Provider, Request, Result,
    TimeoutPhase,
};
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;
use tower::{Service, ServiceExt as _};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A provider as a service of `tower`. Always ready; a call is a request.
///
/// The future of a call ends when the provider has accepted the request: what a layer of `tower` counts
/// or times ends there as well, and the answer itself comes afterwards.
///
/// ```
/// use meanwhile_core::{Message, Request, Scripted};
/// use meanwhile_layers::ProviderService;
/// use tower::ServiceExt as _;
/// # futures::executor::block_on(async {
/// let service = ProviderService::new(Scripted::new().reply("hello").into());
/// let mut events = service.oneshot(Request::new("any", vec![Message::user("hi")])).await?;
/// assert!(events.next().await.is_some());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct ProviderService(AnyProvider);

impl ProviderService {
    /// Makes a service of a provider.
    #[must_use]
    pub fn new(provider: AnyProvider) -> Self {
        Self(provider)
    }
}

impl Service<Request> for ProviderService {
    type Response = EventStream;
    type Error = Error;
    type Future = BoxFuture<'static, Result<EventStream>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let provider = self.0.clone();
        Box::pin(async move { provider.send(request).await })
    }
}

/// A layer of `tower` as one around providers.
///
/// The service that it makes is cloned for every request: state that requests share must be shared by
/// its clones, as it is in the limits and buffers of `tower` itself. An error of it that is no
/// [`Error`] becomes one: of `tower`'s timeout an [`ErrorKind::Timeout`], of its load shedding an
/// [`ErrorKind::Overloaded`], of anything else an [`ErrorKind::Other`].
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_layers::TowerLayer;
/// use tower::timeout::TimeoutLayer;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// let model = Model::of(Scripted::new().reply("hello").into(), "any");
/// let timeout = TowerLayer::new(TimeoutLayer::new(Duration::from_secs(10)));
/// assert_eq!(model.call::<String>("Hi!").layer(timeout).await?, "hello");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy)]
pub struct TowerLayer<L>(L);

impl<L> TowerLayer<L> {
    /// Makes a layer of one of `tower`.
    #[must_use]
    pub fn new(layer: L) -> Self {
        Self(layer)
    }
}

impl<L> Layer for TowerLayer<L>
where
    L: tower::Layer<ProviderService> + Send + Sync + 'static,
    L::Service: Service<Request, Response = EventStream> + Clone + Send + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send,
{
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        let service = self.0.layer(ProviderService::new(inner.clone()));
        AnyProvider::new(ServiceProvider::new(service, inner))
    }
}

impl<L> fmt::Debug for TowerLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TowerLayer({})", std::any::type_name::<L>())
    }
}

/// A service of `tower` as a provider.
///
/// It answers in the name of another provider, from which its id and capabilities are. Cloned for every
/// request, as in a [`TowerLayer`], with the same treatment of its errors.
///
/// ```
/// use meanwhile_core::{AnyProvider, Model, Request, Scripted};
/// use meanwhile_layers::{ProviderService, ServiceProvider};
/// use tower::util::MapRequest;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// let provider = AnyProvider::from(Scripted::new().reply_with(|request| request.model.clone()));
/// let inner = ProviderService::new(provider.clone());
/// let service = MapRequest::new(inner, |mut request: Request| {
///     request.model = "small".to_owned();
///     request
/// });
/// let model = Model::new(ServiceProvider::new(service, provider), "large");
/// assert_eq!(model.call::<String>("Who are you?").await?, "small");
/// # Ok(()) }
/// ```
pub struct ServiceProvider<S> {
    // Only to be cloned: a service need not be `Sync`.
    service: Mutex<S>,
    about: AnyProvider,
}

impl<S> ServiceProvider<S> {
    /// Answers with `service` in the name of `about`.
    #[must_use]
    pub fn new(service: S, about: AnyProvider) -> Self {
        Self { service: Mutex::new(service), about }
    }
}

#[async_trait]
impl<S> Provider for ServiceProvider<S>
where
    S: Service<Request, Response = EventStream> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn id(&self) -> &str {
        self.about.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.about.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        service.oneshot(request).await.map_err(|error| translate(error.into()))
    }
}

impl<S> fmt::Debug for ServiceProvider<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProvider")
            .field("service", &std::any::type_name::<S>())
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

fn translate(error: BoxError) -> Error {
    if error.is::<Elapsed>() {
        let message = "the provider did not accept the request in time; allow it more";
        return Error::new(ErrorKind::Timeout(TimeoutPhase::FirstEvent), message)
            .with_source(error);
    }
    if error.is::<Overloaded>() {
        let message = "the service is at its limit; try again later";
        return Error::new(ErrorKind::Overloaded, message).with_source(error);
    }
    Error::from_boxed(ErrorKind::Other, error)
}
