use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn recommend(genre: &str, price: f32, _hint: &str) -> Result<String> {
    "Recommend a {genre} book"
}

fn main() {}
