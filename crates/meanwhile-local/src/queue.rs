//! [`Worker`] is the thread that owns a loaded model and writes everybody's answers.
//!
//! Loading and computing happen on this thread only, so that no async runtime ever waits for
//! them. Answers are admitted in the order of asking; those admitted advance together, one token
//! each per step. An answer whose [`Answer`] was dropped is given up before its next token; one
//! whose reader is slow waits for the reader without holding up the others.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_channel::mpsc;
use futures_core::Stream;
use futures_util::future::poll_fn;
use futures_util::{SinkExt, StreamExt};

use crate::LocalError;
use crate::engine::{Engine, Settings};
use crate::model::Memory;
use crate::sequence::{Clocks, Job, Output, Sequence};
use crate::workers::Workers;

/// Answers that are written at the same time; more wait.
const ADMITTED: usize = 4;

/// Jobs that wait in the channel to the worker; more wait with their callers.
const WAITING: usize = 64;

/// Reports of one answer that wait for its reader.
const UNREAD: usize = 16;

/// Tokens of a prompt that are read in one step, between two looks at what was cancelled.
const PIECE: usize = 16;

/// Finished answers whose memory is kept for prompts that start alike.
const REMEMBERED: usize = 2;

/// Longer memories are not kept: a token takes about 46 kB.
const REMEMBERED_TOKENS: usize = 2048;

/// The reports of one answer; dropping it cancels the answer.
#[derive(Debug)]
pub(crate) struct Answer(mpsc::Receiver<Result<Output, LocalError>>);

impl Stream for Answer {
    type Item = Result<Output, LocalError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

/// A job and where its reports go.
struct Order {
    job: Job,
    asked: Instant,
    reports: Reports,
}

type Reports = mpsc::Sender<Result<Output, LocalError>>;

/// A handle to the thread of one model.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    orders: mpsc::Sender<Order>,
}

impl Worker {
    /// The worker for these settings, the same one for all that ask in this process.
    ///
    /// The thread starts here; the model is loaded at the first job.
    pub(crate) fn shared(settings: &Settings) -> Result<Self, LocalError> {
        static WORKERS: Workers<mpsc::Sender<Order>> =
            Workers::new("meanwhile-local", mpsc::Sender::is_closed);
        let orders = WORKERS.get(settings, |settings| {
            let (orders, receiver) = mpsc::channel(WAITING);
            (orders, move || futures_executor::block_on(Bench::new(settings, receiver).run()))
        })?;
        Ok(Self { orders })
    }

    /// Hands in a job, waiting while too many others wait already.
    ///
    /// The answer's first report is `Started`, or the error that kept it from starting.
    pub(crate) async fn ask(&self, job: Job) -> Result<Answer, LocalError> {
        let (reports, receiver) = mpsc::channel(UNREAD);
        let order = Order { job, asked: Instant::now(), reports };
        self.orders.clone().send(order).await.map_err(|_| LocalError::WorkerStopped)?;
        Ok(Answer(receiver))
    }
}

/// An answer on the bench.
struct Seat {
    sequence: Sequence,
    reports: Reports,
    clocks: Clocks,
    asked: Instant,
    last_text: Option<Instant>,
}

impl Seat {
    /// Hands reports to the reader until it has enough; whether all could be handed over.
    fn hand_over(&mut self) -> bool {
        while let Some(output) = self.sequence.outputs.pop_front() {
            if matches!(output, Output::Text(_)) {
                self.last_text = Some(Instant::now());
            }
            if let Err(error) = self.reports.try_send(Ok(output)) {
                if let (true, Ok(output)) = (error.is_full(), error.into_inner()) {
                    self.sequence.outputs.push_front(output);
                }
                return false;
            }
        }
        true
    }
}

/// What the thread works at.
struct Bench {
    settings: Settings,
    orders: mpsc::Receiver<Order>,
    engine: Option<Arc<Engine>>,
    seats: Vec<Seat>,
    remembered: VecDeque<(Vec<u32>, Memory)>,
    /// Who may read a long piece of a prompt next.
    turn: usize,
}

impl Bench {
    fn new(settings: Settings, orders: mpsc::Receiver<Order>) -> Self {
        Self {
            settings,
            orders,
            engine: None,
            seats: Vec::new(),
            remembered: VecDeque::new(),
            turn: 0,
        }
    }

    /// Works until every handle is gone and every answer is written.
    async fn run(mut self) {
        loop {
            while self.seats.len() < ADMITTED
                && let Ok(order) = self.orders.try_recv()
            {
                self.admit(order);
            }
            let mut ready = Vec::new();
            let mut index = 0;
            while let Some(seat) = self.seats.get_mut(index) {
                let handed_over = seat.hand_over();
                if seat.reports.is_closed() || (handed_over && seat.sequence.is_done()) {
                    self.vacate(index);
                    continue;
                }
                if handed_over {
                    if let Some(phase) = seat.clocks.expired(seat.asked, seat.last_text) {
                        _ = seat.reports.try_send(Err(LocalError::Timeout { phase }));
                        self.vacate(index);
                        continue;
                    }
                    ready.push(index);
                }
                index += 1;
            }
            if ready.is_empty() {
                match self.wait().await {
                    Some(Wake::Order(order)) => self.admit(order),
                    Some(Wake::Reader) => {}
                    None => return,
                }
            } else {
                self.step(&ready);
            }
        }
    }

