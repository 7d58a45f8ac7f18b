use meanwhile::prelude::*;

struct Book;

#[call("openai/gpt-4o-mini")]
async fn recommend(genre: &str) -> Result<Book> {
    "Recommend a {genre} book"
}

fn main() {}
