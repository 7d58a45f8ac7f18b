//! [`IngestStream`], the ingestion while it runs: documents in, outcomes out, nothing spawned.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, BoxStream, FuturesUnordered, Stream, StreamExt as _};
use meanwhile_core::{Error, Result};

use super::duplicates::{Said, Verdict};
use super::embed::{Embedded, Text, Vector, embed, keep};
use super::prepare::{Prepared, Says, Work, prepare};
use super::{DocumentOutcome, IngestReport, Ingestion, Outcome, Strategy};
use crate::offload::pause;
use crate::{Chunk, ChunkKey, ContentHash, Document, DocumentState, IndexedDocument, Store};

/// Documents that are compared with the store at once.
const GROUP: usize = 32;

/// The most text of such a group, in bytes, but for a single document.
const GROUP_BYTES: usize = 256 * 1024;

/// Ids that are read from the store at once.
const PAGE: usize = 1_000;

/// Chunks of a document that are looked at in one step.
const FEW: usize = 256;

/// How long the thread is held before others may have it.
const SLICE: Duration = Duration::from_micros(100);

/// How long such turns take before a rest. A runtime that always has a task to run looks at its timers and
/// sockets now and then only, Tokio after 61 turns: after this, there is nothing to run for a moment.
const BUSY: Duration = Duration::from_millis(1);

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
    storing: FuturesUnordered<BoxFuture<'static, Stored>>,
    keeping: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Ids of documents under way, and later documents of the same id, which wait.
    busy: HashMap<String, VecDeque<Document>>,
    /// Documents that say what another one says, or may say in the end.
    duplicates: HashMap<ContentHash, VecDeque<Document>>,
    slots: HashMap<u64, Slot>,
    next_slot: u64,
    /// The document whose chunks are being looked at, and the next of them.
    entering: Option<(u64, usize)>,
    /// Documents with all their vectors.
    ready: VecDeque<u64>,
    /// Keys to be embedded.
    queue: VecDeque<ChunkKey>,
    wanted: HashMap<ChunkKey, Wanted>,
    /// Texts that are being embedded, and vectors that nothing but a document on its way into the store
    /// has: what is lost where the process ends now.
    paid: usize,
    outcomes: VecDeque<DocumentOutcome>,
    said: Said,
    /// Ids that came, for the deletion at the end.
    came: HashSet<String>,
    source_failed: bool,
    report: IngestReport,
    slice: Option<Instant>,
    /// How long the turns took since the last rest.
    held: Duration,
    rest: Option<BoxFuture<'static, Result<()>>>,
}

