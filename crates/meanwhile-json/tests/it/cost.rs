//! The work is linear in the text, however it is cut: bytes looked at are counted, no clock is asked.

use meanwhile_json::{Policy, Reader};
use serde_json::{Value, json};

use crate::support::pieces;

fn steps(text: &str, schema: Option<&Value>, policy: Policy, size: usize) -> u64 {
    let mut reader = Reader::new(schema, policy);
    for piece in pieces(text, size) {
        reader.push(piece);
    }
    reader.steps()
}

/// No more than so many looks at a byte, on short texts and on long ones.
fn check(name: &str, most: u64, build: impl Fn(usize) -> String) {
    let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}});
    for count in [100, 1_000, 10_000] {
        let text = build(count);
        for size in [1, 4, usize::MAX] {
            for policy in [Policy::Strict, Policy::Repair, Policy::Coerce] {
                let steps = steps(&text, Some(&schema), policy, size);
                let bytes = text.len() as u64 + 64;
                assert!(
                    steps <= most * bytes,
                    "{name} x {count} by {size} {policy:?}: {steps} for {bytes}"
                );
            }
        }
    }
}

#[test]
fn the_work_is_linear() {
    check("a long text", 4, |n| format!("{{\"a\": \"{}\"}}", "word ".repeat(n)));
    check("a long key", 8, |n| format!("{{\"b\": \"x\", \"{}\": 1}}", "k".repeat(n)));
    check("a long number", 4, |n| format!("[{}]", "1".repeat(n)));
    check("a long word", 4, |n| format!("[{}, 1]", "w".repeat(n)));
    check("small values", 8, |n| format!("{{\"a\": [{}]}}", "1, ".repeat(n)));
    check("small objects", 8, |n| format!("[{}]", "{\"k\": \"v\", \"l\": [1, true]},".repeat(n)));
    check("quotes", 16, |n| format!("{{\"a\": \"{}\"}}", "x \"y\", ".repeat(n)));
    check("quotes and commas", 16, |n| format!("{{\"a\": \"{}\"}}", "\",\"".repeat(n)));
    check("quotes and brackets", 16, |n| format!("{{\"a\": \"{}\"}}", "\"} ]".repeat(n)));
    check("quotes and spaces", 16, |n| format!("{{\"a\": \"{}\"}}", "\"     ".repeat(n)));
    check("quotes and words", 16, |n| format!("{{\"a\": \"{}\"}}", "\",\n word ".repeat(n)));
    check("smart quotes", 16, |n| format!("{{\"a\": “{}”}}", "“x” ".repeat(n)));
    check("backslashes", 16, |n| format!("{{\"a\": \"{}\"}}", "\\".repeat(2 * n)));
    check("escaped quotes", 16, |n| format!("{{\\\"a\\\": \\\"{}\\\"}}", "\\\"x ".repeat(n)));
    check("brackets in prose", 16, |n| format!("x {}", "{ [ {\"a ".repeat(n)));
    check("keys in prose", 16, |n| format!("x {}", "{\"a\" {'b ".repeat(n)));
    check("comments", 8, |n| format!("[{} 1]", "/* * / */ // x\n".repeat(n)));
    check("an open comment", 8, |n| format!("[/*{}", "* /".repeat(n)));
    check("thoughts", 8, |n| format!("<think>{}", "</thin".repeat(n)));
    check("code", 8, |n| format!("```rust\n{}", "``x".repeat(n)));
    check("a fence", 8, |n| format!("```{}", "x".repeat(n)));
    check("white space", 8, |n| format!("[1{}, 2]", " \n".repeat(n)));
    check("values after each other", 16, |n| "{\"b\": 1}\n".repeat(n.min(2000)));
    check("extra brackets", 16, |n| format!("[1]{}", "]".repeat(n)));
}

#[test]
fn looking_at_the_value_costs_its_depth() {
    // Each look would cost the whole list, if the value was built again.
    let mut reader = Reader::new(None, Policy::Strict);
    reader.push("{\"list\": [");
    for count in 0..20_000_usize {
        reader.push("{\"k\": \"v\"},");
        let list = reader.value().and_then(|value| value.get("list")).and_then(Value::as_array);
        assert_eq!(list.map(Vec::len), Some(count + 1));
    }
}
