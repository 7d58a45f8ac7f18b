//! Plays recorded provider traffic through the codecs: what each exchange decodes to, and whether that
//! depends on how its bytes arrive or survives that they stop early.
//!
//! `wires` says which codec answers for which recording, `corpus` reads recordings, `play` decodes one,
//! `sweep` cuts and splits its bytes, `report` writes what came out.

mod corpus;
mod play;
mod report;
mod sweep;
mod wires;

pub use corpus::{Corpus, Exchange};
pub use report::{AnswerFields, Kind, Record, Summary};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Plays every exchange of the corpus, on all cores; the records are in the order of the files.
#[must_use]
pub fn replay(corpus: &Corpus) -> Vec<Record> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let records = Mutex::new(Vec::with_capacity(corpus.files.len()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(file) = corpus.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let record = play::play(corpus, file);
                    records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                }
            });
        }
    });
    let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by(|a, b| a.file.cmp(&b.file));
    records
}
