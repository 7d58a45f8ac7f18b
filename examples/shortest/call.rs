//! As short as it gets: a call.

use meanwhile::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    meanwhile::call("local/smollm2-135m", "Say hello").await.map(|text: String| println!("{text}"))
}
