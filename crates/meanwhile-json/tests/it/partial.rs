//! The value while it is read: what is there when, and what is told.

use meanwhile_json::{Change, Policy, Reader};
use serde_json::{Value, json};

/// The value after each piece.
fn check(schema: Option<&Value>, policy: Policy, steps: &[(&str, Option<Value>)]) {
    let mut reader = Reader::new(schema, policy);
    for (piece, expected) in steps {
        reader.push(piece);
        assert_eq!(reader.value(), expected.as_ref(), "after {piece:?}");
    }
    if let Some((_, Some(last))) = steps.last() {
        assert_eq!(&reader.finish().unwrap().value, last);
    }
}

#[test]
fn texts_lists_and_objects_grow_and_scalars_come_whole() {
    for policy in [Policy::Strict, Policy::Repair, Policy::Coerce] {
        check(
            None,
            policy,
            &[
                ("{\"na", Some(json!({}))),
                ("me\"", Some(json!({}))),
                (": \"An", Some(json!({"name": "An"}))),
                ("na\\u00", Some(json!({"name": "Anna"}))),
                ("e9", Some(json!({"name": "Annaé"}))),
                ("\",", Some(json!({"name": "Annaé"}))),
                (" \"n\": [1", Some(json!({"name": "Annaé", "n": []}))),
                ("2, tru", Some(json!({"name": "Annaé", "n": [12]}))),
                ("e, {", Some(json!({"name": "Annaé", "n": [12, true, {}]}))),
                ("}]}", Some(json!({"name": "Annaé", "n": [12, true, {}]}))),
            ],
        );
    }
}

#[test]
fn what_the_schema_may_change_comes_whole() {
    let schema = json!({"type": "object", "properties": {
        "i": {"type": "integer"},
        "c": {"enum": ["red", "green"]},
        "s": {"type": ["string", "null"]},
        "shape": {"anyOf": [
            {"type": "object", "properties": {"kind": {"const": "circle"}, "note": {"type": "string"}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind"]},
        ]},
    }});
    check(
        Some(&schema),
        Policy::Coerce,
        &[
            ("{\"i\": \"4", Some(json!({}))),
            // Whether the quote closes is known when the next key is.
            ("2\",", Some(json!({}))),
            ("\"c\": \"Re", Some(json!({"i": 42}))),
            ("d\", \"s\": \"te", Some(json!({"i": 42, "c": "red", "s": "te"}))),
            ("xt\", \"shape\": {", Some(json!({"i": 42, "c": "red", "s": "text"}))),
            ("\"kind\": \"circle", Some(json!({"i": 42, "c": "red", "s": "text"}))),
            // Which branch it is, is known now.
            (
                "\", \"note\": \"ro",
                Some(
                    json!({"i": 42, "c": "red", "s": "text", "shape": {"kind": "circle", "note": "ro"}}),
                ),
            ),
            (
                "und\"}}",
                Some(
                    json!({"i": 42, "c": "red", "s": "text", "shape": {"kind": "circle", "note": "round"}}),
                ),
            ),
        ],
    );
}

#[test]
fn prose_shows_nothing() {
    check(
        None,
        Policy::Repair,
        &[
            ("Here is {it", None),
            ("}: {\"a", None),
            ("\": \"x", Some(json!({"a": "x"}))),
            ("\"} done", Some(json!({"a": "x"}))),
        ],
    );
}

#[test]
fn changes_are_told_in_order() {
    let schema = json!({"type": "object", "properties": {
        "title": {"type": "string"}, "pages": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
    }});
    let mut reader = Reader::new(Some(&schema), Policy::Coerce);
    let mut told: Vec<String> = Vec::new();
    let mut tell = |change: Change<'_>| {
        told.push(match change {
            Change::Started { path, kind } => format!("{path} starts {kind:?}"),
            Change::Text { path, added } => format!("{path} + {added}"),
            Change::Completed { path, value } => format!("{path} = {value}"),
            _ => String::new(),
        });
    };
    for piece in
        ["{\"Title\": \"The ", "Rose\", \"pages\": \"5", "12\", \"tags\": [\"a/", "b\", \"c"]
    {
        reader.push_with(piece, &mut tell);
    }
    reader.finish_with(&mut tell).unwrap();
    assert_eq!(
        told,
        [
            " starts Object",
            "/title starts Text",
            "/title + The ",
            "/title + Rose",
            "/title = \"The Rose\"",
            "/pages = 512",
            "/tags starts List",
            "/tags/0 starts Text",
            "/tags/0 + a/",
            "/tags/0 + b",
            "/tags/0 = \"a/b\"",
            "/tags/1 starts Text",
            "/tags/1 + c",
            "/tags/1 = \"c\"",
            "/tags = [\"a/b\",\"c\"]",
            " = {\"title\":\"The Rose\",\"pages\":512,\"tags\":[\"a/b\",\"c\"]}",
        ]
    );
}

#[test]
fn what_is_complete_is_known() {
    let mut reader = Reader::new(None, Policy::Strict);
    let check = |reader: &mut Reader, complete: &[&str], open: &[&str]| {
        for path in complete {
            assert!(reader.is_complete(path), "{path} is complete");
        }
        for path in open {
            assert!(!reader.is_complete(path), "{path} is not complete");
        }
    };
    check(&mut reader, &[], &["", "/a"]);
    reader.push("{\"a/b\": {\"~\": [1, \"x");
    check(&mut reader, &["/a~1b/~0/0"], &["", "/a~1b", "/a~1b/~0", "/a~1b/~0/1", "/none"]);
    reader.push("\", 3");
    check(&mut reader, &["/a~1b/~0/1"], &["/a~1b/~0/2", "/a~1b/~0"]);
    reader.push("]}");
    check(&mut reader, &["/a~1b", "/a~1b/~0", "/a~1b/~0/2"], &[""]);
    reader.push("}");
    check(&mut reader, &["", "/a~1b"], &["/none"]);
    let mut text = Reader::new(None, Policy::Strict);
    text.push("\"ab");
    assert!(!text.is_complete(""));
    text.push("\"");
    assert!(text.is_complete(""));
}

#[test]
fn the_order_of_keys_is_that_of_the_text() {
    let mut reader = Reader::new(None, Policy::Repair);
    for piece in ["{\"z\": {\"y\": 1, ", "\"x\": 2}, \"a\": ", "[], \"m\": 3}"] {
        reader.push(piece);
        reader.value();
    }
    let outcome = reader.finish().unwrap();
    assert_eq!(outcome.value.to_string(), r#"{"z":{"y":1,"x":2},"a":[],"m":3}"#);
}

#[test]
fn the_last_of_equal_keys_counts() {
    for size in [1, 5, 100] {
        let text = r#"{"a": [1], "b": 2, "a": {"c": "x"}}"#;
        let mut reader = Reader::new(None, Policy::Repair);
        for piece in crate::support::pieces(text, size) {
            reader.push(piece);
            reader.value();
        }
        let outcome = reader.finish().unwrap();
        assert_eq!(outcome.value.to_string(), r#"{"a":{"c":"x"},"b":2}"#);
        assert_eq!(outcome.repair_count, 1);
    }
}
