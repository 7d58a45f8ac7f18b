use meanwhile::prelude::*;

struct Book;

#[call("openai/gpt-4o-mini", tools = [Book])]
async fn recommend() -> Result<String> {
    "Recommend a book"
}

#[call("openai/gpt-4o-mini", tools = [no_such_tool])]
async fn missing() -> Result<String> {
    "Recommend a book"
}

fn main() {}
