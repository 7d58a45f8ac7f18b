//! The measured work: documents into Postgres, passages found by vector, questions answered over them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use meanwhile_core::{EmbeddingModel, Model};
use meanwhile_openai::OpenAi;
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{Document, Index, QueryEngine};
use meanwhile_rag_postgres::PostgresStore;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the server listens: `http://127.0.0.1:PORT`
    #[arg(long)]
    url: String,
    /// Where Postgres is
    #[arg(long)]
    postgres: String,
    /// The documents, a JSON object with `id` and `text` a line
    #[arg(long)]
    documents: PathBuf,
    /// The questions, one a line
    #[arg(long)]
    questions: PathBuf,
    /// The schema of the index
    #[arg(long)]
    schema: String,
    /// Tokens of a chunk
    #[arg(long, default_value_t = 200)]
    chunk: usize,
    /// Texts of one embedding request
    #[arg(long, default_value_t = 16)]
    batch: usize,
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    text: String,
}

#[allow(clippy::print_stdout, reason = "the lines are what it is asked for")]
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(
        arguments.url.starts_with("http://127.0.0.1:"),
        "--url must be http://127.0.0.1:PORT: the benchmark only talks to this machine"
    );
    let lines = std::fs::read_to_string(&arguments.documents)
        .with_context(|| format!("cannot read {}", arguments.documents.display()))?;
    let documents: Vec<Document> = lines
        .lines()
        .map(|line| {
            let Line { id, text } = serde_json::from_str(line)?;
            Ok(Document::new(id, text))
        })
        .collect::<anyhow::Result<_>>()?;
    let questions = std::fs::read_to_string(&arguments.questions)
        .with_context(|| format!("cannot read {}", arguments.questions.display()))?;
    let questions: Vec<&str> = questions.lines().collect();

    let builder = || {
        let base_url = format!("{}/v1", arguments.url);
        OpenAi::builder().base_url(base_url).api_key("not-a-real-key")
    };
    let embedder = EmbeddingModel::of(builder().embedder()?, "text-embedding-3-small");
    let model = Model::of(builder().build()?, "gpt-4o-mini");
    let store =
        PostgresStore::builder().schema(&arguments.schema).connections(arguments.concurrency);
    let index = Index::new(store.connect(&arguments.postgres).await?).embedder(embedder);

    let clock = Clock::start();
    let ingestion = index
        .ingest()
        .splitter(SentenceSplitter::new(arguments.chunk))
        .batch(arguments.batch)
        .concurrency(arguments.concurrency);
    let count = documents.len();
    let report = ingestion.run_all(documents).await?;
    ensure!(report.failed.is_empty(), "{:?}", report.failed);
    println!("{}", clock.line("ingest", count, json!({ "chunks": report.chunks })));

    let at_once = arguments.concurrency;
    let clock = Clock::start();
    let found: Vec<usize> = stream::iter(questions.clone())
        .map(|question| {
            let search = index.retrieve(question).dense().top_k(8);
            async { Ok::<_, meanwhile_core::Error>(search.await?.len()) }
        })
        .buffered(at_once)
        .try_collect()
        .await?;
    let passages: usize = found.iter().sum();
    println!("{}", clock.line("retrieve", questions.len(), json!({ "passages": passages })));

    let engine = QueryEngine::new(index.retriever().dense()).top_k(8).model(model);
    let clock = Clock::start();
    let answers: Vec<String> = stream::iter(questions.clone())
        .map(|question| {
            let query = engine.query(question);
            async { Ok::<_, meanwhile_core::Error>(query.await?.text) }
        })
        .buffered(at_once)
        .try_collect()
        .await?;
    let answered = answers.iter().filter(|text| text.contains("30 days")).count();
    println!("{}", clock.line("query", questions.len(), json!({ "answered": answered })));
    Ok(())
}

/// When a piece of work began, by the wall and by what this process computed.
struct Clock(Duration, Instant);

impl Clock {
    fn start() -> Self {
        Self(cpu_time(), Instant::now())
    }

    fn line(&self, work: &str, items: usize, more: Value) -> Value {
        let cpu = cpu_time().saturating_sub(self.0).as_secs_f64();
        let wall = self.1.elapsed().as_secs_f64();
        json!({ "work": work, "items": items, "cpu_s": cpu, "wall_s": wall, "more": more })
    }
}

/// The time that all threads of this process have computed.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds)
        + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}
