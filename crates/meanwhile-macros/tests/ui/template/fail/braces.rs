use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn stray(genre: &str) -> Result<String> {
    "Recommend a {genre} book }"
}

#[call("openai/gpt-4o-mini")]
async fn unclosed(genre: &str) -> Result<String> {
    "Recommend a {genre book"
}

fn main() {
    let (x, d) = (1, [1]);
    let _ = (x, d);
    let _ = prompt!("{}");
    let _ = prompt!("{0}");
    let _ = prompt!("{d[0]}");
    let _ = prompt!("{d.len()}");
    let _ = prompt!("Answer like {\"title\": \"…\"}");
    let _ = prompt!("{x:lst}");
    let _ = prompt!("{x:cache}");
}
