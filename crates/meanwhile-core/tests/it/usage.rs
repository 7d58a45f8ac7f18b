//! Token counts: what is kept as the provider wrote it.

use meanwhile_core::{ErrorKind, RawJson, Usage};
use serde_json::{Value, json};

#[test]
fn raw_counters_are_kept_as_text_and_read_on_demand() {
    let raw = RawJson::new(r#"{ "a": 1, "b": { "c": 2.50 } }"#).unwrap();
    assert_eq!(raw.text(), r#"{ "a": 1, "b": { "c": 2.50 } }"#);
    assert_eq!(raw.json().unwrap(), json!({ "a": 1, "b": { "c": 2.5 } }));
    assert_eq!(format!("{raw:?}"), raw.text());
    #[derive(serde::Deserialize)]
    struct Counters {
        a: u8,
    }
    assert_eq!(raw.parse::<Counters>().unwrap().a, 1);
    assert_eq!(raw.parse::<Vec<u8>>().unwrap_err().kind(), ErrorKind::Decode);
    for wrong in ["", "{", "{} {}", "tokens"] {
        assert_eq!(RawJson::new(wrong).unwrap_err().kind(), ErrorKind::Decode, "{wrong}");
    }
}

#[test]
fn equal_counters_may_be_written_differently() {
    let one = RawJson::new(r#"{"a":1,"b":[]}"#).unwrap();
    assert_eq!(one, RawJson::new(r#"{ "b": [], "a": 1 }"#).unwrap());
    assert_eq!(one, RawJson::from(json!({ "a": 1, "b": [] })));
    assert_ne!(one, RawJson::from(json!({ "a": 1 })));
}

#[test]
fn serialised_usage_holds_the_counters_themselves() {
    let mut usage = Usage::totals(3, 4);
    usage.raw = Some(RawJson::new(r#"{ "prompt_tokens": 3 }"#).unwrap());
    let written = serde_json::to_value(&usage).unwrap();
    assert_eq!(written["raw"], json!({ "prompt_tokens": 3 }));
    assert_eq!(serde_json::from_value::<Usage>(written).unwrap(), usage);
    let text = serde_json::to_string(&usage).unwrap();
    assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);

    let mut later = Usage::totals(5, 6);
    usage.update(later.clone());
    assert!(usage.raw.is_some(), "a report without counters takes none away");
    later.raw = Some(Value::from(7).into());
    usage.update(later);
    assert_eq!(usage.raw.unwrap().text(), "7");
}
