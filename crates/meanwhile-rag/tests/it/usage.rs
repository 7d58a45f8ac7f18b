//! Tokens: of what was found and of what was written, nothing left out and nothing counted twice.

use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::tool::ToolCall;
use meanwhile_core::{
    Attempt, EmbedRequest, Embedder, EmbeddingModel, Embeddings, Error, ErrorKind, Event, Finish,
    FinishReason, Metadata, Part, Ranked, RankedDocuments, RerankRequest, Reranker, Result,
    Scripted, Toolbox, Usage,
};
use meanwhile_rag::{
    Answer, ChatMode, ChatModel as _, Document, Index, Memory, MemoryStore, ModelQueries,
    ModelRerank, Postprocessor, Rerank, RetrievalQuery, Scored, Synthesis, counted, record_usage,
};

use crate::common::model;

/// Takes a thousand tokens a text.
#[derive(Debug)]
struct Dear;

#[async_trait]
impl Embedder for Dear {
    fn id(&self) -> &str {
        "dear"
    }

    fn batch_limit(&self, _: &str) -> usize {
        100
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let vectors = request.inputs.iter().map(|text| vec![1.0, text.len() as f32]).collect();
        let usage = Usage::totals(1_000 * request.inputs.len() as u64, 0);
        Ok(Embeddings::new("dear", request.model, vectors, usage))
    }
}

/// Takes a hundred thousand tokens a text.
#[async_trait]
impl Reranker for Dear {
    fn id(&self) -> &str {
        "dear"
    }

    async fn rerank(&self, request: RerankRequest) -> Result<RankedDocuments> {
        let count = request.documents.len();
        let ranked = (0..count).map(|at| Ranked::new(at, 1.0)).collect();
        let usage = Usage::totals(100_000 * count as u64, 0);
        RankedDocuments::new("dear", "any", count, ranked, usage)
    }
}

/// Takes ten million tokens in its own way.
#[derive(Debug)]
struct Own;

#[async_trait]
impl Postprocessor for Own {
    async fn process(&self, _: &RetrievalQuery, chunks: Vec<Scored>) -> Result<Vec<Scored>> {
        record_usage(&Usage::totals(10_000_000, 0));
        Ok(chunks)
    }
}

async fn index() -> Index {
    let index = Index::new(MemoryStore::new()).embedder(EmbeddingModel::new(Dear, "any"));
    let text = |id: &str| Document::new(id, format!("Refunds of {id} are paid."));
    let (report, usage) = counted(index.ingest().run_all(["a", "b"].map(text))).await;
    // The report says it.
    assert_eq!(report.unwrap().usage.input.total, Some(2_000));
    assert_eq!(usage, Usage::default());
    index
}

/// Checks what finding and writing took, as input and output, and that both are all that was counted around.
fn check(
    (answer, around): (Result<Answer>, Usage),
    writing: (Option<u64>, Option<u64>),
    finding: (Option<u64>, Option<u64>),
) {
    let answer = answer.unwrap();
    let totals = |usage: &Usage| (usage.input.total, usage.output.total);
    assert_eq!(totals(&answer.usage), writing);
    assert_eq!(totals(&answer.retrieval_usage), finding);
    assert_eq!(answer.total_usage(), around);
    let read: Answer = serde_json::from_value(serde_json::to_value(&answer).unwrap()).unwrap();
    assert_eq!(read.retrieval_usage, answer.retrieval_usage);
}

/// What the scripted provider says it took: a token a request, and one a word.
const fn words(requests: u64, words: u64) -> (Option<u64>, Option<u64>) {
    (Some(requests), Some(words))
}

