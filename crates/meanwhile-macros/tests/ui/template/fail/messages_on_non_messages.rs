use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn go_on(history: &str, question: &str) -> Result<String> {
    "MESSAGES: {history}
     USER: {question}"
}

fn main() {}
