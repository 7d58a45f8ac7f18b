//! [`CircuitBreaker`]: does not ask who keeps failing, until it is time to look again.

mod circuit;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::Stream;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Layer, Provider, Request,
    Result,
};

pub use circuit::CircuitState;
pub(crate) use circuit::{Blame, Circuit, Rules, Trial, blame};

use crate::room::Room;

/// Refuses requests, before anything is sent, to a model that keeps failing.
///
/// Each model of each provider has a circuit of its own. It opens
/// - after [so many failures](Self::failures) in a row, or when more than
///   [a share](Self::failure_share) of the latest answers failed, for the [cooldown](Self::cooldown);
/// - at once when a rate limit is reported, for as long as the provider asks;
/// - at once, and for the [long cooldown](Self::long_cooldown), when the credential was refused, there is
///   no credit, or the model is not there.
///
/// Then it lets one request through; its outcome closes the circuit or opens it again. Failures that
/// are the request's own (too long, malformed, filtered) count for nothing. An answer has succeeded when
/// its first event arrives, and fails when it breaks later. Clones share the circuits.
///
/// Beyond a thousand names, circuits are forgotten that know of no failure within the last minute
/// and have not been open within it.
///
/// # Errors
///
/// [`ErrorKind::Overloaded`] with [`Error::retry_after`] while the circuit is open.
///
/// ```
/// use meanwhile_core::{AnyProvider, Error, ErrorKind, Model, Scripted};
/// use meanwhile_layers::{CircuitBreaker, CircuitState};
/// # futures::executor::block_on(async {
/// let breaker = CircuitBreaker::new().failures(1);
/// let scripted = Scripted::new().error(Error::new(ErrorKind::Server, "down"));
/// let provider = AnyProvider::from(scripted.clone()).layer(&breaker);
/// let model = Model::new(provider, "any");
///
/// model.call::<String>("hello").await.unwrap_err();
/// let refused = model.call::<String>("hello").await.unwrap_err();
///
/// assert_eq!(refused.kind(), ErrorKind::Overloaded);
/// assert!(matches!(breaker.state("scripted", "any"), CircuitState::Open(_)));
/// assert_eq!(scripted.requests().len(), 1);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct CircuitBreaker {
    rules: Rules,
    circuits: Arc<Mutex<Circuits>>,
}

#[derive(Debug, Default)]
struct Circuits {
    by_name: HashMap<String, Circuit>,
    room: Room,
}

impl CircuitBreaker {
    /// Makes the layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many failures in a row open a circuit; 0 counts as 1. 5 without it.
    #[must_use]
    pub fn failures(mut self, in_a_row: u32) -> Self {
        self.rules.failures = in_a_row.max(1);
        self
    }

    /// Sets the share of failures, from 0 to 1, above which a circuit opens, once there were
    /// `least` answers within the last minute. A half of 10 without it.
    #[must_use]
    pub fn failure_share(mut self, share: f64, least: u32) -> Self {
        self.rules.share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        self.rules.least = least.max(1);
        self
    }

    /// Sets how long a circuit stays open where the provider does not say. 5 s without it.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.rules.cooldown = cooldown;
        self
    }

    /// Sets how long a circuit stays open when waiting alone does not help. 5 minutes without it.
    #[must_use]
    pub fn long_cooldown(mut self, cooldown: Duration) -> Self {
        self.rules.long_cooldown = cooldown;
        self
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    /// What the circuit of a model of a provider lets through.
    #[must_use]
    pub fn state(&self, provider: &str, model: &str) -> CircuitState {
        let key = format!("{provider}/{model}");
        self.lock().by_name.get(&key).map_or(CircuitState::Closed, Circuit::state)
    }

    fn circuit(&self, provider: &str, model: &str) -> Circuit {
        let key = format!("{provider}/{model}");
        let mut circuits = self.lock();
        let Circuits { by_name, room } = &mut *circuits;
        if let Some(circuit) = by_name.get(&key) {
            return circuit.clone();
        }
        room.make(by_name, |circuit| circuit.is_idle());
        by_name.entry(key).or_insert_with(|| Circuit::new(self.rules)).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer for CircuitBreaker {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Broken { inner, breaker: self.clone() })
    }
}

#[derive(Debug)]
struct Broken {
    inner: AnyProvider,
    breaker: CircuitBreaker,
}

#[async_trait]
impl Provider for Broken {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let circuit = self.breaker.circuit(self.inner.id(), &request.model);
        let mut trial = circuit
            .enter()
            .map_err(|left| is_open(left).with_provider(self.inner.id().to_owned()))?;
        match self.inner.send(request).await {
            Ok(stream) => Ok(EventStream::new(Tried { stream, trial, place: () })),
            Err(error) => {
                trial.failed(&error);
                Err(error)
            }
        }
    }
}

fn is_open(left: Duration) -> Error {
    let message = match left.is_zero() {
        true => "it has kept failing and is being tried; ask again later".to_owned(),
        false => format!("it has kept failing and is not asked for another {left:?}"),
    };
    Error::new(ErrorKind::Overloaded, message)
        .with_retry_after(left.max(Duration::from_millis(100)))
}

/// An answer whose outcome a circuit is told of, and that holds a place until it has ended.
pub(crate) struct Tried<P> {
    pub(crate) stream: EventStream,
    pub(crate) trial: Trial,
    pub(crate) place: P,
}

// Nothing in it is pinned in place.
impl<P> Unpin for Tried<P> {}

impl<P: Default> Stream for Tried<P> {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = Pin::new(&mut this.stream).poll_next(cx);
        match &item {
            Poll::Ready(Some(Ok(event))) => {
                if this.trial.is_open() && event.is_answer() {
                    this.trial.succeeded();
                }
                if event.is_terminal() {
                    this.place = P::default();
                }
            }
            Poll::Ready(Some(Err(error))) => {
                this.trial.failed(error);
                this.place = P::default();
            }
            _ => {}
        }
        item
    }
}