#[tokio::test]
async fn a_question_takes_what_was_found_and_what_was_written() {
    let index = index().await;
    // What is asked beside, three words; the relevance, two; the answer, four.
    let replies =
        || Scripted::new().reply("money back soon").reply("1: 7").reply("They are paid [1].");
    let query = |scripted: &Scripted| {
        let asked = model(scripted);
        let query = index.query("Refunds?").model(&asked).rerank(Rerank::new(Dear, "any"));
        let query = query.rerank(ModelRerank::new().model(&asked)).postprocess(Own).top_k(2);
        let expanded = index.retriever().expand(ModelQueries::new(1).model(&asked));
        query.retriever(expanded)
    };
    let scripted = replies();
    let finding = words(2 + 2 * 1_000 + 2 * 100_000 + 10_000_000, 3 + 2);
    check(counted(query(&scripted)).await, words(1, 4), finding);
    let scripted = replies();
    let streamed = async { query(&scripted).stream().await?.finish().await };
    check(counted(streamed).await, words(1, 4), finding);

    // Several answers, and no model at all.
    for mode in [Synthesis::Accumulate, Synthesis::Refine] {
        let scripted = Scripted::new().reply("one two").reply("three");
        let query = index.query("Refunds?").model(model(&scripted)).synthesis(mode);
        check(counted(query.clone()).await, words(2, 3), words(1_000, 0));
        let scripted = Scripted::new().reply("one two").reply("three");
        let query = query.model(model(&scripted));
        let streamed = async { query.stream().await?.finish().await };
        check(counted(streamed).await, words(2, 3), words(1_000, 0));
    }
    let query = index.query("Refunds?").synthesis(Synthesis::NoText);
    check(counted(query).await, (None, None), words(1_000, 0));

    let (found, usage) = counted(index.retrieve("Refunds?").dense()).await;
    assert_eq!(found.unwrap().len(), 2);
    assert_eq!(usage.input.total, Some(1_000));
    let (vector, usage) = counted(index.embed_query("Refunds?")).await;
    assert_eq!((vector.unwrap().len(), usage.input.total), (2, Some(1_000)));
}

