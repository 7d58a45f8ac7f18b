use meanwhile::prelude::*;

struct Library;

/// Finds.
#[tool]
fn find() -> Library {
    Library
}

/// Finds.
#[tool]
fn find_or_fail() -> Result<Library> {
    Ok(Library)
}

/// Fails.
#[tool]
fn fail() -> Result<u8, Library> {
    Err(Library)
}

fn main() {}
