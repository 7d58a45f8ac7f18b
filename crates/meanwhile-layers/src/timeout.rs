//! [`Timeout`]: three clocks around any provider: the first event, silence between events, the whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::Stream;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Layer, Provider, Request,
    Result, TimeoutPhase, Timeouts,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Ends answers that are late, with an error that says which clock ran out.
///
/// A request's own limits win, field by field. They go on with the request, so that layers and
/// providers inside know them; providers that speak HTTP keep such clocks themselves, and a layer is
/// needed for them only to bound several tries together. What arrived before a clock ran out rides on
/// the error; the request is cancelled.
///
/// The first event is the first word about the answer: a provider's id of the request, warnings and
/// tries that failed do not count.
///
/// # Errors
///
/// [`ErrorKind::Timeout`] with the [`TimeoutPhase`].
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{AnyProvider, ErrorKind, Event, Model, Scripted, TimeoutPhase};
/// use meanwhile_layers::Timeout;
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let begun = [Event::text_start(0), Event::text_delta(0, "Once upon a")];
/// let provider = AnyProvider::from(Scripted::new().silence_after(begun));
/// let provider = provider.layer(&Timeout::new().idle(Duration::from_secs(5)));
///
/// let error = Model::new(provider, "any").call::<String>("a story").await.unwrap_err();
///
/// assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Idle));
/// assert_eq!(error.partial().unwrap().text(), "Once upon a");
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeout(Timeouts);

impl Timeout {
    /// Makes the layer without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest wait for the first event of an answer.
    #[must_use]
    pub fn first_event(self, limit: Duration) -> Self {
        Self(self.0.first_event(limit))
    }

    /// Sets the longest silence between two events.
    #[must_use]
    pub fn idle(self, limit: Duration) -> Self {
        Self(self.0.idle(limit))
    }

    /// Sets the longest time for a request from start to finish, with all that layers inside do.
    #[must_use]
    pub fn whole(self, limit: Duration) -> Self {
        Self(self.0.whole(limit))
    }
}

impl From<Timeouts> for Timeout {
    fn from(limits: Timeouts) -> Self {
        Self(limits)
    }
}

impl Layer for Timeout {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Timed { inner, limits: self.0 })
    }
}

#[derive(Debug)]
struct Timed {
    inner: AnyProvider,
    limits: Timeouts,
}

#[async_trait]
impl Provider for Timed {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        request.timeouts = request.timeouts.or(self.limits);
        if request.timeouts == Timeouts::default() {
            return self.inner.send(request).await;
        }
        let mut clock = Clock::start(request.timeouts);
        let model = request.model.clone();
        let mut sent = self.inner.send(request);
        let sent = std::future::poll_fn(|cx| match sent.as_mut().poll(cx) {
            Poll::Ready(sent) => Poll::Ready(sent),
            Poll::Pending => clock.poll(cx).map(Err),
        });
        let stream = sent.await?;
        let provider = self.inner.clone();
        Ok(EventStream::new(Clocked { stream: Some(stream), clock, provider, model }))
    }
}

/// An answer under a clock.
struct Clocked {
    // Dropped, and so cancelled, when a clock runs out.
    stream: Option<EventStream>,
    clock: Clock,
    // For the error.
    provider: AnyProvider,
    model: String,
}

impl Stream for Clocked {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        match Pin::new(stream).poll_next(cx) {
            Poll::Ready(item) => {
                if let Some(Ok(event)) = &item {
                    this.clock.note(event);
                }
                Poll::Ready(item)
            }
            Poll::Pending => this.clock.poll(cx).map(|error| {
                this.stream = None;
                let error = error.with_provider(this.provider.id().to_owned());
                Some(Err(error.with_model(std::mem::take(&mut this.model))))
            }),
        }
    }
}

/// The limits of one request, at the cost of one timer. It is set once and looked at when it fires: an
/// event moves the limit, not the timer. Time is asked for only when there is nothing to read.
struct Clock {
    limits: Timeouts,
    started: Instant,
    // When the last event was noticed.
    progress: Instant,
    begun: bool,
    moved: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn start(limits: Timeouts) -> Self {
        let now = Instant::now();
        Self { limits, started: now, progress: now, begun: false, moved: false, timer: None }
    }

    fn note(&mut self, event: &Event) {
        let says_nothing =
            matches!(event, Event::Metadata(_) | Event::Warning(_) | Event::Attempt(_));
        self.begun |= !says_nothing;
        self.moved |= self.begun;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if std::mem::take(&mut self.moved) {
            self.progress = Instant::now();
        }
        let Some((deadline, phase)) = self.deadline() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // The timer may have been set for an earlier limit, which events have moved since.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(self.error(phase));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// The next limit. One that lies beyond the end of time is none.
    fn deadline(&self) -> Option<(Instant, TimeoutPhase)> {
        let limits = &self.limits;
        let (since, limit, phase) = match self.begun {
            false => (self.started, limits.first_event, TimeoutPhase::FirstEvent),
            true => (self.progress, limits.idle, TimeoutPhase::Idle),
        };
        let event = limit.and_then(|limit| Some((since.checked_add(limit)?, phase)));
        let whole = limits.whole.and_then(|limit| self.started.checked_add(limit));
        match (event, whole) {
            (Some((event, _)), Some(whole)) if whole < event => Some((whole, TimeoutPhase::Whole)),
            (None, Some(whole)) => Some((whole, TimeoutPhase::Whole)),
            (event, _) => event,
        }
    }

    fn error(&self, phase: TimeoutPhase) -> Error {
        let limits = &self.limits;
        let message = match phase {
            TimeoutPhase::FirstEvent => format!(
                "no answer within {:?}; send the request again or raise the limit for the first event",
                limits.first_event.unwrap_or_default()
            ),
            TimeoutPhase::Idle => format!(
                "the answer fell silent for {:?}; send the request again or raise the idle limit",
                limits.idle.unwrap_or_default()
            ),
            _ => format!(
                "the answer was not complete within {:?}; raise the limit for the whole call",
                limits.whole.unwrap_or_default()
            ),
        };
        Error::new(ErrorKind::Timeout(phase), message)
    }
}
