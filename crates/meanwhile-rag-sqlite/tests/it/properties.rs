//! Any writing leaves what a plain list of chunks would hold, in memory and in the file.

use std::collections::BTreeMap;

use meanwhile_rag::{
    Document, Filter, SearchQuery, Store as _, eq, exists, ge, is_in, lt, ne, not,
};
use meanwhile_rag_sqlite::SqliteStore;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::indexed;

/// One change: a document with these vectors, or its end.
type Change = (u8, Option<Vec<[i8; 3]>>, usize);

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!("en"),
        json!("a\"b\\c.d"),
        json!(1),
        json!(1.5),
        json!(u64::MAX),
        json!(["en", 2, null, {"x": 1}]),
        json!([]),
        json!({"lang": "en"}),
    ]
}

fn filters() -> Vec<Filter> {
    vec![
        eq("lang", "en"),
        eq("lang", true),
        ne("lang", "en"),
        eq("lang", 1.0),
        ge("lang", 1),
        lt("lang", "f"),
        is_in("lang", ["en", "de"]),
        exists("lang"),
        not(exists("lang")),
        eq("a\"b", 1),
        eq("lang", "en").or(ge("lang", 2)).and(not(eq("lang", 2))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn searches_find_what_a_list_holds(
        changes in prop::collection::vec((0..6_u8, prop::option::weighted(0.8, prop::collection::vec(any::<[i8; 3]>(), 0..5)), 0..10_usize), 1..25),
        query in any::<[i8; 3]>(),
        limit in 1..8_usize,
        searched_after in 0..25_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(changes, query, limit, searched_after));
    }
}

async fn check(changes: Vec<Change>, query: [i8; 3], limit: usize, searched_after: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::open(folder.path()).await;
    let values = values();
    let mut held: BTreeMap<String, (Vec<Vec<f32>>, Value)> = BTreeMap::new();
    for (step, (number, vectors, value)) in changes.into_iter().enumerate() {
        let id = format!("d{number}");
        match vectors {
            Some(vectors) => {
                let vectors: Vec<Vec<f32>> = vectors.iter().map(|v| floats(*v)).collect();
                let text: String = (0..vectors.len()).map(|n| format!("{id} word{n}\n")).collect();
                let document = Document::new(&id, text).with("lang", values[value].clone());
                store.put(indexed(document, vectors.clone())).await.unwrap();
                held.insert(id, (vectors, values[value].clone()));
            }
            None => {
                let there = u64::from(held.remove(&id).is_some());
                assert_eq!(store.delete(&[id]).await.unwrap(), there);
            }
        }
        if step == searched_after {
            compare(&store, &held, query, limit).await;
        }
    }
    compare(&store, &held, query, limit).await;
    // What one process has kept in step is what another reads from the file.
    compare(&crate::open(folder.path()).await, &held, query, limit).await;
}

fn floats(vector: [i8; 3]) -> Vec<f32> {
    vector.map(f32::from).to_vec()
}

async fn compare(
    store: &SqliteStore,
    held: &BTreeMap<String, (Vec<Vec<f32>>, Value)>,
    query: [i8; 3],
    limit: usize,
) {
    let query = floats(query);
    for filter in filters().into_iter().map(Some).chain([None]) {
        let mut expected = Vec::new();
        for (id, (vectors, value)) in held {
            let metadata = json!({"lang": value});
            if filter.as_ref().is_some_and(|f| !f.matches(metadata.as_object().unwrap())) {
                continue;
            }
            for (index, vector) in vectors.iter().enumerate() {
                expected.push((cosine(&query, vector), id.clone(), index));
            }
        }
        expected.sort_by(|left, right| {
            // What differs by less than single precision does is equal to the store.
            let (left_score, right_score) = (left.0, right.0);
            let order = right_score.total_cmp(&left_score);
            let same = (left_score - right_score).abs() < 1e-6;
            let place = (&left.1, left.2).cmp(&(&right.1, right.2));
            if same { place } else { order }
        });
        expected.truncate(limit);
        let search = SearchQuery::vector(query.clone(), limit).filter(filter.clone());
        let found = store.search(&search).await.unwrap();
        let scores: Vec<f64> = found.iter().map(|hit| f64::from(hit.score)).collect();
        assert_eq!(scores.len(), expected.len(), "{filter:?}");
        for (score, (wanted, ..)) in scores.iter().zip(&expected) {
            assert!((score - wanted).abs() < 1e-5, "{scores:?} {expected:?}");
        }
        for hit in &found {
            let (vectors, _) = &held[&hit.chunk.document_id];
            let vector = &vectors[hit.chunk.index as usize];
            assert!((cosine(&query, vector) - f64::from(hit.score)).abs() < 1e-5);
            let word = format!("{} word{}\n", hit.chunk.document_id, hit.chunk.index);
            assert_eq!(hit.chunk.text, word);
        }
    }
    let words = SearchQuery::text("word1", 100);
    let mut found: Vec<String> =
        store.search(&words).await.unwrap().into_iter().map(|hit| hit.chunk.document_id).collect();
    found.sort();
    let with_two = held.iter().filter(|(_, (vectors, _))| vectors.len() > 1);
    assert_eq!(found, with_two.map(|(id, _)| id.clone()).collect::<Vec<_>>());
    let counts = store.count().await.unwrap();
    assert_eq!(counts.documents, held.len() as u64);
    assert_eq!(counts.chunks, held.values().map(|(vectors, _)| vectors.len() as u64).sum::<u64>());
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths == 0.0 { 0.0 } else { dot(left, right) / lengths }
}
