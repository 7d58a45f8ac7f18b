//! The conformance suite of stores, each case on a file of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meanwhile_rag::conformance::StoreConformance;
use meanwhile_rag_sqlite::SqliteStore;

#[tokio::test]
async fn the_store_does_what_all_stores_do() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let number = Arc::new(AtomicUsize::new(0));
    let open = move || {
        let name = format!("{}.sqlite", number.fetch_add(1, Ordering::Relaxed));
        let path = folder.path().join(name);
        async move { SqliteStore::open(path).await }
    };
    StoreConformance::new(open).run().await.assert();
}
