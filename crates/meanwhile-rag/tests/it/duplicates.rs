//! Documents that say the same: one is left out only where another one is in the index to the end.

use futures_util::StreamExt as _;
use meanwhile_core::ErrorKind;
use meanwhile_rag::{Document, Index, IngestReport, MemoryStore, Store as _, Strategy};

use crate::support::{Away, Letters};

async fn ingest(store: &MemoryStore, documents: &[(&str, &str)]) -> IngestReport {
    let documents: Vec<_> = documents.iter().map(|(id, text)| Document::new(*id, *text)).collect();
    let index = Index::new(store.clone()).embedder(Letters::default().model());
    index.ingest().strategy(Strategy::DuplicatesOnly).run_all(documents).await.unwrap()
}

/// What the documents of an index say.
async fn texts(store: &MemoryStore) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for id in store.document_ids(None, 99).await.unwrap() {
        let text = store.document(&id).await.unwrap().unwrap().text;
        texts.push((id, text));
    }
    texts
}

async fn check(runs: &[&[(&str, &str)]], counts: (u64, u64, u64), expected: &[(&str, &str)]) {
    let store = MemoryStore::new();
    let mut report = IngestReport::default();
    for run in runs {
        report = ingest(&store, run).await;
    }
    assert_eq!((report.added, report.updated, report.duplicates), counts, "{runs:?}: {report:?}");
    let texts = texts(&store).await;
    let texts: Vec<_> = texts.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    assert_eq!(texts, expected, "{runs:?}");
}

#[tokio::test]
async fn one_of_those_that_say_the_same_is_kept() {
    let same = "The same.";
    check(&[&[("x", same), ("y", same), ("z", same)]], (1, 0, 2), &[("x", same)]).await;
    // Another one of the index says it, which comes again, or does not come.
    check(&[&[("x", same)], &[("y", same), ("x", same)]], (0, 0, 1), &[("x", same)]).await;
    check(&[&[("x", same)], &[("y", same)]], (0, 0, 1), &[("x", same)]).await;
}

#[tokio::test]
async fn what_the_other_one_no_longer_says_is_not_lost() {
    let (same, other) = ("The same.", "Another one.");
    let kept = [("x", other), ("z", same)];
    // Whichever comes first.
    check(&[&[("x", same)], &[("z", same), ("x", other)]], (1, 1, 0), &kept).await;
    check(&[&[("x", same)], &[("x", other), ("z", same)]], (1, 1, 0), &kept).await;
    check(
        &[&[("x", same)], &[("y", same), ("x", other), ("z", same)]],
        (1, 1, 1),
        &[("x", other), ("y", same)],
    )
    .await;
    // A document that comes twice, with another text the second time.
    check(&[&[("x", same), ("z", same), ("x", other)]], (2, 1, 0), &kept).await;
    check(&[&[("x", same)], &[("z", same), ("x", same), ("x", other)]], (1, 1, 0), &kept).await;
    check(&[&[("x", same), ("x", other), ("x", same), ("z", same)]], (1, 2, 1), &[("x", same)])
        .await;
}

#[tokio::test]
async fn the_next_one_takes_the_place_of_one_that_fails() {
    let store = Away::default();
    *store.puts.lock().unwrap() = 1;
    let index = Index::new(store.clone()).embedder(Letters::default().model());
    let documents = ["x", "y", "z"].map(|id| Document::new(id, "The same."));
    let ingestion = index.ingest().strategy(Strategy::DuplicatesOnly).retries(0);
    let report = ingestion.run_all(documents).await.unwrap();
    assert_eq!((report.added, report.duplicates, report.failed.len()), (1, 1, 1), "{report:?}");
    assert_eq!(texts(&store.store).await, [("y".to_owned(), "The same.".to_owned())]);

    // One that cannot be embedded takes none of the others with it either.
    let refused = Some(("same", ErrorKind::InvalidRequest));
    let refusing = Letters { refused, ..Letters::default() };
    let index = Index::new(MemoryStore::new()).embedder(refusing.model());
    let documents = ["x", "y"].map(|id| Document::new(id, "The same."));
    let ingestion = index.ingest().strategy(Strategy::DuplicatesOnly);
    let report = ingestion.run_all(documents).await.unwrap();
    assert_eq!((report.duplicates, report.failed.len()), (0, 2), "{report:?}");
}

#[tokio::test]
async fn a_slow_source_holds_up_only_what_cannot_be_known() {
    let store = MemoryStore::new();
    ingest(&store, &[("x", "The same.")]).await;
    let index = Index::new(store).embedder(Letters::default().model());
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let mut outcomes = index.ingest().strategy(Strategy::DuplicatesOnly).stream(receiver);
    let mut next = async || outcomes.next().await.unwrap().unwrap().document_id.unwrap();
    // It waits for `x`, and nobody waits for it.
    sender.unbounded_send(Document::new("y", "The same.")).unwrap();
    sender.unbounded_send(Document::new("a", "Another one.")).unwrap();
    assert_eq!(next().await, "a");
    sender.unbounded_send(Document::new("x", "The same.")).unwrap();
    assert_eq!([next().await, next().await], ["x", "y"]);
}
