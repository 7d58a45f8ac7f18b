//! [`Worker`] is the thread that owns a loaded embedding model and computes everybody's vectors.
//!
//! Loading and computing happen on this thread and on those that it computes with, so that no
//! async runtime ever waits for them. Requests are admitted in the order of asking; those admitted
//! share each batch, a text of each in turn, so that a short request does not wait for a long one.
//! A request whose future was dropped is given up before the next batch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use futures_channel::{mpsc, oneshot};
use futures_util::{SinkExt, StreamExt};

use super::bert::Bert;
use super::texts::Texts;
use crate::LocalError;
use crate::engine::Settings;
use crate::sequence::Clocks;
use crate::weights;

/// Requests that are computed at the same time; more wait.
const ADMITTED: usize = 4;

/// Requests that wait in the channel to the worker; more wait with their callers.
const WAITING: usize = 64;

/// Tokens of a batch, between two looks at what was cancelled; one text may have more.
const BATCH: usize = 256;

/// What is to be embedded.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) texts: Vec<String>,
    /// Whether texts that are too long may lose their end.
    pub(super) truncate: bool,
    pub(super) clocks: Clocks,
}

/// The vectors of a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vectors {
    /// In the order of the texts.
    pub(super) vectors: Vec<Vec<f32>>,
    /// Tokens that were read.
    pub(super) tokens: u64,
    /// Which texts lost their end.
    pub(super) truncated: Vec<usize>,
}

/// A job and where its vectors go.
struct Order {
    job: Job,
    asked: Instant,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Vectors, LocalError>>;

/// A handle to the thread of one model.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    orders: mpsc::Sender<Order>,
}

impl Worker {
    /// The worker for these settings, the same one for all that ask in this process.
    ///
    /// The thread starts here; the model is loaded at the first job.
    pub(super) fn shared(settings: &Settings) -> Result<Self, LocalError> {
        static WORKERS: OnceLock<Mutex<HashMap<Settings, Worker>>> = OnceLock::new();
        let workers = WORKERS.get_or_init(Mutex::default).lock();
        let mut workers = workers.unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers.get(settings).filter(|worker| !worker.orders.is_closed()) {
            return Ok(worker.clone());
        }
        let (orders, receiver) = mpsc::channel(WAITING);
        let bench = Bench::new(settings.clone(), receiver);
        std::thread::Builder::new()
            .name("meanwhile-embed".into())
            .spawn(move || futures_executor::block_on(bench.run()))
            .map_err(|error| {
                LocalError::internal(format_args!("no thread could be started: {error}"))
            })?;
        let worker = Self { orders };
        workers.insert(settings.clone(), worker.clone());
        Ok(worker)
    }

    /// Computes the vectors of a job. Dropping the future gives the job up.
    pub(super) async fn ask(&self, job: Job) -> Result<Vectors, LocalError> {
        let (reply, vectors) = oneshot::channel();
        let order = Order { job, asked: Instant::now(), reply };
        self.orders.clone().send(order).await.map_err(|_| LocalError::WorkerStopped)?;
        vectors.await.map_err(|_| LocalError::WorkerStopped)?
    }
}

/// A loaded model with what makes its tokens.
struct Engine {
    texts: Texts,
    bert: Bert,
}

impl Engine {
    /// Finds the weights, fetching them if need be, and loads them.
    fn load(settings: &Settings) -> Result<Self, LocalError> {
        let folder = weights::find(&weights::ALL_MINILM, settings)?;
        let bert = Bert::load(&folder, settings.threads)?;
        let texts = Texts::load(&folder.join("tokenizer.json"), bert.positions())?;
        Ok(Self { texts, bert })
    }
}

/// A job on the bench.
struct Seat {
    /// The texts that are not computed yet, each with its place.
    waiting: VecDeque<(usize, Vec<u32>)>,
    done: Vectors,
    clocks: Clocks,
    asked: Instant,
    reply: Reply,
}

/// What the thread works at.
struct Bench {
    settings: Settings,
    orders: mpsc::Receiver<Order>,
    engine: Option<Arc<Engine>>,
    seats: VecDeque<Seat>,
}

