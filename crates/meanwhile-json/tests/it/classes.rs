//! The 36 classes of malformed replies: what each is read as, whole and in pieces.

use meanwhile_json::{Policy, RepairKind};
use serde_json::{Value, json};

use crate::support::{check_cuts, read_in};

const REPAIR: Policy = Policy::Repair;

/// Reads each text under `Repair` without a schema, and finds the repair noted and `Strict` refusing it.
fn check(class: &str, kind: RepairKind, cases: &[(&str, Value)]) {
    for (text, expected) in cases {
        check_cuts(text, None, REPAIR);
        let outcome = read_in(text, None, REPAIR, usize::MAX)
            .unwrap_or_else(|error| panic!("{class}: {text}: {error}"));
        assert_eq!(&outcome.value, expected, "{class}: {text}");
        let noted = outcome.repairs.iter().any(|repair| repair.kind == kind);
        assert!(noted, "{class}: {text}: {:?}", outcome.repairs);
        assert!(read_in(text, None, Policy::Strict, usize::MAX).is_err(), "{class}: {text}");
    }
}

#[test]
fn class_01_code_fences() {
    let one = json!({"a": 1});
    check(
        "fences",
        RepairKind::Fence,
        &[
            ("```json\n{\"a\": 1}\n```", one.clone()),
            ("```\n{\"a\": 1}\n```", one.clone()),
            ("```JSON\n{\"a\": 1}```", one.clone()),
            ("```json {\"a\": 1} ```", one.clone()),
            ("\n\n```json5\r\n{\"a\": 1}\r\n```\r\n", one.clone()),
            ("```json\n{\"a\": 1}", one.clone()),
            ("```json\n[1, 2]\n```", json!([1, 2])),
            ("```json\n{\"a\": \"```\"}\n```", json!({"a": "```"})),
            ("```json\n{\"a\": \"x ```js\\ny\\n``` z\"}\n```", json!({"a": "x ```js\ny\n``` z"})),
            ("```python\nprint({'x': 1})\n```\nso\n```json\n{\"a\": 1}\n```", one.clone()),
            ("```json\n{\"a\": 1\n```", one.clone()),
            ("```json\n{\"a\": [1, 2,\n```\nI stopped.", json!({"a": [1, 2]})),
        ],
    );
}

#[test]
fn class_02_prose_around() {
    let one = json!({"a": 1});
    check(
        "prose",
        RepairKind::Prose,
        &[
            ("Here you are: {\"a\": 1}", one.clone()),
            ("Here you are:\n\n{\"a\": 1}\n\nHope this helps!", one.clone()),
            ("{\"a\": 1} That is all.", one.clone()),
            ("The answer (as JSON):\n```json\n{\"a\": 1}\n```\nAnything else?", one.clone()),
            ("Sure. [{\"a\": 1}]", json!([{"a": 1}])),
            ("Result: [\"x\", \"y\"] as asked.", json!(["x", "y"])),
            ("{\"a\": 1}\n\nNote: it's \"fine\", {really} [1].", one.clone()),
            ("callback({\"a\": 1});", one),
        ],
    );
}

#[test]
fn class_03_braces_in_prose() {
    let one = json!({"a": 1});
    check(
        "braces in prose",
        RepairKind::Prose,
        &[
            ("Use {name} as the place. {\"a\": 1}", one.clone()),
            ("The set {1, 2} and {} are not it: {\"a\": 1}", one.clone()),
            ("As in [1] and [the link](x): {\"a\": 1}", one.clone()),
            ("{{name}} is a template; {\"a\": 1} is not", one.clone()),
            ("if (x) { return y; } gives {\"a\": 1}", one.clone()),
            ("He wrote {\"hello} then {\"a\": 1}", one),
        ],
    );
}

#[test]
fn class_04_thoughts() {
    let one = json!({"a": 1});
    check(
        "thoughts",
        RepairKind::Thinking,
        &[
            ("<think>Maybe {\"a\": 2}?</think>{\"a\": 1}", one.clone()),
            ("<think>\n[\"x\"]\n</think>\n\n```json\n{\"a\": 1}\n```", one.clone()),
            ("<thinking>{\"b\": \"</think>\"}</thinking> {\"a\": 1}", one.clone()),
            ("<reasoning>So: </reasoning>{\"a\": 1}", one),
        ],
    );
}

