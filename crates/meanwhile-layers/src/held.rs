//! [`Held`]: an answer that can start over until its first event has been handed on.
//!
//! What comes before the answer itself (metadata, counts, warnings, raw frames) is held back, because
//! it belongs to a try that may yet fail. With the first [answer event](Event::is_answer) everything is
//! handed on in order, and from then on events pass through.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::future::BoxFuture;
use meanwhile_core::{Attempt, Error, Event, EventStream, Fold, Metadata, Moment, Request, Result};

/// Most events, and most bytes of raw frames, that are held back. A stream that says more before its
/// answer begins is handed on and cannot start over any more.
const MOST_EVENTS: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// What a layer does about an answer that failed before it began.
pub(crate) trait Restart: Sized + Send + 'static {
    /// Tries again, or gives up with the error that the reader gets. The error carries what had been
    /// held back: counts, warnings and raw frames as its partial response, and the tries inside of
    /// this layer as its attempts.
    fn restart(self, error: Error) -> Restarting<Self>;

    /// Called once, when the answer begins: the tries that failed before it, oldest first.
    fn begin(self) -> Vec<Attempt>;

    /// What to say of the answer in front of all that it says of itself, where that is needed.
    fn introduce(&self) -> Option<Metadata> {
        None
    }

    /// Whether an answer that would begin with `event` is as good as none: the error it amounts to.
    fn refuse(&self, _event: &Event) -> Option<Error> {
        None
    }
}

/// The next try: its stream once it is accepted, and what can start over after it.
pub(crate) type Restarting<R> = BoxFuture<'static, Result<(EventStream, R)>>;

/// An answer that can start over until its first event has been handed on.
pub(crate) struct Held<R> {
    source: Source<R>,
    // What is held back; once the answer has begun, what is still to be handed on.
    events: VecDeque<Event>,
    bytes: usize,
    // Gone when the answer has begun.
    restart: Option<R>,
}

enum Source<R> {
    Stream(EventStream),
    Restarting(Restarting<R>),
    Ended,
}

// Nothing in it is pinned in place.
impl<R> Unpin for Held<R> {}

impl<R: Restart> Held<R> {
    /// Holds `stream` back; `restart` is asked when it fails before its answer begins.
    pub(crate) fn stream(stream: EventStream, restart: R) -> EventStream {
        EventStream::new(Self {
            source: Source::Stream(stream),
            events: VecDeque::new(),
            bytes: 0,
            restart: Some(restart),
        })
    }

    /// Lets everything go: what failed before, what was held, and from now on all that comes.
    fn begin(&mut self) {
        let Some(restart) = self.restart.take() else { return };
        if let Some(metadata) = restart.introduce() {
            self.events.push_front(Event::Metadata(Box::new(metadata)));
        }
        for attempt in restart.begin().into_iter().rev() {
            self.events.push_front(Event::attempt(attempt));
        }
    }

    fn is_full(&mut self, event: &Event) -> bool {
        if let Event::Raw(frame) = event {
            self.bytes = self.bytes.saturating_add(frame.len());
        }
        self.events.len() >= MOST_EVENTS || self.bytes > MOST_BYTES
    }

    /// Starts over after a try that failed with `error`.
    fn fail(&mut self, error: Error) {
        let error = carry(error, &mut self.events);
        self.bytes = 0;
        self.source = match self.restart.take() {
            Some(restart) => Source::Restarting(restart.restart(error)),
            None => Source::Ended,
        };
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            match &mut self.source {
                Source::Stream(stream) => match ready!(Pin::new(stream).poll_next(cx)) {
                    Some(Ok(event)) => {
                        let begins = event.is_answer() || self.is_full(&event);
                        if !begins {
                            self.events.push_back(event);
                            continue;
                        }
                        if let Some(error) =
                            self.restart.as_ref().and_then(|one| one.refuse(&event))
                        {
                            self.fail(error);
                            continue;
                        }
                        self.begin();
                        let Some(first) = self.events.pop_front() else {
                            return Poll::Ready(Some(Ok(event)));
                        };
                        self.events.push_back(event);
                        return Poll::Ready(Some(Ok(first)));
                    }
                    Some(Err(error)) => self.fail(error),
                    None => self.source = Source::Ended,
                },
                Source::Restarting(next) => match ready!(next.as_mut().poll(cx)) {
                    Ok((stream, restart)) => {
                        self.source = Source::Stream(stream);
                        self.restart = Some(restart);
                    }
                    Err(error) => {
                        self.source = Source::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Source::Ended => return Poll::Ready(None),
            }
        }
    }
}

impl<R: Restart> Stream for Held<R> {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let (None, Source::Stream(stream)) = (&this.restart, &mut this.source) {
            return match this.events.pop_front() {
                Some(event) => Poll::Ready(Some(Ok(event))),
                None => Pin::new(stream).poll_next(cx),
            };
        }
        this.poll_held(cx)
    }
}

impl<R> fmt::Debug for Held<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("events", &self.events.len())
            .field("begun", &self.restart.is_none())
            .finish_non_exhaustive()
    }
}

/// Puts what was held back of a failed try on its error.
pub(crate) fn carry(error: Error, held: &mut VecDeque<Event>) -> Error {
    if held.is_empty() {
        return error;
    }
    let mut fold =
        Fold::new(error.provider().unwrap_or_default(), error.model().unwrap_or_default());
    let mut kept = false;
    for event in held.drain(..) {
        kept |= !matches!(event, Event::Metadata(_) | Event::Attempt(_));
        // What is held back breaks no grammar: it is no part of the answer.
        let _ = fold.push(&event);
    }
    let mut partial = fold.into_partial();
    let error = error.with_attempts(std::mem::take(&mut partial.attempts));
    let error = match &partial.request_id {
        Some(id) if error.request_id().is_none() => error.with_request_id(id.clone()),
        _ => error,
    };
    if kept { error.with_partial(partial) } else { error }
}

/// Adds a failed try to the list: first the tries inside of it, then the try itself.
pub(crate) fn record(
    attempts: &mut Vec<Attempt>,
    request: &Request,
    error: &Error,
    elapsed: Duration,
    wait: Duration,
) {
    attempts.extend(error.attempts().iter().cloned());
    let model = error.model().unwrap_or(&request.model);
    attempts.push(Attempt::new(error, model, elapsed).with_wait(wait));
}

/// Tells the observers of the request that the newest of the failed tries is followed by another.
pub(crate) fn tell_retry(request: &Request, attempts: &[Attempt]) {
    if let (Some(run), Some(attempt)) = (&request.run, attempts.last()) {
        run.observe(&Moment::Retry(attempt));
    }
}
