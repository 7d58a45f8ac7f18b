//! A client that is no provider, such as one that blocks, cannot be given to a call.

use meanwhile::prelude::*;

struct BlockingClient;

#[call("openai/gpt-4o-mini", client = BlockingClient)]
async fn recommend_book() -> Result<String> {
    "Recommend a book"
}

fn main() {
    let _call = recommend_book();
}
