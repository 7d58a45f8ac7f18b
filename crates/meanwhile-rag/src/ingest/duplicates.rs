//! [`Said`], who says what, so that a document is left out only where another one says the same to the end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meanwhile_core::Result;

use super::prepare::Says;
use crate::{ContentHash, Store};

/// States that are read from the store at once.
const PAGE: usize = 500;

/// What documents of the index and of this run say. Clones share it.
///
/// Whether a document is a duplicate is known when the other one that says the same is stored, or has failed;
/// and where the other one is in the index already, when it has come in this run or can no longer come: it
/// might come with another text.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    texts: HashMap<ContentHash, Holders>,
    /// Ids of documents that have come in this run.
    came: HashSet<String>,
    /// Those of them that come once more: what they say is pending.
    coming: HashSet<String>,
}

/// How many documents say one thing.
#[derive(Debug, Clone, Copy, Default)]
struct Holders {
    /// In the index, and may yet come with another text.
    before: u32,
    /// In the index for good, as far as this run goes.
    settled: u32,
    /// Under way: about to say it, or about to say something else.
    pending: u32,
}

/// Whether a document is a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody else says it.
    Alone,
    /// Another one does.
    Duplicate,
    /// That is not known yet.
    Unknown,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the index says.
    pub(super) async fn read(self, store: Arc<dyn Store>) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let ids = store.document_ids(after.as_deref(), PAGE).await?;
            let states = store.states(&ids).await?;
            let Some(last) = ids.into_iter().next_back() else { return Ok(()) };
            let mut table = self.lock();
            for state in states.into_iter().flatten() {
                table.texts.entry(state.hash).or_default().before += 1;
            }
            after = Some(last);
        }
    }

    /// A document of the index has come as it is.
    pub(super) fn unchanged(&self, id: &str, hash: ContentHash) {
        let mut table = self.lock();
        table.take(id, hash);
        table.texts.entry(hash).or_default().pending += 1;
    }

    /// A document that is not in the index wants to say `hash`: it may where nobody else does.
    pub(super) fn claim(&self, id: &str, hash: ContentHash) -> bool {
        let mut table = self.lock();
        let holders = table.texts.entry(hash).or_default();
        if holders.verdict() != Verdict::Alone {
            return false;
        }
        holders.pending += 1;
        table.came.insert(id.to_owned());
        true
    }

    /// A document of the index, which said `old`, is to say `new`.
    pub(super) fn replace(&self, id: &str, old: ContentHash, new: ContentHash) {
        let mut table = self.lock();
        table.take(id, old);
        table.texts.entry(old).or_default().pending += 1;
        table.texts.entry(new).or_default().pending += 1;
    }

    /// The work on a document has come to its end, if only that nothing was to be done; it may come once more,
    /// with another text.
    pub(super) fn done(&self, id: &str, says: Says, is_stored: bool, comes_again: bool) {
        let mut table = self.lock();
        for (hash, says_it) in [(Some(says.new), is_stored), (says.old, !is_stored)] {
            let Some(hash) = hash else { continue };
            let holders = table.texts.entry(hash).or_default();
            if says_it && comes_again {
                table.coming.insert(id.to_owned());
                continue;
            }
            holders.pending = holders.pending.saturating_sub(1);
            holders.settled += u32::from(says_it);
        }
    }

    pub(super) fn verdict(&self, hash: ContentHash) -> Verdict {
        self.lock().texts.get(&hash).copied().unwrap_or_default().verdict()
    }

    /// Nothing comes any more and nothing is under way: what the index says, it says.
    pub(super) fn settle(&self) {
        for holders in self.lock().texts.values_mut() {
            holders.settled += std::mem::take(&mut holders.before);
            holders.pending = 0;
        }
    }
}

impl Table {
    /// Counts a document of the index out, which said `hash`.
    fn take(&mut self, id: &str, hash: ContentHash) {
        let is_first = self.came.insert(id.to_owned());
        let is_coming = self.coming.remove(id);
        let holders = self.texts.entry(hash).or_default();
        let from = match (is_coming, is_first) {
            (true, _) => &mut holders.pending,
            (false, true) => &mut holders.before,
            (false, false) => &mut holders.settled,
        };
        *from = from.saturating_sub(1);
    }
}

impl Holders {
    fn verdict(self) -> Verdict {
        match self {
            Self { settled: 1.., .. } => Verdict::Duplicate,
            Self { before: 0, pending: 0, .. } => Verdict::Alone,
            _ => Verdict::Unknown,
        }
    }
}
