//! A program without `async`: calls, many calls, streams, and async tools where they are allowed.

use std::io::Write as _;
use std::time::Duration;

use meanwhile::blocking::{allow_async_tools, block_on};
use meanwhile::prelude::*;

#[call("scripted/librarian")]
async fn recommend_book(genre: &str) -> Result<String> {
    "Recommend one {genre} book."
}

/// Doubles a number, after some thought.
#[tool]
async fn double(number: u32) -> u32 {
    tokio::time::sleep(Duration::from_millis(10)).await;
    number * 2
}

fn main() -> Result<()> {
    let scripted = Scripted::new()
        .reply("The Name of the Wind")
        .reply_with(|request| format!("An answer to: {}", request.messages[0].text()));
    registry().insert(scripted.into());

    // The same functions as in an async program; one runtime for all of it.
    println!("{}", recommend_book("fantasy").blocking()?);

    let books = gather(["noir", "poetry"].map(recommend_book)).blocking()?;
    println!("{books:?}");
    for result in block_on(gather(["essay", "drama"].map(recommend_book)).settle())? {
        println!("{}", result?);
    }

    for piece in recommend_book("horror").blocking_stream()?.text() {
        print!("{}", piece?);
        std::io::stdout().flush().ok();
    }
    println!();

    // An async tool is run only where that is allowed.
    let tool = || Double { number: 5 };
    if let Err(error) = tool().call_blocking() {
        println!("{error}");
    }
    let output = allow_async_tools(Duration::from_secs(1), || tool().call_blocking())?;
    println!("{}", output.parts[0].as_text().unwrap_or_default());

    // Inside of an async task, waiting is an error that says what to do.
    let refused = block_on(async { recommend_book("travel").blocking() })?;
    println!("{}", refused.unwrap_err());
    Ok(())
}
