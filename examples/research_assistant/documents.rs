//! The documents: read, cut, embedded and kept.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use meanwhile::prelude::*;
use meanwhile::rag::loaders::Folder;
use meanwhile::rag::splitters::MarkdownSplitter;
use meanwhile::rag::sqlite::SqliteStore;
use meanwhile::rag::{Index, Strategy};

/// Opens the index of a folder, and brings it to the state of the folder.
pub(crate) async fn index(folder: &Path, file: Option<PathBuf>, embedder: &str) -> Result<Index> {
    let file = file.unwrap_or_else(|| std::env::temp_dir().join(name(folder, embedder)));
    // The embedded model reads 256 tokens; what is beyond is found by its words.
    let embedder = meanwhile::embedding_model(embedder)?.option("local", "truncate", true);
    let index = Index::new(SqliteStore::open(&file).await?).embedder(embedder);
    // On a terminal only, and gone when it is done.
    let bar = ProgressBar::new_spinner();
    let shown = bar.clone();
    let report = index
        .ingest()
        .splitter(MarkdownSplitter::new(160))
        .strategy(Strategy::UpsertsAndDelete)
        .on_progress(move |report| {
            let (documents, chunks) = (report.documents(), report.embedded);
            shown.set_message(format!("{documents} documents read, {chunks} chunks embedded"));
            shown.tick();
        })
        .run(Folder::new(folder).load())
        .await?;
    bar.finish_and_clear();
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

/// The name of the file: another one for every folder, whatever it is called, and for every embedder.
fn name(folder: &Path, embedder: &str) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut hasher = DefaultHasher::new();
    (&whole, embedder).hash(&mut hasher);
    let last = whole.file_name().unwrap_or_default().to_string_lossy();
    format!("meanwhile-{last}-{:016x}.sqlite", hasher.finish())
}
