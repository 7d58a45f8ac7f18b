//! What holds for any text: no panic, the same outcome however it is cut, prefixes that only grow.

use meanwhile_json::{Change, Policy, Reader, Step};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::strict::{changes, mutate, values};
use crate::support::{check_cuts, is_beginning, pieces};

const POLICIES: [Policy; 3] = [Policy::Strict, Policy::Repair, Policy::Coerce];

/// A schema with all that leads a reader.
fn schema() -> Value {
    json!({
        "$defs": {"tree": {"type": "object", "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        }, "required": ["name"]}},
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["string", "null"]},
            "c": {"enum": ["red", "green", "blue"]},
            "d": {"type": "array", "items": {"type": "string"}},
            "e": {"anyOf": [
                {"type": "object", "properties": {"kind": {"const": "x"}, "n": {"type": "integer"}}, "required": ["kind"]},
                {"type": "object", "properties": {"kind": {"const": "y"}, "s": {"type": "string"}}, "required": ["kind"]},
                {"type": "number"},
            ]},
            "tree": {"$ref": "#/$defs/tree"},
        },
    })
}

/// Texts that are nearly what the schema asks for, in the words of its properties.
fn replies() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("5"),
        Just("\"5\""),
        Just("\"red\""),
        Just("Red"),
        Just("'x, \"y\" z'"),
        Just("null"),
        Just("True"),
        Just("\"a \"b\" c\""),
        Just("[1, 'x',]"),
        Just("{\"kind\": \"x\", \"n\": \"7\"}"),
        Just("{\"s\": \"t\", \"kind\": 'Y'}"),
        Just("{name: \"r\", children: [{\"name\": \"s\"}]}"),
        Just("\"\"\"x\"\"\""),
        Just("\"x\" + \"y\""),
        Just("\"1,234\""),
        Just("..."),
        Just("/* c */ .5"),
    ];
    let key = prop_oneof![
        Just("\"a\""),
        Just("b"),
        Just("'c'"),
        Just("\"D\""),
        Just("\"e\""),
        Just("“tree”"),
        Just("\"other\""),
    ];
    let gap = prop_oneof![Just(" "), Just("\n"), Just(""), Just(" // c\n"), Just("\t")];
    let comma = prop_oneof![4 => Just(","), 1 => Just(""), 1 => Just(";"), 1 => Just(",,")];
    let field = (key, gap, scalar, comma).prop_map(|(k, g, v, c)| format!("{k}{g}: {v}{c}{g}"));
    let around = prop_oneof![
        Just(("", "")),
        Just(("```json\n", "\n```")),
        Just(("Sure {x}: ", " ok")),
        Just(("<think>{</think>", "}")),
    ];
    (around, proptest::collection::vec(field, 0..6))
        .prop_map(|((before, after), fields)| format!("{before}{{{}}}{after}", fields.concat()))
}

/// Each value so far is a beginning of the next and of the last, and what is complete is in the last.
fn check_growth(text: &str, schema: Option<&Value>, policy: Policy, size: usize) {
    let mut reader = Reader::new(schema, policy);
    let mut before: Option<Value> = None;
    let mut mirror = Mirror::default();
    for piece in pieces(text, size) {
        reader.push_with(piece, &mut |change| mirror.take(change));
        let now = reader.value().cloned();
        if let (Some(before), Some(now)) = (&before, &now) {
            assert!(mirror.replaced || is_beginning(before, now), "{text}\n{before}\n{now}");
        }
        assert!(before.is_none() || now.is_some(), "{text}");
        assert_eq!(mirror.value, now, "{policy:?} by {size}: {text}");
        before = now;
    }
    let outcome = reader.finish_with(&mut |change| mirror.take(change));
    let last = match &outcome {
        Ok(outcome) => Some(&outcome.value),
        Err(error) => error.value(),
    };
    if let (Some(before), Some(last)) = (&before, last) {
        assert!(mirror.replaced || is_beginning(before, last), "{text}\n{before}\n{last}");
    }
    if let Ok(outcome) = &outcome {
        assert_eq!(mirror.value.as_ref(), Some(&outcome.value), "{text}");
    }
}

/// Builds the value from what is told alone.
#[derive(Default)]
struct Mirror {
    value: Option<Value>,
    replaced: bool,
}

impl Mirror {
    fn take(&mut self, change: Change<'_>) {
        let steps: Vec<Step<'_>> = change.path().steps().collect();
        let Some((last, way)) = steps.split_last() else {
            apply(change, &mut self.value, &mut self.replaced);
            return;
        };
        let mut inner = self.value.as_mut().expect("a root for what is within it");
        for step in way {
            inner = match step {
                Step::Key(key) => inner.get_mut(*key).unwrap(),
                Step::Index(index) => inner.get_mut(*index).unwrap(),
            };
        }
        match (last, inner) {
            (Step::Key(key), Value::Object(map)) => {
                let mut slot = map.get(*key).cloned();
                apply(change, &mut slot, &mut self.replaced);
                map.insert((*key).to_owned(), slot.unwrap());
            }
            (Step::Index(index), Value::Array(items)) => {
                let mut slot = items.get(*index).cloned();
                apply(change, &mut slot, &mut self.replaced);
                items.truncate(*index);
                items.push(slot.unwrap());
            }
            (step, value) => panic!("{step:?} in {value}"),
        }
    }
}

fn apply(change: Change<'_>, slot: &mut Option<Value>, replaced: &mut bool) {
    match change {
        Change::Started { kind, .. } => {
            *replaced |= slot.is_some();
            *slot = Some(match kind {
                meanwhile_json::Kind::Text => Value::String(String::new()),
                meanwhile_json::Kind::List => Value::Array(Vec::new()),
                meanwhile_json::Kind::Object => Value::Object(Map::new()),
            });
        }
        Change::Text { added, .. } => match slot {
            Some(Value::String(text)) => text.push_str(added),
            other => panic!("text for {other:?}"),
        },
        Change::Completed { value, .. } => {
            if let Some(before) = slot {
                *replaced |= !is_beginning(before, value);
            }
            *slot = Some(value.clone());
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter(value in values(), changes in changes()) {
        let text = mutate(&value.to_string(), &changes);
        for policy in POLICIES {
            check_cuts(&text, None, policy);
        }
        check_cuts(&text, Some(&schema()), Policy::Coerce);
    }

    #[test]
    fn cuts_do_not_matter_to_replies(reply in replies(), changes in changes()) {
        for text in [mutate(&reply, &changes), reply] {
            check_cuts(&text, None, Policy::Repair);
            check_cuts(&text, Some(&schema()), Policy::Repair);
            check_cuts(&text, Some(&schema()), Policy::Coerce);
        }
    }

    #[test]
    fn values_grow(value in values(), changes in changes(), size in 1_usize..9) {
        let text = mutate(&value.to_string(), &changes);
        for policy in POLICIES {
            check_growth(&text, None, policy, size);
        }
    }

    #[test]
    fn values_of_replies_grow(reply in replies(), changes in changes(), size in 1_usize..9) {
        for text in [mutate(&reply, &changes), reply] {
            check_growth(&text, None, Policy::Repair, size);
            check_growth(&text, Some(&schema()), Policy::Coerce, size);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", noise in proptest::collection::vec(any::<char>(), 0..40)) {
        let noise: String = noise.into_iter().collect();
        for text in [text, noise] {
            for policy in POLICIES {
                check_growth(&text, None, policy, 3);
                check_growth(&text, Some(&schema()), policy, 3);
            }
        }
    }
}
