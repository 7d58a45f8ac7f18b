//! A signature says what goes in and what comes out; a predictor asks a model for it.

use meanwhile::prelude::*;
use meanwhile::programs::PredictionEvent;

/// Answer in one short sentence.
#[derive(Signature)]
struct Qa {
    #[input]
    question: String,
    /// No preamble.
    #[output]
    answer: String,
    #[output(constraint = "between 0 and 1")]
    confidence: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // `scripted` plays prepared answers; name `openai/gpt-4o-mini` to ask a hosted model.
    let scripted = Scripted::new()
        .reply("[[ ## answer ## ]]\nTo get to the other side.\n\n[[ ## completed ## ]]")
        .reply(
            "[[ ## answer ## ]]\nTo flee the oven.\n\n[[ ## confidence ## ]]\n0.8\n\n[[ ## completed ## ]]",
        )
        .reply("[[ ## reasoning ## ]]\nIt saw the oven.\n\n[[ ## answer ## ]]\nTo flee.\n\n[[ ## confidence ## ]]\n0.9");
    registry().insert(scripted.into());
    let question = "Why did a chicken cross the kitchen?";

    // A signature of text, read at run time.
    let predict = Predict::parse("question -> answer")?.model("scripted/any");
    let output = predict.call(fields! { question: question }).await?;
    println!("{}", output.get::<String>("answer")?);

    // A signature of types, field by field while it is written.
    let mut stream = Predict::<Qa>::new().model("scripted/any").stream(Qa::input(question));
    while let Some(event) = stream.next().await {
        match event? {
            PredictionEvent::Text { name, delta, .. } => println!("  {name} += {delta:?}"),
            PredictionEvent::Done(done) => println!("{} ({})", done.answer, done.confidence),
            _ => {}
        }
    }

    // The same, with room to think.
    let think = ChainOfThought::<Qa>::new().model("scripted/any");
    let output = think.call(Qa::input(question)).await?;
    println!("{} Therefore: {}", output.reasoning, output.answer);
    Ok(())
}
