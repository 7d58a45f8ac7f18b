//! Chaining is calling: in sequence, by condition, and inside another prompt's body.

use meanwhile::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Extract, Deserialize, JsonSchema)]
enum Mood {
    Cheerful,
    Gloomy,
}

/// Constrained decoding makes the answer one of the two.
#[call("local/smollm2-135m", temperature = 0.0)]
async fn mood_of(text: &str) -> Result<Mood> {
    "Is the mood of this text cheerful or gloomy? Text: {text}"
}

#[call("local/smollm2-135m", temperature = 0.0, max_tokens = 40)]
async fn describe(place: &str) -> Result<String> {
    "Describe {place} in one sentence."
}

/// The body awaits another call; both are one future, and dropping it cancels whichever runs.
#[call("local/smollm2-135m", temperature = 0.0, max_tokens = 30)]
async fn title_for(place: &str) -> Result<String> {
    let description = describe(place).await?;
    "Give a short title to this text: {description}"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // In sequence.
    let description = describe("a harbour at dawn").await?;
    println!("{description}");

    // By condition.
    match mood_of(&description).await? {
        Mood::Cheerful => println!("(cheerful)"),
        Mood::Gloomy => println!("(gloomy)"),
    }

    // Nested, and two of them at once.
    let titles = gather(["a forest in winter", "a busy market"].map(title_for)).await?;
    println!("{titles:#?}");
    Ok(())
}
