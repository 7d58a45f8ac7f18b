//! Ingestion: what is done once, what is done again, and what a failure takes with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{
    Cut, Document, Index, MemoryStore, Outcome, SearchQuery, Splitter, Store, Strategy,
};

use crate::support::{Away, Letters, letters};

/// Documents of ten sentences each, all of them different.
fn documents(count: usize) -> Vec<Document> {
    let sentence = |of, number| format!("Sentence {number} of document {of} says what it says. ");
    (0..count)
        .map(|of| {
            let text: String = (0..10).map(|number| sentence(of, number)).collect();
            Document::new(format!("d{of:03}"), text).with("title", format!("Document {of}"))
        })
        .collect()
}

/// One chunk a sentence.
fn splitter() -> SentenceSplitter {
    SentenceSplitter::new(15)
}

fn index(store: &MemoryStore, embedder: &Letters) -> Index {
    Index::new(store.clone()).embedder(embedder.model())
}

/// All that a store says.
async fn contents(store: &dyn Store) -> Vec<String> {
    let mut contents = Vec::new();
    for id in store.document_ids(None, 10_000).await.unwrap() {
        let document = store.document(&id).await.unwrap().unwrap();
        let chunks = store.chunks(&id, 0..u32::MAX).await.unwrap();
        let keys: Vec<_> = chunks.iter().map(|chunk| chunk.key).collect();
        let vectors = store.cached_vectors(&keys).await.unwrap();
        let states = store.states(&[id]).await.unwrap();
        contents.push(format!("{document:?} {chunks:?} {vectors:?} {states:?}"));
    }
    contents
}

#[tokio::test]
async fn documents_are_found_after_an_ingestion() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let index = index(&store, &embedder);
    let report = index.ingest().splitter(splitter()).run_all(documents(50)).await.unwrap();
    assert_eq!((report.added, report.chunks, report.embedded), (50, 500, 500), "{report:?}");
    assert!(report.failed.is_empty());
    assert_eq!(report.usage.input.total, Some(500));
    assert_eq!(embedder.counts(), (500, 0));
    // Batches go across documents: 500 texts in 8 requests.
    let requests = embedder.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 8, "{requests:?}");
    // The title is embedded in front of the text, and is no part of it.
    let text = "Document 7\n\nSentence 3 of document 7 says what it says.";
    let found = store.search(&SearchQuery::vector(letters(text), 1)).await.unwrap();
    assert_eq!(found[0].chunk.text, "Sentence 3 of document 7 says what it says.");
    assert_eq!(found[0].chunk.metadata["title"], "Document 7");
    assert!(found[0].score > 0.9999);
}

#[tokio::test]
async fn a_second_run_does_nothing() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let index = index(&store, &embedder);
    let ingestion = index.ingest().splitter(splitter());
    ingestion.clone().run_all(documents(20)).await.unwrap();
    let before = contents(&store).await;
    let report = ingestion.run_all(documents(20)).await.unwrap();
    assert_eq!((report.unchanged, report.embedded, report.chunks), (20, 0, 0), "{report:?}");
    assert_eq!(contents(&store).await, before);
}

#[tokio::test]
async fn a_changed_document_is_embedded_where_it_changed() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let ingestion = index(&store, &embedder).ingest().splitter(splitter());
    ingestion.clone().run_all(documents(5)).await.unwrap();
    let mut changed = documents(5);
    changed[2].text = changed[2].text.replace("Sentence 4", "Phrase 4");
    let report = ingestion.run_all(changed).await.unwrap();
    assert_eq!((report.updated, report.unchanged, report.embedded, report.cached), (1, 4, 1, 9));
    let found = store.search(&SearchQuery::text("phrase", 9)).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn another_splitter_does_the_work_again() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let index = index(&store, &embedder);
    index.ingest().splitter(splitter()).run_all(documents(5)).await.unwrap();
    let other = index.ingest().splitter(SentenceSplitter::new(30));
    let report = other.run_all(documents(5)).await.unwrap();
    assert_eq!((report.updated, report.unchanged), (5, 0), "{report:?}");
}

#[tokio::test]
async fn one_text_in_many_documents_is_embedded_once() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let documents = (0..30).map(|number| Document::new(format!("d{number}"), "The same words."));
    let ingestion = index(&store, &embedder).ingest().batch(4);
    let report = ingestion.run_all(documents.collect::<Vec<_>>()).await.unwrap();
    assert_eq!((report.added, embedder.counts()), (30, (1, 0)));
}