#[test]
fn class_05_trailing_commas() {
    check(
        "trailing commas",
        RepairKind::ExtraComma,
        &[
            ("{\"a\": 1,}", json!({"a": 1})),
            ("{\"a\": \"x\",}", json!({"a": "x"})),
            ("[1, 2, ]", json!([1, 2])),
            ("[\"x\",\n]", json!(["x"])),
            ("{\"a\": [1,],\n \"b\": {\"c\": 2,},}", json!({"a": [1], "b": {"c": 2}})),
            ("[1,, 2]", json!([1, 2])),
            ("[,1]", json!([1])),
            ("{\"a\": 1},", json!({"a": 1})),
        ],
    );
}

#[test]
fn class_06_missing_commas() {
    check(
        "missing commas",
        RepairKind::MissingComma,
        &[
            ("{\"a\": 1 \"b\": 2}", json!({"a": 1, "b": 2})),
            ("{\"a\": \"x\" \"b\": \"y\"}", json!({"a": "x", "b": "y"})),
            ("{\"a\": \"x\"\n \"b\": \"y\"}", json!({"a": "x", "b": "y"})),
            ("{\"a\": true\n \"b\": null}", json!({"a": true, "b": null})),
            ("{\"a\": {\"x\": 1} \"b\": [1] \"c\": 3}", json!({"a": {"x": 1}, "b": [1], "c": 3})),
            ("[\"x\" \"y\"\n\"z\"]", json!(["x", "y", "z"])),
            ("[{\"a\": \"x\"} {\"a\": \"y\"}]", json!([{"a": "x"}, {"a": "y"}])),
            ("[[1] [2]]", json!([[1], [2]])),
            ("[1\n2\n3]", json!([1, 2, 3])),
        ],
    );
}

#[test]
fn class_07_unquoted_keys() {
    check(
        "unquoted keys",
        RepairKind::UnquotedKey,
        &[
            ("{a: 1}", json!({"a": 1})),
            ("{a: \"x\", b_c: \"y\", $d: 2}", json!({"a": "x", "b_c": "y", "$d": 2})),
            ("{\n  a : 1,\n  first-name: 2\n}", json!({"a": 1, "first-name": 2})),
            ("{über: 1, 2: 3}", json!({"über": 1, "2": 3})),
            ("{a: {b: [1, {c: 2}]}}", json!({"a": {"b": [1, {"c": 2}]}})),
        ],
    );
}

#[test]
fn class_08_unquoted_values() {
    check(
        "unquoted values",
        RepairKind::UnquotedText,
        &[
            ("{\"a\": hello}", json!({"a": "hello"})),
            ("{\"a\": hello world, \"b\": 1}", json!({"a": "hello world", "b": 1})),
            ("{a: hello world\n b: x y}", json!({"a": "hello world", "b": "x y"})),
            ("[red, green, blue]", json!(["red", "green", "blue"])),
            ("{\"url\": https://example.com/a?b=c}", json!({"url": "https://example.com/a?b=c"})),
            ("{\"at\": 2024-01-31, \"t\": 10:30}", json!({"at": "2024-01-31", "t": "10:30"})),
            ("{\"v\": 1.2.3, \"code\": 007}", json!({"v": "1.2.3", "code": "007"})),
            ("{\"a\": 5 apples, \"b\": 1}", json!({"a": "5 apples", "b": 1})),
            ("{\"a\": trueish, \"b\": true story}", json!({"a": "trueish", "b": "true story"})),
            ("{\"rating\": 4/5}", json!({"rating": "4/5"})),
        ],
    );
}

#[test]
fn class_09_single_quotes() {
    check(
        "single quotes",
        RepairKind::Quotes,
        &[
            ("{'a': 'x'}", json!({"a": "x"})),
            ("{'a': ['x', 'y'], 'b': {'c': ''}}", json!({"a": ["x", "y"], "b": {"c": ""}})),
            ("{'a': 'he said \"hi\"'}", json!({"a": "he said \"hi\""})),
            ("{'a': 'it\\'s'}", json!({"a": "it's"})),
            ("{\"a\": 'x', 'b': \"y\"}", json!({"a": "x", "b": "y"})),
        ],
    );
}

