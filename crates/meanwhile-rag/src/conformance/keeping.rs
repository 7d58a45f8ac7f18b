//! Documents and chunks, as they are written, read, replaced and deleted.

use std::sync::Arc;

use serde_json::json;

use super::sample::{FINGERPRINT, indexed, key, lines, vector, with};
use super::{Must as _, Verdict, must};
use crate::{Chunk, Counts, Document, DocumentState, IndexedDocument, SearchQuery, Store};

pub(super) async fn empty(store: Arc<dyn Store>) -> Verdict {
    let ids = ["a".to_owned(), "b".to_owned()];
    must!(
        store.states(&ids).await.must("states")? == [None, None],
        "a state of an unknown document"
    );
    must!(store.states(&[]).await.must("states")?.is_empty(), "states of no documents");
    must!(store.document_ids(None, 9).await.must("ids")?.is_empty(), "ids in an empty store");
    must!(store.document("a").await.must("document")?.is_none(), "an unknown document");
    must!(
        store.chunks("a", 0..9).await.must("chunks")?.is_empty(),
        "chunks of an unknown document"
    );
    must!(store.delete(&ids).await.must("delete")? == 0, "unknown documents were deleted");
    must!(store.delete(&[]).await.must("delete")? == 0, "no documents were deleted");
    must!(store.cached_vectors(&[key("x")]).await.must("cached")? == [None], "an unknown vector");
    store.cache_vectors(&[]).await.must("caching nothing")?;
    let count = store.count().await.must("count")?;
    must!(count == Counts::default(), "an empty store counts {count:?}");
    for query in [SearchQuery::vector(vec![1.0, 0.0], 5), SearchQuery::text("anything", 5)] {
        let found = store.search(&query).await.must("search")?;
        must!(found.is_empty(), "{query:?} found {found:?}");
    }
    Ok(())
}

/// Whether the store holds exactly this document.
pub(super) async fn holds(store: &dyn Store, wanted: &IndexedDocument) -> Verdict {
    let id = &wanted.document.id;
    let document = store.document(id).await.must("document")?;
    // Compared by content: a store may keep fields in another order.
    must!(document.as_ref() == Some(&wanted.document), "{:?} became {document:?}", wanted.document);
    let chunks = store.chunks(id, 0..u32::MAX).await.must("chunks")?;
    must!(chunks == wanted.chunks, "{:?} became {chunks:?}", wanted.chunks);
    let states = store.states(std::slice::from_ref(id)).await.must("states")?;
    let state = DocumentState::new(wanted.document.hash(), FINGERPRINT);
    must!(states == [Some(state)], "the state of {id:?} is {states:?}");
    Ok(())
}

pub(super) async fn comes_back(store: Arc<dyn Store>) -> Verdict {
    let plain = lines("plain", "one line");
    let text =
        "Zürich — 東京\n\tquoted \"and\" 'so'; DROP TABLE chunks; --\n\u{1F980} \\ %s $1 :x ?\n";
    let rich = Document::new("docs/ä b'\"?.md", text)
        .with("title", "Ünïcode")
        .with("nested", json!({"list": [1, 2.5, null, true], "empty": {}}))
        .with("large", i64::MAX)
        .with("small", -0.125)
        .with_source("https://example.org/ä?q=1#x");
    let rich = with(rich);
    let none = indexed(Document::new("without chunks", ""), Vec::new());
    for document in [&plain, &rich, &none] {
        store.put(document.clone()).await.must("put")?;
    }
    for document in [&plain, &rich, &none] {
        holds(&*store, document).await?;
    }
    let id = &rich.document.id;
    for range in [0..1, 1..3, 2..99, 3..99, 1..1] {
        let chunks = store.chunks(id, range.clone()).await.must("chunks")?;
        let wanted: Vec<Chunk> =
            rich.chunks.iter().filter(|chunk| range.contains(&chunk.index)).cloned().collect();
        must!(chunks == wanted, "chunks {range:?}: {chunks:?} instead of {wanted:?}");
    }
    let order = ["plain".to_owned(), "unknown".to_owned(), id.clone(), "plain".to_owned()];
    let states = store.states(&order).await.must("states")?;
    let present: Vec<bool> = states.iter().map(Option::is_some).collect();
    must!(
        present == [true, false, true, true],
        "states are not in the order of the ids: {states:?}"
    );
    let count = store.count().await.must("count")?;
    must!(count == Counts::new(3, 4, Some(4)), "the count is {count:?}");
    Ok(())
}

pub(super) async fn replaces(store: Arc<dyn Store>) -> Verdict {
    store.put(lines("a", "an apple\na plum\na pear")).await.must("put")?;
    store.put(lines("b", "a quince")).await.must("put")?;
    let after = lines("a", "a plum\na medlar");
    store.put(after.clone()).await.must("put again")?;
    holds(&*store, &after).await?;
    let count = store.count().await.must("count")?;
    must!(count == Counts::new(2, 3, Some(4)), "the count is {count:?}");
    let found = store.search(&SearchQuery::text("apple pear", 9)).await.must("search")?;
    must!(found.is_empty(), "replaced chunks are found: {found:?}");
    let found =
        store.search(&SearchQuery::vector(vector("an apple", 4), 9)).await.must("search")?;
    must!(found.len() == 3, "replaced vectors are found: {found:?}");
    // The same again changes nothing.
    store.put(after.clone()).await.must("put a third time")?;
    holds(&*store, &after).await?;
    let found = store.search(&SearchQuery::text("medlar", 9)).await.must("search")?;
    must!(found.len() == 1, "a document that was put twice is found {} times", found.len());
    Ok(())
}

