use meanwhile::prelude::*;

#[call("gpt-4o-mini")]
async fn recommend(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

#[call(model = "openai/")]
async fn again(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

fn main() {}
