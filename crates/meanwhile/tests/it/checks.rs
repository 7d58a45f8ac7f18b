//! Checks of fields and across fields, as the derive writes them.

use std::collections::BTreeMap;

use meanwhile::prelude::*;
use meanwhile::{Checked, Checks, Extracted, OutputMode};

use crate::support::run;

fn not_empty(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() { Err("must not be empty") } else { Ok(()) }
}

fn short(text: &str) -> Result<(), String> {
    if text.len() <= 8 { Ok(()) } else { Err(format!("has {} letters, 8 are allowed", text.len())) }
}

mod bounds {
    /// With an error of the program's own.
    pub(super) fn positive(pages: &u32) -> anyhow::Result<()> {
        anyhow::ensure!(*pages > 0, "a book has pages");
        Ok(())
    }
}

/// A type from elsewhere, of which nothing is known but how it is read.
#[derive(Debug, Deserialize, JsonSchema)]
struct Plain {
    #[expect(dead_code, reason = "read by nobody")]
    anything: u8,
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Author {
    #[extract(check = "not_empty", check = "short")]
    full_name: String,
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[extract(check = "Book::the_last_page_exists")]
struct Book {
    #[extract(check = "not_empty")]
    #[serde(rename = "name")]
    title: String,
    #[extract(check = "bounds::positive")]
    pages: u32,
    last_read: Option<u32>,
    authors: Vec<Author>,
    #[serde(default)]
    editions: BTreeMap<String, Edition>,
    #[serde(default)]
    next: Option<Box<Book>>,
    #[serde(default)]
    plain: Vec<Plain>,
    #[serde(flatten)]
    place: Place,
}

impl Book {
    fn the_last_page_exists(&self) -> Result<(), String> {
        match self.last_read {
            Some(page) if page > self.pages => {
                Err(format!("page {page} was read of {} pages", self.pages))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Place {
    #[extract(check = "not_empty")]
    shelf: String,
}

/// Without a key of its own.
#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Isbn(#[extract(check = "short")] String);

#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Edition {
    HardCover(Isbn),
    PaperBack {
        #[extract(check = "short")]
        isbn: String,
    },
    Pair(Isbn, Isbn),
    Lost,
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "what")]
enum Adjacent {
    Of(Author),
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Internal {
    Of(Author),
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Page<T> {
    items: Vec<T>,
}

fn whole() -> serde_json::Value {
    serde_json::json!({
        "name": "Dune", "pages": 612, "last_read": 12, "authors": [{"fullName": "Herbert"}],
        "editions": {"1": {"hard_cover": "0-441-1"}, "2": "lost"}, "shelf": "A",
        "plain": [{"anything": 1}],
    })
}

/// What is wrong with a book in which `value` stands at `pointer`.
fn check(pointer: &str, value: serde_json::Value, expected: &str) {
    let mut book = whole();
    let (up, key) = pointer.rsplit_once('/').unwrap();
    let up = book.pointer_mut(up).unwrap();
    match up {
        serde_json::Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        up => up[key] = value,
    }
    let model = Model::new(Scripted::new().reply(book.to_string()), "any");
    let said = match run(model.call::<Book>("go").into_future()) {
        Ok(_) => String::new(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Output, "{error}");
            assert_eq!(error.partial().unwrap().text(), book.to_string());
            let said = error.message().strip_prefix("the answer does not pass its checks: ");
            said.unwrap_or_else(|| panic!("{error}")).to_owned()
        }
    };
    assert_eq!(said, expected);
}

#[test]
fn a_failed_check_names_its_field() {
    use serde_json::json;

    check("/name", json!("Emma"), "");
    check("/name", json!(" "), "`/name`: must not be empty");
    check("/pages", json!(0), "`/pages`: a book has pages");
    check("/last_read", json!(700), "page 700 was read of 612 pages");
    check("/last_read", json!(null), "");
    check("/shelf", json!(""), "`/shelf`: must not be empty");
    // Several functions of one field, and several fields.
    check("/authors/0/fullName", json!(""), "`/authors/0/fullName`: must not be empty");
    let authors = json!([{"fullName": "Frank Herbert"}, {"fullName": "Brian"}, {"fullName": ""}]);
    let said = "`/authors/0/fullName`: has 13 letters, 8 are allowed; \
                `/authors/2/fullName`: must not be empty";
    check("/authors", authors, said);
    let long = "`/editions/1/hard_cover`: has 9 letters, 8 are allowed";
    check("/editions/1", json!({"hard_cover": "123456789"}), long);
    let long = "`/editions/1/paper_back/isbn`: has 9 letters, 8 are allowed";
    check("/editions/1", json!({"paper_back": {"isbn": "123456789"}}), long);
    let long = "`/editions/1/pair/1`: has 9 letters, 8 are allowed";
    check("/editions/1", json!({"pair": ["1", "123456789"]}), long);
    let mut next = whole();
    next["last_read"] = 613.into();
    check("/next", next, "`/next`: page 613 was read of 612 pages");
}

#[test]
fn a_type_is_checked_once_its_fields_hold() {
    // Nobody has to be told how wrong fields go together.
    let mut book = whole();
    (book["pages"], book["last_read"]) = (0.into(), 5.into());
    let book: Book = serde_json::from_value(book).unwrap();
    assert_eq!(Checks::of(&book).to_string(), "`/pages`: a book has pages");
}

#[test]
fn paths_are_those_of_the_form_that_serde_gives_an_enum() {
    let author = || Author { full_name: String::new() };
    let said = |value: &dyn Fn(&mut Checks)| {
        let mut checks = Checks::default();
        value(&mut checks);
        checks.to_string()
    };
    let adjacent = Adjacent::Of(author());
    assert_eq!(said(&|c| adjacent.check(c)), "`/what/fullName`: must not be empty");
    let internal = Internal::Of(author());
    assert_eq!(said(&|c| internal.check(c)), "`/fullName`: must not be empty");
    let page = Page { items: vec![author()] };
    assert_eq!(said(&|c| page.check(c)), "`/items/0/fullName`: must not be empty");
    assert_eq!(said(&|c| Page { items: vec![1, 2] }.check(c)), "");
}

const WRONG: &str = r#"{"fullName": ""}"#;
const RIGHT: &str = r#"{"fullName": "Herbert"}"#;

#[test]
fn the_model_is_asked_again_with_its_answer_and_what_is_wrong() {
    let scripted = Scripted::new().reply(WRONG).reply(RIGHT);
    let model = Model::new(scripted.clone(), "any");
    let call = model.call::<Extracted<Author>>("go").attempts(2);
    let found = run(call.into_future()).unwrap();
    assert_eq!((&*found.value.full_name, found.failed), ("Herbert", 1));
    let again = &scripted.requests()[1].messages;
    assert_eq!(again[1].text(), WRONG);
    assert!(again[2].text().contains("`/fullName`: must not be empty"), "{}", again[2].text());

    // As the arguments of a tool: the call is answered with what is wrong.
    let scripted =
        Scripted::new().tool_call("1", "final_answer", WRONG).tool_call("2", "final_answer", RIGHT);
    let model = Model::new(scripted.clone(), "any");
    let call = model.call::<Author>("go").output_mode(OutputMode::Tool).attempts(2);
    assert_eq!(run(call.into_future()).unwrap().full_name, "Herbert");
    let again = &scripted.requests()[1].messages;
    let Part::ToolResult(result) = &again[2].parts[0] else { panic!("{again:?}") };
    assert!(result.text().contains("`/fullName`: must not be empty"), "{}", result.text());
}

#[test]
fn lists_turns_and_mended_answers_are_checked() {
    let ask = |reply: &str| Model::new(Scripted::new().reply(reply), "any");
    let said = |error: Error| error.message().to_owned();
    let list = format!("[{RIGHT}, {WRONG}]");
    let error = run(ask(&list).call::<Vec<Author>>("go").into_future()).unwrap_err();
    assert!(said(error).ends_with("`/1/fullName`: must not be empty"));
    let error = run(ask(WRONG).call::<Option<Author>>("go").into_future()).unwrap_err();
    assert!(said(error).ends_with("`/fullName`: must not be empty"));

    /// Does nothing.
    #[tool]
    fn nothing() {}
    let turn = ask(WRONG).call::<Turn<Author, Nothing>>("go");
    assert!(run(turn.into_future()).is_err());

    // What was mended is checked as what was mended.
    let call = meanwhile::call::<Author>(ask("Sure: {fullName: '',}"), "go");
    assert!(said(run(call.into_future()).unwrap_err()).contains("must not be empty"));
    let call = meanwhile::call::<Author>(ask("Sure: {fullName: 'Bo',}"), "go");
    assert_eq!(run(call.into_future()).unwrap().full_name, "Bo");
}
