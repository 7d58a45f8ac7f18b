//! As short as it gets: a tool, run until the model answers.

use meanwhile::prelude::*;

/// Tells the weather in a city.
#[tool]
async fn weather(city: String) -> String {
    format!("18 degrees and sunny in {city}")
}

#[tokio::main]
async fn main() -> Result<()> {
    let call = meanwhile::call("local/smollm2-135m", "What is the weather in Paris?");
    call.tool::<Weather>().max_tokens(60).await.map(|text: String| println!("{text}"))
}
