use meanwhile::prelude::*;

#[tool]
fn look_up(title: String) -> String {
    title
}

#[call("openai/gpt-4o-mini", tools = [look_up])]
async fn recommend() -> Result<String> {
    "Recommend a book"
}

fn main() {}
