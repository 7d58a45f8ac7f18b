//! What an error says, where, and that the value so far is on it.

use meanwhile_json::{JsonErrorKind, Limits, Policy, Reader};
use serde_json::{Value, json};

use crate::support::{check_cuts, read_in};

/// The kind, the place and the value so far.
fn check(
    text: &str,
    policy: Policy,
    kind: JsonErrorKind,
    (line, column, path): (usize, usize, &str),
    value: Option<Value>,
) {
    check_cuts(text, None, policy);
    let error = read_in(text, None, policy, usize::MAX).expect_err(text);
    assert_eq!(error.kind(), kind, "{text}: {error}");
    assert_eq!(
        (error.line(), error.column(), error.path()),
        (line, column, path),
        "{text}: {error}"
    );
    assert_eq!(error.value(), value.as_ref(), "{text}");
    assert!(error.to_string().contains(&format!("expected {}", error.expected())));
    assert_eq!(error.into_value(), value);
}

#[test]
fn errors_say_where_and_carry_the_value() {
    use JsonErrorKind::{Ambiguous, NoValue, NumberOutOfRange, Syntax, UnexpectedEnd};
    let strict = Policy::Strict;
    check("{\"a\": 1,\n \"é\": x}", strict, Syntax, (2, 7, "/é"), Some(json!({"a": 1})));
    check("[1, 2,]", strict, Syntax, (1, 7, ""), Some(json!([1, 2])));
    check("{\"a\": [1, \"x", strict, UnexpectedEnd, (1, 13, "/a/1"), Some(json!({"a": [1, "x"]})));
    check(
        "{\"a\": {\"b\": 1e999}}",
        strict,
        NumberOutOfRange,
        (1, 13, "/a/b"),
        Some(json!({"a": {}})),
    );
    check("\"a\nb\"", strict, Syntax, (1, 3, ""), Some(json!("a")));
    check("", strict, UnexpectedEnd, (1, 1, ""), None);
    check("1 2", strict, Syntax, (1, 3, ""), Some(json!(1)));

    let repair = Policy::Repair;
    check("No value here.", repair, NoValue, (1, 15, ""), None);
    check("{\"a\": }", repair, Syntax, (1, 7, "/a"), Some(json!({})));
    check("{\"a\": 1e999}", repair, NumberOutOfRange, (1, 7, "/a"), Some(json!({})));
    check("{\"a\": Infinity}", repair, NumberOutOfRange, (1, 7, "/a"), Some(json!({})));
    check("{\"a\": [1, 2}, \"b\": 3}", repair, Ambiguous, (1, 15, ""), Some(json!({"a": [1, 2]})));
    check("{\"n\": 1,234}", repair, Syntax, (1, 9, ""), Some(json!({"n": 1})));
    check("[1, note: x]", repair, Ambiguous, (1, 5, ""), Some(json!([1])));
    // The closing quote of the first text was forgotten.
    check(
        "{\"a\": \"x,\n\"b\": 2}",
        repair,
        Ambiguous,
        (2, 8, "/a"),
        Some(json!({"a": "x,\n\"b\": 2}"})),
    );
}

#[test]
fn a_text_that_swallowed_the_end_is_no_cut_off_text() {
    for text in ["{\"a\": \"x}", "{\"a\": \"x\ny\", b}", "[\"x]\n```", "{\"a\": {\"b\": \"x}}\n"] {
        check_cuts(text, None, Policy::Repair);
        let error = read_in(text, None, Policy::Repair, usize::MAX).expect_err(text);
        assert_eq!(error.kind(), JsonErrorKind::Ambiguous, "{text}");
        // But where the text is known to be cut off, it may end so.
        let mut reader = Reader::new(None, Policy::Repair);
        reader.push(text);
        assert!(reader.finish_cut_off().is_ok(), "{text}");
    }
}

