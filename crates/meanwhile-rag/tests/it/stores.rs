//! The store in memory passes what every store must.

use meanwhile_rag::MemoryStore;
use meanwhile_rag::conformance::StoreConformance;

#[tokio::test]
async fn the_store_in_memory_conforms() {
    let report = StoreConformance::new(async || Ok(MemoryStore::new())).run().await;
    assert_eq!(report.cases.len(), 23);
    report.assert();
}
