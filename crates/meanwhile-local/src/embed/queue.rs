//! [`Worker`] is the thread that owns a loaded embedding model and computes everybody's vectors.
//!
//! Loading and computing happen on this thread and on those that it computes with, so that no
//! async runtime ever waits for them. Requests are admitted in the order of asking; those admitted
//! share each batch, a text of each in turn, so that a short request does not wait for a long one.
//! A request whose future was dropped, or whose time is over, is given up before the next batch,
//! also one that is not admitted yet.

use std::collections::{HashSet, VecDeque};
use std::iter::Enumerate;
use std::sync::Arc;
use std::time::Instant;
use std::vec;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;

use super::bert::Bert;
use super::texts::{Texts, Tokens};
use crate::LocalError;
use crate::engine::Settings;
use crate::sequence::Clocks;
use crate::weights;
use crate::workers::Workers;

/// Requests that are computed at the same time; more wait.
const ADMITTED: usize = 32;

/// Texts of a request that are turned into tokens in one go.
const READ: usize = 256;

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
///
/// The channel has no bound: an order holds the same texts there as it would with its caller, and
/// only there keeps its place in the row.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    orders: mpsc::UnboundedSender<Order>,
}

impl Worker {
    /// The worker for these settings, the same one for all that ask in this process.
    ///
    /// The thread starts here; the model is loaded at the first job.
    pub(super) fn shared(settings: &Settings) -> Result<Self, LocalError> {
        static WORKERS: Workers<mpsc::UnboundedSender<Order>> =
            Workers::new("meanwhile-embed", mpsc::UnboundedSender::is_closed);
        let orders = WORKERS.get(settings, |settings| {
            let (orders, receiver) = mpsc::unbounded();
            let bench = Bench::new(move || Model::load(&settings), receiver);
            (orders, move || futures_executor::block_on(bench.run()))
        })?;
        Ok(Self { orders })
    }

    /// Computes the vectors of a job. Dropping the future gives the job up.
    pub(super) async fn ask(&self, job: Job) -> Result<Vectors, LocalError> {
        let (reply, vectors) = oneshot::channel();
        let order = Order { job, asked: Instant::now(), reply };
        self.orders.unbounded_send(order).map_err(|_| LocalError::WorkerStopped)?;
        vectors.await.map_err(|_| LocalError::WorkerStopped)?
    }
}

/// What reads and computes.
trait Engine {
    /// Makes the tokens of the text at a place of its request.
    fn encode(&self, index: usize, text: &str, truncate: bool) -> Result<Tokens, LocalError>;

    /// Computes a vector for the tokens of each text.
    fn embed(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, LocalError>;
}

/// A loaded model with what makes its tokens.
struct Model {
    texts: Texts,
    bert: Bert,
}

impl Engine for Model {
    fn encode(&self, index: usize, text: &str, truncate: bool) -> Result<Tokens, LocalError> {
        self.texts.encode(index, text, truncate)
    }

    fn embed(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, LocalError> {
        self.bert.embed(texts)
    }
}

impl Model {
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
    /// The texts that are not turned into tokens yet.
    unread: Enumerate<vec::IntoIter<String>>,
    truncate: bool,
    /// The tokens of texts that are not computed yet, each with the text's place.
    waiting: VecDeque<(usize, Vec<u32>)>,
    done: Vectors,
    clocks: Clocks,
    asked: Instant,
    reply: Reply,
}

impl Seat {
    /// Takes a job's place on the bench.
    fn new(Order { job, asked, reply }: Order) -> Self {
        let vectors = vec![Vec::new(); job.texts.len()];
        Self {
            unread: job.texts.into_iter().enumerate(),
            truncate: job.truncate,
            waiting: VecDeque::new(),
            done: Vectors { vectors, tokens: 0, truncated: Vec::new() },
            clocks: job.clocks,
            asked,
            reply,
        }
    }

    /// Turns the next texts into tokens. All are read before the first is computed, so that an
    /// error about one comes soon.
    fn read(&mut self, engine: &impl Engine) -> Result<(), LocalError> {
        for (index, text) in self.unread.by_ref().take(READ) {
            let tokens = engine.encode(index, &text, self.truncate)?;
            if tokens.truncated {
                self.done.truncated.push(index);
            }
            self.done.tokens += tokens.ids.len() as u64;
            self.waiting.push_back((index, tokens.ids));
        }
        Ok(())
    }

