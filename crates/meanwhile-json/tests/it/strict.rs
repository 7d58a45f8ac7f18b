//! `Strict` accepts what `serde_json` accepts, as the same value, and nothing else.

use meanwhile_json::{Policy, read};
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use crate::support::{check_cuts, read_in};

fn check(text: &str) {
    let theirs: Result<Value, _> = serde_json::from_str(text);
    for size in [usize::MAX, 1, 3] {
        let ours = read_in(text, None, Policy::Strict, size);
        match (&theirs, &ours) {
            (Ok(theirs), Ok(ours)) => {
                assert_eq!(theirs, &ours.value, "{text}");
                // With the order of keys, and -0.
                assert_eq!(theirs.to_string(), ours.value.to_string(), "{text}");
                assert_eq!(ours.repair_count, 0);
            }
            (Err(_), Err(_)) => {}
            (theirs, ours) => panic!("{text:?}: {theirs:?} {ours:?}"),
        }
    }
    // What is valid is the same value under the other policies, without a repair.
    if let Ok(theirs) = theirs {
        for policy in [Policy::Repair, Policy::Coerce] {
            for size in [usize::MAX, 1, 4] {
                let ours =
                    read_in(text, None, policy, size).unwrap_or_else(|e| panic!("{text}: {e}"));
                assert_eq!(theirs, ours.value, "{policy:?} {text}");
                let duplicates = |repair: &meanwhile_json::Repair| {
                    repair.kind == meanwhile_json::RepairKind::DuplicateKey
                };
                assert!(
                    ours.repairs.iter().all(duplicates),
                    "{policy:?} {text}: {:?}",
                    ours.repairs
                );
            }
        }
    }
}

#[test]
fn the_corners_are_those_of_serde_json() {
    let cases = [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        " false ",
        "\u{feff}1",
        "1 2",
        "[1]]",
        "{}{}",
        "0",
        "-0",
        "-0.0",
        "00",
        "01",
        "-01",
        "1.",
        ".1",
        "+1",
        "1e5",
        "1E+5",
        "1e",
        "1e+",
        "-",
        "1e400",
        "-1e400",
        "1e-400",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "123456789012345678",
        "1234567890123456789",
        "0.1",
        "3.141592653589793238462643383279",
        "1e308",
        "2.2250738585072014e-308",
        "100000000000000000000",
        "\"\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\\u0041\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\x\"",
        "\"\\",
        "\"\\u",
        "\"\\u00",
        "\"\\uD83D\\uDE00\"",
        "\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"",
        "\"\u{7f}\u{0}\"",
        "\"\u{7f}\"",
        "\"é😀\u{2028}\"",
        "[]",
        "[ ]",
        "[,]",
        "[1,]",
        "[1,2",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\" : 1 }",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":2,\"a\":[3]}",
        "{1:2}",
        "{\"a\":1]",
        "[1}",
        "\u{a0}1",
        "1\u{c}",
        "\"\"\"\"",
        "[\"\", \"\"]",
        "{\"\": \"\"}",
        "[\"}\", \"{\"]",
        "{\"a\": \"b {\", \"c\": \"}\"}",
        "{\"a\": \"x\" , \"b\" : \"y\" }",
        "[\"a\" , true , \"b\" , null ]",
        "[\"a\",{\"b\":[\"c\"]}]",
        "[\"a\", -1, \"b\", 2]",
        "{\"a\":\"x\"}\n",
        "\"x\"\n\n",
        "\"x\" ",
        "[\"```\"]",
        "1 ",
        "9\t",
        "9\r\n",
        "true\t",
        "\"x\"\t",
        "1\n",
        "[true ,1 ]",
        "[\"\\\"\"]",
        "[\"\\\\\"]",
        "{\"a\\\"b\":\"c\",\"d\":1}",
        "{\"x\":\"y\",\"a\\\"b\":1,\"c\\\\\":2}",
    ];
    for text in cases {
        check(text);
        check_cuts(text, None, Policy::Strict);
        check_cuts(text, None, Policy::Repair);
    }
}

#[test]
fn the_depth_is_that_of_serde_json() {
    for depth in [1, 2, 126, 127, 128, 129, 1000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let theirs = serde_json::from_str::<Value>(&text).is_ok();
            assert_eq!(read(&text, None, Policy::Strict).is_ok(), theirs, "{depth} {open}");
        }
    }
}

pub(crate) fn values() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        (-1000_i64..1000).prop_map(Number::from),
    ];
    let text = prop_oneof![
        "[a-z {}\\[\\]\",:;'`/#.+\\\\\n-]{0,12}",
        "\\PC{0,8}",
        proptest::collection::vec(any::<char>(), 0..6)
            .prop_map(|chars| chars.into_iter().collect()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Changes some bytes of a text.
pub(crate) fn mutate(text: &str, changes: &[(usize, u8, char)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (place, how, with) in changes {
        let place = place % (chars.len() + 1);
        match how % 4 {
            0 => chars.insert(place, *with),
            1 if place < chars.len() => {
                chars.remove(place);
            }
            2 if place < chars.len() => chars[place] = *with,
            3 => chars.truncate(place),
            _ => {}
        }
    }
    chars.into_iter().collect()
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<(usize, u8, char)>> {
    let with = prop_oneof![
        "[\\[\\]{}\",:'`/#0-9.eE+\\\\\n -]".prop_map(|text| text.chars().next().unwrap_or(' ')),
        any::<char>(),
    ];
    proptest::collection::vec((any::<usize>(), any::<u8>(), with), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_texts_are_read_as_serde_json_reads_them(value in values(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        check(&text.unwrap());
    }

    #[test]
    fn changed_texts_are_read_or_refused_as_serde_json_does(value in values(), changes in changes()) {
        check(&mutate(&value.to_string(), &changes));
    }
}
