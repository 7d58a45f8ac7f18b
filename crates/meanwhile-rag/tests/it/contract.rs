//! What documents, digests and filters mean.

use meanwhile_rag::{
    ChunkKey, ContentHash, Document, Filter, eq, exists, ge, gt, is_in, le, lt, ne, not,
};
use serde_json::json;

fn check(filter: &Filter, holds: bool) {
    let metadata = json!({
        "lang": "en", "year": 2020, "price": 1.5, "public": true, "tags": ["a", 3], "none": null,
        "empty": [], "huge": u64::MAX,
    });
    let metadata = metadata.as_object().unwrap();
    assert_eq!(filter.matches(metadata), holds, "{filter:?}");
    assert_eq!(not(filter.clone()).matches(metadata), !holds, "not {filter:?}");
    let read: Filter = serde_json::from_str(&serde_json::to_string(filter).unwrap()).unwrap();
    assert_eq!(&read, filter);
}

#[test]
fn filters_have_one_meaning() {
    check(&eq("lang", "en"), true);
    check(&eq("lang", "EN"), false);
    check(&eq("year", 2020.0), true);
    check(&eq("year", "2020"), false);
    check(&eq("price", 1.5), true);
    check(&eq("public", true), true);
    check(&ge("public", true), false);
    check(&eq("tags", "a"), true);
    check(&eq("tags", 3), true);
    check(&ne("tags", "a"), false);
    check(&ne("tags", "b"), true);
    check(&gt("tags", 2), true);
    check(&is_in("lang", ["de", "en"]), true);
    check(&is_in("lang", Vec::<String>::new()), false);
    check(&lt("year", 2021), true);
    check(&lt("year", 2020), false);
    check(&le("year", 2020), true);
    check(&lt("lang", "f"), true);
    check(&lt("lang", 5), false);
    check(&gt("huge", i64::MAX), true);
    check(&gt("year", f64::NAN.max(0.0)), true);
    // A missing field: every comparison is false, and its opposite true.
    check(&eq("missing", "en"), false);
    check(&ne("missing", "en"), true);
    check(&lt("missing", 3), false);
    check(&exists("missing"), false);
    check(&exists("none"), false);
    check(&ne("none", 1), true);
    check(&exists("empty"), true);
    check(&eq("empty", 1), false);
    check(&Filter::And(vec![]), true);
    check(&Filter::Or(vec![]), false);
    check(&eq("lang", "en").and(eq("year", 2020)).and(exists("price")), true);
    check(&eq("lang", "de").or(eq("year", 2020)), true);
}

#[test]
fn a_hash_counts_what_is_said_and_not_its_order() {
    let document =
        Document::new("a", "text").with("x", 1).with("y", json!({"p": [1, 2], "q": null}));
    let turned = Document::new("b", "text").with("y", json!({"q": null, "p": [1, 2]})).with("x", 1);
    assert_eq!(document.hash(), turned.with_source("elsewhere").hash());
    let others = [
        Document::new("a", "text"),
        document.clone().with("x", 2),
        document.clone().with("y", json!({"p": [2, 1], "q": null})),
        Document::new("a", "texts").with_metadata(document.metadata.clone()),
    ];
    for other in others {
        assert_ne!(document.hash(), other.hash(), "{other:?}");
    }
    let read: ContentHash = document.hash().to_string().parse().unwrap();
    assert_eq!(read, document.hash());
    assert!("zz".parse::<ContentHash>().is_err());
}

#[test]
fn a_key_tells_its_parts_apart() {
    let key = ChunkKey::new("ab", "c", "d");
    assert_ne!(key, ChunkKey::new("a", "bc", "d"));
    assert_eq!(key, serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap());
}