#[test]
fn class_10_smart_quotes() {
    check(
        "smart quotes",
        RepairKind::Quotes,
        &[
            ("{“a”: “x”}", json!({"a": "x"})),
            ("{“a”: “x”, “b”: [“y”, “z”]}", json!({"a": "x", "b": ["y", "z"]})),
            ("{‘a’: ‘x’}", json!({"a": "x"})),
            ("{“a”: “it’s – fine”}", json!({"a": "it’s – fine"})),
            ("{\"a\": “x”}", json!({"a": "x"})),
            ("{“a\": “x\"}", json!({"a": "x"})),
        ],
    );
}

#[test]
fn class_11_triple_quotes() {
    check(
        "triple quotes",
        RepairKind::Quotes,
        &[
            ("{\"a\": \"\"\"x\"\"\"}", json!({"a": "x"})),
            ("{\"a\": \"\"\"x \"y\" z\n\"\"\", \"b\": 1}", json!({"a": "x \"y\" z\n", "b": 1})),
            ("{'a': '''it's''', 'b': \"\"}", json!({"a": "it's", "b": ""})),
            ("[\"\"\"a\"\"\", \"b\"]", json!(["a", "b"])),
        ],
    );
}

#[test]
fn class_12_back_quotes() {
    check(
        "back quotes",
        RepairKind::Quotes,
        &[
            ("{`a`: `x`}", json!({"a": "x"})),
            ("{\"a\": `x\ny`}", json!({"a": "x\ny"})),
            ("{\"a\": `it's \"so\"`, \"b\": 2}", json!({"a": "it's \"so\"", "b": 2})),
            ("{\"a\": ```x```}", json!({"a": "x"})),
        ],
    );
}

