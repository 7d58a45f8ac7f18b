//! Two stores on one file know nothing of each other but the file, as two processes do.

use futures::future;
use meanwhile_core::ErrorKind;
use meanwhile_rag::{Document, SearchQuery, Store as _};
use meanwhile_rag_sqlite::SqliteStore;

use crate::indexed;

async fn nearest(store: &SqliteStore) -> Option<String> {
    let found = store.search(&SearchQuery::vector(vec![1.0, 0.0], 1)).await.unwrap();
    found.into_iter().next().map(|hit| hit.chunk.document_id)
}

#[tokio::test]
async fn what_another_process_writes_is_found_by_the_next_search() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (crate::open(folder.path()).await, crate::open(folder.path()).await);
    assert_eq!(nearest(&one).await, None);

    other.put(indexed(Document::new("far", "far"), vec![vec![0.1, 1.0]])).await.unwrap();
    assert_eq!(nearest(&one).await.as_deref(), Some("far"));

    other.put(indexed(Document::new("near", "near"), vec![vec![1.0, 0.1]])).await.unwrap();
    assert_eq!(nearest(&one).await.as_deref(), Some("near"));

    // Replaced, so that it is not near any more; then gone.
    one.put(indexed(Document::new("near", "now far"), vec![vec![-1.0, 0.1]])).await.unwrap();
    assert_eq!(nearest(&other).await.as_deref(), Some("far"));
    other.delete(&["far".to_owned()]).await.unwrap();
    assert_eq!(nearest(&one).await.as_deref(), Some("near"));
}

#[tokio::test]
async fn more_changes_than_are_remembered_are_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (crate::open(folder.path()).await, crate::open(folder.path()).await);
    other.put(indexed(Document::new("still", "still"), vec![vec![0.5, 0.5]])).await.unwrap();
    assert_eq!(nearest(&one).await.as_deref(), Some("still"));
    for turn in 0..10_050_u16 {
        let vector = vec![f32::from(turn), 1.0];
        other.put(indexed(Document::new("turning", "turning"), vec![vector])).await.unwrap();
    }
    assert_eq!(nearest(&one).await.as_deref(), Some("turning"));
    other.delete(&["turning".to_owned()]).await.unwrap();
    assert_eq!(nearest(&one).await.as_deref(), Some("still"));
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_and_writes_at_once_see_whole_documents() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (crate::open(folder.path()).await, crate::open(folder.path()).await);
    let write = async {
        for turn in 0..300_u16 {
            // Always three chunks, of one revision each time.
            let text = format!("one {turn}\ntwo {turn}\nthree {turn}\n");
            let vector = vec![1.0, f32::from(turn)];
            let document = indexed(Document::new("d", text), vec![vector; 3]);
            one.put(document).await.unwrap();
        }
    };
    let search = async |store: SqliteStore| {
        for _ in 0..300 {
            let by_vector = SearchQuery::vector(vec![1.0, 1.0], 10);
            for query in [by_vector, SearchQuery::text("one two three", 10)] {
                let found = store.search(&query).await.unwrap();
                assert!(found.is_empty() || found.len() == 3, "{found:?}");
                let turns = found.iter().map(|hit| hit.chunk.text.split(' ').nth(1).unwrap());
                assert!(turns.collect::<std::collections::BTreeSet<_>>().len() <= 1, "{found:?}");
            }
        }
    };
    let searches = [&one, &one, &other].map(|store| search(store.clone()));
    future::join(write, future::join_all(searches)).await;
}

#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(connection);
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("notes.sqlite"), "{error}");

    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "this is no database at all, but a text ".repeat(100)).unwrap();
    assert_eq!(SqliteStore::open(&text).await.unwrap_err().kind(), ErrorKind::Decode);

    let nowhere = folder.path().join("no/such/folder/index.sqlite");
    assert_eq!(SqliteStore::open(nowhere).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_index_of_a_later_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    let path = store.path().to_owned();
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("version 99"), "{error}");
}
