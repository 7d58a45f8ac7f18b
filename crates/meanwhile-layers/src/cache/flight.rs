//! [`Flight`]: one request upstream that any number of equal requests read together.
//!
//! Nobody owns it: it runs while it is polled by any of its readers, and ends with the last of them. No
//! task and no channel is involved, so that dropping every reader closes the connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_core::Stream as _;
use futures_util::future::BoxFuture;
use meanwhile_core::{
    Error, ErrorKind, Event, EventStream, Fold, Request, Response, Result, Warning,
};

use super::{CacheKey, CachedAnswer};

/// Which requests share a flight. One that wants its answer as it is written cannot wait with one
/// that gets it whole; the other way round it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) key: CacheKey,
    pub(super) streamed: bool,
    /// Whether what the store holds is not to be used.
    pub(super) refresh: bool,
}

/// The flights that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Name, Weak<Flight>>>);

/// The tag of a request that a flight has sent, for the same cache further inside. It goes with the
/// request because a layer in between may send that from another task.
const ABOARD: &str = "meanwhile.cache.flight";

/// How a flight begins: with an answer that was found, or with one that is given.
pub(super) enum Opened {
    Found(Arc<CachedAnswer>),
    Stream(EventStream, Vec<Warning>),
}

pub(super) type Opening = BoxFuture<'static, Result<Opened>>;
/// Keeps an answer; returns what to say when that failed.
pub(super) type Keeping = BoxFuture<'static, Option<Warning>>;
/// What is done with a complete answer, if anything.
pub(super) type Keep = Box<dyn FnOnce(Response) -> Option<Keeping> + Send>;

pub(super) struct Flight {
    flights: Arc<Flights>,
    name: Name,
    notifier: Arc<Notifier>,
    seats: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    source: Source,
    log: Vec<Event>,
    // Whether the log holds an event of the answer itself.
    begun: bool,
    accepted: bool,
    // Whether the other tasks of the thread are let in before the next step.
    pauses: bool,
    outcome: Option<Outcome>,
    // Gone when the answer is complete, or cannot be put together.
    fold: Option<Box<Fold>>,
    keep: Option<Keep>,
}

enum Source {
    Opening(Opening),
    Streaming(EventStream),
    Keeping(Keeping, Event),
    Ended,
}

enum Outcome {
    Found(Arc<CachedAnswer>),
    Finished,
    Failed(Arc<Error>),
}

/// What a reader is told.
pub(super) enum Next {
    Event(Event),
    Accepted,
    Found(Arc<CachedAnswer>),
    Failed(Arc<Error>),
    Ended,
}

impl Flights {
    /// Marks a request as sent by one of these flights.
    fn mark(self: &Arc<Self>, request: &mut Request) {
        request.tags.push((ABOARD.to_owned(), self.mark_value()));
    }

    /// Whether one of these flights has sent the request. Seated in that flight, it would wait for
    /// itself; in another one, perhaps for one that waits for this.
    pub(super) fn have_sent(self: &Arc<Self>, request: &Request) -> bool {
        let mut tags = request.tags.iter().filter(|(name, _)| name == ABOARD).peekable();
        if tags.peek().is_none() {
            return false;
        }
        let own = self.mark_value();
        tags.any(|(_, value)| *value == own)
    }

    /// Differs from that of all other flights as long as these are under way.
    fn mark_value(self: &Arc<Self>) -> String {
        format!("{:p}", Arc::as_ptr(self))
    }

