//! The documents: read, cut, embedded and kept.

use std::path::{Path, PathBuf};

use meanwhile::prelude::*;
use meanwhile::rag::loaders::Folder;
use meanwhile::rag::splitters::MarkdownSplitter;
use meanwhile::rag::sqlite::SqliteStore;
use meanwhile::rag::{Index, Strategy};

/// Opens the index of a folder, and brings it to the state of the folder.
pub(crate) async fn index(folder: &Path, file: Option<PathBuf>, embedder: &str) -> Result<Index> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let file =
        file.unwrap_or_else(|| std::env::temp_dir().join(format!("meanwhile-{name}.sqlite")));
    // The embedded model reads 256 tokens; what is beyond is found by its words.
    let embedder = meanwhile::embedding_model(embedder)?.option("local", "truncate", true);
    let index = Index::new(SqliteStore::open(&file).await?).embedder(embedder);
    let report = index
        .ingest()
        .splitter(MarkdownSplitter::new(160))
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
        let document = failure.document_id.as_deref().unwrap_or("a document");
        println!("  {document} is left out: {}", failure.error);
    }
    Ok(index)
}
