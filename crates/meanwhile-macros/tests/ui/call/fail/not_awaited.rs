#![deny(unused_must_use)]

use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn recommend(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

fn main() {
    recommend("noir");
}
