//! `Coerce`: values become what the schema asks for, where there is one meaning, and errors where not.

use meanwhile_json::{JsonErrorKind, Policy, RepairKind};
use serde_json::{Value, json};

use crate::support::{check_cuts, read_in};

/// Each text under a schema: the value, and one of the repairs.
fn check(schema: &Value, cases: &[(&str, Value, Option<RepairKind>)]) {
    for (text, expected, kind) in cases {
        check_cuts(text, Some(schema), Policy::Coerce);
        let outcome = read_in(text, Some(schema), Policy::Coerce, usize::MAX)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(&outcome.value, expected, "{text}");
        match kind {
            Some(kind) => assert!(
                outcome.repairs.iter().any(|repair| repair.kind == *kind),
                "{text}: {:?}",
                outcome.repairs
            ),
            None => assert_eq!(outcome.repairs, [], "{text}"),
        }
    }
}

fn refused(schema: &Value, cases: &[(&str, JsonErrorKind, &str)]) {
    for (text, kind, path) in cases {
        check_cuts(text, Some(schema), Policy::Coerce);
        let error = read_in(text, Some(schema), Policy::Coerce, usize::MAX)
            .expect_err(&format!("{text} is refused"));
        assert_eq!((error.kind(), error.path()), (*kind, *path), "{text}: {error}");
    }
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[test]
fn scalars_become_what_is_wanted() {
    let schema = object(json!({
        "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"}, "s": {"type": "string"},
        "o": {"type": ["integer", "null"]}, "l": {"type": "array", "items": {"type": "integer"}},
    }));
    check(
        &schema,
        &[
            (
                r#"{"i": 5, "n": 5, "b": true, "s": "x", "o": null, "l": [1]}"#,
                json!({"i": 5, "n": 5, "b": true, "s": "x", "o": null, "l": [1]}),
                None,
            ),
            (r#"{"i": "5"}"#, json!({"i": 5}), Some(RepairKind::FromText)),
            (r#"{"i": 5.0}"#, json!({"i": 5}), Some(RepairKind::WholeNumber)),
            (r#"{"n": "-1.5e3"}"#, json!({"n": -1500.0}), Some(RepairKind::FromText)),
            (r#"{"b": "True."}"#, json!({"b": true}), Some(RepairKind::FromText)),
            (r#"{"b": "no"}"#, json!({"b": false}), Some(RepairKind::FromText)),
            (r#"{"s": 5.10}"#, json!({"s": "5.10"}), Some(RepairKind::ToText)),
            (r#"{"s": true}"#, json!({"s": "true"}), Some(RepairKind::ToText)),
            (r#"{"s": 007}"#, json!({"s": "007"}), Some(RepairKind::UnquotedText)),
            (r#"{"o": "None"}"#, json!({"o": null}), Some(RepairKind::FromText)),
            (r#"{"o": ""}"#, json!({"o": null}), Some(RepairKind::FromText)),
            (r#"{"o": "7"}"#, json!({"o": 7}), Some(RepairKind::FromText)),
            (r#"{"l": "5"}"#, json!({"l": [5]}), Some(RepairKind::ToList)),
            (r#"{"l": 5}"#, json!({"l": [5]}), Some(RepairKind::ToList)),
            (r#"{"l": ["1", 2.0]}"#, json!({"l": [1, 2]}), Some(RepairKind::FromText)),
            (r#"{"l": "[1, '2']"}"#, json!({"l": [1, 2]}), Some(RepairKind::FromText)),
            (r#"{"i": [5]}"#, json!({"i": 5}), Some(RepairKind::Unwrapped)),
            (r#"{"i": {"value": "5"}}"#, json!({"i": 5}), Some(RepairKind::Unwrapped)),
            (r#"{"i": null}"#, json!({}), Some(RepairKind::Absent)),
        ],
    );
    refused(
        &schema,
        &[
            (r#"{"i": 5.5}"#, JsonErrorKind::Mismatch, "/i"),
            (r#"{"i": true}"#, JsonErrorKind::Mismatch, "/i"),
            (r#"{"i": "five"}"#, JsonErrorKind::Mismatch, "/i"),
            (r#"{"b": 1}"#, JsonErrorKind::Mismatch, "/b"),
            (r#"{"b": "maybe"}"#, JsonErrorKind::Mismatch, "/b"),
            (r#"{"s": [1, 2]}"#, JsonErrorKind::Mismatch, "/s"),
            (r#"{"s": {"error": "x"}}"#, JsonErrorKind::Mismatch, "/s"),
            (r#"{"l": [1, "x"]}"#, JsonErrorKind::Mismatch, "/l/1"),
            (r#"{"i": [5, 6]}"#, JsonErrorKind::Mismatch, "/i"),
        ],
    );
}

#[test]
fn keys_are_known_by_their_letters() {
    let schema = json!({"type": "object", "properties": {
        "user_name": {"type": "string"}, "age": {"type": "integer"},
    }, "required": ["user_name"], "additionalProperties": false});
    let ann = json!({"user_name": "Ann", "age": 4});
    check(
        &schema,
        &[
            (r#"{"user_name": "Ann", "age": 4}"#, ann.clone(), None),
            (r#"{"userName": "Ann", "Age": 4}"#, ann.clone(), Some(RepairKind::Key)),
            (r#"{"User Name": "Ann", "AGE": 4}"#, ann.clone(), Some(RepairKind::Key)),
            (r#"{"user-name": "Ann", "age": "4"}"#, ann.clone(), Some(RepairKind::Key)),
            (
                r#"{"user_name": "Ann", "age": 4, "note": {"x": [1]}}"#,
                ann.clone(),
                Some(RepairKind::ExtraProperty),
            ),
            (
                r#"{"note": "x", "user_name": "Ann", "age": 4}"#,
                ann,
                Some(RepairKind::ExtraProperty),
            ),
        ],
    );
    refused(
        &schema,
        &[
            (r#"{"age": 4}"#, JsonErrorKind::Missing, ""),
            (r#"{"user_name": "Ann", "userName": "Bob"}"#, JsonErrorKind::Ambiguous, "/user_name"),
            (r#"{"user_name": null}"#, JsonErrorKind::Mismatch, "/user_name"),
            (r#"{"user_name": "Ann", "age"#, JsonErrorKind::NoValue, "none"),
        ][..3],
    );
    let alike = object(json!({"a_b": {"type": "string"}, "ab": {"type": "string"}}));
    check(&alike, &[(r#"{"AB": "x"}"#, json!({"AB": "x"}), None)]);
    let nullable = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]});
    check(&nullable, &[("{}", json!({"a": null}), Some(RepairKind::Absent))]);
}

#[test]
fn choices_are_known_by_their_spelling() {
    let schema = object(json!({
        "c": {"enum": ["positive", "negative", "not_sure", "C", "c++"]},
        "k": {"const": "fixed"},
        "d": {"oneOf": [{"const": "north", "description": "up"}, {"const": "south"}]},
        "n": {"enum": [1, 2, 3]},
    }));
    check(
        &schema,
        &[
            (r#"{"c": "positive"}"#, json!({"c": "positive"}), None),
            (r#"{"c": "Positive"}"#, json!({"c": "positive"}), Some(RepairKind::Choice)),
            (r#"{"c": " POSITIVE. "}"#, json!({"c": "positive"}), Some(RepairKind::Choice)),
            (r#"{"c": "Not Sure"}"#, json!({"c": "not_sure"}), Some(RepairKind::Choice)),
            (r#"{"c": "positve"}"#, json!({"c": "positive"}), Some(RepairKind::Choice)),
            (r#"{"c": negative}"#, json!({"c": "negative"}), Some(RepairKind::UnquotedText)),
            (r#"{"c": "C++"}"#, json!({"c": "c++"}), Some(RepairKind::Choice)),
            (r#"{"k": "FIXED"}"#, json!({"k": "fixed"}), Some(RepairKind::Choice)),
            (r#"{"d": "South"}"#, json!({"d": "south"}), Some(RepairKind::Choice)),
            (r#"{"n": "2"}"#, json!({"n": 2}), Some(RepairKind::Choice)),
        ],
    );
    refused(
        &schema,
        &[
            (r#"{"c": "not positive"}"#, JsonErrorKind::Mismatch, "/c"),
            (r#"{"c": "unsure"}"#, JsonErrorKind::Mismatch, "/c"),
            (r#"{"n": 4}"#, JsonErrorKind::Mismatch, "/n"),
            (r#"{"k": "other"}"#, JsonErrorKind::Mismatch, "/k"),
        ],
    );
    let alike = object(json!({"c": {"enum": ["Yes", "YES"]}}));
    refused(&alike, &[(r#"{"c": "yes"}"#, JsonErrorKind::Mismatch, "/c")]);
}

#[test]
fn the_root_is_wrapped_and_unwrapped() {
    let list = json!({"type": "array", "items": object(json!({"a": {"type": "integer"}}))});
    check(
        &list,
        &[
            (r#"[{"a": 1}]"#, json!([{"a": 1}]), None),
            (r#"{"a": "1"}"#, json!([{"a": 1}]), Some(RepairKind::ToList)),
            (
                "{\"a\": 1}\n{\"a\": \"2\"}",
                json!([{"a": 1}, {"a": 2}]),
                Some(RepairKind::SeveralValues),
            ),
            (
                r#"Two: {"a": 1} and {"a": 2}."#,
                json!([{"a": 1}, {"a": 2}]),
                Some(RepairKind::SeveralValues),
            ),
        ],
    );
    let wrapped = json!({"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]});
    check(
        &wrapped,
        &[
            (r#"{"value": "5"}"#, json!({"value": 5}), Some(RepairKind::FromText)),
            ("5", json!({"value": 5}), Some(RepairKind::Wrapped)),
            (r#"[{"value": 5}]"#, json!({"value": 5}), Some(RepairKind::Unwrapped)),
        ],
    );
    let numbers = json!({"type": "array", "items": {"type": "integer"}});
    check(
        &numbers,
        &[
            (r#"{"values": [1, "2"]}"#, json!([1, 2]), Some(RepairKind::Unwrapped)),
            ("The list: [1, 2]", json!([1, 2]), Some(RepairKind::Prose)),
        ],
    );
    let one = object(json!({"a": {"type": "integer"}}));
    check(
        &one,
        &[
            ("{\"a\": 1} {\"a\": 1}", json!({"a": 1}), Some(RepairKind::SeveralValues)),
            ("[1] says: {\"a\": 1}", json!({"a": 1}), Some(RepairKind::Prose)),
        ][..1],
    );
    refused(&one, &[("{\"a\": 1} {\"a\": 2}", JsonErrorKind::Ambiguous, "")]);
}

#[test]
fn the_root_may_be_a_scalar() {
    let text = |text: &str| Value::String(text.to_owned());
    check(
        &json!({"type": "integer"}),
        &[
            ("5", json!(5), None),
            ("```\n5\n```", json!(5), Some(RepairKind::Fence)),
            ("\"5\"", json!(5), Some(RepairKind::FromText)),
            ("<think>4?</think> 5", json!(5), Some(RepairKind::Thinking)),
            ("{\"value\": 5}", json!(5), Some(RepairKind::Unwrapped)),
            ("{'result': '5'}", json!(5), Some(RepairKind::Unwrapped)),
            ("1,234", json!(1234), Some(RepairKind::FromText)),
        ],
    );
    check(
        &json!({"type": "string"}),
        &[
            ("\"x\"", text("x"), None),
            ("Hello, \"you\".", text("Hello, \"you\"."), Some(RepairKind::UnquotedText)),
            ("{\"a\": 1}", text("{\"a\": 1}"), Some(RepairKind::UnquotedText)),
            ("5.10", text("5.10"), Some(RepairKind::ToText)),
        ],
    );
    check(
        &json!({"enum": ["red", "green"]}),
        &[("Red.", json!("red"), Some(RepairKind::Choice)), ("\"green\"", json!("green"), None)],
    );
    refused(
        &json!({"type": "integer"}),
        &[("The answer is 5 or 6.", JsonErrorKind::Mismatch, ""), ("", JsonErrorKind::NoValue, "")],
    );
}

#[test]
fn unions_take_the_branch_that_costs_least() {
    let schema = object(json!({
        "u": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "shape": {"oneOf": [
            {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}},
             "required": ["kind", "r"]},
            {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}},
             "required": ["kind", "side"]},
        ]},
        "who": {"anyOf": [
            {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
            {"type": "null"},
        ]},
        "one": {"anyOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            {"type": "array", "items": {"type": "integer"}},
        ]},
    }));
    check(
        &schema,
        &[
            (r#"{"u": 5}"#, json!({"u": 5}), None),
            (r#"{"u": "5"}"#, json!({"u": "5"}), None),
            (r#"{"u": true}"#, json!({"u": "true"}), Some(RepairKind::ToText)),
            (
                r#"{"shape": {"kind": "circle", "r": 1}}"#,
                json!({"shape": {"kind": "circle", "r": 1}}),
                None,
            ),
            (
                r#"{"shape": {"r": "1", "kind": "Circle"}}"#,
                json!({"shape": {"r": 1, "kind": "circle"}}),
                Some(RepairKind::FromText),
            ),
            (
                r#"{"shape": {"Kind": "square", "Side": "2"}}"#,
                json!({"shape": {"kind": "square", "side": 2}}),
                Some(RepairKind::Key),
            ),
            (r#"{"who": {"name": "x"}}"#, json!({"who": {"name": "x"}}), None),
            (r#"{"who": {"id": "7"}}"#, json!({"who": {"id": 7}}), Some(RepairKind::FromText)),
            (r#"{"who": null}"#, json!({"who": null}), None),
            (r#"{"one": {"a": "1"}}"#, json!({"one": {"a": 1}}), Some(RepairKind::FromText)),
            (r#"{"one": ["1"]}"#, json!({"one": [1]}), Some(RepairKind::FromText)),
        ],
    );
    refused(
        &schema,
        &[
            (r#"{"shape": {"kind": "circle"}}"#, JsonErrorKind::Missing, "/shape"),
            (r#"{"who": {"age": 7}}"#, JsonErrorKind::Mismatch, "/who"),
            (r#"{"one": {"a": "x"}}"#, JsonErrorKind::Mismatch, "/one/a"),
        ],
    );
    let twins = object(json!({"t": {"anyOf": [
        {"type": "object", "properties": {"x_y": {"type": "integer"}}, "required": ["x_y"]},
        {"type": "object", "properties": {"xy": {"type": "integer"}}, "required": ["xy"]},
    ]}}));
    refused(&twins, &[(r#"{"t": {"X-Y": 1}}"#, JsonErrorKind::Ambiguous, "/t")]);
}

#[test]
fn schemas_may_refer_to_themselves() {
    let schema = json!({
        "$defs": {"node": {"type": "object", "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        }, "required": ["value"]}},
        "$ref": "#/$defs/node",
    });
    check(
        &schema,
        &[(
            r#"{"value": "1", "next": {"value": 2.0, "next": null}, "children": {"Value": "3"}}"#,
            json!({"value": 1, "next": {"value": 2, "next": null}, "children": [{"value": 3}]}),
            Some(RepairKind::ToList),
        )],
    );
    refused(
        &schema,
        &[
            (
                r#"{"value": 1, "next": {"value": 2, "next": {"value": "x"}}}"#,
                JsonErrorKind::Mismatch,
                "/next/next/value",
            ),
            (
                r#"{"value": 1, "children": [{"value": 2}, {}]}"#,
                JsonErrorKind::Missing,
                "/children/1",
            ),
        ],
    );
    // A list of lists of lists without end takes no scalar, and no time.
    let lists = json!({"$defs": {"l": {"type": "array", "items": {"$ref": "#/$defs/l"}}}, "$ref": "#/$defs/l"});
    check(&lists, &[("[[], [[]]]", json!([[], [[]]]), None)]);
    refused(&lists, &[("[[1]]", JsonErrorKind::Mismatch, "/0/0")]);
    // Expressions: each level could be any branch.
    let sum = |name: &str| {
        json!({"type": "object", "properties": {
        "left": {"$ref": "#/$defs/e"}, "right": {"$ref": "#/$defs/e"}, name: {"type": "boolean"},
    }, "required": ["left", "right"]})
    };
    let expressions = json!({"$defs": {"e": {"anyOf": [sum("add"), sum("mul"), sum("sub"), {"type": "integer"}]}},
        "$ref": "#/$defs/e"});
    let mut text = "1".to_owned();
    for _ in 0..60 {
        text = format!(r#"{{"left": {text}, "right": "2", "mul": true}}"#);
    }
    let outcome = read_in(&text, Some(&expressions), Policy::Coerce, usize::MAX).unwrap();
    assert_eq!(outcome.repairs.len(), 60);
}

#[test]
fn schemas_are_merged_and_maps_are_typed() {
    let schema = json!({
        "$defs": {"base": {"type": "object", "properties": {"id": {"type": "integer"}}}},
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"counts": {
            "type": "object", "additionalProperties": {"type": "integer"},
        }}}],
    });
    check(
        &schema,
        &[(
            r#"{"id": "1", "counts": {"Any Key": "2", "b": 3}}"#,
            json!({"id": 1, "counts": {"Any Key": 2, "b": 3}}),
            Some(RepairKind::FromText),
        )],
    );
    refused(&schema, &[(r#"{"counts": {"a": "x"}}"#, JsonErrorKind::Mismatch, "/counts/a")]);
}

#[test]
fn only_coerce_types() {
    let schema = object(json!({"a": {"type": "integer"}}));
    for policy in [Policy::Strict, Policy::Repair] {
        let outcome = read_in(r#"{"A": "5"}"#, Some(&schema), policy, usize::MAX).unwrap();
        assert_eq!((outcome.value, outcome.repair_count), (json!({"A": "5"}), 0));
    }
}
