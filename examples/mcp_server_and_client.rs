//! The Model Context Protocol: functions served as tools, and a model that uses them from afar.

use meanwhile::mcp::{Client, Progress, Server};
use meanwhile::prelude::*;
use meanwhile::{AnyTool, Toolbox};

/// Says in which year a book appeared.
#[tool]
async fn year_of(title: String, #[host] progress: &Progress) -> Result<u16, String> {
    progress.say(1.0, 1.0, "looking it up").await;
    if title == "Dune" { Ok(1965) } else { Err(format!("no book is called {title}")) }
}

#[call("scripted/critic")]
async fn review(title: &str) -> Result<String> {
    "Review {title} in one sentence."
}

/// Reviews a book in one sentence.
#[tool]
async fn review_book(title: String) -> Result<String> {
    review(&title).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let dune = r#"{"title": "Dune"}"#;
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("call_1", "books_year_of", dune),
            ToolCall::new("call_2", "books_year_of", r#"{"title": "Tune"}"#),
        ])
        .tool_call("call_3", "books_review_book", dune)
        .reply("Sand, spice and a chosen one.")
        .reply("Dune appeared in 1965 and is about sand.");
    registry().insert(scripted.clone().into());

    // Over `serve_stdio` or `serve_http` in a program of its own; here both ends are one program.
    let tools =
        Toolbox::new().with(AnyTool::function::<YearOf>()).with(AnyTool::function::<ReviewBook>());
    let (here, there) = tokio::io::duplex(4096);
    tokio::spawn(Server::new("books", "1.0.0").tools(tools).serve(there));

    let client = Client::over(here).prefix("books").connect().await?;
    let tools = client.tools().await?;
    for spec in tools.specs() {
        println!("{}: {}", spec.name, spec.description);
    }
    let answer: String =
        meanwhile::call("scripted/librarian", "Tell me about Dune.").tools(tools).await?;
    println!("{answer}");
    client.close().await;
    Ok(())
}
