//! Tools, sync and async: matched by type, or run in a loop until the model answers.

use meanwhile::prelude::*;

/// Formats a recommendation of a book.
#[tool]
async fn format_book(
    /// The exact title.
    title: String,
    author: String,
) -> String {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    format!("{title} by {author}")
}

/// Looks up in which year a book appeared.
#[tool]
fn year_of(title: String) -> Result<u16, String> {
    if title == "Dune" { Ok(1965) } else { Err(format!("no book is called {title}")) }
}

#[derive(Debug, ToolSet)]
enum Desk {
    FormatBook(FormatBook),
    YearOf(YearOf),
}

/// One turn: the answer, or typed calls to handle here.
#[call("scripted/librarian", tools = Desk)]
async fn recommend(genre: &str) -> Result<Turn<String, Desk>> {
    "Recommend a {genre} book."
}

/// A plain output type runs the tools until the model answers.
#[call("scripted/librarian", tools = [format_book, year_of], max_turns = 5)]
async fn research(question: &str) -> Result<String> {
    "{question}"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let dune = r#"{"title": "Dune", "author": "Frank Herbert"}"#;
    let scripted = Scripted::new()
        .tool_call("call_1", "format_book", dune)
        .tool_calls([
            ToolCall::new("call_2", "format_book", dune),
            ToolCall::new("call_3", "year_of", r#"{"title": "Dune"}"#),
            ToolCall::new("call_4", "year_of", r#"{"title": "Tune"}"#),
        ])
        .reply("Dune by Frank Herbert appeared in 1965.");
    registry().insert(scripted.clone().into());

    match recommend("science fiction").await? {
        Turn::Final(text) => println!("{text}"),
        Turn::ToolCalls(turn) => {
            for call in turn.calls {
                match call.tool? {
                    Desk::FormatBook(book) => println!("{}", book.call().await),
                    Desk::YearOf(year) => println!("{:?}", year.call()),
                }
            }
        }
    }

    println!("{}", research("When did Dune appear?").await?);
    // What the tools answered went back to the model, failures included.
    for part in &scripted.requests()[2].messages[2].parts {
        println!("  {part:?}");
    }
    Ok(())
}
