//! [`nobody_is_starved`]: whether work over a store leaves their turns to the other tasks of its thread.

use std::future::{self, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, EmbeddingModel, Embeddings, Result, Usage};

use super::sample::vector;
use super::{Case, Report};
use crate::splitters::SentenceSplitter;
use crate::{Document, Index, Store};

/// The longest that work may keep its thread from other tasks: 5 ms of processor time. Code that is not
/// optimised may take 25 ms, by what it is slower.
pub const LONGEST_TURN: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 25 } else { 5 });

/// A step that takes too long is tried so often: what is ours is there every time, and what the machine did
/// meanwhile is not.
const ATTEMPTS: usize = 5;

/// Dimensions of the vectors.
const DIMENSIONS: usize = 384;

/// The steps that are measured, in their order.
const STEPS: [&str; 7] = [
    "a document of a megabyte is written",
    "it is written again, half of it as before",
    "chunks are found by meaning",
    "chunks are found by words",
    "the document is read",
    "its chunks are read",
    "it is deleted",
];

/// Checks that nobody on the thread waits longer than [`LONGEST_TURN`] for a turn while a document of a
/// megabyte is ingested into the store, changed, found by meaning and by words, read and deleted. Embedding is
/// free here, and has vectors of 384 dimensions: what is measured is the work of the store, and of the ingestion
/// over it.
///
/// The report has a case for each step, with the longest turn that it took, the best of up to five attempts.
/// Run it on a runtime of one thread, such as a plain `#[tokio::test]`: see [`longest_turn`]. The store is left
/// empty.
///
/// ```
/// use meanwhile_rag::MemoryStore;
/// use meanwhile_rag::conformance::nobody_is_starved;
///
/// # futures::executor::block_on(async {
/// let report = nobody_is_starved(MemoryStore::new()).await;
/// report.assert();
/// assert!(report.cases[0].longest_turn.is_some());
/// # });
/// ```
pub async fn nobody_is_starved(store: impl Store) -> Report {
    let store: Arc<dyn Store> = Arc::new(store);
    let mut turns = [Duration::MAX; STEPS.len()];
    for attempt in 0..ATTEMPTS {
        match measure(&store, attempt).await {
            Ok(measured) => {
                turns.iter_mut().zip(measured).for_each(|(best, turn)| *best = turn.min(*best));
            }
            Err((step, failure)) => {
                return Report { cases: vec![Case::new(step, Err(failure))] };
            }
        }
        if turns.iter().all(|turn| *turn <= LONGEST_TURN) {
            break;
        }
    }
    let case = |(name, turn): (&'static str, Duration)| {
        let verdict = match turn <= LONGEST_TURN {
            true => Ok(()),
            false => Err(format!("others waited for {turn:?} of work; at most {LONGEST_TURN:?}")),
        };
        Case { longest_turn: Some(turn), ..Case::new(name, verdict) }
    };
    Report { cases: STEPS.into_iter().zip(turns).map(case).collect() }
}

/// Runs some work, and says how long its longest turn was: the processor time of this thread from one time that
/// other tasks could have had it to the next.
///
/// What the thread did for others meanwhile counts, such as for a connection that belongs to the work; what other
/// threads did, and the time in which the machine did something else, do not. On systems without a clock for the
/// time of a thread, any time counts. Needs a runtime of one thread: turns between which the work went over to
/// another one are not counted. The runtime is kept busy while the work waits.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_rag::conformance::longest_turn;
///
/// # futures::executor::block_on(async {
/// let (sum, turn) = longest_turn(async { (1..=1_000_u64).sum::<u64>() }).await;
/// assert_eq!(sum, 500_500);
/// assert!(turn < Duration::from_secs(1));
/// # });
/// ```
pub async fn longest_turn<W: IntoFuture>(work: W) -> (W::Output, Duration) {
    let mut work = pin!(work.into_future());
    let mut last = clock::now();
    let mut longest = Duration::ZERO;
    let output = future::poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        let now = clock::now();
        longest = longest.max(clock::between(last, now));
        last = now;
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await;
    (output, longest)
}

/// Embeds any text at once, as 384 numbers that only the text decides: for tests of stores that need many vectors.
///
/// ```
/// use meanwhile_core::EmbeddingModel;
/// use meanwhile_rag::conformance::NoiseEmbedder;
///
/// # futures::executor::block_on(async {
/// let model = EmbeddingModel::new(NoiseEmbedder, "any");
/// assert_eq!(model.embed_one("a cat").await?, model.embed_one("a cat").await?);
/// assert_ne!(model.embed_one("a cat").await?, model.embed_one("a dog").await?);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoiseEmbedder;

