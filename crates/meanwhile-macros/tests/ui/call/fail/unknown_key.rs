use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini", temprature = 0.5)]
async fn recommend(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

fn main() {}
