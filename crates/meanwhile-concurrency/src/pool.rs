//! [`Pool`]: calls that run at the same time, taken from an iterator as places come free.
//!
//! Never more than the limit run; a call that has not begun does not exist yet. Every call has exactly
//! one outcome. Dropping the pool cancels what runs. It works in turns, between which other tasks of the
//! thread have theirs.

use std::collections::VecDeque;
use std::fmt;
use std::future::IntoFuture;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use meanwhile_core::{Error, Result};
use tokio::time::Sleep;

use crate::clock::{Timed, late_together, sleep};
use crate::turn::{Clock, Turn};

/// How calls are made together.
#[derive(Clone)]
pub(crate) struct Options {
    /// Most calls at the same time.
    pub(crate) limit: usize,
    /// The time of each call.
    pub(crate) each: Option<Duration>,
    /// The time of all calls together.
    pub(crate) whole: Option<Duration>,
    /// Is told how many calls are done, and how many there are.
    pub(crate) progress: Option<Progress>,
    /// Is told once that no call is left.
    pub(crate) finished: Option<Finished>,
}

pub(crate) type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;
pub(crate) type Finished = Arc<dyn Fn() + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self { limit: usize::MAX, each: None, whole: None, progress: None, finished: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limit", &self.limit)
            .field("each", &self.each)
            .field("whole", &self.whole)
            .finish_non_exhaustive()
    }
}

/// The place of a call, and what came of it.
pub(crate) type Indexed<T> = (usize, Result<T>);

/// Calls that run at the same time.
pub(crate) struct Pool<I>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    waiting: I,
    running: FuturesUnordered<Numbered<Timed<<I::Item as IntoFuture>::IntoFuture>>>,
    options: Options,
    deadline: Deadline,
    /// Calls that the deadline cut, in order.
    cut: VecDeque<usize>,
    /// Calls that had not begun at the deadline.
    unbegun: Range<usize>,
    started: usize,
    done: usize,
    exhausted: bool,
    turn: Turn,
}

/// The clock of all calls together, which starts with the first poll.
enum Deadline {
    Unset,
    Set(Duration),
    Running(Duration, Pin<Box<Sleep>>),
    Over(Duration),
    /// There is no runtime to measure it.
    Unmeasured,
}

// Nothing in it is pinned in place: the futures are where `FuturesUnordered` put them.
impl<I> Unpin for Pool<I>
where
    I: Iterator,
    I::Item: IntoFuture,
{
}

impl<I, C, T> Pool<I>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    pub(crate) fn new(waiting: I, options: Options) -> Self {
        let deadline = options.whole.map_or(Deadline::Unset, Deadline::Set);
        Self {
            waiting,
            running: FuturesUnordered::new(),
            options,
            deadline,
            cut: VecDeque::new(),
            unbegun: 0..0,
            started: 0,
            done: 0,
            exhausted: false,
            turn: Turn::new(),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.options.limit
    }

    /// How many calls are still to come at least, and at most.
    pub(crate) fn remaining(&self) -> (usize, Option<usize>) {
        let begun = self.started.saturating_sub(self.done);
        if self.exhausted {
            return (begun, Some(begun));
        }
        let (least, most) = self.waiting.size_hint();
        (begun.saturating_add(least), most.and_then(|most| most.checked_add(begun)))
    }

