use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
fn recommend(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

fn main() {}
