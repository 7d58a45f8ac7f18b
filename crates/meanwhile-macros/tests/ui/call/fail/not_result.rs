use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn recommend(genre: &str) -> String {
    "Recommend a {genre} book"
}

#[call("openai/gpt-4o-mini")]
async fn nothing(genre: &str) {
    "Recommend a {genre} book"
}

#[call("openai/gpt-4o-mini")]
async fn other(genre: &str) -> Result<String, std::fmt::Error> {
    "Recommend a {genre} book"
}

fn main() {}