    /// Takes a seat in the flight that `name` can share, and gives the request back; or begins one with
    /// the request.
    pub(super) fn board(
        self: &Arc<Self>,
        name: Name,
        mut request: Request,
        begin: impl FnOnce(Request) -> (Opening, Fold, Keep),
    ) -> (Seat, Option<Request>) {
        let mut known = self.lock();
        let streamed = Name { streamed: true, ..name };
        let names = [streamed, name];
        let found = names.iter().find_map(|name| known.get(name).and_then(Weak::upgrade));
        if let Some(flight) = found {
            drop(known);
            return (Seat::take(flight), Some(request));
        }
        self.mark(&mut request);
        let (opening, fold, keep) = begin(request);
        let flight = Arc::new(Flight {
            flights: Arc::clone(self),
            name,
            notifier: Arc::default(),
            seats: AtomicUsize::new(0),
            state: Mutex::new(State {
                source: Source::Opening(opening),
                log: Vec::new(),
                begun: false,
                accepted: false,
                pauses: false,
                outcome: None,
                fold: Some(Box::new(fold)),
                keep: Some(keep),
            }),
        });
        known.insert(name, Arc::downgrade(&flight));
        drop(known);
        (Seat::take(flight), None)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Weak<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Nobody who comes from now on shares it.
    fn close(&self) {
        let mut known = self.flights.lock();
        let is_this = |weak: &Weak<Self>| std::ptr::eq(weak.as_ptr(), self);
        if known.get(&self.name).is_some_and(is_this) {
            known.remove(&self.name);
        }
    }

    fn poll(&self, seat: usize, reading: Reading, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(next) = state.next(&reading) {
                return Poll::Ready(next);
            }
            if self.notifier.take() {
                let waker = Waker::from(Arc::clone(&self.notifier));
                if state.advance(self, &mut Context::from_waker(&waker)).is_ready() {
                    // There is something for everybody, and perhaps more at once.
                    self.notifier.notify();
                    if std::mem::take(&mut state.pauses) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    continue;
                }
            }
            self.notifier.register(seat, cx.waker());
            // Woken since: then not as a registered one.
            if !self.notifier.is_notified() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How far a reader has read, and what it waits for.
#[derive(Clone, Copy)]
struct Reading {
    position: usize,
    /// Waits for the answer to be accepted, not for an event.
    acceptance: bool,
    /// Takes nothing before the answer begins, because it may begin again elsewhere.
    held: bool,
}

impl State {
    fn next(&self, reading: &Reading) -> Option<Next> {
        let failed = matches!(self.outcome, Some(Outcome::Failed(_)));
        // Once the answer has begun, what there is of it is read before its failure is told.
        if reading.acceptance && self.accepted && (!failed || self.begun) {
            return Some(Next::Accepted);
        }
        let readable = !reading.held || self.begun;
        if !reading.acceptance
            && readable
            && let Some(event) = self.log.get(reading.position)
        {
            return Some(Next::Event(event.clone()));
        }
        Some(match self.outcome.as_ref()? {
            Outcome::Found(answer) => Next::Found(Arc::clone(answer)),
            Outcome::Failed(error) => Next::Failed(Arc::clone(error)),
            Outcome::Finished => Next::Ended,
        })
    }

    /// Takes one step upstream.
    fn advance(&mut self, flight: &Flight, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that it is gone and not broken should the poll panic.
        match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Opening(mut opening) => match opening.as_mut().poll(cx) {
                Poll::Ready(Ok(Opened::Stream(stream, warnings))) => {
                    self.accepted = true;
                    self.log.extend(warnings.into_iter().map(Event::warning));
                    self.source = Source::Streaming(stream);
                }
                Poll::Ready(Ok(Opened::Found(answer))) => self.end(flight, Outcome::Found(answer)),
                Poll::Ready(Err(error)) => self.end(flight, Outcome::Failed(Arc::new(error))),
                Poll::Pending => {
                    self.source = Source::Opening(opening);
                    return Poll::Pending;
                }
            },
            Source::Streaming(mut stream) => match std::pin::Pin::new(&mut stream).poll_next(cx) {
                Poll::Ready(Some(Ok(event))) => {
                    self.push(&event);
                    // To read it, to fold it, and to fold it once more for its reader is a lot at once.
                    self.pauses = is_large(&event);
                    if !event.is_terminal() {
                        self.begun |= event.is_answer();
                        self.log.push(event);
                        self.source = Source::Streaming(stream);
                    } else if let Some(keeping) = self.keep() {
                        self.source = Source::Keeping(keeping, event);
                    } else {
                        self.finish(flight, None, event);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.end(flight, Outcome::Failed(Arc::new(error)));
                }
                Poll::Ready(None) => self.end(flight, Outcome::Finished),
                Poll::Pending => {
                    self.source = Source::Streaming(stream);
                    return Poll::Pending;
                }
            },
            Source::Keeping(mut keeping, finish) => match keeping.as_mut().poll(cx) {
                Poll::Ready(warning) => self.finish(flight, warning, finish),
                Poll::Pending => {
                    self.source = Source::Keeping(keeping, finish);
                    return Poll::Pending;
                }
            },
            Source::Ended => {
                let message = "the request that this one waited for broke down; send it again";
                let error = Error::new(ErrorKind::StreamInterrupted, message);
                self.end(flight, Outcome::Failed(Arc::new(error)));
            }
        }
        Poll::Ready(())
    }

    fn push(&mut self, event: &Event) {
        let pushed = self.fold.as_mut().map(|fold| fold.push(event));
        if let Some(Err(_)) = pushed {
            // The reader finds out by itself; such an answer is not kept.
            self.fold = None;
        }
    }

    fn keep(&mut self) -> Option<Keeping> {
        let response = self.fold.take()?.finish().ok()?;
        self.keep.take()?(response)
    }

    fn finish(&mut self, flight: &Flight, warning: Option<Warning>, finish: Event) {
        self.log.extend(warning.map(Event::warning));
        self.log.push(finish);
        self.begun = true;
        self.end(flight, Outcome::Finished);
    }

    fn end(&mut self, flight: &Flight, outcome: Outcome) {
        self.accepted |= !matches!(outcome, Outcome::Failed(_));
        self.outcome = Some(outcome);
        self.fold = None;
        self.keep = None;
        flight.close();
    }
}

/// How many bytes of an event are worth a turn of their own.
const LARGE: usize = 64 << 10;

/// Whether an event adds so much to the answer that the other tasks of the thread are let in behind it.
pub(super) fn is_large(event: &Event) -> bool {
    match event {
        Event::TextDelta { text, .. }
        | Event::ThinkingDelta { text, .. }
        | Event::RefusalDelta { text, .. } => text.len() >= LARGE,
        Event::ToolCallDelta { arguments, .. } => arguments.len() >= LARGE,
        _ => false,
    }
}

/// A reader of a flight. Dropping the last one ends the flight.
pub(super) struct Seat {
    flight: Arc<Flight>,
    number: usize,
    position: usize,
}

impl Seat {
    fn take(flight: Arc<Flight>) -> Self {
        let number = flight.seats.fetch_add(1, Ordering::Relaxed);
        Self { flight, number, position: 0 }
    }

    /// Waits until the answer is accepted, found or failed. Returns no event.
    pub(super) fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let reading = Reading { position: self.position, acceptance: true, held: false };
        self.flight.poll(self.number, reading, cx)
    }

    /// Whether there is anything to read, be it of an answer that failed.
    pub(super) fn has_events(&self) -> bool {
        let state = self.flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.log.len() > self.position
    }

    /// Waits for the next event, `held` until the answer begins.
    pub(super) fn poll_next(&mut self, held: bool, cx: &mut Context<'_>) -> Poll<Next> {
        let reading = Reading { position: self.position, acceptance: false, held };
        let next = ready!(self.flight.poll(self.number, reading, cx));
        if matches!(next, Next::Event(_)) {
            self.position += 1;
        }
        Poll::Ready(next)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.flight.notifier.forget(self.number);
    }
}

/// Wakes every reader that waits, whichever of them polled last.
struct Notifier {
    notified: AtomicBool,
    waiting: Mutex<Vec<(usize, Waker)>>,
}

impl Default for Notifier {
    fn default() -> Self {
        Self { notified: AtomicBool::new(true), waiting: Mutex::default() }
    }
}

impl Notifier {
    fn take(&self) -> bool {
        self.notified.swap(false, Ordering::AcqRel)
    }

    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut *self.lock());
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn register(&self, seat: usize, waker: &Waker) {
        let mut waiting = self.lock();
        match waiting.iter_mut().find(|(known, _)| *known == seat) {
            Some((_, known)) => known.clone_from(waker),
            None => waiting.push((seat, waker.clone())),
        }
    }

    fn forget(&self, seat: usize) {
        let mut waiting = self.lock();
        let place = waiting.iter().position(|(known, _)| *known == seat);
        // Dropped after the lock: a waker may be the last that holds a task.
        let forgotten = place.map(|place| waiting.swap_remove(place));
        drop(waiting);
        drop(forgotten);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Waker)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Notifier {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}
