//! As short as it gets: a typed answer.

use meanwhile::prelude::*;

#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Book {
    title: String,
}

fn main() -> Result<()> {
    meanwhile::call("local/smollm2-135m", "Name a book").blocking().map(|b: Book| println!("{b:?}"))
}
