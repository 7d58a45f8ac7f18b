//! Others on the thread: while chunks are found, ranked and answered from, none of them waits longer than
//! [`LONGEST_TURN`].
//!
//! Everything that could give way by waiting is ready at once here, so that what is measured is our own work.
//! For the limit of 5 ms: `cargo test --release -p meanwhile-rag --all-features --test it ticker`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    EmbeddingModel, Ranked, RankedDocuments, RerankRequest, Reranker, Result, Scripted, Usage,
};
use meanwhile_rag::conformance::{self, LONGEST_TURN, NoiseEmbedder, longest_turn};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{
    ChatMode, Deduplicate, Document, Index, MemoryStore, ModelQueries, ModelRerank, Neighbours,
    Reorder, Rerank, Synthesis, TokenBudget, WindowQueries,
};

use tokio::time::MissedTickBehavior;

use crate::common::model;

/// Does some work up to five times, until its longest turn is short enough: what is ours is there every time.
async fn check<T, W: IntoFuture<Output = Result<T>>>(what: &str, work: impl Fn() -> W) -> T {
    let mut best = Duration::MAX;
    let mut done = None;
    for _ in 0..5 {
        let (output, turn) = longest_turn(work()).await;
        done = Some(output.unwrap());
        best = best.min(turn);
        if best <= LONGEST_TURN {
            break;
        }
    }
    println!("{what}: {best:?}");
    assert!(best <= LONGEST_TURN, "{what}: others waited for {best:?} of work");
    done.unwrap()
}

/// Turns the order round.
#[derive(Debug)]
struct Backwards;

#[async_trait]
impl Reranker for Backwards {
    fn id(&self) -> &str {
        "backwards"
    }

    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
        let count = request.documents.len();
        let ranked = (0..count).map(|at| Ranked::new(at, at as f64)).collect();
        RankedDocuments::new("backwards", "any", count, ranked, Usage::default())
    }
}

#[tokio::test]
async fn nobody_is_starved_by_the_store_in_memory() {
    let report = conformance::nobody_is_starved(MemoryStore::new()).await;
    println!("{report}");
    report.assert();
}

#[tokio::test]
async fn nobody_is_starved() {
    let ingested = || async {
        let embedder = EmbeddingModel::new(NoiseEmbedder, "any");
        let index = Index::new(MemoryStore::new()).embedder(embedder);
        let sentence = |of: usize, number: usize| {
            let says = of * 31 % 97;
            format!("Sentence {number} of document {of} says what {says} says, at some length. ")
        };
        let documents = (0..100).map(move |of| {
            let text: String = (0..20).map(|number| sentence(of, number)).collect();
            Document::new(format!("d{of}"), text)
        });
        let report = index.ingest().splitter(SentenceSplitter::new(20)).run_all(documents).await?;
        assert_eq!(report.chunks, 2_000);
        Ok(index)
    };
    let index = check("ingestion", ingested).await;

    let story = "What does sentence 7 of document 12 say? ".repeat(100);
    let retrieve = || index.retrieve("Sentence 7 of document 12").top_k(100);
    assert_eq!(check("dense", || retrieve().dense()).await.len(), 100);
    check("text", || retrieve().text()).await;
    check("hybrid", retrieve).await;
    check("windows", || index.retrieve(story.as_str()).expand(WindowQueries::new(20)).top_k(50))
        .await;

    let scripted = Scripted::new().reply_with(|request| {
        let asked = request.messages.last().map(|last| last.text().len()).unwrap_or_default();
        format!("{asked} [1]. ").repeat(50)
    });
    let asked = model(&scripted);
    let steps = || {
        index
            .retrieve("Sentence 7")
            .top_k(50)
            .expand(ModelQueries::new(4).model(&asked))
            .rerank(Rerank::new(Backwards, "any"))
            .rerank(ModelRerank::new().model(&asked))
            .postprocess(Deduplicate)
            .postprocess(Neighbours::new(&index, 2, 2))
            .postprocess(Reorder)
    };
    let found = check("rerank", steps).await;
    assert!(found.len() > 100, "{}", found.len());

    for mode in [Synthesis::Compact, Synthesis::Refine, Synthesis::Tree, Synthesis::Accumulate] {
        let query =
            index.query("Sentence 7").model(&asked).synthesis(mode).top_k(60).context_tokens(500);
        let answer = check(&format!("query, {mode:?}"), || query.clone()).await;
        assert!(!answer.citations.is_empty());
        let streamed = || async { query.clone().stream().await?.finish().await };
        check(&format!("query streamed, {mode:?}"), streamed).await;
    }
    for mode in [ChatMode::Context, ChatMode::CondensePlusContext, ChatMode::CondenseQuestion] {
        let chat = index.chat(mode).model(&asked).memory(TokenBudget(20_000)).top_k(60);
        for _ in 0..8 {
            check(&format!("chat, {mode:?}"), || chat.chat("And sentence 8?")).await;
            let streamed = || async { chat.stream_chat("And sentence 9?").await?.finish().await };
            check(&format!("chat streamed, {mode:?}"), streamed).await;
        }
    }
}

