//! The documents: read, cut, embedded and kept.

use std::path::{Path, PathBuf};

use meanwhile::prelude::*;
use meanwhile::rag::loaders::Folder;
use meanwhile::rag::splitters::MarkdownSplitter;
use meanwhile::rag::sqlite::SqliteStore;
use meanwhile::rag::{Index, Strategy};

/// Opens the index of a folder, and brings it to the state of the folder.
pub(crate) async fn index(folder: &Path, file: Option<PathBuf>, embedder: &str) -> Result<Index> {
    let file = file.unwrap_or_else(|| std::env::temp_dir().join("meanwhile-research.sqlite"));
    let embedder = meanwhile::embedding_model(embedder)?;
    let index = Index::new(SqliteStore::open(&file).await?).embedder(embedder);
    let report = index
        .ingest()
        .splitter(MarkdownSplitter::new(200))
        .strategy(Strategy::UpsertsAndDelete)
        .run(Folder::new(folder).load())
        .await?;
    println!(
        "{}: {} new, {} changed, {} as before, {} gone; {} chunks embedded",
        folder.display(),
        report.added,
        report.updated,
        report.unchanged,
        report.deleted,
        report.embedded,
    );
    for failure in &report.failed {
        println!("  left out: {}", failure.error);
    }
    Ok(index)
}
