//! Others on the thread: while a long document is taken in, found, read and deleted, they have their turns.
//! For the limit of 5 ms: `cargo test --release -p meanwhile-rag-sqlite --test it ticker`.

use meanwhile_rag::conformance;

#[tokio::test]
async fn nobody_is_starved() {
    let folder = tempfile::tempdir().unwrap();
    let report = conformance::nobody_is_starved(crate::open(folder.path()).await).await;
    println!("{report}");
    report.assert();
}
