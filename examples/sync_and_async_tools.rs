//! Tools, async and not: awaited, and from synchronous code, where an async one asks for permission:
//! for a piece of code, or everywhere.

use std::time::Duration;

use meanwhile::blocking::{AsyncTools, allow_async_tools, configure_async_tools};
use meanwhile::prelude::*;

/// Doubles a number, after some thought.
#[tool]
async fn double(x: i64) -> i64 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    x * 2
}

/// Halves a number.
#[tool]
fn halve(x: i64) -> i64 {
    x / 2
}

fn main() -> Result<()> {
    // Awaited, as in any async program.
    let answer = meanwhile::blocking::block_on(async { Double { x: 2 }.call().await })?;
    println!("awaited: {answer}");

    // A tool that does not wait runs anywhere; one that does asks first.
    println!("halved: {:?}", Halve { x: 10 }.call_blocking()?);
    match (Double { x: 5 }).call_blocking() {
        Ok(output) => println!("not reached: {output:?}"),
        Err(error) => println!("refused: {error}"),
    }

    // Allowed for a piece of code.
    let within = Duration::from_secs(5);
    let output = allow_async_tools(within, || Double { x: 5 }.call_blocking())?;
    println!("in a scope: {output:?}");

    // Allowed everywhere.
    configure_async_tools(AsyncTools::Allow { within });
    println!("everywhere: {:?}", Double { x: 5 }.call_blocking()?);
    Ok(())
}