#[tokio::test]
async fn the_later_of_two_documents_of_one_id_stays() {
    for batch in [1, 3, 64] {
        let (store, embedder) = (MemoryStore::new(), Letters::default());
        let versions: Vec<_> =
            (0..20).map(|version| Document::new("a", format!("Version {version}."))).collect();
        let report =
            index(&store, &embedder).ingest().batch(batch).run_all(versions).await.unwrap();
        assert_eq!((report.added, report.updated), (1, 19), "{report:?}");
        assert_eq!(store.document("a").await.unwrap().unwrap().text, "Version 19.");
    }
}

#[tokio::test]
async fn what_fails_does_not_stop_the_rest() {
    let store = MemoryStore::new();
    let embedder =
        Letters { refused: Some(("document 7 ", ErrorKind::InvalidRequest)), ..Letters::default() };
    let failed = Err(Error::new(ErrorKind::Other, "a file could not be read"));
    let documents: Vec<Result<Document>> =
        documents(20).into_iter().map(Ok).chain([failed]).collect();
    let ingestion = index(&store, &embedder).ingest().splitter(splitter());
    let report = ingestion.run_all(documents).await.unwrap();
    assert_eq!((report.added, report.failed.len()), (19, 2), "{report:?}");
    let ids: Vec<_> = report.failed.iter().map(|failure| failure.document_id.as_deref()).collect();
    assert!(ids.contains(&Some("d007")) && ids.contains(&None), "{ids:?}");
    assert!(store.document("d007").await.unwrap().is_none());
    // Nothing that was paid for is paid for again.
    let report = ingestion_of(&store, &Letters { refused: None, ..embedder.clone() }).await;
    assert_eq!((report.added, report.unchanged), (1, 19), "{report:?}");
    assert_eq!(embedder.counts(), (200, 0));
}

async fn ingestion_of(store: &MemoryStore, embedder: &Letters) -> meanwhile_rag::IngestReport {
    index(store, embedder).ingest().splitter(splitter()).run_all(documents(20)).await.unwrap()
}

#[tokio::test]
async fn requests_that_may_yet_succeed_are_sent_again() {
    let embedder = Letters::default();
    *embedder.overloaded.lock().unwrap() = 2;
    let report = ingestion_of(&MemoryStore::new(), &embedder).await;
    assert_eq!((report.added, report.failed.len()), (20, 0), "{report:?}");
    *embedder.overloaded.lock().unwrap() = 1_000;
    let ingestion = index(&MemoryStore::new(), &embedder).ingest().retries(0);
    let report = ingestion.run_all(documents(20)).await.unwrap();
    assert_eq!((report.added, report.failed.len()), (0, 20), "{report:?}");
}

