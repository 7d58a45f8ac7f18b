//! What a call may return.

use meanwhile::prelude::*;

use crate::support::run;

#[derive(Debug, PartialEq, Extract, Serialize, Deserialize, JsonSchema)]
struct Book {
    /// Exact title.
    title: String,
    pages: Option<u32>,
}

#[derive(Debug, PartialEq, Extract, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mood {
    Dark,
    Light,
}

#[derive(Debug, PartialEq, Extract, Deserialize, JsonSchema)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Plain {
    x: u8,
}

async fn answer<T: Extract>(text: &str) -> Result<T> {
    #[call("a/b")]
    async fn ask<T: Extract>(client: &Scripted) -> Result<T> {
        prompt!("x").client(client.clone())
    }
    ask(&Scripted::new().reply(text)).await
}

#[test]
fn values_are_read_from_answers() {
    run(async {
        let book: Book = answer(r#"{"title": "Dune"}"#).await.unwrap();
        assert_eq!(book, Book { title: "Dune".into(), pages: None });
        assert_eq!(answer::<Mood>(r#"{"value": "dark"}"#).await.unwrap(), Mood::Dark);
        assert_eq!(answer::<Mood>(r#""light""#).await.unwrap(), Mood::Light);
        let page: Page<u8> = answer(r#"{"items": [1, 2]}"#).await.unwrap();
        assert_eq!(page, Page { items: vec![1, 2] });
        assert_eq!(answer::<Json<Plain>>(r#"{"x": 1}"#).await.unwrap(), Json(Plain { x: 1 }));
        assert_eq!(answer::<Vec<u8>>(r#"{"value": [1]}"#).await.unwrap(), [1]);
        assert_eq!(answer::<String>("text").await.unwrap(), "text");
        assert_eq!(answer::<Response>("text").await.unwrap().text(), "text");
        let error = answer::<Book>("no").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output);
        assert_eq!(error.partial().unwrap().text(), "no");
    });
}

#[test]
fn doc_comments_describe_fields() {
    let meanwhile::OutputFormat::Schema(output) = Book::output() else { panic!("no schema") };
    assert_eq!(output.name, "Book");
    let schema = output.schema.as_value();
    assert_eq!(schema["properties"]["title"]["description"], "Exact title.");
    assert_eq!(schema["required"], serde_json::json!(["title"]));
}

#[test]
fn works_without_macros_too() {
    meanwhile::registry().insert_as("output-test", Scripted::new().reply("42").into());
    let answer: u8 =
        run(meanwhile::call("output-test/any", "six times seven").into_future()).unwrap();
    assert_eq!(answer, 42);
}

#[test]
fn a_provider_that_is_not_compiled_in_names_its_feature() {
    let registry = meanwhile::registry();
    if registry.ids().iter().any(|id| id == "groq") {
        return;
    }
    let error = meanwhile::model("groq/any").unwrap_err();
    assert!(error.message().contains("enable feature `groq`"), "{error}");
    let error = meanwhile::model("gorq/any").unwrap_err();
    assert!(error.message().contains("did you mean `groq`?"), "{error}");
}
