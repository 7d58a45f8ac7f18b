//! Questions about this project, answered from its own documentation by the embedded models, offline.
//!
//! `cargo run --release --features documents --example ask_the_docs -- "How do I limit concurrency?"`

use meanwhile::Settings;
use meanwhile::prelude::*;
use meanwhile::rag::loaders::Folder;
use meanwhile::rag::splitters::MarkdownSplitter;
use meanwhile::rag::sqlite::SqliteStore;
use meanwhile::rag::{Index, Strategy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let question = std::env::args().nth(1);
    let question = question.unwrap_or_else(|| "How do I add a provider?".to_owned());

    let embedder = meanwhile::embedding_model("local/all-minilm-l6-v2")?;
    let embedder = embedder.option("local", "truncate", true);
    let file = std::env::temp_dir().join("meanwhile-docs.sqlite");
    let index = Index::new(SqliteStore::open(&file).await?).embedder(embedder);
    // The second run embeds what has changed, and nothing else.
    let report = index
        .ingest()
        .splitter(MarkdownSplitter::new(160))
        .strategy(Strategy::UpsertsAndDelete)
        .run(Folder::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).load())
        .await?;
    println!("{} documents, {} chunks embedded now", report.documents(), report.embedded);

    let model = meanwhile::registry().model("local/smollm2-135m")?;
    let query = index.query(&question).model(model).top_k(3);
    // So small a model does better with few words.
    let query = query.instructions("Answer the question from the sources, in two sentences.");
    let query = query.settings(Settings::new().temperature(0.0).max_tokens(60));
    println!("\n{question}");
    let mut answer = query.stream().await?;
    while let Some(chunk) = answer.next().await {
        print!("{}", chunk?.delta);
    }
    println!("\n");
    for (number, source) in (1..).zip(answer.sources()) {
        let chunk = &source.chunk;
        println!("[{number}] {} {:?} ({:.3})", chunk.document_id, chunk.span, source.score);
    }
    Ok(())
}