    fn is_read(&self) -> bool {
        self.unread.len() == 0
    }
}

impl Order {
    /// Goes on, unless nobody waits for it or its time is over, which is then told.
    fn live(self) -> Option<Self> {
        if self.reply.is_canceled() {
            return None;
        }
        match self.job.clocks.expired(self.asked, None) {
            None => Some(self),
            Some(phase) => {
                _ = self.reply.send(Err(LocalError::Timeout { phase }));
                None
            }
        }
    }
}

/// What the thread works at.
struct Bench<E, L> {
    /// Loads the engine.
    load: L,
    orders: mpsc::UnboundedReceiver<Order>,
    engine: Option<Arc<E>>,
    /// Orders without a seat.
    waiting: VecDeque<Order>,
    seats: VecDeque<Seat>,
}

impl<E: Engine, L: FnMut() -> Result<E, LocalError>> Bench<E, L> {
    fn new(load: L, orders: mpsc::UnboundedReceiver<Order>) -> Self {
        Self { load, orders, engine: None, waiting: VecDeque::new(), seats: VecDeque::new() }
    }

    /// Works until every handle is gone and every job is done.
    async fn run(mut self) {
        loop {
            self.collect();
            self.admit();
            self.review();
            if !self.seats.is_empty() {
                self.step();
            } else if self.waiting.is_empty() {
                match self.orders.next().await {
                    Some(order) => self.waiting.push_back(order),
                    None => return,
                }
            }
        }
    }

    /// Takes in what was ordered meanwhile, and gives up what is not wanted any more.
    fn collect(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.waiting.push_back(order);
        }
        let orders = std::mem::take(&mut self.waiting);
        self.waiting = orders.into_iter().filter_map(Order::live).collect();
    }

    /// Gives seats to those who wait, once there is an engine. Where it cannot be loaded, all who
    /// wait are told, and the next job tries again.
    fn admit(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if self.engine.is_none() {
            let loaded = (self.load)();
            // Loading takes time, in which more may have come, and some have gone.
            self.collect();
            match loaded {
                Ok(engine) => self.engine = Some(Arc::new(engine)),
                Err(error) => {
                    for order in self.waiting.drain(..) {
                        // If the caller goes away meanwhile, nobody wants the error.
                        _ = order.reply.send(Err(error.clone()));
                    }
                }
            }
        }
        let free = ADMITTED.saturating_sub(self.seats.len()).min(self.waiting.len());
        self.seats.extend(self.waiting.drain(..free).map(Seat::new));
    }

