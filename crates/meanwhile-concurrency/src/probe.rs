//! [`Probe`]: what one call of a comparison takes, measured at its providers.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::Stream;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Delivery, Error, Event, EventStream, Fold, InScope, Layer,
    Provider, Request, Response, Result, Scope, Usage, Usd,
};
use meanwhile_layers::Prices;
use tokio::time::Instant;

/// Measures one call. Clones share what was seen.
///
/// As a layer it sees every request of the call, with which tool loops, retries and fallbacks ask. Of
/// layers further inside, on the provider, it sees the tries that failed in what they hand on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Leaves requests as they are, instead of having their answers streamed.
    whole: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    started: Option<Instant>,
    first_token: Option<Instant>,
    ended: Option<Instant>,
    /// What each request used; without content.
    answers: Vec<Response>,
}

impl Probe {
    pub(crate) fn ask_whole(&self) {
        self.0.whole.store(true, Ordering::Relaxed);
    }

    /// From the start of the call to its end; zero when it never started.
    pub(crate) fn latency(&self) -> Duration {
        let seen = self.seen();
        match (seen.started, seen.ended) {
            (Some(started), Some(ended)) => ended.duration_since(started),
            (Some(started), None) => started.elapsed(),
            (None, _) => Duration::ZERO,
        }
    }

    pub(crate) fn time_to_first_token(&self) -> Option<Duration> {
        let seen = self.seen();
        Some(seen.first_token?.duration_since(seen.started?))
    }

    /// The sum over all requests.
    pub(crate) fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        let seen = self.seen();
        // One request keeps the provider's own counters.
        if let [only] = &seen.answers[..] {
            return only.usage.clone();
        }
        for answer in &seen.answers {
            usage.add(&answer.usage);
        }
        usage
    }

    /// The sum over all requests; `None` where one of them is not known, or there was none.
    pub(crate) fn cost(&self, prices: &Prices) -> Option<Usd> {
        let seen = self.seen();
        if seen.answers.is_empty() {
            return None;
        }
        let costs = seen.answers.iter().map(|answer| prices.cost_of(answer));
        costs.map(|cost| cost.map(|cost| cost.total())).sum()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Counts tries that failed. One that used nothing, as far as is known, was refused and is free.
    fn tried(&mut self, provider: &str, attempts: &[Attempt]) {
        for attempt in attempts.iter().filter(|attempt| attempt.usage != Usage::default()) {
            let provider = attempt.provider.as_deref().unwrap_or(provider);
            let mut answer = Response::new(provider, &*attempt.model);
            answer.usage = attempt.usage.clone();
            self.answers.push(answer);
        }
    }

    /// Counts what a request used that failed; returns whether it told.
    fn failed(&mut self, provider: &str, model: &str, error: &Error) -> bool {
        let partial = error.partial().filter(|partial| partial.usage != Usage::default());
        let Some(partial) = partial else { return false };
        let provider = error.provider().unwrap_or(provider);
        let mut answer = Response::new(provider, error.model().unwrap_or(model));
        answer.usage = partial.usage.clone();
        answer.service_tier.clone_from(&partial.service_tier);
        answer.cached = partial.cached;
        self.answers.push(answer);
        true
    }
}

impl Layer for Probe {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Probing { inner, probe: self.clone() })
    }
}

#[derive(Debug)]
struct Probing {
    inner: AnyProvider,
    probe: Probe,
}

#[async_trait]
impl Provider for Probing {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        let whole = self.probe.0.whole.load(Ordering::Relaxed);
        if !whole && self.capabilities(&request.model).streaming {
            request.delivery = Delivery::Streamed;
        }
        let (provider, model) = (self.inner.id().to_owned(), request.model.clone());
        let probe = self.probe.clone();
        let events = match self.inner.send(request).await {
            Ok(events) => events,
            Err(error) => {
                let mut seen = probe.seen();
                seen.tried(&provider, error.attempts());
                seen.failed(&provider, &model, &error);
                drop(seen);
                return Err(error);
            }
        };
        let fold = Some(Fold::new(&*provider, &*model));
        let (begun, counted, tried) = (false, false, false);
        let watched = Watched { events, probe, provider, model, fold, begun, counted, tried };
        Ok(EventStream::new(watched))
    }
}

/// An answer that is watched as it is read.
struct Watched {
    events: EventStream,
    probe: Probe,
    /// Gets counts and metadata only.
    fold: Option<Fold>,
    provider: String,
    model: String,
    begun: bool,
    /// Whether it has told what it used.
    counted: bool,
    /// Whether it has told of tries that failed.
    tried: bool,
}

impl Stream for Watched {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = ready!(Pin::new(&mut this.events).poll_next(cx));
        match &item {
            Some(Ok(event @ (Event::Metadata(_) | Event::Usage(_)))) => {
                this.counted |= matches!(event, Event::Usage(_));
                if let Some(fold) = &mut this.fold {
                    fold.push(event)?;
                }
            }
            Some(Ok(Event::Attempt(attempt))) => {
                this.tried = true;
                this.probe.seen().tried(&this.provider, std::slice::from_ref(&**attempt));
            }
            Some(Err(error)) => this.broken(error),
            Some(Ok(event)) if !this.begun && is_token(event) => {
                this.begun = true;
                this.probe.seen().first_token.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
        Poll::Ready(item)
    }
}

impl Watched {
    /// Counts what only the error tells.
    fn broken(&mut self, error: &Error) {
        let mut seen = self.probe.seen();
        if !self.tried {
            seen.tried(&self.provider, error.attempts());
        }
        if !self.counted && seen.failed(&self.provider, &self.model, error) {
            self.fold = None;
        }
    }
}

/// Whether something of the answer has come, and not only its frame.
fn is_token(event: &Event) -> bool {
    event.is_answer()
        && !event.is_terminal()
        && !matches!(event, Event::PartStart { .. } | Event::PartEnd { .. })
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(fold) = self.fold.take() {
            self.probe.seen().answers.push(fold.into_partial());
        }
    }
}

/// A call that is measured, in the scope in which it was made.
#[derive(Debug, Clone)]
pub(crate) struct Probed<C> {
    pub(crate) call: C,
    pub(crate) scope: Scope,
    pub(crate) probe: Probe,
}

impl<C: IntoFuture> IntoFuture for Probed<C> {
    type Output = C::Output;
    type IntoFuture = Measured<C::IntoFuture>;

    fn into_future(self) -> Self::IntoFuture {
        let future = self.scope.run(self.call.into_future());
        Measured { future, watch: Watch(self.probe) }
    }
}

pin_project_lite::pin_project! {
    /// A call that is measured.
    pub struct Measured<F> {
        #[pin]
        future: InScope<F>,
        // Behind the future: what it was reading when it was dropped is counted first.
        watch: Watch,
    }
}

/// Takes the time from the first poll until it is dropped.
struct Watch(Probe);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.seen().ended.get_or_insert_with(Instant::now);
    }
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.watch.0.seen().started.get_or_insert_with(Instant::now);
        let output = ready!(this.future.poll(cx));
        this.watch.0.seen().ended.get_or_insert_with(Instant::now);
        Poll::Ready(output)
    }
}
