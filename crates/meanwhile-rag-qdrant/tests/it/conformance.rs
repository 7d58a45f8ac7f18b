//! The conformance suite of stores, each case in collections of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meanwhile_core::ErrorKind;
use meanwhile_rag::conformance::StoreConformance;
use meanwhile_rag::{SearchQuery, Store as _};

use crate::local_mode::LocalMode;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_all_stores_do() {
    let Some(local) = LocalMode::start().map(Arc::new) else { return };
    let number = Arc::new(AtomicUsize::new(0));
    let open = move || {
        let name = format!("case-{}", number.fetch_add(1, Ordering::Relaxed));
        let built = local.store(&name).build();
        async move { built }
    };
    StoreConformance::new(open).run().await.assert();
}

#[tokio::test]
async fn a_wrong_key_says_so_and_is_not_shown() {
    let Some(local) = LocalMode::start() else { return };
    let store = local.store("any").api_key("wrong-secret").build().unwrap();
    let error = store.search(&SearchQuery::text("words", 3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
    assert_eq!(error.provider(), Some("qdrant"));
    assert!(!format!("{error:?} {store:?}").contains("wrong-secret"));
}