pub(super) async fn refuses(store: Arc<dyn Store>) -> Verdict {
    let before = lines("a", "one\ntwo");
    store.put(before.clone()).await.must("put")?;
    let mut too_few = lines("a", "three\nfour");
    too_few.vectors.truncate(1);
    let mut elsewhere = lines("a", "three\nfour");
    for chunk in &mut elsewhere.chunks {
        chunk.document_id = "b".to_owned();
    }
    let mut other_text = lines("a", "three\nfour");
    for chunk in &mut other_text.chunks {
        chunk.span = 0..1;
    }
    for wrong in [too_few, elsewhere, other_text] {
        must!(store.put(wrong.clone()).await.is_err(), "{wrong:?} was taken");
        holds(&*store, &before).await?;
    }
    Ok(())
}

pub(super) async fn deletes(store: Arc<dyn Store>) -> Verdict {
    for id in ["a", "b", "c"] {
        store.put(lines(id, &format!("the text of {id}\ncommon words"))).await.must("put")?;
    }
    let ids = ["a", "unknown", "c", "a"].map(str::to_owned);
    let deleted = store.delete(&ids).await.must("delete")?;
    must!(deleted == 2, "{deleted} documents were deleted instead of 2");
    let left = store.document_ids(None, 9).await.must("ids")?;
    must!(left == ["b"], "{left:?} are left");
    must!(store.document("a").await.must("document")?.is_none(), "a deleted document is there");
    must!(store.chunks("a", 0..9).await.must("chunks")?.is_empty(), "deleted chunks are there");
    must!(store.states(&ids).await.must("states")?.iter().all(Option::is_none), "a state is left");
    let by_text = store.search(&SearchQuery::text("common", 9)).await.must("search")?;
    let by_vector = SearchQuery::vector(vector("common words", 4), 9);
    let by_vector = store.search(&by_vector).await.must("search")?;
    for found in [by_text, by_vector] {
        let others: Vec<_> = found.iter().filter(|found| found.chunk.document_id != "b").collect();
        must!(others.is_empty() && !found.is_empty(), "after a delete, {found:?} were found");
    }
    let again = lines("a", "again");
    store.put(again.clone()).await.must("put after delete")?;
    holds(&*store, &again).await
}

pub(super) async fn pages(store: Arc<dyn Store>) -> Verdict {
    let mut ids = ["b", "B", "a/b", "a b", "ä", "z", "Z9", "_", "10", "9", "é", "\u{1F980}", "a"];
    for id in ids {
        store.put(lines(id, "text")).await.must("put")?;
    }
    ids.sort_unstable();
    for size in [1, 4, 13, 99] {
        let mut found: Vec<String> = Vec::new();
        loop {
            let after = found.last().cloned();
            let page = store.document_ids(after.as_deref(), size).await.must("ids")?;
            must!(page.len() <= size, "a page of {} ids instead of {size}", page.len());
            if page.is_empty() {
                break;
            }
            found.extend(page);
            must!(found.len() <= ids.len(), "pages of {size} do not end: {found:?}");
        }
        must!(found == ids, "pages of {size} gave {found:?} instead of {ids:?}");
    }
    Ok(())
}

pub(super) async fn thousands(store: Arc<dyn Store>) -> Verdict {
    const MANY: usize = 5_000;
    let text: Vec<String> =
        (0..1_000).map(|line| format!("line {line} of a long document")).collect();
    let long = lines("long", &text.join("\n"));
    store.put(long.clone()).await.must("put of 1000 chunks")?;
    holds(&*store, &long).await?;
    let mut ids: Vec<String> = (0..MANY).map(|id| format!("unknown {id}")).collect();
    ids.push("long".to_owned());
    let states = store.states(&ids).await.must("states of 5001 documents")?;
    let known = states.iter().filter(|state| state.is_some()).count();
    must!(states.len() == ids.len() && known == 1, "{} states, {known} known", states.len());
    let vectors: Vec<_> = (0..MANY)
        .map(|place| (key(&format!("cached {place}")), vector(&format!("cached {place}"), 4)))
        .collect();
    store.cache_vectors(&vectors).await.must("caching 5000 vectors")?;
    let mut keys: Vec<_> = vectors.iter().map(|(key, _)| *key).collect();
    keys.extend(long.chunks.iter().map(|chunk| chunk.key));
    let found = store.cached_vectors(&keys).await.must("cached 6000 vectors")?;
    let known = found.iter().flatten().count();
    must!(found.len() == 6_000 && known == 6_000, "of 6000 vectors, {known} are known");
    let deleted = store.delete(&ids).await.must("delete of 5001 documents")?;
    must!(deleted == 1, "{deleted} documents were deleted instead of 1");
    Ok(())
}
