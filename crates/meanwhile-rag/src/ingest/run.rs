//! [`IngestStream`], the ingestion while it runs: documents in, outcomes out, nothing spawned.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{BoxStream, FuturesUnordered, Stream, StreamExt as _};
use meanwhile_core::{Error, Result};

use super::embed::{Embedded, Text, embed};
use super::prepare::{Known, Prepared, Work, prepare};
use super::{DocumentOutcome, IngestReport, Ingestion, Outcome, Strategy};
use crate::{ChunkKey, Document, DocumentState, IndexedDocument, Store};

/// Documents that are compared with the store at once.
const GROUP: usize = 32;

/// The most text of such a group, in bytes, but for a single document.
const GROUP_BYTES: usize = 256 * 1024;

/// Ids that are read from the store at once.
const PAGE: usize = 1_000;

/// How long the thread is held before others may have it.
const SLICE: Duration = Duration::from_micros(500);

/// An ingestion while it runs: a stream of what came of each document.
///
/// It ends with an error where the ingestion as a whole is impossible, and yields nothing after that.
#[must_use = "nothing is ingested unless the stream is polled"]
pub struct IngestStream {
    ingestion: Arc<Ingestion>,
    fingerprint: Arc<str>,
    stage: Stage,
    source: Option<BoxStream<'static, Result<Document>>>,
    /// Documents to be prepared together.
    group: Vec<Document>,
    preparing: FuturesUnordered<BoxFuture<'static, Vec<Prepared>>>,
    prepared: VecDeque<Prepared>,
    embedding: FuturesUnordered<BoxFuture<'static, Embedded>>,
    storing: FuturesUnordered<BoxFuture<'static, DocumentOutcome>>,
    keeping: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Ids of documents under way, and later documents of the same id, which wait.
    busy: HashMap<String, VecDeque<Document>>,
    slots: HashMap<u64, Slot>,
    next_slot: u64,
    /// Documents with all their vectors.
    ready: VecDeque<u64>,
    /// Keys to be embedded.
    queue: VecDeque<ChunkKey>,
    wanted: HashMap<ChunkKey, Wanted>,
    outcomes: VecDeque<DocumentOutcome>,
    known: Known,
    /// Ids that came, for the deletion at the end.
    came: HashSet<String>,
    source_failed: bool,
    report: IngestReport,
    slice: Option<Instant>,
}