#[tokio::test]
async fn a_provider_that_asks_for_too_much_time_is_not_asked_again() {
    let embedder = Letters { come_back: Duration::from_secs(3_600), ..Letters::default() };
    *embedder.overloaded.lock().unwrap() = 1_000;
    let began = std::time::Instant::now();
    let ingestion = index(&MemoryStore::new(), &embedder).ingest().retries(1_000);
    let report = ingestion.run_all(documents(2)).await.unwrap();
    assert_eq!(report.failed.len(), 2, "{report:?}");
    assert_eq!(embedder.requests.lock().unwrap().len(), 1);
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn what_was_paid_for_outlives_a_store_that_is_away() {
    // The documents of each batch are complete with it, so that no vector is kept apart before.
    for (puts, caches) in [(20, 0), (20, 1), (3, 2)] {
        let (store, embedder) = (Away::default(), Letters::default());
        (*store.puts.lock().unwrap(), *store.caches.lock().unwrap()) = (puts, caches);
        let index = Index::new(store.clone()).embedder(embedder.model());
        let ingestion = index.ingest().splitter(splitter()).batch(20);
        let report = ingestion.clone().run_all(documents(20)).await.unwrap();
        assert_eq!((report.failed.len(), report.embedded), (puts, 200), "{report:?}");
        let report = ingestion.run_all(documents(20)).await.unwrap();
        assert_eq!((report.added, report.embedded), (puts as u64, 0), "{report:?}");
        assert_eq!(embedder.counts(), (200, 0));
    }
    // A cache that is away for a moment fails no document.
    let (store, embedder) = (Away::default(), Letters::default());
    *store.caches.lock().unwrap() = 1;
    let index = Index::new(store.clone()).embedder(embedder.model());
    let report = index.ingest().splitter(splitter()).batch(7).run_all(documents(20)).await.unwrap();
    assert_eq!((report.added, report.embedded), (20, 200), "{report:?}");
}

#[tokio::test]
async fn what_does_not_come_is_deleted_when_asked() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let ingestion = index(&store, &embedder).ingest().strategy(Strategy::UpsertsAndDelete);
    ingestion.clone().run_all(documents(10)).await.unwrap();
    let failing = documents(3).into_iter().map(Ok);
    let failing: Vec<Result<Document>> =
        failing.chain([Err(Error::new(ErrorKind::Other, "no such folder"))]).collect();
    let report = ingestion.clone().run_all(failing).await.unwrap();
    assert!(report.deletion_skipped && report.deleted == 0, "{report:?}");
    let report = ingestion.run_all(documents(3)).await.unwrap();
    assert_eq!((report.deleted, report.unchanged), (7, 3), "{report:?}");
    // A source of nothing is a mistake rather than a wish.
    let nothing = index(&store, &embedder).ingest().strategy(Strategy::UpsertsAndDelete);
    let report = nothing.run_all(documents(0)).await.unwrap();
    assert!(report.deletion_skipped && report.deleted == 0, "{report:?}");
    assert_eq!(store.document_ids(None, 99).await.unwrap(), ["d000", "d001", "d002"]);
}

#[tokio::test]
async fn a_whole_run_clears_what_nobody_came_back_for() {
    let store = MemoryStore::new();
    let embedder =
        Letters { refused: Some(("document 7 ", ErrorKind::InvalidRequest)), ..Letters::default() };
    let ingestion = index(&store, &embedder).ingest().splitter(splitter()).batch(3);
    let ingestion = ingestion.strategy(Strategy::UpsertsAndDelete);
    let mut some = documents(9);
    some[7].text.insert_str(0, "A sentence of its own that can be embedded. ");
    let report = ingestion.clone().run_all(some.clone()).await.unwrap();
    assert_eq!(report.failed.len(), 1, "{report:?}");
    assert!(store.clear_cached().await.unwrap() > 0, "nothing was kept of a document that failed");
    ingestion.clone().run_all(some).await.unwrap();
    ingestion.run_all(documents(7)).await.unwrap();
    assert_eq!(store.clear_cached().await.unwrap(), 0);
}

#[tokio::test]
async fn requests_are_under_way_side_by_side_and_no_more_than_allowed() {
    let mut times = Vec::new();
    for _ in 0..4 {
        let embedder = Letters { wait: Duration::from_millis(20), ..Letters::default() };
        let ingestion = index(&MemoryStore::new(), &embedder).ingest().splitter(splitter());
        let began = std::time::Instant::now();
        let report = ingestion.batch(10).concurrency(10).run_all(documents(40)).await.unwrap();
        let spent = began.elapsed();
        assert_eq!(report.embedded, 400);
        // 40 requests of 20 ms, ten at once; a machine with much else to do may take longer for one run,
        // but hardly for each.
        assert!(spent >= Duration::from_millis(75), "{spent:?}");
        if spent < Duration::from_millis(600) {
            return;
        }
        times.push(spent);
    }
    panic!("{times:?}");
}

#[tokio::test]
async fn a_slow_source_is_not_waited_for() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let mut outcomes = index(&store, &embedder).ingest().stream(receiver);
    for document in documents(3) {
        let id = document.id.clone();
        sender.unbounded_send(document).unwrap();
        let done = tokio::time::timeout(Duration::from_secs(5), outcomes.next()).await;
        let done = done.unwrap().unwrap().unwrap();
        assert_eq!(done.document_id, Some(id));
        assert!(matches!(done.outcome, Outcome::Added));
    }
    drop(sender);
    assert!(outcomes.next().await.is_none());
}

