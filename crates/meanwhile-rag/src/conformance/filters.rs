//! Filters: every store finds what [`Filter::matches`] says.

use std::sync::Arc;

use serde_json::{Value, json};

use super::sample::{field, vector, with};
use super::{Must as _, Verdict, must};
use crate::{
    Document, Filter, FilterValue, SearchQuery, Store, eq, exists, ge, gt, is_in, le, lt, ne, not,
};

/// What the field `x` holds, a document each.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(10),
        json!(9_007_199_254_740_992_i64),
        json!(""),
        json!("a"),
        json!("b"),
        json!("B"),
        json!("ä"),
        json!("10"),
        json!("true"),
        json!("it's"),
        json!("a\"b"),
        json!("%"),
        json!([]),
        json!([1, 2]),
        json!(["a", "b"]),
        json!(["a", 1, true, null]),
        json!([null]),
        json!({"y": 1}),
        json!({}),
        json!("\u{1F980}"),
        json!([2.5]),
        json!(1e300),
    ]
}

fn filters() -> Vec<Filter> {
    let compared: Vec<FilterValue> = vec![
        true.into(),
        false.into(),
        0.into(),
        1.into(),
        (-1).into(),
        1.5.into(),
        1.0.into(),
        2.into(),
        10.into(),
        "".into(),
        "a".into(),
        "b".into(),
        "ä".into(),
        "10".into(),
        "true".into(),
        "it's".into(),
        "a\"b".into(),
        "%".into(),
        2.25.into(),
        "\u{1F980}".into(),
    ];
    let mut all =
        vec![exists("x"), exists("missing"), exists("it's a \"field\""), not(exists("x"))];
    for value in compared {
        let comparisons = [eq, ne, lt, le, gt, ge].map(|of| of("x", value.clone()));
        all.extend(comparisons.iter().cloned().map(not));
        all.extend(comparisons);
        all.push(eq("missing", value.clone()));
        all.push(ne("missing", value));
    }
    all.extend([
        is_in("x", ["a", "b"]),
        is_in("x", Vec::<&str>::new()),
        not(is_in("x", [1, 2])),
        Filter::In("x".into(), vec![1.into(), "a".into(), true.into()]),
        Filter::And(Vec::new()),
        Filter::Or(Vec::new()),
        not(Filter::Or(Vec::new())),
        eq("x", "a").or(eq("x", 1)).and(not(eq("x", true))),
        gt("x", 0).and(lt("x", 2)),
        eq("x", 1).and(eq("x", 2)),
        not(gt("x", 0).or(eq("missing", 1))),
        eq("it's a \"field\"", "yes"),
        ge("n", 3).and(lt("n", 12.5)).and(ne("x", "a")),
        eq("'; DROP TABLE chunks; --", 1),
    ]);
    all
}

pub(super) async fn mean_the_same(store: Arc<dyn Store>) -> Verdict {
    let mut documents = Vec::new();
    for (number, value) in values().into_iter().enumerate() {
        let mut metadata = field("x", value);
        metadata.insert("n".to_owned(), number.into());
        if number % 7 == 0 {
            metadata.insert("it's a \"field\"".to_owned(), "yes".into());
        }
        let document = Document::new(format!("d{number:02}"), format!("common words {number}"));
        documents.push(document.with_metadata(metadata));
    }
    documents.push(Document::new("without", "common words and no metadata"));
    for document in &documents {
        store.put(with(document.clone())).await.must("put")?;
    }
    for filter in filters() {
        let mut wanted: Vec<&str> = documents
            .iter()
            .filter(|document| filter.matches(&document.metadata))
            .map(|document| document.id.as_str())
            .collect();
        wanted.sort_unstable();
        let by_vector = SearchQuery::vector(vector("question", 4), 99);
        for query in [by_vector, SearchQuery::text("common", 99)] {
            let query = query.filter(filter.clone());
            let found = store.search(&query).await.must(&format!("{query:?}"))?;
            let mut found: Vec<&str> =
                found.iter().map(|found| found.chunk.document_id.as_str()).collect();
            found.sort_unstable();
            must!(found == wanted, "{query:?} found {found:?} instead of {wanted:?}");
        }
    }
    Ok(())
}

pub(super) async fn before_the_limit(store: Arc<dyn Store>) -> Verdict {
    for number in 0..50 {
        let lang = if number == 37 { "en" } else { "de" };
        let document = Document::new(format!("d{number:02}"), "the same words").with("lang", lang);
        store.put(with(document)).await.must("put")?;
    }
    let by_vector = SearchQuery::vector(vector("the same words", 4), 1);
    for query in [by_vector, SearchQuery::text("words", 1)] {
        let query = query.filter(eq("lang", "en"));
        let found = store.search(&query).await.must("search")?;
        let ids: Vec<&str> = found.iter().map(|found| found.chunk.document_id.as_str()).collect();
        must!(ids == ["d37"], "{query:?} found {ids:?}");
    }
    Ok(())
}