    /// Waits for the next outcome; `None` after the last. Starts no call at or after place `end`.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        end: usize,
    ) -> Poll<Option<Indexed<T>>> {
        self.turn.begin();
        self.watch(cx);
        loop {
            if let Some(error) = self.over() {
                if self.turn.is_over() {
                    self.turn.end();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.turn.ended();
                return Poll::Ready(self.poll_cut(cx, error));
            }
            if !self.turn.is_over() {
                self.start(end);
                match self.running.poll_next_unpin(cx) {
                    Poll::Ready(Some(outcome)) => {
                        self.turn.ended();
                        return Poll::Ready(Some(self.done(outcome)));
                    }
                    Poll::Ready(None) if self.exhausted => {
                        self.finished();
                        return Poll::Ready(None);
                    }
                    Poll::Ready(None) if self.started >= end => return Poll::Ready(None),
                    // The next ones begin in the next turn.
                    Poll::Ready(None) | Poll::Pending => {}
                }
            }
            // A clock that was started, or has rung, while the calls were polled.
            let before = self.over().is_some();
            self.watch(cx);
            if self.over().is_some() == before {
                if self.turn.end() {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
        }
    }

    /// Cancels what runs; nothing more is started.
    pub(crate) fn cancel(&mut self) {
        self.exhausted = true;
        self.cut.clear();
        self.unbegun = 0..0;
        self.running.clear();
    }

    fn start(&mut self, end: usize) {
        while !self.exhausted
            && self.started < end
            && self.running.len() < self.options.limit
            && self.turn.try_begin()
        {
            let Some(call) = self.waiting.next() else {
                self.exhausted = true;
                break;
            };
            let future = Timed::new(call, self.options.each);
            self.running.push(Numbered { index: self.started, turn: self.turn.clock(), future });
            self.started += 1;
        }
    }

    /// Looks at the clock of all calls.
    fn watch(&mut self, cx: &mut Context<'_>) {
        if let Deadline::Set(limit) = self.deadline {
            self.deadline = match sleep(limit) {
                Ok(sleep) => Deadline::Running(limit, Box::pin(sleep)),
                Err(_) => Deadline::Unmeasured,
            };
        }
        if let Deadline::Running(limit, sleep) = &mut self.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            self.deadline = Deadline::Over(*limit);
        }
    }

    /// What the calls that are left fail with, once the time of all is over.
    fn over(&self) -> Option<Error> {
        match self.deadline {
            Deadline::Over(limit) => Some(late_together(limit)),
            Deadline::Unmeasured => Some(crate::clock::no_clock()),
            _ => None,
        }
    }

    /// The next outcome after the deadline: what is ready counts, the rest fails, those that had not
    /// begun included. Of those no call is made where the items say how many they are; where they do
    /// not, and may be endless, the first stands for all.
    fn poll_cut(&mut self, cx: &mut Context<'_>, error: Error) -> Option<Indexed<T>> {
        if !self.running.is_empty() {
            // What gives way now would count as late.
            self.turn.stop_clock();
            // It rests once two calls have woken themselves: so often, and every call was looked at.
            for _ in 0..=self.running.len() / 2 {
                if let Poll::Ready(Some(outcome)) = self.running.poll_next_unpin(cx) {
                    return Some(self.done(outcome));
                }
            }
            let mut cut: Vec<usize> =
                Pin::new(&self.running).iter_pin_ref().map(|call| call.index).collect();
            cut.sort_unstable();
            self.cut = cut.into();
            self.running.clear();
        }
        let index = match self.cut.pop_front().or_else(|| self.unbegun.next()) {
            Some(index) => index,
            None if self.exhausted => {
                self.finished();
                return None;
            }
            None => {
                let left = match self.waiting.size_hint() {
                    (least, Some(most)) if least == most => {
                        self.exhausted = true;
                        least
                    }
                    (_, most) => {
                        let left = usize::from(self.waiting.next().is_some());
                        self.exhausted = left == 0 || most.is_none();
                        left
                    }
                };
                let first = self.started;
                self.started = first.saturating_add(left);
                self.unbegun = first..self.started;
                let Some(index) = self.unbegun.next() else {
                    self.finished();
                    return None;
                };
                index
            }
        };
        Some(self.done((index, Err(error))))
    }

    fn finished(&mut self) {
        if let Some(finished) = self.options.finished.take() {
            finished();
        }
    }

    fn done(&mut self, (index, result): Indexed<T>) -> Indexed<T> {
        self.done += 1;
        if let Some(progress) = &self.options.progress {
            progress(self.done, self.done.saturating_add(self.remaining().0));
        }
        if self.remaining() == (0, Some(0)) {
            self.finished();
        }
        (index, result.map_err(|error| error.with_index(index)))
    }
}

impl<I> fmt::Debug for Pool<I>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("options", &self.options)
            .field("started", &self.started)
            .field("running", &self.running.len())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// A call with its place, which is polled only while the turn of the pool lasts.
    struct Numbered<F> {
        index: usize,
        turn: Clock,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Numbered<F> {
    type Output = (usize, F::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.turn.is_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.future.poll(cx).map(|output| (*this.index, output))
    }
}
