//! As short as it gets: a streamed answer, printed as it is written.

use meanwhile::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    let call = meanwhile::call::<String>("local/smollm2-135m", "Tell a story.").max_tokens(60);
    call.stream().await?.text().map_ok(|text| print!("{text}")).try_collect().await
}
