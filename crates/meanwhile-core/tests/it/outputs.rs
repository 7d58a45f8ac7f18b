//! What a call may return, and what is said when the answer does not hold it.

use meanwhile_core::{
    ErrorKind, Event, Extract, Finish, FinishReason, Json, OutputFormat, Part, Refusal, Scripted,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{model, wait};

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Book {
    title: String,
    year: Option<u16>,
}

fn read<T: Extract>(answer: &str) -> Result<T, ErrorKind> {
    let scripted = Scripted::new().reply(answer);
    wait(model(&scripted).call::<T>("x")).map_err(|error| error.kind())
}

#[test]
fn values_are_read_wrapped_bare_and_fenced() {
    assert_eq!(read::<u8>("{\"value\": 4}"), Ok(4));
    assert_eq!(read::<u8>("4"), Ok(4));
    assert_eq!(read::<bool>(" true\n"), Ok(true));
    assert_eq!(read::<f64>("```\n2.5\n```"), Ok(2.5));
    assert_eq!(read::<Vec<String>>("{\"value\":[\"a\"]}"), Ok(vec!["a".to_owned()]));
    assert_eq!(read::<Option<u8>>("{\"value\":null}"), Ok(None));
    assert_eq!(read::<Option<u8>>("{\"value\":3}"), Ok(Some(3)));
    let book = Book { title: "It".to_owned(), year: None };
    assert_eq!(read::<Json<Book>>("```json\n{\"title\":\"It\"}\n```"), Ok(Json(book)));
}

#[test]
fn what_does_not_fit_is_an_output_error_with_the_answer() {
    assert_eq!(read::<u8>("300"), Err(ErrorKind::Output));
    assert_eq!(read::<u8>("many"), Err(ErrorKind::Output));
    assert_eq!(read::<String>(""), Err(ErrorKind::Output));
    let scripted = Scripted::new().reply("not json");
    let error = wait(model(&scripted).call::<Json<Book>>("x")).unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "not json");
}

#[test]
fn schemas_of_values_are_objects() {
    let check = |format: OutputFormat, expected: &str| {
        let OutputFormat::Schema(output) = format else { panic!("no schema") };
        assert!(output.schema.is_object());
        assert_eq!(output.name, expected);
    };
    check(u8::output(), "uint8");
    check(Vec::<String>::output(), "Array_of_string");
    check(Json::<Book>::output(), "Book");
}

#[test]
fn why_there_is_no_value_is_said() {
    let check = |events: Vec<Event>, kind: ErrorKind, words: &str| {
        let scripted = Scripted::new().events(events.into_iter().map(Ok));
        let error = wait(model(&scripted).call::<u8>("x")).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.message().contains(words), "{error}");
        assert!(error.partial().is_some());
    };
    let finish = |reason| Event::finish(Finish::new(reason));
    let cut = [Event::part(0, Part::text("{\"val")), finish(FinishReason::Length)];
    check(cut.into(), ErrorKind::Output, "max_tokens");
    let refused = [Event::part(0, Refusal::new("I will not")), finish(FinishReason::Stop)];
    check(refused.into(), ErrorKind::Output, "the model refused: I will not");
    check(vec![finish(FinishReason::ContentFilter)], ErrorKind::ContentFilter, "filter");
    check(vec![finish(FinishReason::Stop)], ErrorKind::Output, "empty");
}