    /// Sends off what is done, gives up what nobody waits for or what took too long, and reads on
    /// in what remains.
    fn review(&mut self) {
        let Some(engine) = self.engine.clone() else { return };
        for _ in 0..self.seats.len() {
            let Some(mut seat) = self.seats.pop_front() else { return };
            if seat.reply.is_canceled() {
                continue;
            }
            let outcome = match seat.clocks.expired(seat.asked, None) {
                _ if seat.is_read() && seat.waiting.is_empty() => Ok(()),
                Some(phase) => Err(LocalError::Timeout { phase }),
                None => seat.read(&*engine),
            };
            match outcome {
                Err(error) => _ = seat.reply.send(Err(error)),
                Ok(()) if seat.is_read() && seat.waiting.is_empty() => {
                    _ = seat.reply.send(Ok(seat.done));
                }
                Ok(()) => self.seats.push_back(seat),
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
                let next = job.waiting.front().filter(|_| job.unread.len() == 0);
                let Some((_, next)) = next else { continue };
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
        if texts.is_empty() {
            return;
        }
        match engine.embed(&texts) {
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
                let failed: HashSet<usize> = places.into_iter().map(|(seat, _)| seat).collect();
                for (index, seat) in std::mem::take(&mut self.seats).into_iter().enumerate() {
                    if failed.contains(&index) {
                        _ = seat.reply.send(Err(error.clone()));
                    } else {
                        self.seats.push_back(seat);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use meanwhile_core::TimeoutPhase;

    use super::*;

    /// A token for each byte, of which `!` cannot be computed; the vector is how many there were.
    struct Lengths;

    impl Engine for Lengths {
        fn encode(&self, _: usize, text: &str, _: bool) -> Result<Tokens, LocalError> {
            Ok(Tokens { ids: text.bytes().map(u32::from).collect(), truncated: false })
        }

        fn embed(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, LocalError> {
            if texts.iter().flatten().any(|token| *token == u32::from(b'!')) {
                return Err(LocalError::internal("no such token"));
            }
            Ok(texts.iter().map(|tokens| vec![tokens.len() as f32]).collect())
        }
    }

    /// What jobs that all were there before the first batch come to.
    fn outcomes(
        jobs: impl IntoIterator<Item = Job>,
        load: impl FnMut() -> Result<Lengths, LocalError>,
    ) -> Vec<Result<Vectors, LocalError>> {
        let (sender, receiver) = mpsc::unbounded();
        let order = |job| {
            let (reply, vectors) = oneshot::channel();
            sender.unbounded_send(Order { job, asked: Instant::now(), reply }).unwrap();
            vectors
        };
        let replies: Vec<_> = jobs.into_iter().map(order).collect();
        drop(sender);
        futures_executor::block_on(Bench::new(load, receiver).run());
        let told = replies.into_iter().map(|reply| futures_executor::block_on(reply).unwrap());
        told.collect()
    }

    fn job(texts: &[&str], clocks: Clocks) -> Job {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Job { texts, truncate: false, clocks }
    }

    /// What loads that all fail tell a row of orders, and how many loads there were.
    fn failing(clocks: &[Clocks]) -> (Vec<LocalError>, usize) {
        let mut loads = 0;
        let jobs = clocks.iter().map(|clocks| job(&["a"], *clocks));
        let told = outcomes(jobs, || {
            loads += 1;
            Err(LocalError::internal("the disk is on fire"))
        });
        (told.into_iter().map(Result::unwrap_err).collect(), loads)
    }

    #[test]
    fn a_batch_that_fails_spares_those_who_have_no_text_in_it() {
        let check = |jobs: &[&[&str]], expected: &[Option<&[f32]>]| {
            let jobs = jobs.iter().map(|texts| job(texts, Clocks::default()));
            let came = outcomes(jobs, || Ok(Lengths));
            let came = came.into_iter().map(|outcome| {
                let vectors = outcome.ok()?.vectors;
                Some(vectors.into_iter().map(|vector| vector[0]).collect::<Vec<_>>())
            });
            let expected: Vec<_> = expected.iter().map(|one| one.map(<[f32]>::to_vec)).collect();
            assert_eq!(came.collect::<Vec<_>>(), expected);
        };
        // As much as a batch holds.
        let bad = format!("{}!", "a".repeat(BATCH - 1));
        let good = "b".repeat(BATCH);
        check(&[&[&bad], &["ab", "abc"]], &[None, Some(&[2.0, 3.0])]);
        check(&[&["abcd"], &[&bad], &["a"]], &[Some(&[4.0]), None, Some(&[1.0])]);
        // What is done of a request before one of its texts fails is lost with it, but nobody else's.
        check(&[&[&good, &bad], &[&good, "a"]], &[None, Some(&[BATCH as f32, 1.0])]);
        // Those who have a text in it fail with it.
        check(&[&["a!"], &["abc"], &[&good]], &[None, None, Some(&[BATCH as f32])]);
    }

    #[test]
    fn all_who_wait_are_told_of_one_failed_load() {
        let (told, loads) = failing(&[Clocks::default(); 100]);
        assert_eq!((told.len(), loads), (100, 1));
        assert!(told.iter().all(|error| error.to_string().contains("the disk is on fire")));
    }

    #[test]
    fn nothing_is_loaded_for_a_job_whose_time_is_over() {
        let over = Clocks { whole: Some(Duration::ZERO), ..Clocks::default() };
        let (told, loads) = failing(&[over]);
        assert!(
            matches!(told[..], [LocalError::Timeout { phase: TimeoutPhase::Whole }]),
            "{told:?}"
        );
        assert_eq!(loads, 0);
    }
}