#[tokio::test]
async fn a_turn_takes_what_its_tools_took() {
    let index = index().await;
    let search = |scripted: Scripted, tool: &str| {
        scripted.tool_call("1", tool, r#"{"query": "refunds"}"#).reply("They are paid [1].")
    };
    // It searches itself, twice in a turn that is streamed.
    for streams in [false, true] {
        let scripted = search(Scripted::new(), "search");
        let chat = index.chat(ChatMode::Tools).model(model(&scripted));
        let answered = counted(async {
            match streams {
                false => chat.chat("Refunds?").await,
                true => chat.stream_chat("Refunds?").await?.finish().await,
            }
        })
        .await;
        let writing = answered.0.as_ref().unwrap().usage.clone();
        let writing = (writing.input.total, writing.output.total);
        check(answered, writing, words(1_000, 0));
    }
    // A tool that asks a model of its own: five words.
    for streams in [false, true] {
        let inner = Scripted::new().reply("Refunds are paid soon [1].");
        let engine = index.query_engine().model(model(&inner)).tool("ask", "Answers.");
        let scripted = search(Scripted::new(), "ask");
        let chat = index.chat(ChatMode::Context).tools(Toolbox::new().with(engine));
        let chat = chat.model(model(&scripted));
        let answered = counted(async {
            match streams {
                false => chat.chat("Refunds?").await,
                true => chat.stream_chat("Refunds?").await?.finish().await,
            }
        })
        .await;
        let writing = answered.0.as_ref().unwrap().usage.clone();
        let writing = (writing.input.total, writing.output.total);
        check(answered, writing, words(1_000 + 1 + 1_000, 5));
    }
}

#[tokio::test]
async fn a_turn_takes_what_condensing_and_summing_up_took() {
    let index = index().await;
    let long = "word ".repeat(200);
    let scripted = Scripted::new().reply(long).reply("A question about?").reply("Done now.");
    let summarizer = Scripted::new().reply("It was about refunds.");
    let memory = Memory::new(100).summary(model(&summarizer));
    let chat = index.chat(ChatMode::CondensePlusContext).model(model(&scripted)).memory(memory);
    check(counted(chat.chat("Refunds?")).await, words(1, 200), words(1_000, 0));
    // The summary, the question and the answer.
    check(counted(chat.chat("And these?")).await, words(3, 4 + 3 + 2), words(1_000, 0));
}

/// Adds an answer of five tokens, one of them read, after a try that wrote a thousand.
fn after_a_try(scripted: Scripted, part: Part, cached: bool) -> Scripted {
    let mut metadata = Metadata::default();
    metadata.cached = cached;
    let error = Error::new(ErrorKind::Overloaded, "later");
    let mut tried = Attempt::new(&error, "any", Duration::ZERO);
    tried.usage = Usage::totals(0, 1_000);
    let events = [
        Event::Metadata(Box::new(metadata)),
        Event::attempt(tried),
        Event::part(0, part),
        Event::usage(Usage::totals(1, 4)),
        Event::finish(Finish::new(FinishReason::Stop)),
    ];
    scripted.events(events.map(Ok))
}

#[tokio::test]
async fn an_answer_out_of_a_cache_takes_nothing_and_a_try_that_failed_does() {
    let index = index().await;
    // So many answers that are paid for, and a try before each of them, paid for or not.
    let took = |paid: u64, answers: u64| words(paid, 4 * paid + 1_000 * answers);
    let text = |scripted, cached| {
        let texts = ["money back soon", "1: 7", "They are paid [1]."];
        let parts = texts.into_iter().map(Part::text);
        parts.fold(scripted, |scripted, part| after_a_try(scripted, part, cached))
    };
    for (cached, paid) in [(false, 1), (true, 0)] {
        for streams in [false, true] {
            // Further questions, the relevance, the answer.
            let asked = model(&text(Scripted::new(), cached));
            let expanded = index.retriever().expand(ModelQueries::new(1).model(&asked));
            let query = index.query("Refunds?").model(&asked);
            let query = query.rerank(ModelRerank::new().model(&asked)).retriever(expanded);
            let answered = counted(async {
                match streams {
                    false => query.await,
                    true => query.stream().await?.finish().await,
                }
            })
            .await;
            let finding = words(2_000 + 2 * paid, 8 * paid + 2_000);
            check(answered, took(paid, 1), finding);

            // Several answers from several chunks, and a model alone.
            for mode in [Synthesis::Accumulate, Synthesis::Refine] {
                let asked = model(&text(Scripted::new(), cached));
                let query = index.query("Refunds?").model(asked).synthesis(mode);
                let answered = counted(async {
                    match streams {
                        false => query.await,
                        true => query.stream().await?.finish().await,
                    }
                })
                .await;
                check(answered, took(2 * paid, 2), words(1_000, 0));
            }
            let asked = model(&text(Scripted::new(), cached));
            let answered = counted(async {
                match streams {
                    false => asked.chat([("user", "Hello")]).await,
                    true => asked.stream_chat([("user", "Hello")]).await?.finish().await,
                }
            })
            .await;
            check(answered, took(paid, 1), (None, None));
        }
    }
    // One of the two answers of a turn was had before: each counts for itself.
    for (first, last) in [(true, false), (false, true)] {
        for streams in [false, true] {
            let call = ToolCall::new("1", "search", r#"{"query": "refunds"}"#);
            let scripted = after_a_try(Scripted::new(), Part::ToolCall(call), first);
            let scripted = after_a_try(scripted, Part::text("They are paid [1]."), last);
            let chat = index.chat(ChatMode::Tools).model(model(&scripted));
            let answered = counted(async {
                match streams {
                    false => chat.chat("Refunds?").await,
                    true => chat.stream_chat("Refunds?").await?.finish().await,
                }
            })
            .await;
            check(answered, took(1, 2), words(1_000, 0));
        }
    }
}
