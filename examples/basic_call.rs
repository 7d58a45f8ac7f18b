//! A prompt is an async function; awaiting it calls a model.
//!
//! The embedded model answers, so this needs no key. Name `openai/gpt-4o-mini` instead to ask a
//! hosted one; nothing else changes.

use meanwhile::prelude::*;

#[call("local/smollm2-135m", temperature = 0.7, seed = 7, max_tokens = 40)]
async fn recommend_book(genre: &str) -> Result<String> {
    "Recommend a {genre} book in one sentence."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let text = recommend_book("fantasy").await?;
    println!("{text}");

    // The same call, with the whole response: usage, finish reason, warnings.
    let response = recommend_book("mystery").response().await?;
    println!("{} tokens: {}", response.usage.total().unwrap_or(0), response.text());
    Ok(())
}
