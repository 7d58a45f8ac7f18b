//! [`EventStream`], what a provider returns, and [`ResponseStream`], what a user reads.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_util::StreamExt as _;

use crate::observe::{Moment, Started};
use crate::{Error, ErrorKind, Event, Extract, Fold, Reading, Response, Result};

/// The events of one answer, pulled by the reader.
///
/// Ends with exactly one terminal item: [`Event::Finish`] or an error; an inner stream that ends
/// without one yields [`ErrorKind::StreamInterrupted`]. Nothing runs between polls; dropping the
/// stream cancels the request and closes its connection.
///
/// ```
/// # use meanwhile_core::{ErrorKind, Event, EventStream};
/// # futures::executor::block_on(async {
/// let events = [Ok(Event::text_start(0)), Ok(Event::text_delta(0, "hel"))];
/// let mut stream = EventStream::from_events(events);
/// assert_eq!(stream.next().await.unwrap()?, Event::text_start(0));
/// assert_eq!(stream.next().await.unwrap()?, Event::text_delta(0, "hel"));
/// // What ends without a finish has been cut off.
/// let error = stream.next().await.unwrap().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
/// assert!(stream.next().await.is_none());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[must_use = "a stream does nothing unless polled"]
pub struct EventStream {
    inner: Pin<Box<dyn Stream<Item = Result<Event>> + Send>>,
    ended: bool,
}

impl EventStream {
    /// Wraps any stream of events; the rule about the terminal item is enforced here.
    pub fn new(inner: impl Stream<Item = Result<Event>> + Send + 'static) -> Self {
        Self { inner: Box::pin(inner), ended: false }
    }

    /// Plays ready-made events.
    pub fn from_events<I>(events: I) -> Self
    where
        I: IntoIterator<Item = Result<Event>>,
        I::IntoIter: Send + 'static,
    {
        Self::new(futures_util::stream::iter(events))
    }

    /// Waits for the next item; `None` after the terminal one. Cancel-safe: no item is lost.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        futures_util::StreamExt::next(self).await
    }
}

impl Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let item = ready!(this.inner.as_mut().poll_next(cx)).unwrap_or_else(|| {
            let message = "the stream ended before its finish; send the request again";
            Err(Error::new(ErrorKind::StreamInterrupted, message))
        });
        this.ended = !matches!(&item, Ok(event) if !event.is_terminal());
        Poll::Ready(Some(item))
    }
}

impl FusedStream for EventStream {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A streamed answer: a stream of [`Event`]s that folds itself while it is read.
///
/// [`finish`](Self::finish) reads what is left and returns the typed value. An error that ends the
/// stream carries everything received before it. Dropping the stream cancels the request.
///
/// ```
/// # use meanwhile_core::{Event, Model, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("[2, 3, 5]"), "any");
/// let mut stream = model.call::<Vec<u32>>("The first three primes").stream().await?;
/// let mut shown = String::new();
/// while let Some(event) = stream.next().await {
///     if let Event::TextDelta { text, .. } = event? {
///         shown.push_str(&text);
///     }
/// }
/// assert_eq!(shown, "[2, 3, 5]");
/// assert_eq!(stream.finish().await?, [2, 3, 5]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[must_use = "a stream does nothing unless polled"]
pub struct ResponseStream<T = Response> {
    events: EventStream,
    // Taken when the stream ends.
    fold: Option<Box<Fold>>,
    done: Option<Box<Response>>,
    // Only where somebody observes.
    watch: Option<Box<Watch>>,
    // The name of the call, for errors.
    operation: &'static str,
    // What the value is read with.
    reading: Reading,
    output: PhantomData<fn() -> T>,
}

/// The observed runs that a stream is: a request, and the call that made it.
#[derive(Debug, Default)]
struct Watch {
    model: Option<Started>,
    chain: Option<Started>,
    // Whether the value is read when the stream has ended, and is a part of the chain.
    reads_value: bool,
}

impl<T: Extract> ResponseStream<T> {
    /// Folds the events of `provider`'s answer to a request for `model`.
    pub fn new(events: EventStream, provider: impl Into<String>, model: impl Into<String>) -> Self {
        let fold = Some(Box::new(Fold::new(provider, model)));
        let reading = Reading::new();
        Self { events, fold, done: None, watch: None, operation: "", reading, output: PhantomData }
    }

    /// Sets what the value is read with.
    pub(crate) fn read_with(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Takes the whole answer, once the stream has ended well.
    pub(crate) fn take_response(&mut self) -> Option<Response> {
        self.done.take().map(|response| *response)
    }

    /// Makes the stream tell of its events as a run of a model, which ends with it.
    pub(crate) fn observed(mut self, model: Option<Started>) -> Self {
        if model.is_some() {
            self.watch.get_or_insert_default().model = model;
        }
        self
    }

    /// Makes the stream the end of a call, which names its errors, and of a chain.
    pub(crate) fn part_of(mut self, operation: &'static str, chain: Option<Started>) -> Self {
        self.operation = operation;
        if chain.is_some() {
            self.watch.get_or_insert_default().chain = chain;
        }
        self
    }

    /// Waits for the next event; `None` after the finish or an error. Cancel-safe: no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        futures_util::StreamExt::next(self).await
    }

