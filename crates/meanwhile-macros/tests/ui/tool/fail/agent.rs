use meanwhile::prelude::*;

/// Asks.
#[call("a/b")]
#[tool]
async fn ask(question: &str) -> Result<String> {
    "{question}"
}

fn main() {}
