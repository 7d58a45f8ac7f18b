//! Others on the thread: while a long document is taken in, found, read and deleted, they have their turns.
//! For the limit of 5 ms: `cargo test --release -p meanwhile-rag-qdrant --test it ticker`.

use meanwhile_rag::conformance;

use crate::local_mode::LocalMode;

#[tokio::test]
async fn nobody_is_starved() {
    let Some(local) = LocalMode::start() else { return };
    let report = conformance::nobody_is_starved(local.store("long").build().unwrap()).await;
    println!("{report}");
    report.assert();
}
