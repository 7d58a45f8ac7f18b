//! The matrix of faults: every way a server can misbehave × plain and streamed × every wire.
//!
//! A [`Row`] says what the server does and what must come of it; [`matrix`] asks on every wire, both
//! ways, through the layers that retry and that count places. Each cell has a server of its own; it is
//! looked at from the client (kind, status, partial answer, tries, time) and from the server (requests,
//! connections), and afterwards no task, connection or place may be left.

mod bench;
mod bodies;
mod connections;
mod frames;
mod hosts;
mod refusals;
mod streams;
mod wires;

use std::time::Duration;

use meanwhile::{ErrorKind, TimeoutPhase, Timeouts};
use meanwhile_testkit::{Received, Reply};

use bench::matrix;
use wires::Wire;

/// What every wire says in full, and how it is cut.
const TEXT: &str = "Grüße, world";
const FIRST: &str = "Grüße";
const SECOND: &str = ", world";

/// How the answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Plain,
    Streamed,
}

/// One wire, asked one way: what a row is told to write its answers.
#[derive(Clone, Copy)]
struct Ask {
    wire: &'static Wire,
    delivery: Delivery,
}

impl Ask {
    fn is_streamed(self) -> bool {
        self.delivery == Delivery::Streamed
    }

    /// The right value of two.
    fn either<T>(self, plain: T, streamed: T) -> T {
        if self.is_streamed() { streamed } else { plain }
    }

    /// The right head of an answer.
    fn head(self) -> Reply {
        self.named(200)
            .header("content-type", self.either("application/json", self.wire.content_type))
    }

    /// A head with the id of the request.
    fn named(self, status: u16) -> Reply {
        Reply::new(status).header(self.wire.request_id, "req_7")
    }

    /// The right body, in full.
    fn body(self) -> Vec<u8> {
        self.either(self.whole(TEXT), [self.beginning(), self.rest()].concat())
    }

    fn whole(self, text: &str) -> Vec<u8> {
        (self.wire.whole)(text).into_bytes()
    }

    /// As much of the right body as says [`FIRST`]; plain, half of its JSON.
    fn beginning(self) -> Vec<u8> {
        let wire = self.wire;
        let mut whole = self.whole(TEXT);
        whole.truncate(whole.len() / 2);
        self.either(whole, [(wire.opening)(), (wire.delta)(FIRST)].concat())
    }

    /// What follows the beginning.
    fn rest(self) -> Vec<u8> {
        let wire = self.wire;
        let whole = self.whole(TEXT);
        let half = whole.len() / 2;
        let streamed = [(wire.delta)(SECOND), (wire.ending)(TEXT)].concat();
        self.either(whole[half..].to_vec(), streamed)
    }
}

/// Whom a call meets.
enum Site {
    /// A server that answers so.
    Server(Box<dyn Fn(&Received) -> Reply + Send + Sync>),
    /// The same behind a certificate that nobody trusts.
    SelfSigned(Reply),
    /// A server that does not speak TLS, at an `https` URL.
    NoTls(Reply),
    /// Nobody listens.
    Nobody,
    /// Connections are made, and nobody says anything, at an `https` URL.
    Deaf,
    /// A server that sends the client to another one: the status, and the path there.
    RedirectTo(u16, &'static str),
}

impl From<Reply> for Site {
    fn from(reply: Reply) -> Self {
        Self::Server(Box::new(move |_| reply.clone()))
    }
}

/// One fault.
struct Row {
    name: String,
    site: Box<dyn Fn(Ask) -> Site + Send + Sync>,
    expected: Box<dyn Fn(Ask) -> Expected + Send + Sync>,
    timeouts: fn(Ask) -> Timeouts,
    frame_limit: usize,
    /// How long after the request was read the caller goes away.
    abandoned: Option<Duration>,
}

impl Row {
    fn new<S: Into<Site>>(
        name: impl Into<String>,
        site: impl Fn(Ask) -> S + Send + Sync + 'static,
        expected: impl Fn(Ask) -> Expected + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            site: Box::new(move |ask| site(ask).into()),
            expected: Box::new(expected),
            timeouts: |_| Timeouts::default(),
            frame_limit: 64 << 20,
            abandoned: None,
        }
    }

    fn timeouts(mut self, timeouts: fn(Ask) -> Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes;
        self
    }

    fn abandoned(mut self, after: Duration) -> Self {
        self.abandoned = Some(after);
        self
    }
}

/// What must come of a call. One retry is allowed.
#[derive(Debug, Clone)]
struct Expected {
    /// The text, or the kind; `None` where the caller has gone away.
    outcome: Option<Result<String, ErrorKind>>,
    status: Option<u16>,
    /// Whether the error names the request.
    named: bool,
    tries: usize,
    /// The text that rides on the error.
    partial: &'static str,
    /// From when to when the wait after the first try may be.
    wait: Option<(Duration, Duration)>,
    /// What the last error says about waiting, and whether it may say anything.
    asked: Option<Duration>,
    any_wait: bool,
    /// Words of the message.
    says: &'static str,
    /// The longest it may take.
    within: Duration,
    /// Whether a connection may be kept for the next request.
    kept: bool,
    /// Whether the wire may say no such thing, so that the cell is left out.
    left_out: bool,
}

impl Expected {
    fn of(outcome: Option<Result<String, ErrorKind>>) -> Self {
        Self {
            outcome,
            status: None,
            named: false,
            tries: 1,
            partial: "",
            wait: None,
            asked: None,
            any_wait: false,
            says: "",
            within: Duration::from_secs(20),
            kept: false,
            left_out: false,
        }
    }

    /// All is well.
    fn fine(text: &str) -> Self {
        Self { kept: true, ..Self::of(Some(Ok(text.to_owned()))) }
    }

    /// The call fails at once, and is not tried again.
    fn fails(kind: ErrorKind) -> Self {
        Self::of(Some(Err(kind)))
    }

    /// The call fails, is tried again, and fails again.
    fn fails_twice(kind: ErrorKind) -> Self {
        Self { tries: 2, ..Self::fails(kind) }
    }

    /// What came of a stream rides on the error, and nothing is tried again; a plain answer is.
    fn interrupted(ask: Ask, plain: ErrorKind, streamed: ErrorKind) -> Self {
        let expected = ask.either(Self::fails_twice(plain), Self::fails(streamed));
        Self { partial: ask.either("", FIRST), named: true, ..expected }
    }

    /// A clock of so much runs out. The machine may be slow, but not that slow.
    fn late(self) -> Self {
        Self { within: Duration::from_secs(8), ..self }
    }

    fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    fn named(self) -> Self {
        Self { named: true, ..self }
    }

    fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    fn partial(self, partial: &'static str) -> Self {
        Self { partial, ..self }
    }

    fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }
}

const CONNECT: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Connect);
const FIRST_EVENT: ErrorKind = ErrorKind::Timeout(TimeoutPhase::FirstEvent);
const IDLE: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Idle);
const WHOLE: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Whole);

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}