    /// Waits for a new order or for a reader; `None` when neither can come any more.
    async fn wait(&mut self) -> Option<Wake> {
        poll_fn(|cx| {
            if self.seats.iter_mut().any(|seat| seat.reports.poll_ready(cx).is_ready()) {
                return Poll::Ready(Some(Wake::Reader));
            }
            if self.seats.len() >= ADMITTED {
                return Poll::Pending;
            }
            match self.orders.poll_next_unpin(cx) {
                Poll::Ready(Some(order)) => Poll::Ready(Some(Wake::Order(order))),
                Poll::Ready(None) if self.seats.is_empty() => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn admit(&mut self, Order { job, asked, mut reports }: Order) {
        if reports.is_closed() {
            return;
        }
        let clocks = job.clocks;
        let sequence = self.engine().and_then(|engine| {
            let recall = |prompt: &[u32]| recall(&mut self.remembered, prompt);
            match clocks.expired(asked, None) {
                Some(phase) => Err(LocalError::Timeout { phase }),
                None => Sequence::start(&engine.model, &engine.vocabulary, &job, recall),
            }
        });
        match sequence {
            Ok(sequence) => {
                self.seats.push(Seat { sequence, reports, clocks, asked, last_text: None });
            }
            // A fresh channel has room; if the reader is gone, nobody wants the error.
            Err(error) => _ = reports.try_send(Err(error)),
        }
    }

    /// The engine, loaded when it is not yet. After a failure, the next job tries again.
    fn engine(&mut self) -> Result<Arc<Engine>, LocalError> {
        match &self.engine {
            Some(engine) => Ok(engine.clone()),
            None => {
                let engine = Arc::new(Engine::load(&self.settings)?);
                self.engine = Some(engine.clone());
                Ok(engine)
            }
        }
    }

    /// Ends an answer and keeps what it remembers.
    fn vacate(&mut self, index: usize) {
        let (tokens, memory) = self.seats.remove(index).sequence.into_memory();
        if tokens.len() <= REMEMBERED_TOKENS {
            self.remembered.push_back((tokens, memory));
        }
        if self.remembered.len() > REMEMBERED {
            self.remembered.pop_front();
        }
    }

    /// Advances every answer that is ready: all by a token, and one of those still reading their
    /// prompts by a piece of it.
    fn step(&mut self, ready: &[usize]) {
        let Some(engine) = self.engine.clone() else { return };
        self.turn = self.turn.wrapping_add(1);
        let reading = |seat: &Seat| seat.sequence.unread() > 1;
        let readers = ready.iter().filter(|i| self.seats.get(**i).is_some_and(reading)).count();
        let mut reader = 0;
        let mut pieces = Vec::new();
        let mut advanced = Vec::new();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if !ready.contains(&index) {
                continue;
            }
            if seat.sequence.unread() > 1 {
                reader += 1;
                if reader - 1 != self.turn % readers {
                    continue;
                }
            }
            pieces.push(seat.sequence.next_piece(PIECE));
            advanced.push(index);
        }
        let outcome = engine.model.forward(&mut pieces);
        let mut scores = match outcome {
            Ok(scores) => scores.into_iter(),
            Err(error) => {
                for seat in &mut self.seats {
                    // The error takes the place of the reports; a reader that has no room for it
                    // finds a stream without an end, which is an error as well.
                    _ = seat.reports.try_send(Err(error.clone()));
                }
                self.seats.clear();
                return;
            }
        };
        let mut failed = Vec::new();
        for index in advanced {
            let (Some(seat), Some(scores)) = (self.seats.get_mut(index), scores.next()) else {
                continue;
            };
            if scores.is_empty() {
                continue;
            }
            if let Err(error) = seat.sequence.pick(&engine.vocabulary, scores) {
                _ = seat.reports.try_send(Err(error));
                failed.push(index);
            }
        }
        for index in failed.into_iter().rev() {
            self.seats.remove(index);
        }
    }
}

/// What ends a wait.
#[expect(clippy::large_enum_variant, reason = "lives for one turn of the loop")]
enum Wake {
    Order(Order),
    Reader,
}

/// Takes the memory that shares the most with the start of `prompt`, cut to what is shared.
fn recall(remembered: &mut VecDeque<(Vec<u32>, Memory)>, prompt: &[u32]) -> Option<Memory> {
    let shared = |tokens: &[u32]| tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
    let best = (0..remembered.len())
        .max_by_key(|index| remembered.get(*index).map(|(tokens, _)| shared(tokens)))?;
    let length = remembered.get(best).map(|(tokens, _)| shared(tokens))?;
    if length == 0 {
        return None;
    }
    let (_, mut memory) = remembered.remove(best)?;
    memory.truncate(length);
    Some(memory)
}