#[test]
fn an_error_says_what_to_do() {
    let error = read_in("{\"a\": 1 2}", None, Policy::Strict, usize::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this is not JSON at line 1 column 9: expected a comma or `}`; show this to the model and ask again"
    );
    let schema = json!({"type": "object", "properties": {"size": {"enum": ["small", "large"]}}});
    let error =
        read_in("{\"size\": \"huge\"}", Some(&schema), Policy::Coerce, usize::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a value does not fit the schema at line 1 column 16 (/size): expected one of \"small\", \"large\", \
         not a text; show this to the model and ask again"
    );
}

#[test]
fn nothing_is_read_after_an_error() {
    let mut reader = Reader::new(None, Policy::Strict);
    reader.push("[1, x");
    let first = reader.error().expect("a fault").to_string();
    reader.push("]");
    assert_eq!(reader.value(), Some(&json!([1])));
    let error = reader.finish().unwrap_err();
    assert_eq!((error.to_string(), error.value()), (first, Some(&json!([1]))));
}

#[test]
fn limits_are_kept() {
    let read = |text: &str, limits: Limits| {
        let mut reader = Reader::new(None, Policy::Repair).limits(limits);
        for piece in crate::support::pieces(text, 2) {
            reader.push(piece);
        }
        reader.finish().map(|outcome| outcome.value)
    };
    let deep = Limits { depth: 4, ..Limits::default() };
    assert_eq!(read("[[[1]]]", deep).unwrap(), json!([[[1]]]));
    let error = read("[[[[1]]]]", deep).unwrap_err();
    assert_eq!((error.kind(), error.value()), (JsonErrorKind::Limit, Some(&json!([[[]]]))));
    let short = Limits { bytes: 8, ..Limits::default() };
    assert_eq!(read("[1,2,3]", short).unwrap(), json!([1, 2, 3]));
    let error = read("[1, 2, 3, 4]", short).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (JsonErrorKind::Limit, 8));
    // Deeper than any stack bears, and never built.
    let endless = "[".repeat(1_000_000);
    let bottomless = Limits { depth: usize::MAX, ..Limits::default() };
    let mut reader = Reader::new(None, Policy::Repair).limits(bottomless);
    reader.push(&endless);
    assert_eq!(reader.finish().unwrap_err().kind(), JsonErrorKind::Limit);
}

#[test]
fn repairs_are_counted_beyond_those_that_are_kept() {
    let text = format!("[{}]", "+1,".repeat(5000));
    let outcome = read_in(&text, None, Policy::Repair, usize::MAX).unwrap();
    assert_eq!((outcome.repairs.len(), outcome.repair_count), (1000, 5001));
}

#[test]
fn repairs_say_what_and_where() {
    let outcome = read_in("{\"list\": ['x', {a/b: 1}]}", None, Policy::Repair, usize::MAX).unwrap();
    let told: Vec<String> = outcome.repairs.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["replaced other quotes at byte 10 (/list)", "quoted a key at byte 16 (/list/1)"]
    );
}

#[test]
fn the_deepest_values_fit_on_the_stack() {
    let branch = |name: &str| json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/e"}, name: {}}});
    let schema = json!({"$defs": {"e": {"anyOf": [branch("b"), branch("c"), {"type": "integer"}]}}, "$ref": "#/$defs/e"});
    let depth = 500;
    let text = format!("{}'5'{}", "{\"a\": ".repeat(depth), "}".repeat(depth));
    let mut reader = Reader::new(Some(&schema), Policy::Coerce)
        .limits(Limits { depth: usize::MAX, ..Limits::default() });
    reader.push(&text);
    let outcome = reader.finish();
    // Both branches cost the same and give the same, at every level: more than is compared.
    assert_eq!(outcome.unwrap_err().kind(), JsonErrorKind::Ambiguous);
    let text = text.replace('\'', "");
    let mut reader = Reader::new(Some(&schema), Policy::Coerce)
        .limits(Limits { depth: usize::MAX, ..Limits::default() });
    reader.push(&text);
    assert_eq!(reader.finish().unwrap().value.to_string(), text.replace(": ", ":"));
}