#[tokio::test]
async fn a_dropped_ingestion_stops_and_is_gone_on_with() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let embedder = Letters { wait: Duration::from_millis(2), ..embedder };
    let undisturbed = MemoryStore::new();
    index(&undisturbed, &Letters::default())
        .ingest()
        .splitter(splitter())
        .run_all(documents(60))
        .await
        .unwrap();
    let ingestion = index(&store, &embedder).ingest().splitter(splitter()).batch(7).concurrency(2);
    for number in 0..20 {
        let run = ingestion.clone().run_all(documents(60));
        let _ = tokio::time::timeout(Duration::from_millis(1 + number), run).await;
    }
    let before = embedder.requests.lock().unwrap().len();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(embedder.requests.lock().unwrap().len(), before, "a dropped ingestion goes on");
    ingestion.run_all(documents(60)).await.unwrap();
    assert_eq!(contents(&store).await, contents(&undisturbed).await);
    // Only what was under way when a run was dropped: at most two batches, and two documents that
    // were being stored.
    let (asked, _) = embedder.counts();
    assert!(asked <= 600 + 20 * (2 * 7 + 2 * 10), "{asked} texts were embedded for 600 chunks");
}

#[derive(Debug)]
struct Wrong;

impl Splitter for Wrong {
    fn fingerprint(&self) -> String {
        "wrong".into()
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        assert!(!document.text.contains("panic"), "on purpose");
        let too_long = usize::from(document.text != "right");
        vec![Cut::new(0..document.text.len() + too_long)]
    }
}

#[tokio::test]
async fn a_splitter_that_is_wrong_makes_its_documents_fail() {
    let index = Index::new(MemoryStore::new());
    // Prepared together, by whoever polls and on a thread.
    for filler in [0, 10_000] {
        let documents = [
            Document::new("wrong", "text"),
            Document::new("panics", format!("panic {}", "x".repeat(filler))),
            Document::new("right", "right"),
        ];
        let report = index.ingest().splitter(Wrong).run_all(documents).await.unwrap();
        let failed: Vec<_> =
            report.failed.iter().map(|failure| failure.document_id.as_deref().unwrap()).collect();
        assert_eq!(failed, ["wrong", "panics"], "{report:?}");
        let error = report.complete().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert_eq!(index.store().document_ids(None, 9).await.unwrap(), ["right"]);
    }
}

#[tokio::test]
async fn deletions_are_told_although_a_later_one_fails() {
    let store = Away { deletes_left: Some(1), ..Away::default() };
    let index = Index::new(store);
    let documents = |count| (0..count).map(|number| Document::new(format!("d{number}"), "text"));
    index.ingest().run_all(documents(1_200)).await.unwrap().complete().unwrap();
    let ingestion = index.ingest().strategy(Strategy::UpsertsAndDelete);
    let mut stream = ingestion.stream(stream::iter(documents(1)));
    let mut outcomes = Vec::new();
    while let Some(outcome) = stream.next().await {
        outcomes.push(outcome);
    }
    // Of the page of a thousand, all but the document that came.
    assert_eq!(stream.report().deleted, 999);
    assert!(outcomes.pop().unwrap().is_err());
    assert_eq!(outcomes.len(), 1_000);
    assert_eq!(index.store().count().await.unwrap().documents, 201);
}

#[tokio::test]
async fn progress_is_told_after_each_document() {
    let (store, embedder) = (MemoryStore::new(), Letters::default());
    let told = Arc::new(AtomicU64::new(0));
    let last = Arc::clone(&told);
    let ingestion = index(&store, &embedder).ingest().on_progress(move |report| {
        assert_eq!(last.fetch_add(1, Ordering::Relaxed) + 1, report.documents());
    });
    ingestion.run_all(documents(25)).await.unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 25);
}

/// What the thread has computed so far, whatever else the machine does.
fn computed() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

#[tokio::test]
async fn a_long_document_that_fails_is_let_go_at_once() {
    let embedder =
        Letters { refused: Some(("number 3 ", ErrorKind::PermissionDenied)), ..Letters::default() };
    let sentence = |number| format!("Sentence number {number} stands by itself. ");
    let text: String = (0..10_000).map(sentence).collect();
    let ingestion =
        index(&MemoryStore::new(), &embedder).ingest().splitter(SentenceSplitter::new(8));
    let began = computed();
    let report = ingestion.run_all([Document::new("long", text)]).await.unwrap();
    let spent = computed() - began;
    assert_eq!(report.failed.len(), 1, "{report:?}");
    // Every chunk compared with every other one takes seconds.
    assert!(spent < Duration::from_millis(500), "{spent:?}");
}
