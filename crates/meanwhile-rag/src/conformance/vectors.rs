//! Vectors, as they are cached and as they are checked.

use std::sync::Arc;

use meanwhile_core::ErrorKind;

use super::keeping::holds;
use super::sample::{cosine, indexed, key, lines, vector};
use super::{Must as _, Verdict, must};
use crate::{Document, SearchQuery, Store};

/// Whether a vector comes back with its direction.
fn same(found: Option<&Vec<f32>>, wanted: &[f32]) -> bool {
    found.is_some_and(|found| found.len() == wanted.len() && cosine(found, wanted) > 1.0 - 1e-6)
}

pub(super) async fn cached(store: Arc<dyn Store>) -> Verdict {
    let vectors: Vec<_> = ["a", "b", "c"].map(|text| (key(text), vector(text, 4))).into();
    store.cache_vectors(&vectors).await.must("cache")?;
    let keys = [key("c"), key("unknown"), key("a"), key("c"), key("b")];
    let found = store.cached_vectors(&keys).await.must("cached")?;
    must!(found.len() == keys.len(), "{} answers for {} keys", found.len(), keys.len());
    for (found, wanted) in found.iter().zip([Some("c"), None, Some("a"), Some("c"), Some("b")]) {
        let fine = match wanted {
            Some(wanted) => same(found.as_ref(), &vector(wanted, 4)),
            None => found.is_none(),
        };
        must!(fine, "{found:?} is cached for {wanted:?}");
    }
    store.cache_vectors(&vectors).await.must("the same again")?;
    let found = store.search(&SearchQuery::vector(vector("a", 4), 9)).await.must("search")?;
    must!(found.is_empty(), "vectors that belong to no document are found: {found:?}");
    let count = store.count().await.must("count")?;
    must!(count.chunks == 0 && count.documents == 0, "cached vectors count as {count:?}");
    Ok(())
}

pub(super) async fn of_chunks(store: Arc<dyn Store>) -> Verdict {
    let first = lines("a", "one\ntwo\nthree");
    let cached: Vec<_> = ["one", "two"].map(|text| (key(text), vector(text, 4))).into();
    store.cache_vectors(&cached).await.must("cache")?;
    store.put(first.clone()).await.must("put")?;
    store.put(lines("b", "three\nfour")).await.must("put")?;
    for text in ["one", "two", "three", "four"] {
        let found = store.cached_vectors(&[key(text)]).await.must("cached")?;
        let found = found.first().cloned().flatten();
        must!(same(found.as_ref(), &vector(text, 4)), "the vector of {text:?} is {found:?}");
    }
    // `three` is in both documents: that one of them goes does not take it away.
    store.delete(&["a".to_owned()]).await.must("delete")?;
    let found = store.cached_vectors(&[key("three")]).await.must("cached")?;
    let found = found.first().cloned().flatten();
    must!(same(found.as_ref(), &vector("three", 4)), "after a delete, it is {found:?}");
    Ok(())
}

pub(super) async fn cleared(store: Arc<dyn Store>) -> Verdict {
    must!(store.clear_cached().await.must("clear")? == 0, "an empty store had cached vectors");
    let cached: Vec<_> = ["one", "two", "three"].map(|text| (key(text), vector(text, 4))).into();
    store.cache_vectors(&cached).await.must("cache")?;
    let stored = lines("a", "one\nfour");
    store.put(stored.clone()).await.must("put")?;
    let cleared = store.clear_cached().await.must("clear")?;
    must!(cleared == 2, "{cleared} vectors were cleared instead of 2");
    let keys = ["one", "two", "three", "four"].map(key);
    let left = store.cached_vectors(&keys).await.must("cached")?;
    let left: Vec<bool> = left.iter().map(Option::is_some).collect();
    must!(left == [true, false, false, true], "after clearing, these are known: {left:?}");
    holds(&*store, &stored).await
}

pub(super) async fn one_length(store: Arc<dyn Store>) -> Verdict {
    let refused = store.cache_vectors(&[(key("x"), Vec::new())]).await.err();
    let is_refused = refused.as_ref().is_some_and(|error| error.kind() == ErrorKind::Config);
    must!(is_refused, "a vector of no numbers was taken: {refused:?}");
    let count = store.count().await.must("count")?;
    must!(count.dimensions.is_none(), "a vector of no numbers left {count:?}");
    let before = lines("a", "one\ntwo");
    store.put(before.clone()).await.must("put")?;
    let other = indexed(Document::new("b", "three"), vec![vector("three", 5)]);
    let replacing = indexed(Document::new("a", "three"), vec![vector("three", 5)]);
    let outcomes = [
        ("put", store.put(other).await.err()),
        ("put over another", store.put(replacing).await.err()),
        ("cache", store.cache_vectors(&[(key("x"), vector("x", 3))]).await.err()),
        ("search", store.search(&SearchQuery::vector(vector("x", 3), 5)).await.err()),
    ];
    for (what, error) in outcomes {
        let Some(error) = error else { return Err(format!("{what}: another length was taken")) };
        let named = error.message().contains('4');
        let fine = error.kind() == ErrorKind::Config && named;
        must!(fine, "{what}: the error does not say the length that is stored: {error:?}");
    }
    must!(store.document("b").await.must("document")?.is_none(), "a refused document is there");
    let cached = store.cached_vectors(&[key("x")]).await.must("cached")?;
    must!(cached == [None], "a refused vector is cached");
    holds(&*store, &before).await
}