enum Stage {
    /// What the index says is read, for duplicates.
    Reading(BoxFuture<'static, Result<()>>),
    Running,
    Deleting(BoxFuture<'static, Result<Vec<String>>>),
    Ended,
}

/// A document that waits for vectors.
struct Slot {
    work: Work,
    missing: usize,
    /// Vectors that were paid for in this run.
    fresh: Vec<usize>,
}

struct Wanted {
    text: String,
    /// The documents that wait for it, and the chunk of each.
    waiting: Vec<(u64, usize)>,
}

impl IngestStream {
    pub(super) fn new(ingestion: Ingestion, source: BoxStream<'static, Result<Document>>) -> Self {
        let known = Known::default();
        let stage = match ingestion.strategy {
            Strategy::DuplicatesOnly => {
                let store = Arc::clone(&ingestion.store);
                Stage::Reading(read_hashes(store, Arc::clone(&known)).boxed())
            }
            _ => Stage::Running,
        };
        Self {
            fingerprint: ingestion.fingerprint().into(),
            ingestion: Arc::new(ingestion),
            stage,
            source: Some(source),
            group: Vec::new(),
            preparing: FuturesUnordered::new(),
            prepared: VecDeque::new(),
            embedding: FuturesUnordered::new(),
            storing: FuturesUnordered::new(),
            keeping: FuturesUnordered::new(),
            busy: HashMap::new(),
            slots: HashMap::new(),
            next_slot: 0,
            ready: VecDeque::new(),
            queue: VecDeque::new(),
            wanted: HashMap::new(),
            outcomes: VecDeque::new(),
            known,
            came: HashSet::new(),
            source_failed: false,
            report: IngestReport::default(),
            slice: None,
        }
    }

    /// What has come of the ingestion so far.
    #[must_use]
    pub fn report(&self) -> &IngestReport {
        &self.report
    }

    /// Goes on to the end and returns the report.
    ///
    /// # Errors
    ///
    /// What makes the ingestion as a whole impossible.
    pub async fn finish(mut self) -> Result<IngestReport> {
        while let Some(outcome) = self.next().await {
            outcome?;
        }
        Ok(self.report)
    }

    /// Makes one step. `Ready` says that something happened.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(Some(outcome)) = self.storing.poll_next_unpin(cx) {
            self.finished(outcome);
            return Poll::Ready(());
        }
        if let Poll::Ready(Some(embedded)) = self.embedding.poll_next_unpin(cx) {
            self.deliver(embedded);
            return Poll::Ready(());
        }
        if let Poll::Ready(Some(())) = self.keeping.poll_next_unpin(cx) {
            return Poll::Ready(());
        }
        if let Poll::Ready(Some(prepared)) = self.preparing.poll_next_unpin(cx) {
            self.prepared.extend(prepared);
            return Poll::Ready(());
        }
        if let Some(prepared) = self.prepared.pop_front() {
            self.enqueue(prepared);
            return Poll::Ready(());
        }
        let concurrency = self.ingestion.concurrency;
        if self.storing.len() < concurrency
            && let Some(slot) = self.ready.pop_front()
        {
            self.store(slot);
            return Poll::Ready(());
        }
        let is_free = self.embedding.len() < concurrency && self.ready.len() <= concurrency;
        if is_free && self.queue.len() >= self.ingestion.batch {
            self.embed_next();
            return Poll::Ready(());
        }
        // Enough for all requests is waiting: no more is read.
        let is_enough = self.queue.len() >= self.ingestion.batch * concurrency
            || self.ready.len() > concurrency
            || self.preparing.len() >= concurrency;
        let mut is_waiting = false;
        if !is_enough && let Some(source) = &mut self.source {
            match source.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(document))) => {
                    self.take(document);
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Err(error))) => {
                    self.source_failed = true;
                    let outcome = Outcome::Failed(error);
                    self.tell(DocumentOutcome { document_id: None, outcome, chunks: 0 });
                    return Poll::Ready(());
                }
                Poll::Ready(None) => self.source = None,
                Poll::Pending => is_waiting = true,
            }
        }
        if !self.group.is_empty() && (is_waiting || self.source.is_none()) {
            self.prepare_group();
            return Poll::Ready(());
        }
        // Nothing can fill the batch up soon: it goes as it is.
        let is_last = self.preparing.is_empty() && (is_waiting || self.source.is_none());
        if is_free && is_last && !self.queue.is_empty() {
            self.embed_next();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn is_idle(&self) -> bool {
        self.source.is_none()
            && self.group.is_empty()
            && self.preparing.is_empty()
            && self.prepared.is_empty()
            && self.embedding.is_empty()
            && self.storing.is_empty()
            && self.keeping.is_empty()
            && self.slots.is_empty()
    }

    fn take(&mut self, document: Document) {
        if self.ingestion.strategy == Strategy::UpsertsAndDelete {
            self.came.insert(document.id.clone());
        }
        // The later of two documents of one id is the one that stays.
        if let Some(waiting) = self.busy.get_mut(&document.id) {
            waiting.push_back(document);
            return;
        }
        self.begin(document);
    }

    fn begin(&mut self, document: Document) {
        self.busy.entry(document.id.clone()).or_default();
        self.group.push(document);
        let bytes: usize = self.group.iter().map(|document| document.text.len()).sum();
        if self.group.len() >= GROUP || bytes >= GROUP_BYTES {
            self.prepare_group();
        }
    }

    fn prepare_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        let (ingestion, known) = (Arc::clone(&self.ingestion), Arc::clone(&self.known));
        let fingerprint = Arc::clone(&self.fingerprint);
        self.preparing.push(prepare(ingestion, fingerprint, known, group).boxed());
    }

    fn enqueue(&mut self, prepared: Prepared) {
        let work = match prepared {
            Prepared::Work(work) => *work,
            Prepared::Done { document_id, outcome } => {
                let document_id = Some(document_id);
                self.finished(DocumentOutcome { document_id, outcome, chunks: 0 });
                return;
            }
        };
        let slot = self.next_slot;
        self.next_slot += 1;
        let mut missing = 0;
        let texts = work.chunks.iter().zip(&work.texts).zip(&work.vectors).enumerate();
        for (place, ((chunk, text), vector)) in texts {
            if vector.is_some() {
                self.report.cached += 1;
                continue;
            }
            missing += 1;
            let wanted = self.wanted.entry(chunk.key).or_insert_with(|| {
                self.queue.push_back(chunk.key);
                Wanted { text: text.clone(), waiting: Vec::new() }
            });
            wanted.waiting.push((slot, place));
        }
        self.slots.insert(slot, Slot { work, missing, fresh: Vec::new() });
        if missing == 0 {
            self.ready.push_back(slot);
        }
    }

    fn embed_next(&mut self) {
        let count = self.queue.len().min(self.ingestion.batch);
        let keys: Vec<ChunkKey> = self.queue.drain(..count).collect();
        // How much of each document is in this batch: what it completes is stored at once.
        let mut here: HashMap<u64, usize> = HashMap::new();
        let wanted = |key: &ChunkKey| self.wanted.get(key);
        for (slot, _) in keys.iter().filter_map(wanted).flat_map(|wanted| &wanted.waiting) {
            *here.entry(*slot).or_default() += 1;
        }
        let is_complete = |slot: &u64| {
            let missing = self.slots.get(slot).map_or(0, |slot| slot.missing);
            here.get(slot).is_some_and(|here| *here >= missing)
        };
        let text = |key: ChunkKey| {
            let wanted = self.wanted.get(&key)?;
            let is_kept = !wanted.waiting.iter().any(|(slot, _)| is_complete(slot));
            Some(Text { key, text: wanted.text.clone(), is_kept })
        };
        let batch: Vec<Text> = keys.into_iter().filter_map(text).collect();
        if !batch.is_empty() {
            self.embedding.push(embed(Arc::clone(&self.ingestion), batch).boxed());
        }
    }

    fn deliver(&mut self, embedded: Embedded) {
        self.report.embedded += embedded.count;
        self.report.usage.add(&embedded.usage);
        let mut failed: HashMap<u64, Error> = HashMap::new();
        for (key, vector) in embedded.vectors {
            for (slot, place) in self.wanted.remove(&key).map(|w| w.waiting).unwrap_or_default() {
                let Some(entry) = self.slots.get_mut(&slot) else { continue };
                match &vector {
                    Ok(vector) => {
                        if let Some(missing) = entry.work.vectors.get_mut(place) {
                            *missing = Some(vector.clone());
                        }
                        entry.fresh.push(place);
                        entry.missing -= 1;
                        if entry.missing == 0 {
                            self.ready.push_back(slot);
                        }
                    }
                    Err(error) => {
                        failed.entry(slot).or_insert_with(|| error.clone());
                    }
                }
            }
        }
        failed.into_iter().for_each(|(slot, error)| self.fail(slot, error));
    }

    /// Lets a document go, but for the vectors that were paid for.
    fn fail(&mut self, slot: u64, error: Error) {
        let Some(Slot { work, fresh, .. }) = self.slots.remove(&slot) else { return };
        self.ready.retain(|ready| *ready != slot);
        for chunk in &work.chunks {
            if let Some(wanted) = self.wanted.get_mut(&chunk.key) {
                wanted.waiting.retain(|(waiting, _)| *waiting != slot);
                // One that is under way stays known until it is back, and is kept then.
                if wanted.waiting.is_empty() && self.queue.contains(&chunk.key) {
                    self.wanted.remove(&chunk.key);
                    self.queue.retain(|key| *key != chunk.key);
                }
            }
        }
        let Work { document, chunks, mut vectors, .. } = work;
        let kept = fresh
            .into_iter()
            .filter_map(|place| Some((chunks.get(place)?.key, vectors.get_mut(place)?.take()?)));
        let kept: Vec<_> = kept.collect();
        if !kept.is_empty() {
            let store = Arc::clone(&self.ingestion.store);
            // The document has failed already; that its vectors cannot be kept is no other failure.
            self.keeping
                .push(async move { store.cache_vectors(&kept).await.unwrap_or(()) }.boxed());
        }
        let outcome = Outcome::Failed(error);
        let document_id = Some(document.id);
        self.finished(DocumentOutcome { document_id, outcome, chunks: 0 });
    }

    fn store(&mut self, slot: u64) {
        let Some(Slot { work, .. }) = self.slots.remove(&slot) else { return };
        let Work { document, hash, chunks, vectors, is_new, .. } = work;
        let store = Arc::clone(&self.ingestion.store);
        let fingerprint = Arc::clone(&self.fingerprint);
        let stored = async move {
            let vectors = vectors.into_iter().flatten().collect();
            let (document_id, count) = (Some(document.id.clone()), chunks.len() as u64);
            let state = DocumentState::new(hash, &*fingerprint);
            let document = IndexedDocument { document, chunks, vectors, state };
            let (outcome, chunks) = match store.put(document).await {
                Ok(()) if is_new => (Outcome::Added, count),
                Ok(()) => (Outcome::Updated, count),
                Err(error) => (Outcome::Failed(error), 0),
            };
            DocumentOutcome { document_id, outcome, chunks }
        };
        self.storing.push(stored.boxed());
    }

    /// Says what came of a document, and begins the next one of its id.
    fn finished(&mut self, outcome: DocumentOutcome) {
        if let Some(id) = &outcome.document_id
            && let Some(mut waiting) = self.busy.remove(id)
            && let Some(next) = waiting.pop_front()
        {
            let id = id.clone();
            self.begin(next);
            self.busy.insert(id, waiting);
        }
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: DocumentOutcome) {
        self.report.add(&outcome);
        self.outcomes.push_back(outcome);
        if let Some(progress) = &self.ingestion.progress {
            progress(&self.report);
        }
    }

    /// What follows when there is nothing left to do for the documents that came.
    fn after_running(&mut self) -> Stage {
        if self.ingestion.strategy != Strategy::UpsertsAndDelete {
            return Stage::Ended;
        }
        if self.source_failed {
            self.report.deletion_skipped = true;
            return Stage::Ended;
        }
        let (store, came) = (Arc::clone(&self.ingestion.store), std::mem::take(&mut self.came));
        Stage::Deleting(delete_others(store, came).boxed())
    }

    /// Goes on as far as it can in this slice of time. `Ready` says that the stage has come to its end.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let began = *self.slice.get_or_insert_with(Instant::now);
        loop {
            if !self.outcomes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if began.elapsed() > SLICE {
                // Others of this thread first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.stage = match &mut self.stage {
                Stage::Reading(reading) => match reading.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => Stage::Running,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                },
                Stage::Running => match self.step(cx) {
                    Poll::Ready(()) => continue,
                    Poll::Pending if self.is_idle() => self.after_running(),
                    Poll::Pending => return Poll::Pending,
                },
                Stage::Deleting(deleting) => match deleting.as_mut().poll(cx) {
                    Poll::Ready(Ok(ids)) => {
                        for id in ids {
                            let document_id = Some(id);
                            let outcome = Outcome::Deleted;
                            self.tell(DocumentOutcome { document_id, outcome, chunks: 0 });
                        }
                        Stage::Ended
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                },
                Stage::Ended => return Poll::Ready(Ok(())),
            };
        }
    }
}

