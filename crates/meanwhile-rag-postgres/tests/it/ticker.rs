//! Others on the thread: while a long document is taken in, found, read and deleted, they have their turns.
//! For the limit of 5 ms: `cargo test --release -p meanwhile-rag-postgres --test it ticker`.

use meanwhile_rag::conformance;
use meanwhile_rag_postgres::PostgresStore;

use crate::server::Server;

#[tokio::test]
async fn nobody_is_starved() {
    let Some(server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let report = conformance::nobody_is_starved(store).await;
    println!("{report}");
    report.assert();
}
