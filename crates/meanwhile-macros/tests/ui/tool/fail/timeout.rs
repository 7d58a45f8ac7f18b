use meanwhile::prelude::*;

/// Waits.
#[tool(timeout = "5 parsecs")]
async fn waits() {}

/// Waits.
#[tool(timeout = 5)]
async fn numbers() {}

fn main() {}