#[tokio::test]
async fn nobody_is_starved_by_long_documents_and_questions() {
    fn sentence(number: usize) -> String {
        format!("Sentence {number} of those that make a document long. ")
    }
    let long: String = (0..5_000).map(sentence).collect();
    let ingested = || async {
        let index = Index::new(MemoryStore::new());
        let short = (0..400).map(|number| Document::new(format!("d{number}"), sentence(number)));
        let ingestion = index.ingest().splitter(SentenceSplitter::new(12)).batch(8);
        let documents = short.chain([Document::new("long", long.as_str())]);
        ingestion.run_all(documents).await?.complete()?;
        // Let go when it is no longer measured.
        Ok(index)
    };
    check("ingestion by words alone", ingested).await;

    let index = Index::new(MemoryStore::new());
    index
        .ingest()
        .run_all((0..1_000).map(|at| Document::new(format!("d{at}"), sentence(at))))
        .await
        .unwrap();
    let question: String = (0..1_000).map(|number| format!("word{number} ")).collect();
    check("a question of a thousand words", || index.retrieve(question.as_str()).text()).await;
}

/// The processor time of this thread.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// A task that always has something to do leaves the runtime no time to look at its timers, but after many turns.
#[tokio::test]
async fn a_timer_that_fires_each_millisecond_does_so() {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let longest = Arc::new(Mutex::new(Duration::ZERO));
        let told = Arc::clone(&longest);
        let ticker = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut last = spent();
            loop {
                ticks.tick().await;
                let now = spent();
                let mut longest = told.lock().unwrap();
                *longest = longest.max(now - last);
                last = now;
            }
        });
        let ingestion = tokio::spawn(async {
            let embedder = EmbeddingModel::new(NoiseEmbedder, "any");
            let index = Index::new(MemoryStore::new()).embedder(embedder);
            let documents = (0..400).map(|of| {
                let sentence = |number| format!("Sentence {number} of document {of} is short. ");
                Document::new(format!("d{of}"), (0..20).map(sentence).collect::<String>())
            });
            let ingestion = index.ingest().splitter(SentenceSplitter::new(12));
            // The index is let go when it is no longer measured.
            (ingestion.run_all(documents).await, index)
        });
        let (report, _index) = ingestion.await.unwrap();
        let report = report.unwrap().complete().unwrap();
        assert_eq!(report.chunks, 8_000);
        // One more tick, which says how long it was since the last one.
        tokio::time::sleep(Duration::from_millis(3)).await;
        ticker.abort();
        best = best.min(*longest.lock().unwrap());
        if best <= LONGEST_TURN {
            break;
        }
    }
    println!("a timer: {best:?}");
    assert!(best <= LONGEST_TURN, "the timer waited for {best:?} of work");
}
