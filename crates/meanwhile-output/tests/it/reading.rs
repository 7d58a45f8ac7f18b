//! Answers that are not quite what was asked for.

use meanwhile_core::{Extract, Extracted, Json, Model, Result, Scripted};
use meanwhile_output::{JsonReader, Policy};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Genre {
    ScienceFiction,
    Crime,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Book {
    title: String,
    pages: u32,
    genre: Option<Genre>,
}

fn ask<T: Extract>(answer: &str, policy: Policy) -> Result<Extracted<T>> {
    let model = Model::new(Scripted::new().reply(answer), "any");
    let call = model.call::<Extracted<T>>("go").reader(JsonReader::new().policy(policy));
    futures::executor::block_on(std::future::IntoFuture::into_future(call))
}

#[test]
fn answers_are_mended_and_the_mends_are_told() {
    let dune = |genre| Book { title: "Dune".to_owned(), pages: 612, genre };
    for (answer, expected, mended) in [
        (r#"{"title":"Dune","pages":612,"genre":null}"#, dune(None), false),
        ("```json\n{\"title\":\"Dune\",\"pages\":612}\n```", dune(None), false),
        (r#"Sure! {"title":"Dune","pages":612,}"#, dune(None), true),
        (r#"{title: 'Dune', pages: "612"}"#, dune(None), true),
        (
            r#"{"title":"Dune","pages":612,"genre":"Science Fiction"}"#,
            dune(Some(Genre::ScienceFiction)),
            true,
        ),
        ("<think>{} or not</think>{\"title\":\"Dune\",\"pages\":612", dune(None), true),
    ] {
        let book = ask::<Json<Book>>(answer, Policy::Coerce)
            .unwrap_or_else(|error| panic!("{answer}: {error} {:?}", error.message()));
        assert_eq!(book.value.0, expected, "{answer}");
        assert_eq!(!book.repairs.is_empty(), mended, "{answer}: {:?}", book.repairs);
    }
}

#[test]
fn what_is_no_value_is_no_value() {
    for answer in
        ["I do not know.", "{\"title\":\"Dune\"}", "{\"title\":\"Dune\",\"pages\":\"many\"}"]
    {
        let error = ask::<Json<Book>>(answer, Policy::Coerce).unwrap_err();
        assert_eq!(error.partial().unwrap().text(), answer, "{error}");
    }
    let typed = ask::<Json<Book>>(r#"{title: "Dune", pages: "612"}"#, Policy::Repair);
    assert!(typed.is_err(), "syntax alone makes no number of a text");
    let strict = ask::<Json<Book>>(r#"{"title":"Dune","pages":612,}"#, Policy::Strict);
    assert!(strict.is_err());
}

#[test]
fn values_that_travel_in_an_object_are_found_bare_too() {
    let list = |answer: &str| ask::<Vec<u32>>(answer, Policy::Coerce).unwrap().value;
    assert_eq!(list(r#"{"value":[1,2,3]}"#), [1, 2, 3]);
    assert_eq!(list("[1, 2, 3,]"), [1, 2, 3]);
    assert_eq!(list("The numbers: {value: [1, '2', 3]}"), [1, 2, 3]);
    assert!(ask::<bool>("```json\ntrue\n```", Policy::Coerce).unwrap().value);
}
