//! [`Race`]: several requests for one answer, of which the first to begin wins.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::future::BoxFuture;
use meanwhile_core::{
    AnyProvider, Attempt, Error, ErrorKind, Event, EventStream, Model, Provider as _, Request,
    Result, Usage,
};
use tokio::time::{Instant, Sleep, sleep};

use super::Hedge;
use crate::deadline::Deadline;
use crate::fallback::{directed_at, introduction};
use crate::held::carry;

/// Most events that are held back of a stream; one that says more has begun.
const MOST_EVENTS: usize = 256;

/// An answer that is raced for until it begins.
pub(super) enum Race {
    Running(Box<Running>),
    Won { stream: EventStream, waiting: VecDeque<Event> },
    Over,
}

/// The requests that are under way.
pub(super) struct Running {
    hedge: Hedge,
    inner: AnyProvider,
    request: Request,
    deadline: Deadline,
    runners: Vec<Runner>,
    /// How many were sent besides the first.
    hedges: usize,
    /// Until the next one is sent, where one may be.
    timer: Option<Pin<Box<Sleep>>>,
    delay: Duration,
    attempts: Vec<Attempt>,
}

struct Runner {
    /// Who is asked, where it is somebody else than for the first.
    model: Option<Model>,
    started: Instant,
    leg: Leg,
    /// What came before the answer itself.
    held: VecDeque<Event>,
}

enum Leg {
    Opening(BoxFuture<'static, Result<EventStream>>),
    Streaming(EventStream),
}

impl Race {
    pub(super) fn new(inner: AnyProvider, hedge: Hedge, request: Request) -> Self {
        hedge.budget.earn();
        let delay = hedge.delay();
        let deadline = Deadline::of(&request);
        let mut running = Running {
            timer: Some(Box::pin(sleep(delay))),
            hedge,
            inner,
            request,
            deadline,
            runners: Vec::new(),
            hedges: 0,
            delay,
            attempts: Vec::new(),
        };
        running.send(None);
        Self::Running(Box::new(running))
    }

    /// Waits until one of the requests is accepted, or all have failed.
    pub(super) fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Self::Running(running) = self else { return Poll::Ready(Ok(())) };
        match running.poll(cx) {
            Poll::Ready(Ok(won)) => *self = won,
            Poll::Ready(Err(error)) => {
                *self = Self::Over;
                return Poll::Ready(Err(error));
            }
            Poll::Pending => {
                let accepted = |runner: &Runner| matches!(runner.leg, Leg::Streaming(_));
                if !running.runners.iter().any(accepted) {
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Race {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Won { stream, waiting } => {
                    return match waiting.pop_front() {
                        Some(event) => Poll::Ready(Some(Ok(event))),
                        None => Pin::new(stream).poll_next(cx),
                    };
                }
                Self::Over => return Poll::Ready(None),
                Self::Running(running) => match ready!(running.poll(cx)) {
                    Ok(won) => *this = won,
                    Err(error) => {
                        *this = Self::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
            }
        }
    }
}

/// What became of a runner when it was looked at.
enum Step {
    Waits,
    Begins(Event),
    Fails(Error),
}

impl Running {
    /// Sends one more request.
    fn send(&mut self, model: Option<Model>) {
        let provider = model.as_ref().map_or(&self.inner, |model| &model.provider).clone();
        let mut request = match &model {
            Some(model) => directed_at(model, &self.request),
            None => self.request.clone(),
        };
        self.deadline.shorten(&mut request);
        let opening = Box::pin(async move { provider.send(request).await });
        let (started, held) = (Instant::now(), VecDeque::new());
        self.runners.push(Runner { model, started, leg: Leg::Opening(opening), held });
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Race>> {
        loop {
            let mut place = 0;
            while let Some(runner) = self.runners.get_mut(place) {
                match runner.poll(cx) {
                    Step::Waits => place += 1,
                    Step::Begins(event) => {
                        let winner = self.runners.remove(place);
                        return Poll::Ready(Ok(self.won(winner, event)));
                    }
                    Step::Fails(error) => {
                        let mut runner = self.runners.remove(place);
                        let error = self.named(&runner, error);
                        if self.runners.is_empty() {
                            let error = carry(error, &mut runner.held);
                            let attempts = std::mem::take(&mut self.attempts);
                            return Poll::Ready(Err(error.with_attempts(attempts)));
                        }
                        self.record(&runner, &error);
                    }
                }
            }
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if !self.hedge.budget.take() {
                return Poll::Pending;
            }
            let model = self.hedge.model(self.hedges).cloned();
            self.send(model);
            self.hedges += 1;
            if self.hedges < self.hedge.most {
                self.timer = Some(Box::pin(sleep(self.delay)));
            }
        }
    }

    fn won(&mut self, winner: Runner, event: Event) -> Race {
        self.hedge.latencies.record(winner.started.elapsed());
        // Dropped with the list, which ends their requests.
        for loser in std::mem::take(&mut self.runners) {
            // It would have taken longer still.
            self.hedge.latencies.record(loser.started.elapsed());
            let message = "another request for the same answer was faster";
            let error = Error::new(ErrorKind::Cancelled, message);
            let error = self.named(&loser, error);
            self.record(&loser, &error);
        }
        let Leg::Streaming(stream) = winner.leg else { return Race::Over };
        let mut waiting = winner.held;
        if let Some(model) = &winner.model {
            waiting.push_front(Event::Metadata(Box::new(introduction(model))));
        }
        for attempt in std::mem::take(&mut self.attempts).into_iter().rev() {
            waiting.push_front(Event::attempt(attempt));
        }
        waiting.push_back(event);
        Race::Won { stream, waiting }
    }

    /// Makes an error name who was asked.
    fn named(&self, runner: &Runner, error: Error) -> Error {
        let (provider, model) = match &runner.model {
            Some(model) => (model.provider.id(), &model.id),
            None => (self.inner.id(), &self.request.model),
        };
        error.with_provider(provider.to_owned()).with_model(model.clone())
    }

    fn record(&mut self, runner: &Runner, error: &Error) {
        self.attempts.extend(error.attempts().iter().cloned());
        let model = error.model().unwrap_or(&self.request.model);
        let mut attempt = Attempt::new(error, model, runner.started.elapsed());
        let mut usage = Usage::default();
        for event in &runner.held {
            match event {
                Event::Usage(told) => usage.update((**told).clone()),
                // A try inside of it.
                Event::Attempt(inner) => self.attempts.push((**inner).clone()),
                _ => {}
            }
        }
        usage.update(std::mem::take(&mut attempt.usage));
        attempt.usage = usage;
        self.attempts.push(attempt);
    }
}

impl Runner {
    fn poll(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            match &mut self.leg {
                Leg::Opening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => self.leg = Leg::Streaming(stream),
                    Poll::Ready(Err(error)) => return Step::Fails(error),
                    Poll::Pending => return Step::Waits,
                },
                Leg::Streaming(stream) => match Pin::new(stream).poll_next(cx) {
                    Poll::Ready(Some(Ok(event))) => {
                        if event.is_answer() || self.held.len() >= MOST_EVENTS {
                            return Step::Begins(event);
                        }
                        self.held.push_back(event);
                    }
                    Poll::Ready(Some(Err(error))) => return Step::Fails(error),
                    Poll::Ready(None) => {
                        let message = "the stream ended before its finish; send the request again";
                        return Step::Fails(Error::new(ErrorKind::StreamInterrupted, message));
                    }
                    Poll::Pending => return Step::Waits,
                },
            }
        }
    }
}
