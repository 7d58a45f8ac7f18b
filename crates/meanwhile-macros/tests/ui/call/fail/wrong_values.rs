use meanwhile::prelude::*;

#[call(
    "openai/gpt-4o-mini",
    seed = 1,
    seed = 2,
    timeout = "20 parsecs",
    reasoning = "hihg",
    tools = [1],
    tag,
    option("a"),
    max_turns
)]
async fn recommend(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

#[call("openai/gpt-4o-mini", max_tokens = "many", client = 5, tools = [look_up])]
async fn typed(genre: &str) -> Result<String> {
    "Recommend a {genre} book"
}

struct LookUp;

fn main() {}
