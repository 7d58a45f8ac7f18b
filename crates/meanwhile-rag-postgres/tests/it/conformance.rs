//! The conformance suite of stores against a real server, each case in a schema of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meanwhile_rag::conformance::StoreConformance;
use meanwhile_rag_postgres::{PostgresBuilder, PostgresStore};

use crate::server::Server;

/// Checks that all cases pass, but for those that may fail.
async fn check(settings: impl Fn() -> PostgresBuilder + Send + Sync + 'static, may_fail: &[&str]) {
    let Some(server) = Server::start().await else { return };
    let number = Arc::new(AtomicUsize::new(0));
    let url = server.url();
    let open = move || {
        let schema = format!("Case \"{}\"", number.fetch_add(1, Ordering::Relaxed));
        let (url, builder) = (url.clone(), settings().schema(schema).connections(4));
        async move { builder.connect(&url).await }
    };
    let report = StoreConformance::new(open).run().await;
    assert!(report.failed().all(|case| may_fail.contains(&case.name)), "{report}");
}

#[tokio::test]
async fn the_store_does_what_all_stores_do() {
    check(PostgresStore::builder, &[]).await;
}

#[tokio::test]
async fn so_it_does_with_an_index_on_vectors() {
    // Nearly the nearest, and of equals any.
    let may_fail = ["by vector: equals by id and index", "by vector: exact, the best first"];
    check(|| PostgresStore::builder().approximate(), &may_fail).await;
}
