//! Search by vector and by text.

use std::sync::Arc;

use super::sample::{cosine, indexed, lines, vector};
use super::{Must as _, Verdict, must};
use crate::{Document, Origin, Scored, SearchQuery, Store};

fn places(found: &[Scored]) -> Vec<(String, u32)> {
    found.iter().map(|found| (found.chunk.document_id.clone(), found.chunk.index)).collect()
}

pub(super) async fn by_vector(store: Arc<dyn Store>) -> Verdict {
    const DIMENSIONS: usize = 19;
    let mut all = Vec::new();
    for document in 0..30 {
        let id = format!("d{document:02}");
        let text: Vec<String> = (0..10).map(|line| format!("{id} line {line}")).collect();
        let vectors: Vec<Vec<f32>> = text.iter().map(|line| vector(line, DIMENSIONS)).collect();
        let places = (0_u32..).map(|index| (id.clone(), index));
        all.extend(places.zip(vectors.clone()));
        let document = Document::new(&id, text.join("\n"));
        store.put(indexed(document, vectors)).await.must("put")?;
    }
    for question in 0..20 {
        let asked = vector(&format!("question {question}"), DIMENSIONS);
        let mut wanted: Vec<_> =
            all.iter().map(|(place, vector)| (cosine(&asked, vector), place)).collect();
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        for limit in [0, 1, 7, 300, 1_000] {
            let query = SearchQuery::vector(asked.clone(), limit);
            let found = store.search(&query).await.must("search")?;
            let wanted: Vec<_> = wanted.iter().take(limit).collect();
            must!(found.len() == wanted.len(), "{} of {} were found", found.len(), wanted.len());
            for (found, (score, place)) in found.iter().zip(wanted) {
                let near = (f64::from(found.score) - score).abs() < 1e-4;
                must!(near, "a score of {} where {place:?} has {score}", found.score);
                must!(found.origin == Origin::Dense, "the origin is {:?}", found.origin);
                let own = all.iter().find(|(place, _)| {
                    (&place.0, place.1) == (&found.chunk.document_id, found.chunk.index)
                });
                // Of two that are as near as numbers can tell, either may come first.
                let own = own.map_or(f64::NAN, |(_, vector)| cosine(&asked, vector));
                must!((own - score).abs() < 1e-4, "{:?} where {place:?} belongs", found.chunk);
            }
        }
    }
    Ok(())
}

pub(super) async fn equals(store: Arc<dyn Store>) -> Verdict {
    for id in ["b", "c", "a"] {
        let same = vec![vec![1.0, 0.0, 0.5, 0.25]; 2];
        let document = Document::new(id, "the same words\nthe same words");
        store.put(indexed(document, same)).await.must("put")?;
    }
    let wanted = [("a", 0), ("a", 1), ("b", 0), ("b", 1)];
    let wanted = wanted.map(|(id, index)| (id.to_owned(), index));
    let by_vector = SearchQuery::vector(vec![0.5, 0.5, 0.0, 0.0], 4);
    for query in [by_vector, SearchQuery::text("words", 4)] {
        let found = places(&store.search(&query).await.must("search")?);
        must!(found == wanted, "{query:?} found {found:?} instead of {wanted:?}");
    }
    Ok(())
}

pub(super) async fn by_text(store: Arc<dyn Store>) -> Verdict {
    let documents = [
        ("refunds", "A refund is paid within thirty days of purchase"),
        ("shipping", "Parcels are sent within two days of purchase"),
        ("gifts", "Gift cards cannot be returned after purchase"),
        ("zurich", "Die Filiale in Zürich öffnet um neun"),
        ("snake", "call read_line or std::fs::read at purchase"),
    ];
    for (id, text) in documents {
        store.put(lines(id, text)).await.must("put")?;
    }
    let cases = [
        ("refund", "refunds"),
        ("REFUND", "refunds"),
        ("how do I get a refund for my purchase?", "refunds"),
        ("gift purchase", "gifts"),
        ("parcels purchase", "shipping"),
        ("Zürich", "zurich"),
        ("wann öffnet es in ZÜRICH?", "zurich"),
    ];
    for (text, first) in cases {
        let found = store.search(&SearchQuery::text(text, 5)).await.must("search")?;
        let best = found.first().map(|found| found.chunk.document_id.as_str());
        must!(best == Some(first), "{text:?} found {best:?} before {first:?}");
        let sorted = found.iter().zip(found.iter().skip(1)).all(|(a, b)| a.score >= b.score);
        must!(sorted, "{text:?}: the best is not first: {found:?}");
        let fine = found.iter().all(|f| f.score > 0.0 && f.origin == Origin::Text);
        must!(fine, "{text:?}: a score is not above 0, or the origin not text: {found:?}");
    }
    let found = store.search(&SearchQuery::text("purchase", 9)).await.must("search")?;
    must!(found.len() == 4, "`purchase` is in 4 documents, {} were found", found.len());
    let found = store.search(&SearchQuery::text("purchase", 2)).await.must("search")?;
    must!(found.len() == 2, "{} were found where 2 were asked for", found.len());
    for text in ["", "   ", "?!", "locomotive", "…"] {
        let found = store.search(&SearchQuery::text(text, 9)).await.must("search")?;
        must!(found.is_empty(), "{text:?} found {found:?}");
    }
    let found = store.search(&SearchQuery::text("refund", 0)).await.must("search")?;
    must!(found.is_empty(), "something was found where nothing was asked for");
    Ok(())
}

pub(super) async fn no_operators(store: Arc<dyn Store>) -> Verdict {
    store.put(lines("a", "refund rules and shipping")).await.must("put")?;
    let texts = [
        "\"refund",
        "refund\"",
        "(refund",
        "refund*",
        "-refund",
        "+refund",
        "^refund",
        "refund:",
        "text:refund",
        "NOT refund",
        "AND refund",
        "refund OR",
        "NEAR(refund",
        "refund AND x",
        "{refund}",
        "[refund]",
        "refund; DROP TABLE chunks",
        "'refund'",
        "refund\\",
        "%refund_",
        "!refund",
        "refund & !rules",
        "refund <-> x",
        "refund | |",
        "a' OR '1'='1 refund",
        "$1 refund",
        "refund\u{0}",
        "refund ?1",
        "refund :x",
    ];
    for text in texts {
        let found = store.search(&SearchQuery::text(text, 5)).await.must(text)?;
        must!(found.len() == 1, "{text:?} found {} chunks instead of 1", found.len());
    }
    Ok(())
}

pub(super) async fn without_vectors(store: Arc<dyn Store>) -> Verdict {
    let plain = indexed(Document::new("plain", "words alone"), Vec::new());
    store.put(plain.clone()).await.must("put")?;
    let dimensions = store.count().await.must("count")?.dimensions;
    must!(dimensions.is_none(), "dimensions {dimensions:?} of no vectors");
    store.put(lines("both", "words and a vector")).await.must("put")?;
    let by_text = store.search(&SearchQuery::text("words", 5)).await.must("search")?;
    must!(by_text.len() == 2, "by text, {by_text:?}");
    let by_vector = SearchQuery::vector(vector("words and a vector", 4), 5);
    let found = places(&store.search(&by_vector).await.must("search")?);
    must!(found == [("both".to_owned(), 0)], "by vector, {found:?}");
    let key = plain.chunks.first().map(|chunk| chunk.key);
    let cached = store.cached_vectors(&key.into_iter().collect::<Vec<_>>()).await.must("cached")?;
    must!(cached == [None], "a chunk without a vector has {cached:?}");
    Ok(())
}