#[async_trait]
impl Embedder for NoiseEmbedder {
    fn id(&self) -> &str {
        "noise"
    }

    fn batch_limit(&self, _: &str) -> usize {
        16
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let vectors = request.inputs.iter().map(|text| vector(text, DIMENSIONS)).collect();
        Ok(Embeddings::new("noise", request.model, vectors, Usage::default()))
    }
}

/// Does each step once. What fails is named.
async fn measure(
    store: &Arc<dyn Store>,
    attempt: usize,
) -> Result<[Duration; STEPS.len()], (&'static str, String)> {
    let index = Index::of(Arc::clone(store)).embedder(EmbeddingModel::new(NoiseEmbedder, "any"));
    let id = format!("long-{attempt}");
    let mut turns = [Duration::ZERO; STEPS.len()];
    let [written, again, by_meaning, by_words, read, chunks, deleted] = &mut turns;
    let [write, write_again, meaning, words, reading, reading_chunks, deleting] = STEPS;

    for (edition, turn, step) in [(0, written, write), (1, again, write_again)] {
        let text = text(attempt, edition);
        let ingestion = index.ingest().splitter(SentenceSplitter::new(200));
        let ingested = ingestion.run_all([Document::new(&id, text)]);
        let (report, longest) = longest_turn(ingested).await;
        *turn = longest;
        match report {
            Ok(report) if report.failed.is_empty() && report.chunks > 500 => {}
            report => return Err((step, format!("{report:?}"))),
        }
    }
    let question = "What does sentence 77 say?";
    let retrieve = || index.retrieve(question).top_k(50);
    for (search, turn, step) in
        [(retrieve().dense(), by_meaning, meaning), (retrieve().text(), by_words, words)]
    {
        let (found, longest) = longest_turn(search).await;
        *turn = longest;
        match found {
            Ok(found) if found.len() == 50 => {}
            found => return Err((step, format!("found {:?}", found.map(|found| found.len())))),
        }
    }
    let (document, longest) = longest_turn(store.document(&id)).await;
    *read = longest;
    let length = document.map(|document| document.map(|document| document.text.len()));
    if !length.as_ref().is_ok_and(|length| *length > Some(1_000_000)) {
        return Err((reading, format!("{length:?}")));
    }
    let (found, longest) = longest_turn(store.chunks(&id, 0..u32::MAX)).await;
    *chunks = longest;
    if !found.as_ref().is_ok_and(|found| found.len() > 500) {
        return Err((reading_chunks, format!("{:?}", found.map(|found| found.len()))));
    }
    let (count, longest) = longest_turn(store.delete(std::slice::from_ref(&id))).await;
    *deleted = longest;
    match count {
        Ok(1) => Ok(turns),
        count => Err((deleting, format!("{count:?}"))),
    }
}

/// A megabyte of sentences, the first half of which are the same in all editions of an attempt.
fn text(attempt: usize, edition: usize) -> String {
    let sentence = |number: usize| {
        let edition = if number < 2_000 { 0 } else { edition };
        let says = "what it has to say ".repeat(12);
        format!("Sentence {number} of edition {attempt}.{edition} says {says}. ")
    };
    (0..4_000).map(sentence).collect()
}

/// The processor time of a thread.
mod clock {
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    pub(super) type Now = (ThreadId, Time);

    #[cfg(unix)]
    type Time = Duration;
    #[cfg(not(unix))]
    type Time = std::time::Instant;

    pub(super) fn now() -> Now {
        #[cfg(unix)]
        let time = {
            let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            let seconds = u64::try_from(spent.tv_sec).unwrap_or_default();
            Duration::new(seconds, u32::try_from(spent.tv_nsec).unwrap_or_default())
        };
        #[cfg(not(unix))]
        let time = std::time::Instant::now();
        (thread::current().id(), time)
    }

    /// The time between two moments on one thread.
    pub(super) fn between((before, from): Now, (after, to): Now) -> Duration {
        #[cfg(unix)]
        let time = to.saturating_sub(from);
        #[cfg(not(unix))]
        let time = to.saturating_duration_since(from);
        if before == after { time } else { Duration::ZERO }
    }
}
