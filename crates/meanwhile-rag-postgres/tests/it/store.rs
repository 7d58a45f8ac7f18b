//! What is particular to this store; what all stores do is in the conformance suite.

use meanwhile_core::ErrorKind;
use meanwhile_rag::{Chunk, ChunkKey, Document, IndexedDocument, SearchQuery, Store as _, eq};
use meanwhile_rag_postgres::PostgresStore;

use crate::server::Server;

/// A document of one chunk.
fn whole(id: &str, text: &str, vector: Vec<f32>) -> IndexedDocument {
    let document = Document::new(id, text).with("parity", id.len() % 2);
    let key = ChunkKey::new(&format!("{text}{vector:?}"), "whole", "test");
    let chunk = Chunk::new(id, 0, 0..text.len(), text, key);
    let chunks = vec![chunk.with_metadata(document.metadata.clone())];
    let vectors = if vector.is_empty() { vec![] } else { vec![vector] };
    IndexedDocument::new(document, chunks, vectors, "whole")
}

async fn best(store: &PostgresStore, text: &str) -> Option<String> {
    let found = store.search(&SearchQuery::text(text, 1)).await.unwrap();
    found.into_iter().next().map(|hit| hit.chunk.document_id)
}

#[tokio::test]
async fn a_language_finds_other_forms_of_words() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let english = || PostgresStore::builder().schema("english").language("english");
    let store = english().connect(&url).await.unwrap();
    store.put(whole("a", "The refunds were paid.", vec![])).await.unwrap();
    assert_eq!(best(&store, "refunding").await.as_deref(), Some("a"));
    assert_eq!(best(&store, "the").await, None);
    drop(store);

    // Opened again as it was, and not as something else.
    let store = english().connect(&url).await.unwrap();
    assert_eq!(store.count().await.unwrap().documents, 1);
    let error = PostgresStore::builder().schema("english").connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let unknown = PostgresStore::builder().schema("unknown").language("klingon");
    assert_eq!(unknown.connect(&url).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn words_in_more_chunks_than_are_scored_do_not_hide_rare_ones() {
    let Some(server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let text: String = (0..6_000).map(|n| format!("common paragraph {n}\n")).collect();
    let mut begins = 0;
    let chunks = text.split_inclusive('\n').enumerate().map(|(index, line)| {
        let span = begins..begins + line.len();
        begins = span.end;
        Chunk::new("d", index.try_into().unwrap(), span, line, ChunkKey::new(line, "lines", ""))
    });
    let chunks = chunks.collect();
    let document = IndexedDocument::new(Document::new("d", &text), chunks, vec![], "lines");
    store.put(document).await.unwrap();
    for (question, index) in [("common paragraph 4321", 4321), ("which is common in 77?", 77)] {
        let found = store.search(&SearchQuery::text(question, 3)).await.unwrap();
        assert_eq!(found[0].chunk.index, index, "{question}");
        assert_eq!(found.len(), 3);
    }
}

#[tokio::test]
async fn an_index_on_vectors_finds_nearly_all() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let exact = PostgresStore::connect(&url).await.unwrap();
    let mut state = 7_u32;
    let mut vector = || -> Vec<f32> {
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 16).unwrap()) - 32_768.0
        };
        (0..32).map(|_| number()).collect()
    };
    for number in 0..2_000 {
        let id = "x".repeat(1 + number % 2) + &number.to_string();
        exact.put(whole(&id, "text", vector())).await.unwrap();
    }
    // The index is made of what is there.
    let approximate = PostgresStore::builder().approximate().connect(&url).await.unwrap();
    let (mut wanted, mut found) = (0, 0);
    for _ in 0..50 {
        let query = SearchQuery::vector(vector(), 10).filter(eq("parity", 0));
        let all = exact.search(&query).await.unwrap();
        let some = approximate.search(&query).await.unwrap();
        assert_eq!(some.len(), 10);
        wanted += all.len();
        let ids: Vec<&str> = some.iter().map(|hit| hit.chunk.document_id.as_str()).collect();
        found += all.iter().filter(|hit| ids.contains(&hit.chunk.document_id.as_str())).count();
    }
    println!("an index on vectors found {found} of {wanted}");
    assert!(found * 100 > wanted * 90, "{found} of {wanted}");
}

#[tokio::test]
async fn what_cannot_be_stored_or_reached_says_so() {
    let Some(server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let error = store.put(whole("a", "nothing \0 there", vec![])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("U+0000"), "{error}");
    assert_eq!(store.count().await.unwrap().documents, 0);

    let kinds = [
        ("postgres://tester:secret@127.0.0.1:1/postgres", ErrorKind::Connection),
        ("not a url :secret", ErrorKind::Config),
    ];
    for (url, kind) in kinds {
        let error = PostgresStore::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let missing = server.url().trim_end_matches("postgres").to_owned() + "missing";
    let error = PostgresStore::connect(&missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[tokio::test]
async fn two_programs_may_make_the_tables_at_once() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let open = || PostgresStore::connect(&url);
    let opened = futures::future::join_all([open(), open(), open(), open()]).await;
    for store in opened {
        let store = store.unwrap();
        store.put(whole("a", "the same", vec![1.0, 0.5])).await.unwrap();
        assert_eq!(store.count().await.unwrap().documents, 1);
    }
}
