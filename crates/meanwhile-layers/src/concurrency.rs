//! [`Concurrency`]: no more than so many requests at the same time; the others wait their turn.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Layer, Provider, Request,
    Result,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deadline::Deadline;

/// Lets a bounded number of requests through at the same time.
///
/// A request holds its place until its answer has ended or is dropped. Who finds none waits, first
/// come, first served; the wait counts towards the clock for the whole call. Clones, and all
/// providers that one layer is put around, share the places.
///
/// # Errors
///
/// [`ErrorKind::Overloaded`] when [more requests wait](Self::queue) than may, and
/// [`ErrorKind::Timeout`] of the whole call when its clock runs out first; nothing is sent then.
///
/// ```
/// use futures::future::try_join_all;
/// use meanwhile_core::{AnyProvider, Model, Scripted};
/// use meanwhile_layers::Concurrency;
/// # futures::executor::block_on(async {
/// let limit = Concurrency::new(2);
/// let provider = AnyProvider::from(Scripted::new().reply_with(|_| "done".to_owned()));
/// let model = Model::new(provider.layer(&limit), "any");
///
/// let calls = (0..10).map(|n| model.call::<String>(n.to_string()).into_future());
/// let answers = try_join_all(calls).await?;
///
/// assert_eq!(answers.len(), 10);
/// assert_eq!(limit.free(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Concurrency(Arc<Places>);

#[derive(Debug)]
struct Places {
    permits: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
    queue: usize,
}

impl Concurrency {
    /// Lets `most` requests through at the same time; 0 counts as 1.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self::of(most, usize::MAX)
    }

    /// Lets no more than `waiting` requests wait; those beyond fail at once. Clones made before keep
    /// their own places.
    #[must_use]
    pub fn queue(self, waiting: usize) -> Self {
        Self::of(self.0.most, waiting)
    }

    fn of(most: usize, queue: usize) -> Self {
        let permits = Arc::new(Semaphore::new(most));
        Self(Arc::new(Places { permits, most, waiting: AtomicUsize::new(0), queue }))
    }

    /// How many places are free at the moment.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.permits.available_permits()
    }

    /// How many requests wait at the moment.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }
}

impl Places {
    /// Takes a place, waiting for it if need be.
    async fn take(self: &Arc<Self>, request: &mut Request) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let mine = Waiting::new(self).ok_or_else(|| {
            let message = format!(
                "{} requests run and {} wait already; send fewer at once, or raise the limit of the queue",
                self.most, self.queue
            );
            Error::new(ErrorKind::Overloaded, message)
        })?;
        let deadline = Deadline::of(request);
        let place = self.permits.clone().acquire_owned();
        let place =
            deadline.run(place, "the wait for a place among the concurrent requests").await?;
        drop(mine);
        deadline.shorten(request);
        // The semaphore is never closed.
        place.map_err(|closed| {
            Error::new(ErrorKind::Other, "the concurrency limit is closed").with_source(closed)
        })
    }
}

/// One who waits; counted until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(places: &'a Places) -> Option<Self> {
        let add = |waiting: usize| (waiting < places.queue).then_some(waiting + 1);
        places.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Self(&places.waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Layer for Concurrency {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Limited { inner, places: self.0.clone() })
    }
}

#[derive(Debug)]
struct Limited {
    inner: AnyProvider,
    places: Arc<Places>,
}

#[async_trait]
impl Provider for Limited {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        let place = self.places.take(&mut request).await?;
        let stream = self.inner.send(request).await?;
        Ok(EventStream::new(Placed { stream, place: Some(place) }))
    }
}

/// An answer that holds a place until it has ended.
pub(crate) struct Placed<P> {
    pub(crate) stream: EventStream,
    pub(crate) place: Option<P>,
}

// Nothing in it is pinned in place.
impl<P> Unpin for Placed<P> {}

impl<P> Stream for Placed<P> {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = Pin::new(&mut this.stream).poll_next(cx);
        match &item {
            Poll::Ready(Some(Ok(event))) if !event.is_terminal() => {}
            Poll::Ready(_) => this.place = None,
            Poll::Pending => {}
        }
        item
    }
}
