//! One prompt to several models at once: answers, time, tokens and cost side by side; and a race.

use std::time::Duration;

use meanwhile::layers::{Price, Prices};
use meanwhile::prelude::*;
use meanwhile::{Usd, compare, race};

#[call(temperature = 0.2)]
async fn summarise(topic: &str) -> Result<String> {
    "Summarise the history of {topic} in one sentence."
}

/// A model that takes its time. Name `openai/gpt-4o-mini` and others below to ask hosted ones.
fn model(answer: &'static str, milliseconds: u64) -> AnyProvider {
    let scripted = Scripted::new().reply_later(move |_| async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(answer.to_owned())
    });
    scripted.into()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    registry().insert_as("quick", model("It began in 1956.", 30));
    registry().insert_as("thorough", model("From Turing to transformers, step by step.", 90));
    registry().insert_as("stuck", model("…", 60_000));
    let models = ["quick/small", "thorough/large", "stuck/any"];

    // Prices of well-known models come with the crate; these are made up, for the provider behind both.
    let prices = Prices::bundled()
        .with("scripted", "small", Price::new(Usd::cents(15), Usd::cents(60)))
        .with("scripted", "large", Price::new(Usd::dollars(3), Usd::dollars(15)));

    let outcomes = compare(models, |model| summarise("artificial intelligence").model(model))
        .each_within(Duration::from_millis(200))
        .prices(prices)
        .await;
    for outcome in &outcomes {
        println!("{outcome}");
        if let Some(answer) = outcome.answer() {
            println!("    {answer}");
        }
    }

    // Only the fastest answer; the other calls are cancelled.
    let first = race(models.map(|model| summarise("computing").model(model))).await?;
    println!("first: {first}");
    Ok(())
}