#[test]
fn class_13_inner_quotes() {
    check(
        "inner quotes",
        RepairKind::InnerQuote,
        &[
            (r#"{"a": "he said "hi" to me"}"#, json!({"a": "he said \"hi\" to me"})),
            (r#"{"a": "he said "hi""}"#, json!({"a": "he said \"hi\""})),
            (r#"{"a": ""hi" he said"}"#, json!({"a": "\"hi\" he said"})),
            (r#"{"a": "say "hi", then go", "b": 1}"#, json!({"a": "say \"hi\", then go", "b": 1})),
            (
                r#"{"a": "x", "b": "the "c" d", "e": "f"}"#,
                json!({"a": "x", "b": "the \"c\" d", "e": "f"}),
            ),
            (r#"["the "big" one", "b"]"#, json!(["the \"big\" one", "b"])),
            (r#"{"a": "use {"b"} here", "c": 1}"#, json!({"a": "use {\"b\"} here", "c": 1})),
            (r#"{"a": "5" tall, 6" wide", "c": 1}"#, json!({"a": "5\" tall, 6\" wide", "c": 1})),
            (r#"{"the "a" key": 1}"#, json!({"the \"a\" key": 1})),
        ],
    );
}

#[test]
fn class_14_apostrophes() {
    check(
        "apostrophes",
        RepairKind::InnerQuote,
        &[
            ("{'a': 'it's'}", json!({"a": "it's"})),
            (
                "{'a': 'don't, won't', 'b': 'the dogs' bowl'}",
                json!({"a": "don't, won't", "b": "the dogs' bowl"}),
            ),
            ("['it's', 'O'Brien']", json!(["it's", "O'Brien"])),
            ("{‘a’: ‘it’s’}", json!({"a": "it’s"})),
        ],
    );
}

#[test]
fn class_15_python_literals() {
    check(
        "Python literals",
        RepairKind::Word,
        &[
            ("{\"a\": True, \"b\": False, \"c\": None}", json!({"a": true, "b": false, "c": null})),
            ("[True,None]", json!([true, null])),
            ("{'a': True}", json!({"a": true})),
            (
                "{\"a\": TRUE, \"b\": NULL, \"c\": undefined}",
                json!({"a": true, "b": null, "c": null}),
            ),
            ("{\"a\": NaN}", json!({"a": null})),
            ("None", json!(null)),
        ],
    );
}

#[test]
fn class_16_to_18_comments() {
    check(
        "comments",
        RepairKind::Comment,
        &[
            ("{\"a\": 1 // one\n}", json!({"a": 1})),
            ("{\"a\": 1, // one\n \"b\": 2}", json!({"a": 1, "b": 2})),
            ("// first\n{\"a\": \"x // y\"}", json!({"a": "x // y"})),
            ("{\"a\": \"x\" // it's \"x\"\n}", json!({"a": "x"})),
            ("{\"a\": \"http://x\", // {\n \"b\": 2}", json!({"a": "http://x", "b": 2})),
            ("{\"a\": 1, # one\n \"b\": 2 # two\n}", json!({"a": 1, "b": 2})),
            ("{ # \"no\": 0\n \"a\": \"x # y\" # \"z\"\n}", json!({"a": "x # y"})),
            ("{\"a\": /* one */ 1 /* \"two\" */}", json!({"a": 1})),
            ("/* x */ {\"a\": 1} /* y */", json!({"a": 1})),
            ("[1, /* 2, **/ 3, \"a\" /* b */, \"c\"]", json!([1, 3, "a", "c"])),
            ("{\"a\": 1 /* cut", json!({"a": 1})),
        ],
    );
}

#[test]
fn class_19_to_23_cut_off() {
    check(
        "cut off",
        RepairKind::CutOff,
        &[
            // In a text.
            ("{\"a\": \"hel", json!({"a": "hel"})),
            ("{\"a\": \"hel\\", json!({"a": "hel"})),
            ("{\"a\": \"hel\\u00", json!({"a": "hel"})),
            ("[\"a\", \"b", json!(["a", "b"])),
            // In and after a key.
            ("{\"a\": 1, \"b", json!({"a": 1})),
            ("{\"a\": 1, \"b\"", json!({"a": 1})),
            ("{\"a\": \"x\", b", json!({"a": "x"})),
            // After a colon and a comma.
            ("{\"a\": 1, \"b\":", json!({"a": 1})),
            ("{\"a\": 1,", json!({"a": 1})),
            ("{\"a\": \"x\",", json!({"a": "x"})),
            ("[1, 2,", json!([1, 2])),
            // In a number or a word.
            ("{\"a\": 12", json!({"a": 12})),
            ("{\"a\": -", json!({})),
            ("{\"a\": 1, \"b\": tru", json!({"a": 1})),
            ("{\"a\": true", json!({"a": true})),
            // In lists and objects within each other.
            ("{\"a\": [1, {\"b\": [2", json!({"a": [1, {"b": [2]}]})),
            ("{\"a\": {\"b\": {", json!({"a": {"b": {}}})),
            ("[[[", json!([[[]]])),
            ("{", json!({})),
            ("{\"a\": \"x\"", json!({"a": "x"})),
            ("{\"a\": [1, 2]", json!({"a": [1, 2]})),
        ],
    );
}

#[test]
fn class_24_raw_line_breaks() {
    check(
        "raw line breaks",
        RepairKind::ControlCharacter,
        &[
            ("{\"a\": \"x\ny\"}", json!({"a": "x\ny"})),
            ("{\"a\": \"x\r\n\ty\", \"b\": 1}", json!({"a": "x\r\n\ty", "b": 1})),
            ("[\"\n\"]", json!(["\n"])),
            (
                "{\"code\": \"def f():\n    return 1\n\"}",
                json!({"code": "def f():\n    return 1\n"}),
            ),
        ],
    );
}

#[test]
fn class_25_and_26_numbers() {
    check(
        "numbers",
        RepairKind::Number,
        &[
            ("{\"a\": +1}", json!({"a": 1})),
            ("{\"a\": .5, \"b\": -.5}", json!({"a": 0.5, "b": -0.5})),
            ("[+1.5, 2., +.5]", json!([1.5, 2, 0.5])),
            ("{\"a\": 0x1F, \"b\": 1_000}", json!({"a": 31, "b": 1000})),
            ("{\"a\": +1e3}", json!({"a": 1000.0})),
        ],
    );
}

#[test]
fn class_27_extra_brackets() {
    check(
        "extra brackets",
        RepairKind::ExtraBracket,
        &[
            ("{\"a\": 1}}", json!({"a": 1})),
            ("{\"a\": 1}]", json!({"a": 1})),
            ("{\"a\": 1]}", json!({"a": 1})),
            ("[1, 2]]\n", json!([1, 2])),
            ("{\"a\": \"x\"}}}\n", json!({"a": "x"})),
        ],
    );
}

#[test]
fn class_28_bad_escapes() {
    check(
        "bad escapes",
        RepairKind::Escape,
        &[
            (r#"{"a": "C:\Program"}"#, json!({"a": r"C:\Program"})),
            (r#"{"a": "C:\users"}"#, json!({"a": r"C:\users"})),
            (r#"{"a": "\d+\.\d*"}"#, json!({"a": r"\d+\.\d*"})),
            (r#"{"a": "it\'s"}"#, json!({"a": "it's"})),
            (r#"{"file\_name": 1}"#, json!({"file_name": 1})),
            (r#"{"a": "\ud83d x"}"#, json!({"a": "\u{fffd} x"})),
            (r#"{"a": "\ude00"}"#, json!({"a": "\u{fffd}"})),
            (r#"{"a": "\u12g4"}"#, json!({"a": r"\u12g4"})),
            ("{\"a\": \"x\\\ny\"}", json!({"a": "xy"})),
        ],
    );
    check(
        "escaped quotes",
        RepairKind::Quotes,
        &[
            (r#"{\"a\": \"x\"}"#, json!({"a": "x"})),
            (r#"{\"a\": 1, \"b\": [\"y\", \"z\"]}"#, json!({"a": 1, "b": ["y", "z"]})),
            (r#"{\"a\": \"x\\ny \\\"z\\\"\"}"#, json!({"a": "x\ny \"z\""})),
        ],
    );
}

#[test]
fn class_29_double_encoding() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "object"}, "c": {"type": "array"}},
    });
    let cases = [
        (r#""{\"a\": 1}""#, json!({"a": 1})),
        (r#""{\"a\": \"5\"}""#, json!({"a": 5})),
        (r#"{"b": "{\"x\": 1}"}"#, json!({"b": {"x": 1}})),
        (r#"{"c": "[1, 2]", "b": "{'x': 1,}"}"#, json!({"c": [1, 2], "b": {"x": 1}})),
        (r#""\"{\\\"a\\\": 1}\"""#, json!({"a": 1})),
    ];
    for (text, expected) in cases.iter().take(4) {
        check_cuts(text, Some(&schema), Policy::Coerce);
        let outcome = read_in(text, Some(&schema), Policy::Coerce, usize::MAX)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(&outcome.value, expected, "{text}");
        assert!(outcome.repairs.iter().any(|repair| repair.kind == RepairKind::FromText));
    }
    // Without a schema a text is a text.
    let text = read_in(cases[0].0, None, REPAIR, usize::MAX).unwrap();
    assert_eq!((text.value, text.repair_count), (json!("{\"a\": 1}"), 0));
}

#[test]
fn class_30_joined_texts() {
    check(
        "joined texts",
        RepairKind::Joined,
        &[
            (r#"{"a": "x" + "y"}"#, json!({"a": "xy"})),
            ("{\"a\": \"x\" +\n  \"y\" + 'z', \"b\": 1}", json!({"a": "xyz", "b": 1})),
            (r#"["a" + "b", "c"]"#, json!(["ab", "c"])),
        ],
    );
}

#[test]
fn class_31_ellipsis() {
    check(
        "ellipsis",
        RepairKind::Ellipsis,
        &[
            ("[1, 2, ...]", json!([1, 2])),
            ("[1, 2, …]", json!([1, 2])),
            ("{\"a\": \"x\", ...}", json!({"a": "x"})),
            ("[\"a\", ..., \"z\"]", json!(["a", "z"])),
            ("{\"a\": [1, ...], ... }", json!({"a": [1]})),
        ],
    );
}

#[test]
fn class_32_semicolons() {
    check(
        "semicolons",
        RepairKind::Separator,
        &[
            ("{\"a\": 1; \"b\": 2}", json!({"a": 1, "b": 2})),
            ("[\"x\"; \"y\"]", json!(["x", "y"])),
            ("{\"a\": \"x\"; \"b\": \"y\"}", json!({"a": "x", "b": "y"})),
            ("{\"a\" = 1, b => 2}", json!({"a": 1, "b": 2})),
        ],
    );
    check("a semicolon at the end", RepairKind::ExtraComma, &[("{\"a\": 1};", json!({"a": 1}))]);
}

#[test]
fn class_33_several_values() {
    check(
        "several values",
        RepairKind::SeveralValues,
        &[
            ("{\"a\": 1}{\"a\": 2}", json!([{"a": 1}, {"a": 2}])),
            ("{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3}\n", json!([{"a": 1}, {"a": 2}, {"a": 3}])),
            ("{\"a\": 1}, {\"a\": 2}", json!([{"a": 1}, {"a": 2}])),
            (
                "```json\n{\"a\": 1}\n```\nand\n```json\n{\"a\": 2}\n```",
                json!([{"a": 1}, {"a": 2}]),
            ),
            ("First {\"a\": 1} and then {\"a\": 2}.", json!([{"a": 1}, {"a": 2}])),
            ("{\"a\": 1}\n{\"a\": \"x", json!([{"a": 1}, {"a": "x"}])),
        ],
    );
}

#[test]
fn class_34_numbers_in_texts() {
    let schema = json!({"type": "object", "properties": {
        "n": {"type": "number"}, "i": {"type": "integer"}
    }});
    let cases = [
        (r#"{"n": "$1,234.56"}"#, Some(json!({"n": 1234.56}))),
        (r#"{"i": "1,234,567"}"#, Some(json!({"i": 1_234_567}))),
        (r#"{"n": "4/5"}"#, Some(json!({"n": 0.8}))),
        (r#"{"n": 4/5}"#, Some(json!({"n": 0.8}))),
        (r#"{"i": " 42 "}"#, Some(json!({"i": 42}))),
        (r#"{"i": "-7.0"}"#, Some(json!({"i": -7}))),
        (r#"{"i": "1 000"}"#, Some(json!({"i": 1000}))),
        (r#"{"i": "1_000", "n": "€5"}"#, Some(json!({"i": 1000, "n": 5}))),
        // What has several meanings is an error.
        (r#"{"n": "1.234,56"}"#, None),
        (r#"{"n": "1,5"}"#, None),
        (r#"{"n": "50%"}"#, None),
        (r#"{"i": "5.5"}"#, None),
        (r#"{"i": "4/5"}"#, None),
        (r#"{"i": "about 5"}"#, None),
    ];
    for (text, expected) in cases {
        check_cuts(text, Some(&schema), Policy::Coerce);
        let read = read_in(text, Some(&schema), Policy::Coerce, usize::MAX);
        assert_eq!(read.ok().map(|outcome| outcome.value), expected, "{text}");
    }
}

#[test]
fn class_35_missing_brackets() {
    check(
        "missing brackets",
        RepairKind::MissingBracket,
        &[
            ("{\"a\": [1, 2}", json!({"a": [1, 2]})),
            ("{\"a\": [{\"b\": 1]}", json!({"a": [{"b": 1}]})),
            ("[{\"a\": \"x\"]", json!([{"a": "x"}])),
            ("\"a\": 1, \"b\": \"x\"", json!({"a": 1, "b": "x"})),
            ("\"a\": 1}", json!({"a": 1})),
            ("{\"a\": [\"x\", \"y\"}", json!({"a": ["x", "y"]})),
        ],
    );
}

#[test]
fn class_36_missing_colons_and_white_space() {
    check(
        "missing colons",
        RepairKind::MissingColon,
        &[
            ("{\"a\" 1}", json!({"a": 1})),
            ("{\"a\" \"x\", \"b\" {\"c\" [1]}}", json!({"a": "x", "b": {"c": [1]}})),
        ],
    );
    check(
        "white space",
        RepairKind::WhiteSpace,
        &[
            ("\u{feff}{\"a\": 1}", json!({"a": 1})),
            ("{\u{a0}\"a\":\u{a0}1}", json!({"a": 1})),
            ("[1,\u{2003}2]", json!([1, 2])),
        ],
    );
}
