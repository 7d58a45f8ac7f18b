//! [`Passenger`]: one of the requests that read a flight. It is told the answer, and nothing that is the
//! affair of the request that was sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use meanwhile_core::{
    Error, ErrorKind, Event, EventStream, Request, Result, TimeoutPhase, Warning, WarningKind,
};
use tokio::time::{Sleep, sleep_until};

use super::flight::{Name, Next, Seat, is_large};
use super::{Shared, replay};
use crate::deadline::Deadline;

/// One of the requests that read a flight.
pub(super) struct Passenger {
    shared: Arc<Shared>,
    name: Name,
    place: Place,
    /// What to ask for when the flight fails before the answer begins. Whoever began the flight has
    /// given it away.
    request: Option<Request>,
    /// Whether the flight was begun with another request than this one.
    follows: bool,
    deadline: Deadline,
    /// Whether the other tasks of the thread are let in before the next event.
    pauses: bool,
    /// Until the deadline, once a follower has waited. Whoever began the flight took the clock along.
    timer: Option<Pin<Box<Sleep>>>,
}

enum Place {
    Seat(Seat),
    Replay(EventStream),
    /// Its own clock ran out.
    Left,
}

impl Passenger {
    pub(super) fn board(shared: Arc<Shared>, name: Name, request: Request) -> Self {
        let deadline = Deadline::of(&request);
        let (seat, request) = take_seat(&shared, name, request);
        let (place, follows) = (Place::Seat(seat), request.is_some());
        Self { shared, name, place, request, follows, deadline, pauses: false, timer: None }
    }

    pub(super) fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let Place::Seat(seat) = &mut self.place else { return Poll::Ready(Ok(())) };
            let Poll::Ready(next) = seat.poll_accepted(cx) else {
                return self.poll_deadline(cx).map(Err);
            };
            match next {
                Next::Found(answer) => self.place = Place::Replay(replay::replay(&answer)),
                Next::Failed(error) => {
                    let has_events = seat.has_events();
                    if let Err(error) = self.rebook(error) {
                        // What came before the failure is read first.
                        return Poll::Ready(if has_events { Ok(()) } else { Err(error) });
                    }
                }
                Next::Accepted | Next::Event(_) | Next::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Takes the place of a flight that failed, or gives up with its error.
    fn rebook(&mut self, error: Arc<Error>) -> Result<()> {
        let personal = self.follows && is_personal(&error);
        match self.request.take() {
            Some(mut request) if personal || error.is_retryable() => {
                self.deadline.shorten(&mut request);
                let (seat, request) = take_seat(&self.shared, self.name, request);
                self.place = Place::Seat(seat);
                self.follows = request.is_some();
                self.request = request;
                Ok(())
            }
            _ if personal => {
                let message = "the request that this one shared an answer with was ended by limits \
                               of its own; send this one again";
                Err(Error::new(ErrorKind::StreamInterrupted, message))
            }
            _ => Err(Arc::unwrap_or_clone(error)),
        }
    }

    /// Leaves when the clock of the whole call runs out.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(at) = self.deadline.at().filter(|_| self.follows) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        ready!(timer.as_mut().poll(cx));
        self.place = Place::Left;
        Poll::Ready(self.deadline.exceeded("the answer of an equal request"))
    }
}

fn take_seat(shared: &Arc<Shared>, name: Name, request: Request) -> (Seat, Option<Request>) {
    let begin = |request| Arc::clone(shared).begin(name, request);
    shared.cache.flights.board(name, request, begin)
}

/// Whether it is about what the request that was sent may use, not about what it asks.
fn is_personal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Budget
            | ErrorKind::Config
            | ErrorKind::Cancelled
            | ErrorKind::Timeout(TimeoutPhase::Whole)
    )
}

/// Whether a layer inside, or this one, said it of the request that was sent, not of the answer.
pub(super) fn is_personal_warning(warning: &Warning) -> bool {
    warning.kind == WarningKind::Other
        && matches!(&*warning.subject, "budget" | "rate limit" | "cache")
}

impl Stream for Passenger {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = this.poll_event(cx);
        // Its reader has to fold it, and to make something of the answer then.
        this.pauses = matches!(&next, Poll::Ready(Some(Ok(event))) if is_large(event));
        next
    }
}

impl Passenger {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            let seat = match &mut self.place {
                Place::Seat(seat) => seat,
                Place::Replay(events) => return Pin::new(events).poll_next(cx),
                Place::Left => return Poll::Ready(None),
            };
            let Poll::Ready(next) = seat.poll_next(self.request.is_some(), cx) else {
                return self.poll_deadline(cx).map(|error| Some(Err(error)));
            };
            match next {
                Next::Event(event) => {
                    // Held back until the answer begins: from the first event on there is no way back.
                    self.request = None;
                    match &event {
                        Event::Warning(warning) if self.follows && is_personal_warning(warning) => {
                        }
                        _ => return Poll::Ready(Some(Ok(event))),
                    }
                }
                Next::Found(answer) => self.place = Place::Replay(replay::replay(&answer)),
                Next::Failed(error) => {
                    let was_held = self.request.is_some() && seat.has_events();
                    match self.rebook(error) {
                        // No longer held: what came before the failure is read first.
                        Err(_) if was_held => {}
                        Err(error) => return Poll::Ready(Some(Err(error))),
                        Ok(()) => {}
                    }
                }
                Next::Accepted | Next::Ended => return Poll::Ready(None),
            }
        }
    }
}