enum Stage {
    /// What the index says is read, for duplicates.
    Reading(BoxFuture<'static, Result<()>>),
    Running,
    /// What did not come is deleted, page by page.
    Deleting(BoxStream<'static, Result<Vec<String>>>),
    Ended,
}

/// A document that waits for vectors.
struct Slot {
    work: Work,
    missing: usize,
    /// Vectors that were paid for in this run and that the store does not have.
    unkept: Vec<usize>,
}

/// A document that was to be stored.
struct Stored {
    outcome: DocumentOutcome,
    says: Says,
    /// How many vectors only it had.
    unkept: usize,
}

struct Wanted {
    text: String,
    /// The documents that wait for it, and the chunk of each.
    waiting: Vec<(u64, usize)>,
}

impl IngestStream {
    pub(super) fn new(ingestion: Ingestion, source: BoxStream<'static, Result<Document>>) -> Self {
        let said = Said::default();
        let stage = match ingestion.strategy {
            Strategy::DuplicatesOnly => {
                Stage::Reading(said.clone().read(Arc::clone(&ingestion.store)).boxed())
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
            duplicates: HashMap::new(),
            slots: HashMap::new(),
            next_slot: 0,
            entering: None,
            ready: VecDeque::new(),
            queue: VecDeque::new(),
            wanted: HashMap::new(),
            paid: 0,
            outcomes: VecDeque::new(),
            said,
            came: HashSet::new(),
            source_failed: false,
            report: IngestReport::default(),
            slice: None,
            held: Duration::ZERO,
            rest: None,
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
        if let Poll::Ready(Some(stored)) = self.storing.poll_next_unpin(cx) {
            self.paid = self.paid.saturating_sub(stored.unkept);
            self.done(stored.outcome, Some(stored.says));
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
        if let Some((slot, place)) = self.entering.take() {
            self.enter(slot, place);
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
        // What is paid for and not stored is never more than so many requests are worth.
        let next = self.queue.len().min(self.ingestion.batch);
        let has_room = self.paid == 0 || self.paid + next <= concurrency * self.ingestion.batch;
        let is_free =
            has_room && self.embedding.len() < concurrency && self.ready.len() <= concurrency;
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
            && self.entering.is_none()
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
        let (ingestion, said) = (Arc::clone(&self.ingestion), self.said.clone());
        let fingerprint = Arc::clone(&self.fingerprint);
        self.preparing.push(prepare(ingestion, fingerprint, said, group).boxed());
    }

    fn enqueue(&mut self, prepared: Prepared) {
        let work = match prepared {
            Prepared::Work(work) => *work,
            Prepared::Waiting { document, hash } => {
                self.duplicates.entry(hash).or_default().push_back(document);
                self.release(hash);
                return;
            }
            Prepared::Done { document_id, outcome, says } => {
                let document_id = Some(document_id);
                self.done(DocumentOutcome { document_id, outcome, chunks: 0 }, says);
                return;
            }
        };
        let slot = self.next_slot;
        self.next_slot += 1;
        let missing = work.vectors.iter().filter(|vector| vector.is_none()).count();
        self.report.cached += (work.vectors.len() - missing) as u64;
        self.slots.insert(slot, Slot { work, missing, unkept: Vec::new() });
        if missing == 0 {
            self.ready.push_back(slot);
        } else {
            self.entering = Some((slot, 0));
        }
    }

    /// Asks for some of the vectors that a document is without.
    fn enter(&mut self, slot: u64, first: usize) {
        let Some(Slot { work, .. }) = self.slots.get(&slot) else { return };
        let texts = work.chunks.iter().zip(&work.texts).zip(&work.vectors).enumerate();
        for (place, ((chunk, text), vector)) in texts.skip(first).take(FEW) {
            if vector.is_some() {
                continue;
            }
            let wanted = self.wanted.entry(chunk.key).or_insert_with(|| {
                self.queue.push_back(chunk.key);
                Wanted { text: text.clone(), waiting: Vec::new() }
            });
            wanted.waiting.push((slot, place));
        }
        let next = first + FEW;
        if next < work.chunks.len() {
            self.entering = Some((slot, next));
        }
    }

    /// Decides about the documents that say this, as far as that can be done now.
    fn release(&mut self, hash: ContentHash) {
        let Some(waiting) = self.duplicates.get_mut(&hash) else { return };
        match self.said.verdict(hash) {
            Verdict::Unknown => {}
            // One of them is worked on; the others wait for what comes of it.
            Verdict::Alone => {
                if let Some(document) = waiting.pop_front() {
                    self.begin(document);
                }
            }
            Verdict::Duplicate => {
                for document in self.duplicates.remove(&hash).unwrap_or_default() {
                    let document_id = Some(document.id);
                    let outcome = Outcome::Duplicate;
                    self.finished(DocumentOutcome { document_id, outcome, chunks: 0 });
                }
            }
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
            let is_kept = !wanted.waiting.iter().all(|(slot, _)| is_complete(slot));
            Some(Text { key, text: wanted.text.clone(), is_kept })
        };
        let batch: Vec<Text> = keys.into_iter().filter_map(text).collect();
        if !batch.is_empty() {
            self.paid += batch.len();
            self.embedding.push(embed(Arc::clone(&self.ingestion), batch).boxed());
        }
    }

    fn deliver(&mut self, embedded: Embedded) {
        self.report.embedded += embedded.count;
        self.report.usage.add(&embedded.usage);
        self.paid = self.paid.saturating_sub(embedded.vectors.len());
        let mut failed: HashMap<u64, Error> = HashMap::new();
        // Whoever wanted them is gone.
        let mut unwanted = Vec::new();
        for Vector { key, vector, is_kept } in embedded.vectors {
            let waiting = self.wanted.remove(&key).map(|w| w.waiting).unwrap_or_default();
            if let (true, false, Ok(vector)) = (waiting.is_empty(), is_kept, &vector) {
                unwanted.push((key, vector.clone()));
            }
            for (slot, place) in waiting {
                let Some(entry) = self.slots.get_mut(&slot) else { continue };
                match &vector {
                    Ok(vector) => {
                        if let Some(missing) = entry.work.vectors.get_mut(place) {
                            *missing = Some(vector.clone());
                        }
                        if !is_kept {
                            entry.unkept.push(place);
                        }
                        entry.missing -= 1;
                        if entry.missing == 0 {
                            self.paid += entry.unkept.len();
                            self.ready.push_back(slot);
                        }
                    }
                    Err(error) => {
                        failed.entry(slot).or_insert_with(|| error.clone());
                    }
                }
            }
        }
        self.keep(unwanted);
        failed.into_iter().for_each(|(slot, error)| self.fail(slot, error));
    }

    fn keep(&mut self, vectors: Vec<(ChunkKey, Vec<f32>)>) {
        if !vectors.is_empty() {
            let store = Arc::clone(&self.ingestion.store);
            self.keeping.push(keep(store, vectors, self.ingestion.retries).boxed());
        }
    }

    /// Lets a document go, but for the vectors that were paid for.
    fn fail(&mut self, slot: u64, error: Error) {
        let Some(Slot { work, unkept, .. }) = self.slots.remove(&slot) else { return };
        if self.entering.is_some_and(|(entering, _)| entering == slot) {
            self.entering = None;
        }
        let keys: HashSet<ChunkKey> = work.chunks.iter().map(|chunk| chunk.key).collect();
        let mut unwanted = HashSet::new();
        for key in keys {
            if let Some(wanted) = self.wanted.get_mut(&key) {
                wanted.waiting.retain(|(waiting, _)| *waiting != slot);
                if wanted.waiting.is_empty() {
                    unwanted.insert(key);
                }
            }
        }
        let wanted = &mut self.wanted;
        self.queue.retain(|key| {
            // One that is under way, and so not here, stays known until it is back, and is kept then.
            let is_unwanted = unwanted.contains(key);
            if is_unwanted {
                wanted.remove(key);
            }
            !is_unwanted
        });
        let Work { document, chunks, vectors, says, .. } = work;
        self.keep(only_here(&chunks, &vectors, &unkept));
        let outcome = Outcome::Failed(error);
        let document_id = Some(document.id);
        self.done(DocumentOutcome { document_id, outcome, chunks: 0 }, Some(says));
    }

    fn store(&mut self, slot: u64) {
        let Some(Slot { work, unkept, .. }) = self.slots.remove(&slot) else { return };
        let Work { document, says, fingerprint, chunks, vectors, .. } = work;
        let (store, retries) = (Arc::clone(&self.ingestion.store), self.ingestion.retries);
        let stored = async move {
            // A batch of them at most: what is in the store already is not among them.
            let copies = only_here(&chunks, &vectors, &unkept);
            let vectors = vectors.into_iter().flatten().collect();
            let (document_id, count) = (Some(document.id.clone()), chunks.len() as u64);
            let state = DocumentState::new(says.new, fingerprint);
            let document = IndexedDocument { document, chunks, vectors, state };
            let (outcome, chunks) = match store.put(document).await {
                Ok(()) if says.old.is_none() => (Outcome::Added, count),
                Ok(()) => (Outcome::Updated, count),
                Err(error) => {
                    if !copies.is_empty() {
                        keep(store, copies, retries).await;
                    }
                    (Outcome::Failed(error), 0)
                }
            };
            let outcome = DocumentOutcome { document_id, outcome, chunks };
            Stored { outcome, says, unkept: unkept.len() }
        };
        self.storing.push(stored.boxed());
    }

    /// Says what came of a document, and decides about those that say the same.
    fn done(&mut self, outcome: DocumentOutcome, says: Option<Says>) {
        let compares = self.ingestion.strategy == Strategy::DuplicatesOnly;
        let Some(says) = says.filter(|_| compares) else { return self.finished(outcome) };
        let id = outcome.document_id.as_deref().unwrap_or_default();
        let is_unchanged = matches!(outcome.outcome, Outcome::Unchanged);
        let changed = Says { old: says.old.filter(|_| !is_unchanged), ..says };
        let is_stored = !matches!(outcome.outcome, Outcome::Failed(_));
        let comes_again = self.busy.get(id).is_some_and(|waiting| !waiting.is_empty());
        self.said.done(id, changed, is_stored, comes_again);
        self.finished(outcome);
        self.release(says.new);
        if let Some(old) = says.old {
            self.release(old);
        }
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
        if !self.duplicates.is_empty() {
            self.said.settle();
            let hashes: Vec<ContentHash> = self.duplicates.keys().copied().collect();
            hashes.into_iter().for_each(|hash| self.release(hash));
            self.duplicates.retain(|_, waiting| !waiting.is_empty());
            return Stage::Running;
        }
        if self.ingestion.strategy != Strategy::UpsertsAndDelete {
            return Stage::Ended;
        }
        if self.source_failed || self.came.is_empty() {
            self.report.deletion_skipped = true;
            return Stage::Ended;
        }
        let (store, came) = (Arc::clone(&self.ingestion.store), std::mem::take(&mut self.came));
        let is_whole = self.report.failed.is_empty();
        Stage::Deleting(delete_others(store, came, is_whole).boxed())
    }

    /// Waits for what is under way, which may be no more than a turn of others.
    fn wait<T>(&mut self, held: Duration, cx: &mut Context<'_>) -> Poll<T> {
        self.is_resting(held, cx);
        Poll::Pending
    }

    /// Lets others of this thread go first, after a turn of this length.
    fn give_way<T>(&mut self, held: Duration, cx: &mut Context<'_>) -> Poll<T> {
        if !self.is_resting(held, cx) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Begins to rest, where it is time for that after a turn of this length.
    fn is_resting(&mut self, held: Duration, cx: &mut Context<'_>) -> bool {
        self.held += held;
        if self.held <= BUSY {
            return false;
        }
        self.held = Duration::ZERO;
        let mut rest = pause(Duration::ZERO).boxed();
        if rest.as_mut().poll(cx).is_ready() {
            return false;
        }
        self.rest = Some(rest);
        true
    }

    /// Goes on as far as it can in this slice of time. `Ready` says that the stage has come to its end.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Some(rest) = &mut self.rest {
            // Where no thread can be had for it, there is no rest.
            let _ = ready!(rest.as_mut().poll(cx));
            self.rest = None;
        }
        let began = *self.slice.get_or_insert_with(Instant::now);
        loop {
            if !self.outcomes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let held = began.elapsed();
            if held > SLICE {
                return self.give_way(held, cx);
            }
            self.stage = match &mut self.stage {
                Stage::Reading(reading) => match reading.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => Stage::Running,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return self.wait(began.elapsed(), cx),
                },
                Stage::Running => match self.step(cx) {
                    Poll::Ready(()) => continue,
                    Poll::Pending if self.is_idle() => self.after_running(),
                    Poll::Pending => return self.wait(began.elapsed(), cx),
                },
                Stage::Deleting(deleting) => match deleting.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(ids))) => {
                        for id in ids {
                            let document_id = Some(id);
                            let outcome = Outcome::Deleted;
                            self.tell(DocumentOutcome { document_id, outcome, chunks: 0 });
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) => Stage::Ended,
                    Poll::Pending => return self.wait(began.elapsed(), cx),
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

/// The vectors of a document that nothing else has, with the keys of their chunks.
fn only_here(
    chunks: &[Chunk],
    vectors: &[Option<Vec<f32>>],
    unkept: &[usize],
) -> Vec<(ChunkKey, Vec<f32>)> {
    let one = |place: &usize| Some((chunks.get(*place)?.key, vectors.get(*place)?.clone()?));
    unkept.iter().filter_map(one).collect()
}

/// Deletes the documents that are not among these, and names those of each page when they are gone; where all
/// that came is stored, at the end also the vectors that were kept for others.
fn delete_others(
    store: Arc<dyn Store>,
    came: HashSet<String>,
    is_whole: bool,
) -> impl Stream<Item = Result<Vec<String>>> + Send {
    stream::try_unfold((store, came, None::<String>), move |(store, came, after)| async move {
        let ids = store.document_ids(after.as_deref(), PAGE).await?;
        let Some(last) = ids.last().cloned() else {
            if is_whole {
                store.clear_cached().await?;
            }
            return Ok(None);
        };
        let others: Vec<String> = ids.into_iter().filter(|id| !came.contains(id)).collect();
        if !others.is_empty() {
            store.delete(&others).await?;
        }
        Ok(Some((others, (store, came, Some(last)))))
    })
}

impl fmt::Debug for IngestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestStream")
            .field("ingestion", &self.ingestion)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
