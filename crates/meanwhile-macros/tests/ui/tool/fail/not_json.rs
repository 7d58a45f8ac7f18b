use meanwhile::prelude::*;

struct Library;

/// Reads.
#[tool]
fn read(library: Library) -> u8 {
    let _ = library;
    0
}

fn main() {}