    /// Keeps only the visible text, piece by piece.
    pub fn text(self) -> impl Stream<Item = Result<String>> + Send + Unpin {
        self.filter_map(|event| {
            std::future::ready(match event {
                Ok(Event::TextDelta { text, .. }) => Some(Ok(text)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
        })
    }

    /// Reads the rest and returns the typed value of the whole answer.
    ///
    /// # Errors
    ///
    /// Whatever ended the stream, or [`ErrorKind::Output`] when the value cannot be read from the
    /// answer; both carry the response as far as it came.
    pub async fn finish(mut self) -> Result<T> {
        if let Some(watch) = &mut self.watch {
            watch.reads_value = true;
        }
        let outcome = match self.read().await {
            Ok(response) => extract(response, &mut self.reading).await,
            Err(error) => Err(error),
        };
        if let Some(chain) = self.watch.take().and_then(|watch| watch.chain) {
            match &outcome {
                Ok(_) => chain.end(&Moment::ChainEnd),
                Err(error) => chain.fail(error),
            }
        }
        outcome
    }

    /// Reads the rest and returns the whole answer.
    ///
    /// # Errors
    ///
    /// Whatever ended the stream, with the partial response.
    pub async fn response(mut self) -> Result<Response> {
        self.read().await
    }

    async fn read(&mut self) -> Result<Response> {
        // Nobody else sees the events, so that they need not be copied.
        while self.watch.is_none()
            && let Some(fold) = &mut self.fold
            && let Some(event) = self.events.next().await
        {
            let outcome = event.and_then(|event| {
                let ends = event.is_terminal();
                fold.absorb(event).map(|()| ends)
            });
            match outcome {
                Ok(false) => {}
                Ok(true) => {
                    if let Some(fold) = self.fold.take() {
                        return Ok(fold.into_partial());
                    }
                }
                Err(error) => {
                    return Err(self.fail(error));
                }
            }
        }
        while let Some(event) = self.next().await {
            event?;
        }
        match self.done.take() {
            Some(response) => Ok(*response),
            None => Err(Error::new(
                ErrorKind::StreamInterrupted,
                "the stream had already ended with an error",
            )),
        }
    }
}

/// From so many bytes on, reading a value from an answer is enough work for a turn of the task.
pub(crate) const LARGE: usize = 64 << 10;

/// Reads the value of an answer. Before it does so with a large one, other tasks have a turn.
async fn extract<T: Extract>(response: Response, reading: &mut Reading) -> Result<T> {
    let texts = response.message.parts.iter().filter_map(|part| part.as_text());
    let mut waits = texts.map(str::len).sum::<usize>() > LARGE;
    std::future::poll_fn(|cx| {
        if !std::mem::take(&mut waits) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    T::extract(response, reading)
}

impl<T> ResponseStream<T> {
    /// Puts on the error what is known here: who was asked, for what, and what had arrived.
    fn fail(&mut self, error: Error) -> Error {
        let error = match self.fold.take() {
            Some(fold) => fold.fail(error),
            None => error,
        };
        if self.operation.is_empty() { error } else { error.with_operation(self.operation) }
    }
}

impl<T> Stream for ResponseStream<T> {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(fold) = this.fold.as_mut() else { return Poll::Ready(None) };
        let item = match ready!(Pin::new(&mut this.events).poll_next(cx)) {
            Some(item) => item.and_then(|event| fold.push(&event).map(|()| event)),
            None => return Poll::Ready(None),
        };
        match item {
            Ok(event) if !event.is_terminal() => {
                if let Some(watch) = &this.watch {
                    watch.event(&event);
                }
                Poll::Ready(Some(Ok(event)))
            }
            Ok(event) => {
                this.done = this.fold.take().map(|fold| Box::new(fold.into_partial()));
                if let (Some(mut watch), Some(response)) = (this.watch.take(), &this.done) {
                    watch.event(&event);
                    watch.end(response);
                    this.watch = watch.reads_value.then_some(watch);
                }
                Poll::Ready(Some(Ok(event)))
            }
            Err(error) => {
                let error = this.fail(error);
                if let Some(watch) = this.watch.take() {
                    watch.fail(&error);
                }
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl<T> Drop for ResponseStream<T> {
    fn drop(&mut self) {
        // Only a stream that has not ended, or whose value has not been read, is still watched.
        if let Some(watch) = self.watch.take() {
            watch.cancel(self.fold.take().map(|fold| fold.into_partial()));
        }
    }
}

impl Watch {
    fn event(&self, event: &Event) {
        if let Some(model) = self.model.as_ref().filter(|model| model.run().wants_events()) {
            model.tell(&Moment::Event(event));
        }
    }

    fn end(&mut self, response: &Response) {
        if let Some(model) = self.model.take() {
            model.end(&Moment::ModelEnd { response });
        }
        if let Some(chain) = self.chain.take_if(|_| !self.reads_value) {
            chain.end(&Moment::ChainEnd);
        }
    }

    fn fail(self, error: &Error) {
        for started in [self.model, self.chain].into_iter().flatten() {
            started.fail(error);
        }
    }

    fn cancel(self, partial: Option<Response>) {
        for started in [self.model, self.chain].into_iter().flatten() {
            started.cancel(partial.clone());
        }
    }
}

impl<T> fmt::Debug for ResponseStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseStream").field("fold", &self.fold).finish_non_exhaustive()
    }
}
