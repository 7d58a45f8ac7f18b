//! Tools: types, schemas, the loop and the match.

use std::fmt;

use meanwhile::prelude::*;
use serde_json::json;

use crate::support::run;

/// Formats a recommendation.
///
/// Use it last.
#[tool]
fn format_book(
    /// Exact title.
    title: String,
    author: &str,
) -> String {
    format!("{title} by {author}")
}

/// Looks up who wrote a book.
#[tool(name = "author-of", type = Author, derive(Clone, PartialEq))]
async fn author_of(
    mut title: String,
    /// Other words for it.
    also: &[String],
    #[serde(default)] strict: bool,
    edition: Option<u8>,
) -> std::result::Result<Vec<String>, NotFound> {
    title.push_str(&also.concat());
    if title == "Dune" {
        Ok(vec![format!("Frank Herbert {strict} {edition:?}")])
    } else {
        Err(NotFound(title))
    }
}

#[derive(Debug)]
struct NotFound(String);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody wrote {}", self.0)
    }
}

impl std::error::Error for NotFound {}

/// Says when it is.
#[tool]
fn now() {}

/// Draws.
#[tool]
async fn draw(r#type: u8) -> ToolOutput {
    ToolOutput::new(vec![Part::text("here"), Image::url(format!("http://x/{}", r#type)).into()])
}

/// Fails with anything.
#[tool]
fn shaky(kind: u8) -> anyhow::Result<u8> {
    match kind {
        0 => Err(anyhow::anyhow!("shaken")),
        1 => Err(Error::new(ErrorKind::Config, "ours").into()),
        kind => Ok(kind),
    }
}

mod nested {
    use super::*;

    /// Adds.
    #[tool]
    pub(crate) fn add(a: i64, b: i64) -> i64 {
        a + b
    }
}

#[derive(Debug, ToolSet)]
enum Desk {
    FormatBook(FormatBook),
    Author(Author),
}

#[derive(Debug, ToolSet)]
enum All {
    Desk(Desk),
    Now(Now),
    Add(nested::Add),
}

fn spec<T: meanwhile::FunctionTool>() -> serde_json::Value {
    serde_json::to_value(T::spec()).unwrap()
}

#[test]
fn the_function_stays_a_function() {
    assert_eq!(format_book("Dune".into(), "Herbert"), "Dune by Herbert");
    now();
    let tool = FormatBook { title: "Dune".into(), author: "Herbert".into() };
    assert_eq!(tool.call(), "Dune by Herbert");
    let tool = Author { title: "Du".into(), also: vec!["ne".into()], strict: true, edition: None };
    assert_eq!(run(tool.clone().call()).unwrap(), ["Frank Herbert true None"]);
    assert!(tool == tool.clone());
}

#[test]
fn specs_describe_parameters() {
    assert_eq!(
        spec::<FormatBook>(),
        json!({
            "name": "format_book",
            "description": "Formats a recommendation.\n\nUse it last.",
            "parameters": {
                "type": "object",
                "properties": {
                    "title": { "type": "string", "description": "Exact title." },
                    "author": { "type": "string" },
                },
                "required": ["title", "author"],
            },
        })
    );
    let author = spec::<Author>();
    assert_eq!(author["name"], "author-of");
    assert_eq!(author["parameters"]["required"], json!(["title", "also"]));
    assert_eq!(author["parameters"]["properties"]["also"]["description"], "Other words for it.");
    assert_eq!(spec::<Now>()["parameters"], json!({ "type": "object", "properties": {} }));
    assert_eq!(spec::<Draw>()["parameters"]["required"], json!(["type"]));
    assert_eq!(spec::<nested::Add>()["description"], "Adds.");
}

#[call("a/b", tools = [format_book, Author, nested::add, now, draw, shaky])]
async fn librarian(client: &Scripted) -> Result<String> {
    prompt!("Recommend a book").client(client.clone())
}

#[test]
fn sync_and_async_tools_run_in_one_loop() {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "author-of", r#"{"title": "Dune", "also": []}"#),
            ToolCall::new("2", "format_book", r#"{"title": "Dune", "author": "?"}"#),
            ToolCall::new("3", "author-of", r#"{"title": "Emma", "also": []}"#),
            ToolCall::new("4", "format_book", r#"{"title": 5}"#),
            ToolCall::new("5", "burn", "{}"),
            ToolCall::new("6", "add", r#"{"a": 1, "b": 2, "invented": true}"#),
            ToolCall::new("7", "now", ""),
            ToolCall::new("8", "draw", r#"{"type": 4}"#),
            ToolCall::new("9", "shaky", r#"{"kind": 0}"#),
            ToolCall::new("10", "shaky", r#"{"kind": 1}"#),
            ToolCall::new("11", "shaky", r#"{"kind": 2}"#),
        ])
        .reply("Dune");
    assert_eq!(run(librarian(&scripted).into_future()).unwrap(), "Dune");

    let requests = scripted.requests();
    assert_eq!(requests[0].tools.len(), 6);
    let results: Vec<(bool, String)> = requests[1].messages[2]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => (result.is_error, result.text()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (false, r#"["Frank Herbert false None"]"#),
        (false, "Dune by ?"),
        (true, "nobody wrote Emma"),
        (
            true,
            "the arguments of the call of `format_book` do not fit: invalid type: integer `5`, expected a string",
        ),
        (
            true,
            "there is no tool `burn`; the tools are: format_book, author-of, add, now, draw, shaky",
        ),
        (false, "3"),
        (false, ""),
        (false, "here"),
        (true, "shaken"),
        (true, "configuration error: ours"),
        (false, "2"),
    ];
    let expected: Vec<(bool, String)> =
        expected.iter().map(|(failed, text)| (*failed, (*text).to_owned())).collect();
    assert_eq!(results, expected);
}

#[call("a/b", tools = Desk)]
async fn step(client: &Scripted) -> Result<Turn<String, Desk>> {
    prompt!("Recommend a book").client(client.clone())
}

#[test]
fn a_turn_is_matched() {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "format_book", r#"{"title": "Dune", "author": "Herbert"}"#),
            ToolCall::new("2", "author-of", r#"{"title": "Dune"}"#),
            ToolCall::new("3", "now", "{}"),
        ])
        .reply("done");
    run(async {
        let Turn::ToolCalls(turn) = step(&scripted).await.unwrap() else { panic!("no calls") };
        let mut seen = Vec::new();
        for call in &turn.calls {
            seen.push(match &call.tool {
                Ok(Desk::FormatBook(book)) => format!("book {}", book.title),
                Ok(Desk::Author(author)) => format!("author {}", author.title),
                Err(error) => error.message().to_owned(),
            });
        }
        assert_eq!(
            seen,
            [
                "book Dune",
                "the arguments of the call of `author-of` do not fit: missing field `also`",
                "there is no tool `now`; the tools are: format_book, author-of",
            ]
        );
        let mut results = Vec::new();
        let message = turn.response.message.clone();
        for call in turn.calls {
            results.push(call.run().await);
        }
        assert_eq!(results[0].text(), "Dune by Herbert");
        assert!(results[1].is_error && results[2].is_error);
        assert_eq!(message.tool_calls().count(), 3);

        let Turn::Final(text) = step(&scripted).await.unwrap() else { panic!("no answer") };
        assert_eq!(text, "done");
    });
}

#[test]
fn sets_nest() {
    let names: Vec<String> = All::toolbox().specs().map(|spec| spec.name.clone()).collect();
    assert_eq!(names, ["format_book", "author-of", "now", "add"]);
    let call = |name: &str, arguments: &str| All::from_call(&ToolCall::new("1", name, arguments));
    assert!(matches!(call("now", ""), Ok(All::Now(Now {}))));
    assert!(matches!(
        call("format_book", r#"{"title": "a", "author": "b"}"#),
        Ok(All::Desk(Desk::FormatBook(_)))
    ));
    assert!(call("burn", "").unwrap_err().message().contains("there is no tool `burn`"));
    let add = call("add", r#"{"a": 1, "b": 2}"#).unwrap();
    assert_eq!(run(add.run(&ToolContext::current())).unwrap(), ToolOutput::new("3"));
}

#[call("a/b", tools = toolbox(), tool_choice = "now")]
async fn made_at_run_time(client: &Scripted) -> Result<Response> {
    prompt!("x").client(client.clone()).tool::<nested::Add>()
}

fn toolbox() -> Toolbox {
    Now::toolbox()
}

#[test]
fn toolboxes_add_up() {
    let scripted = Scripted::new().reply("x");
    run(made_at_run_time(&scripted).into_future()).unwrap();
    let request = &scripted.requests()[0];
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["now", "add"]);
    assert_eq!(request.tool_choice, ToolChoice::Tool("now".into()));
}