impl Stream for IngestStream {
    type Item = Result<DocumentOutcome>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.advance(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(this.outcomes.pop_front().map(Ok)),
            Poll::Ready(Err(error)) => {
                this.stage = Stage::Ended;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => {
                this.slice = None;
                Poll::Pending
            }
        }
    }
}

/// Reads the digests of all documents of the index.
async fn read_hashes(store: Arc<dyn Store>, known: Known) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let ids = store.document_ids(after.as_deref(), PAGE).await?;
        let states = store.states(&ids).await?;
        let Some(last) = ids.into_iter().next_back() else { return Ok(()) };
        let hashes = states.into_iter().flatten().map(|state| state.hash);
        known.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
        after = Some(last);
    }
}

/// Deletes the documents that are not among these, and names them.
async fn delete_others(store: Arc<dyn Store>, came: HashSet<String>) -> Result<Vec<String>> {
    let mut deleted = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let ids = store.document_ids(after.as_deref(), PAGE).await?;
        let Some(last) = ids.last() else { return Ok(deleted) };
        after = Some(last.clone());
        let others: Vec<String> = ids.into_iter().filter(|id| !came.contains(id)).collect();
        if !others.is_empty() {
            store.delete(&others).await?;
            deleted.extend(others);
        }
    }
}

impl fmt::Debug for IngestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestStream")
            .field("ingestion", &self.ingestion)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
