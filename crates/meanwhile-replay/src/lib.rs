//! Plays recorded provider traffic through the codecs: what each exchange decodes to, and whether that
//! depends on how its bytes arrive or survives that they stop early.
//!
//! `wires` says which codec answers for which recording, `corpus` reads recordings, `play` decodes one
//! (`modality` what is no chat),
//! `sweep` cuts and splits its bytes, `mutate` changes what they say, `report` writes what came out,
//! `table` sums it up for the documentation.

mod aws;
mod corpus;
mod modality;
mod mutate;
mod play;
mod report;
mod sweep;
mod table;
mod wires;

pub use corpus::{Corpus, Exchange};
pub use modality::{Found, Written, written};
pub use report::{AnswerFields, Kind, Record, Summary};
pub use table::table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Plays every exchange of the corpus, on all cores; the records are in the order of the files.
#[must_use]
pub fn replay(corpus: &Corpus) -> Vec<Record> {
    play_all(corpus, true)
}

/// As [`replay`], but reads each body once, as a whole and as it is: no sweeps.
#[must_use]
pub fn replay_once(corpus: &Corpus) -> Vec<Record> {
    play_all(corpus, false)
}

/// Why a recording is not played; `None` where it is.
#[must_use]
pub fn skip_reason(corpus: &Corpus, file: &str) -> Option<String> {
    play::skip_reason(corpus, file)
}

/// The events that a recording decodes to; `None` where that is no complete answer.
#[must_use]
pub fn events(corpus: &Corpus, file: &str) -> Option<Vec<meanwhile_core::Event>> {
    play::events(corpus, file)
}

/// What a recording decodes to; `None` where that is no complete answer.
#[must_use]
pub fn response(corpus: &Corpus, file: &str) -> Option<meanwhile_core::Response> {
    play::response(corpus, file)
}

fn play_all(corpus: &Corpus, sweep: bool) -> Vec<Record> {
    let shapes = sweep.then(|| mutate::Shapes::of(corpus));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let records = Mutex::new(Vec::with_capacity(corpus.files.len()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(file) = corpus.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let record = play::play(corpus, file, shapes.as_ref());
                    records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                }
            });
        }
    });
    let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by(|a, b| a.file.cmp(&b.file));
    records
}