impl Bench {
    fn new(settings: Settings, orders: mpsc::Receiver<Order>) -> Self {
        Self { settings, orders, engine: None, seats: VecDeque::new() }
    }

    /// Works until every handle is gone and every job is done.
    async fn run(mut self) {
        loop {
            while self.seats.len() < ADMITTED
                && let Ok(order) = self.orders.try_recv()
            {
                self.admit(order);
            }
            self.clear();
            if self.seats.is_empty() {
                match self.orders.next().await {
                    Some(order) => self.admit(order),
                    None => return,
                }
            } else {
                self.step();
            }
        }
    }

    fn admit(&mut self, Order { job, asked, reply }: Order) {
        if reply.is_canceled() {
            return;
        }
        match self.read(&job, asked) {
            Ok((waiting, done)) => {
                let clocks = job.clocks;
                self.seats.push_back(Seat { waiting, done, clocks, asked, reply });
            }
            // If the caller is gone, nobody wants the error.
            Err(error) => _ = reply.send(Err(error)),
        }
    }

    /// The tokens of a job's texts, and its vectors, which are all empty as yet.
    #[expect(clippy::type_complexity, reason = "the two halves of a seat")]
    fn read(
        &mut self,
        job: &Job,
        asked: Instant,
    ) -> Result<(VecDeque<(usize, Vec<u32>)>, Vectors), LocalError> {
        let engine = self.engine()?;
        if let Some(clock) = job.clocks.expired(asked, None) {
            return Err(LocalError::Timeout { clock });
        }
        let mut waiting = VecDeque::with_capacity(job.texts.len());
        let vectors = vec![Vec::new(); job.texts.len()];
        let mut done = Vectors { vectors, tokens: 0, truncated: Vec::new() };
        for (index, text) in job.texts.iter().enumerate() {
            let tokens = engine.texts.encode(index, text, job.truncate)?;
            if tokens.truncated {
                done.truncated.push(index);
            }
            done.tokens += tokens.ids.len() as u64;
            waiting.push_back((index, tokens.ids));
        }
        Ok((waiting, done))
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

    /// Sends off what is done, and gives up what nobody waits for or what took too long.
    fn clear(&mut self) {
        for _ in 0..self.seats.len() {
            let Some(seat) = self.seats.pop_front() else { return };
            if seat.reply.is_canceled() {
                continue;
            }
            if seat.waiting.is_empty() {
                _ = seat.reply.send(Ok(seat.done));
            } else if let Some(clock) = seat.clocks.expired(seat.asked, None) {
                _ = seat.reply.send(Err(LocalError::Timeout { clock }));
            } else {
                self.seats.push_back(seat);
            }
        }
    }

    /// Computes one batch: a text of each job in turn, until it is full.
    fn step(&mut self) {
        let Some(engine) = self.engine.clone() else { return };
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        let mut tokens = 0;
        'batch: loop {
            let before = texts.len();
            for (seat, job) in self.seats.iter_mut().enumerate() {
                let Some((_, next)) = job.waiting.front() else { continue };
                if tokens > 0 && tokens + next.len() > BATCH {
                    break 'batch;
                }
                tokens += next.len();
                if let Some((index, ids)) = job.waiting.pop_front() {
                    places.push((seat, index));
                    texts.push(ids);
                }
            }
            if texts.len() == before {
                break;
            }
        }
        match engine.bert.embed(&texts) {
            Ok(vectors) => {
                for ((seat, index), vector) in places.into_iter().zip(vectors) {
                    let done = self.seats.get_mut(seat).map(|seat| &mut seat.done.vectors);
                    if let Some(place) = done.and_then(|vectors| vectors.get_mut(index)) {
                        *place = vector;
                    }
                }
                // Whoever was first in this batch is last in the next.
                if !self.seats.is_empty() {
                    self.seats.rotate_left(1);
                }
            }
            Err(error) => {
                for seat in self.seats.drain(..) {
                    _ = seat.reply.send(Err(error.clone()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
