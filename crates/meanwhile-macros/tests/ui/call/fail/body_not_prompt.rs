use meanwhile::prelude::*;

#[call("openai/gpt-4o-mini")]
async fn number() -> Result<String> {
    42
}

#[call("openai/gpt-4o-mini")]
async fn inside() -> Result<String> {
    "7".parse::<u8>()
}

#[call("openai/gpt-4o-mini")]
async fn error() -> Result<String> {
    let number: u8 = Err(5)?;
    "{number}"
}

fn main() {}
