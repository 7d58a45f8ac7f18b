use meanwhile::prelude::*;

/// Finds.
#[tool(nam = "find")]
fn find() -> u8 {
    0
}

/// Names.
#[tool(name = "no spaces")]
fn named() -> u8 {
    0
}

fn main() {}
