//! [`Queue`]: events that wait to be taken. Whoever adds one waits until it is, so that no more is done than
//! is looked at; the reader drives the run, and nothing is spawned.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_util::future::BoxFuture;

/// The events that nobody has taken yet, in order.
pub(crate) struct Queue<E>(Mutex<Waiting<E>>);

struct Waiting<E> {
    events: VecDeque<E>,
    /// How many events have been added so far.
    added: u64,
    /// Those who wait until the events are taken.
    writers: Vec<Waker>,
    /// The one who waits for an event: the run may go on in another task.
    reader: Option<Waker>,
    /// Nobody reads any more.
    closed: bool,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        let (events, writers) = (VecDeque::new(), Vec::new());
        Self(Mutex::new(Waiting { events, added: 0, writers, reader: None, closed: false }))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, and returns its number.
    pub(crate) fn push(&self, event: E) -> u64 {
        let (number, reader) = {
            let mut waiting = self.lock();
            waiting.added += 1;
            if !waiting.closed {
                waiting.events.push_back(event);
            }
            (waiting.added, waiting.reader.take())
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        number
    }

    /// Is ready when the event of this number is taken, or nobody reads any more.
    fn poll_taken(&self, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        let taken = waiting.added - waiting.events.len() as u64;
        if number <= taken || waiting.closed {
            return Poll::Ready(());
        }
        if !waiting.writers.iter().any(|writer| writer.will_wake(cx.waker())) {
            waiting.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes the next event; where there is none, has those go on who waited for that.
    fn take(&self, cx: &Context<'_>) -> Option<E> {
        let mut waiting = self.lock();
        if let Some(event) = waiting.events.pop_front() {
            return Some(event);
        }
        waiting.reader = None;
        let writers = std::mem::take(&mut waiting.writers);
        drop(waiting);
        // The reader's own task is polled at once.
        writers.into_iter().filter(|one| !one.will_wake(cx.waker())).for_each(Waker::wake);
        None
    }

    /// Has the reader woken by the next event; false where there is one already.
    fn wait(&self, cx: &Context<'_>) -> bool {
        let mut waiting = self.lock();
        if !waiting.events.is_empty() {
            return false;
        }
        waiting.reader = Some(cx.waker().clone());
        true
    }

    fn close(&self) {
        let writers = {
            let mut waiting = self.lock();
            waiting.closed = true;
            waiting.events.clear();
            std::mem::take(&mut waiting.writers)
        };
        writers.into_iter().for_each(Waker::wake);
    }
}

/// One of those who add to a queue: waits for its own events alone, so that all who do take turns.
pub(crate) struct Writer<E> {
    queue: Arc<Queue<E>>,
    /// The number of its last event.
    last: AtomicU64,
}

impl<E> Writer<E> {
    pub(crate) fn new(queue: Arc<Queue<E>>) -> Self {
        Self { queue, last: AtomicU64::new(0) }
    }

    pub(crate) fn push(&self, event: E) {
        self.last.store(self.queue.push(event), Ordering::Release);
    }

    /// Is ready when its events are taken, or nobody reads any more.
    pub(crate) fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_taken(self.last.load(Ordering::Acquire), cx)
    }
}

/// What comes next of a run.
pub(crate) enum Next<E, T> {
    Event(E),
    /// What came of it; the last one.
    Ended(T),
}

/// The events of a run, and what comes of it. Dropping the stream drops the run.
pub(crate) fn pull<'a, E, T>(
    queue: Arc<Queue<E>>,
    run: BoxFuture<'a, T>,
) -> impl Stream<Item = Next<E, T>> + Send + 'a
where
    E: Send + 'a,
    T: Send + 'a,
{
    let mut pulled = Pulled { run: Some(run), outcome: None, queue };
    futures_util::stream::poll_fn(move |cx| pulled.poll(cx))
}

struct Pulled<'a, E, T> {
    run: Option<BoxFuture<'a, T>>,
    /// What came of the run, until the events before it are taken.
    outcome: Option<T>,
    queue: Arc<Queue<E>>,
}

impl<E, T> Pulled<'_, E, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next<E, T>>> {
        loop {
            if let Some(event) = self.queue.take(cx) {
                return Poll::Ready(Some(Next::Event(event)));
            }
            let Some(run) = &mut self.run else {
                // A task that goes on behind the end is not told of, and does not wait to be.
                self.queue.close();
                return Poll::Ready(self.outcome.take().map(Next::Ended));
            };
            match run.as_mut().poll(cx) {
                Poll::Pending if self.queue.wait(cx) => return Poll::Pending,
                Poll::Pending => {}
                Poll::Ready(outcome) => {
                    self.run = None;
                    self.outcome = Some(outcome);
                }
            }
        }
    }
}

impl<E, T> Drop for Pulled<'_, E, T> {
    fn drop(&mut self) {
        self.run = None;
        self.queue.close();
    }
}
