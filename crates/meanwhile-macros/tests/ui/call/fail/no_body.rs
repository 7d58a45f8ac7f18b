use meanwhile::prelude::*;

trait Librarian {
    #[call("openai/gpt-4o-mini")]
    async fn recommend(&self, genre: &str) -> Result<String>;
}

#[call("openai/gpt-4o-mini")]
async fn empty() -> Result<String> {}

#[call("openai/gpt-4o-mini")]
async fn semicolon() -> Result<String> {
    "Recommend a book";
}

#[call("openai/gpt-4o-mini")]
async fn statement(genre: &str) -> Result<String> {
    let _genre = genre;
}

fn main() {}
