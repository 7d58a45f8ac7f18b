//! Others on the thread: while a long document is taken in, found and taken in again, none of them waits for
//! 5 ms. Time is that of the thread's own computing, whatever else the machine does.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, EmbeddingModel, Embeddings, Result, Usage};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{Document, Index, Store};

/// Vectors of 384 numbers that differ from text to text.
#[derive(Debug)]
struct Noise;

#[async_trait]
impl Embedder for Noise {
    fn id(&self) -> &str {
        "noise"
    }

    fn batch_limit(&self, _: &str) -> usize {
        64
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let vector = |text: &String| {
            let mut state = text.bytes().fold(7_u64, |state, byte| {
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(byte))
            });
            let number = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                f32::from(u16::try_from(state >> 48).unwrap_or_default()) - 32_768.0
            };
            std::iter::repeat_with(number).take(384).collect()
        };
        let vectors = request.inputs.iter().map(vector).collect();
        Ok(Embeddings::new("noise", request.model, vectors, Usage::default()))
    }
}

fn computed() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}

/// Runs `work` beside a task that wants a turn as often as it can get one; returns the longest that it waited.
async fn longest<T>(work: impl IntoFuture<Output = Result<T>>) -> Duration {
    let longest = Cell::new(Duration::ZERO);
    let ticker = async {
        loop {
            let began = computed();
            tokio::task::yield_now().await;
            longest.set(longest.get().max(computed() - began));
        }
    };
    tokio::select! {
        done = work.into_future() => drop(done.unwrap()),
        () = ticker => unreachable!(),
    }
    longest.get()
}

/// Checks a store with a document of a megabyte.
async fn check(store: impl Store) {
    let index = Index::new(store).embedder(EmbeddingModel::new(Noise, "noise"));
    let (mut written, mut found, mut words) = (Vec::new(), Vec::new(), Vec::new());
    // What a host takes from a virtual machine counts as computed, now and then; what is ours is there every
    // time. The second and third run also read the vectors that are known.
    for run in 0..3 {
        let sentence = |number: usize| {
            let which = if number.is_multiple_of(2) { 0 } else { run };
            format!(
                "Sentence {number} of edition {which} says {}. ",
                "what it has to say ".repeat(12)
            )
        };
        let text: String = (0..4_000).map(sentence).collect();
        assert!(text.len() > 1_000_000);
        let ingestion = index.ingest().splitter(SentenceSplitter::new(80));
        written.push(longest(ingestion.run_all([Document::new("long", text)])).await);
        found.push(longest(index.retrieve("Sentence 77").dense().top_k(50)).await);
        words.push(longest(index.retrieve("Sentence 77").text().top_k(50)).await);
    }
    println!("longest waits: {written:?} written, {found:?} by meaning, {words:?} by words");
    for waits in [written, found, words] {
        let least = waits.iter().min().unwrap();
        assert!(*least < Duration::from_millis(5), "starved for {waits:?}");
    }
}

#[tokio::test]
async fn nobody_is_starved() {
    let folder = tempfile::tempdir().unwrap();
    check(crate::open(folder.path()).await).await;
}
