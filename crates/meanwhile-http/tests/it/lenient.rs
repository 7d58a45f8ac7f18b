//! Fields of the wire that drift, and characters that a server cut in two.

use meanwhile_core::{Message, Request, ToolCall};
use meanwhile_http::CallIds;
use meanwhile_http::lenient::{
    Arguments, Flag, Halves, List, Number, Object, Raws, Str, Words, record, unescape, value,
};
use serde_json::json;

record! {
    /// Every kind of field.
    struct Every<'a> {
        text: Str<'a>,
        count as "theCount": Number,
        flag: Flag,
        words: Words<'a>,
        arguments: Arguments<'a>,
        object: Object<Box<Inner<'a>>>,
        list: List<Inner<'a>>,
        raws: Raws<'a>,
    } => extras [rare r#type]

    struct Inner<'a> {
        text: Str<'a>,
    }
}

fn read(json: &str) -> Every<'_> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_field_of_another_kind_is_absent_and_takes_no_other_with_it() {
    let names = ["text", "theCount", "flag", "words", "arguments", "object", "list", "raws"];
    for name in names {
        for odd in [json!(null), json!(true), json!([true, []]), json!({ "a": [1] }), json!("\n")] {
            let mut body = json!({ "rare": [1] });
            body[name] = odd.clone();
            let body = body.to_string();
            let every = read(&body);
            assert_eq!(every.extras.len(), 1, "{body}");
            assert_eq!(
                (every.count.0, every.object.0.is_some()),
                (None, name == "object" && odd.is_object())
            );
        }
    }
    let every = read(
        r#"{"text":7,"theCount":"3","words":["a",{"text":"b"}],"list":{"text":"one"},"arguments":{"a":1}}"#,
    );
    assert_eq!((every.text.text(), every.count.0, every.words.given()), ("7", Some(3), Some("ab")));
    assert_eq!((every.list.0.len(), every.list.0[0].text.given()), (1, Some("one")));
    assert_eq!((&*every.arguments.0, every.raws.values().len()), (r#"{"a":1}"#, 0));
    assert_eq!((Str::default().text(), Str::from("a").into_text()), ("", "a".into()));
}

#[test]
fn a_field_that_is_named_twice_counts_as_it_came_last() {
    let every = read(
        r#"{"text":"a","text":"b","theCount":1,"theCount":2,"flag":true,"flag":false,"list":[],"list":[{},1,{}],
            "raws":[1],"raws":[1,2],"rare":1,"rare":2,"type":1,"type":null,"other":1,"other":2}"#,
    );
    assert_eq!((every.text.text(), every.count.0, every.flag.0), ("b", Some(2), false));
    assert_eq!((every.list.0.len(), every.raws.values().len()), (2, 2));
    let extras: Vec<_> = every.extras.iter().map(|(name, raw)| (*name, raw.get())).collect();
    assert_eq!(extras, [("rare", "2")]);
}

#[test]
fn text_of_an_answer_is_copied_only_where_it_has_to_be() {
    let every = read(r#"{"text":"plain","arguments":"plain"}"#);
    assert!(matches!(every.text.0, Some(std::borrow::Cow::Borrowed("plain"))));
    assert!(matches!(every.arguments.0, std::borrow::Cow::Borrowed("plain")));
    for text in ["", "plain", "a\nb\"c\\d/\t\r\u{8}\u{c}\u{1f600}é", "\u{1}"] {
        let escaped = serde_json::to_string(text).unwrap();
        assert_eq!(unescape(&escaped).unwrap(), text);
    }
    assert_eq!(unescape(r#""\u00e9\ud83d\ude00""#).unwrap(), "é\u{1f600}");
    assert!(unescape(r#""\ud83d""#).is_err() && unescape("7").is_err());
}

#[test]
fn halves_that_come_apart_are_joined_and_the_others_replaced() {
    let check = |pieces: &[&str], expected: &[&str]| {
        let mut halves = Halves::of(&["text", "more"]);
        let mended: Vec<String> = pieces
            .iter()
            .map(|piece| {
                let mended = halves.mend(piece.as_bytes(), false);
                String::from_utf8(mended.unwrap_or_else(|| piece.as_bytes().to_vec())).unwrap()
            })
            .collect();
        assert_eq!(mended, expected, "{pieces:?}");
        halves
    };
    let none = check(&[r#"{"text":"\ud83d\ude00"}"#], &[r#"{"text":"\ud83d\ude00"}"#]);
    assert!(!none.is_waiting() && none.waiting().is_none());
    check(
        &[r#"{"text":"a\ud83d"}"#, r#"{"text":"\ude00"}"#],
        &[r#"{"text":"a"}"#, r#"{"text":"\ud83d\ude00"}"#],
    );
    // Nothing comes between the two but texts of other fields and empty ones.
    check(
        &[
            r#"{"text":"\ud83d"}"#,
            r#"{"id":"x","text":"","other":"\ude00"}"#,
            r#"{"text":"\ude00"}"#,
        ],
        &[
            r#"{"text":""}"#,
            r#"{"id":"x","text":"","other":"\ufffd"}"#,
            r#"{"text":"\ud83d\ude00"}"#,
        ],
    );
    check(
        &[r#"{"text":"\ud83d"}"#, r#"{"text":"b"}"#],
        &[r#"{"text":""}"#, r#"{"text":"\ufffdb"}"#],
    );
    // Only at the end of a text that comes in pieces may the other half follow.
    check(&[r#"{"text":"\ud83dx","id":"\ud83d"}"#], &[r#"{"text":"\ufffdx","id":"\ufffd"}"#]);
    check(&[r#"{"text":"\\ud83d","a\ud83d":1}"#], &[r#"{"text":"\\ud83d","a\ufffd":1}"#]);
    let mut waiting = check(&[r#"{"more":"\uD83D"}"#], &[r#"{"more":""}"#]);
    assert_eq!(
        (waiting.waiting(), waiting.take(), waiting.take()),
        (Some("more"), Some("more"), None)
    );
    // What is whole is mended in one go, and only where there is something to mend.
    assert_eq!(Halves::mended(br#"{"text":"a"}"#), None);
    assert_eq!(Halves::mended(br#"{"text":"\ud83d\ude00"}"#), None);
    assert_eq!(value(br#"{"text":"a\ud83d"}"#).unwrap(), json!({ "text": "a\u{fffd}" }));
    assert!(value(br#"{"text":"a\ud83d"#).is_err());
}

#[test]
fn an_id_that_the_conversation_has_is_not_given_again() {
    let call = ToolCall::new("functions.weather:0", "weather", "{}");
    let request = Request::new("m", vec![Message::user("x"), Message::assistant(call)]);
    let mut ids = CallIds::after(&request);
    let again = ids.give(Some("functions.weather:0"));
    assert_ne!(again, "functions.weather:0");
    assert_eq!(ids.give(Some("functions.weather:1")), "functions.weather:1");
    assert_ne!(ids.give(None), again);
}
