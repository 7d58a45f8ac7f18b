//! Others on the thread: while chunks are found, ranked and answered from, none of them waits for 5 ms.
//!
//! Everything that could give way by waiting is ready at once here, so that what is measured is our own work.
//! Time is that of the thread's own computing, whatever else the machine does.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    EmbedRequest, Embedder, EmbeddingModel, Embeddings, Ranked, RankedDocuments, RerankRequest,
    Reranker, Result, Scripted, Usage,
};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{
    ChatMode, Deduplicate, Document, Index, MemoryStore, ModelQueries, ModelRerank, Neighbours,
    Reorder, Rerank, Synthesis, TokenBudget, WindowQueries,
};

use crate::common::model;

fn computed() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Runs `work` beside a task that wants a turn as often as it can get one.
async fn check<T>(what: &str, work: impl IntoFuture<Output = Result<T>>) -> T {
    let longest = Cell::new(Duration::ZERO);
    let ticker = async {
        loop {
            let began = computed();
            tokio::task::yield_now().await;
            longest.set(longest.get().max(computed() - began));
        }
    };
    let done = tokio::select! {
        done = work.into_future() => done.unwrap(),
        () = ticker => unreachable!(),
    };
    assert!(longest.get() < Duration::from_millis(5), "{what}: starved for {:?}", longest.get());
    done
}

/// Vectors of 384 numbers that differ from text to text.
#[derive(Debug)]
struct Noise;

#[async_trait]
impl Embedder for Noise {
    fn id(&self) -> &str {
        "noise"
    }

    fn batch_limit(&self, _: &str) -> usize {
        16
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let vector = |text: &String| {
            let mut state = text.bytes().fold(7_u64, |state, byte| {
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(byte))
            });
            let number = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 / 16_777_216.0 - 0.5
            };
            std::iter::repeat_with(number).take(384).collect()
        };
        let vectors = request.inputs.iter().map(vector).collect();
        Ok(Embeddings::new("noise", request.model, vectors, Usage::default()))
    }
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
async fn nobody_is_starved() {
    let index = Index::new(MemoryStore::new()).embedder(EmbeddingModel::new(Noise, "noise"));
    let sentence = |of: usize, number: usize| {
        format!(
            "Sentence {number} of document {of} says what {} says, at some length. ",
            of * 31 % 97
        )
    };
    let documents = (0..100).map(move |of| {
        let text: String = (0..20).map(|number| sentence(of, number)).collect();
        Document::new(format!("d{of}"), text)
    });
    let ingestion = index.ingest().splitter(SentenceSplitter::new(20));
    let report = check("ingestion", ingestion.run_all(documents)).await;
    assert_eq!(report.chunks, 2_000);

    let story = "What does sentence 7 of document 12 say? ".repeat(100);
    let found =
        check("dense", index.retrieve("Sentence 7 of document 12").dense().top_k(100)).await;
    assert_eq!(found.len(), 100);
    check("text", index.retrieve("Sentence 7 of document 12").text().top_k(100)).await;
    check("hybrid", index.retrieve("Sentence 7 of document 12").top_k(100)).await;
    check("windows", index.retrieve(story.as_str()).expand(WindowQueries::new(20)).top_k(50)).await;

    let scripted = Scripted::new().reply_with(|request| {
        let asked = request.messages.last().map(|last| last.text().len()).unwrap_or_default();
        format!("{asked} [1]. ").repeat(50)
    });
    let asked = model(&scripted);
    let steps = index
        .retrieve("Sentence 7")
        .top_k(50)
        .expand(ModelQueries::new(4).model(&asked))
        .rerank(Rerank::new(Backwards, "any"))
        .rerank(ModelRerank::new().model(&asked))
        .postprocess(Deduplicate)
        .postprocess(Neighbours::new(&index, 2, 2))
        .postprocess(Reorder);
    let found = check("rerank", steps).await;
    assert!(found.len() > 100, "{}", found.len());

    for mode in [Synthesis::Compact, Synthesis::Refine, Synthesis::Tree, Synthesis::Accumulate] {
        let query =
            index.query("Sentence 7").model(&asked).synthesis(mode).top_k(60).context_tokens(500);
        let answer = check("query", query.clone()).await;
        assert!(!answer.citations.is_empty());
        check("query streamed", async { query.stream().await?.finish().await }).await;
    }
    for mode in [ChatMode::Context, ChatMode::CondensePlusContext, ChatMode::CondenseQuestion] {
        let chat = index.chat(mode).model(&asked).memory(TokenBudget(20_000)).top_k(60);
        for _ in 0..8 {
            check("chat", chat.chat("And sentence 8?")).await;
            let streamed = async { chat.stream_chat("And sentence 9?").await?.finish().await };
            check("chat streamed", streamed).await;
        }
    }
}
