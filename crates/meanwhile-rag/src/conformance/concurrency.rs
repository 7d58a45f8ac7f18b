//! Many callers at once, and callers that go away.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::{self, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use meanwhile_core::Result;

use super::keeping::holds;
use super::sample::{key, lines, vector};
use super::{Must as _, Verdict, must};
use crate::{SearchQuery, Store};

pub(super) async fn many_at_once(store: Arc<dyn Store>) -> Verdict {
    let documents: Vec<_> = (0..40)
        .map(|number| lines(&format!("d{number}"), &format!("words of {number}\nmore of {number}")))
        .collect();
    let writes = documents.iter().cloned().map(|document| store.put(document));
    let reads = (0..40).map(|number| {
        let store = &store;
        async move {
            store.search(&SearchQuery::text("words", 5)).await?;
            store.search(&SearchQuery::vector(vector(&number.to_string(), 4), 5)).await?;
            store.cache_vectors(&[(key(&number.to_string()), vector("x", 4))]).await
        }
    });
    let (written, read) =
        future::join(future::try_join_all(writes), future::try_join_all(reads)).await;
    written.must("puts at once")?;
    read.must("reads at once")?;
    for document in &documents {
        holds(&*store, document).await?;
    }
    let count = store.count().await.must("count")?;
    must!(count.documents == 40 && count.chunks == 80, "the count is {count:?}");
    Ok(())
}

pub(super) async fn one_document(store: Arc<dyn Store>) -> Verdict {
    let versions: Vec<_> = (1..12)
        .map(|number| {
            let text: Vec<String> =
                (0..number).map(|line| format!("version {number} line {line}")).collect();
            lines("a", &text.join("\n"))
        })
        .collect();
    let mut writes: FuturesUnordered<_> =
        versions.iter().cloned().map(|version| store.put(version)).collect();
    while let Some(written) = writes.next().await {
        written.must("put")?;
    }
    let left = store.document("a").await.must("document")?;
    let winner = versions.iter().find(|version| Some(&version.document) == left.as_ref());
    let Some(winner) = winner else { return Err(format!("no version is left whole: {left:?}")) };
    holds(&*store, winner).await?;
    let found = store.search(&SearchQuery::text("version", 99)).await.must("search")?;
    let chunks = winner.chunks.len();
    must!(found.len() == chunks, "{} chunks are found of {chunks}", found.len());
    Ok(())
}

pub(super) async fn written_and_deleted(store: Arc<dyn Store>) -> Verdict {
    for number in 0..30 {
        let id = format!("d{}", number % 3);
        let text: Vec<String> = (0..5).map(|line| format!("turn {number} line {line}")).collect();
        let document = lines(&id, &text.join("\n"));
        let ids = [id.clone()];
        let (written, deleted) = if number % 2 == 0 {
            future::join(store.put(document.clone()), store.delete(&ids)).await
        } else {
            let (deleted, written) =
                future::join(store.delete(&ids), store.put(document.clone())).await;
            (written, deleted)
        };
        written.must("put")?;
        deleted.must("delete")?;
        if store.document(&id).await.must("document")?.is_some() {
            holds(&*store, &document).await?;
        } else {
            let chunks = store.chunks(&id, 0..u32::MAX).await.must("chunks")?;
            must!(chunks.is_empty(), "a deleted document has chunks: {chunks:?}");
        }
    }
    Ok(())
}

pub(super) async fn is_listed(store: Arc<dyn Store>) -> Verdict {
    for number in 0..24 {
        let id = format!("d{number:02}");
        let text: Vec<String> = (0..200).map(|line| format!("words of line {line}")).collect();
        let document = lines(&id, &text.join("\n"));
        // Given up sooner or later on its way; what the store is asked in between gives it time.
        let polls = number / 2 % 12;
        if number % 2 == 0 {
            poll_some(store.put(document), &*store, polls).await?;
        } else {
            store.put(document).await.must("put")?;
            poll_some(store.delete(std::slice::from_ref(&id)), &*store, polls).await?;
        }
    }
    // What was given up may still be on its way.
    for _ in 0..20 {
        store.count().await.must("count")?;
    }
    let ids = store.document_ids(None, 1_000).await.must("ids")?;
    let found = store.search(&SearchQuery::text("words", 10_000)).await.must("search")?;
    let lost = found.iter().find(|found| !ids.contains(&found.chunk.document_id));
    must!(lost.is_none(), "a chunk belongs to no document: {lost:?}");
    Ok(())
}

/// Polls some work so many times, and lets it go.
async fn poll_some<T>(
    work: impl Future<Output = Result<T>>,
    store: &dyn Store,
    polls: usize,
) -> Verdict {
    let mut work = std::pin::pin!(work);
    for _ in 0..=polls {
        if (&mut work).now_or_never().is_some() {
            break;
        }
        store.count().await.must("count")?;
    }
    Ok(())
}

pub(super) async fn dropped(store: Arc<dyn Store>) -> Verdict {
    for number in 0..60 {
        let old = lines("a", &format!("old {number}"));
        store.put(old.clone()).await.must("put")?;
        let text: Vec<String> = (0..20).map(|line| format!("new {number} {line}")).collect();
        let new = lines("a", &text.join("\n"));
        // Polled a few times and let go.
        {
            let mut write = store.put(new.clone());
            for _ in 0..=number % 3 {
                if (&mut write).now_or_never().is_some() {
                    // Whoever is done is not polled again.
                    break;
                }
            }
        }
        // A write that goes on behind the scenes may still land; the store says only whole things.
        let left = store.document("a").await.must("document")?;
        let is_known = [&old.document, &new.document].map(Some).contains(&left.as_ref());
        must!(is_known, "after a dropped write there is {left:?}");
    }
    let last = lines("a", "the last word");
    store.put(last.clone()).await.must("put after dropped writes")?;
    holds(&*store, &last).await?;
    let found = store.search(&SearchQuery::text("old new", 99)).await.must("search")?;
    must!(found.is_empty(), "dropped writes left {found:?}");
    let count = store.count().await.must("count")?;
    must!(count.documents == 1 && count.chunks == 1, "the count is {count:?}");
    Ok(())
}
