//! A module chains predictors with types. What one answers does not fit into the next by accident: passing
//! the whole answer on, instead of its text, is not compiled.

use meanwhile::prelude::*;
use meanwhile::programs::{ProgramState, traced};

signature! { Qa = "question -> answer" }
signature! { Shorten = "answer -> simplified_answer" }

#[derive(Module)]
struct Simplify {
    predict1: ChainOfThought<Qa>,
    predict2: ChainOfThought<Shorten>,
}

impl Forward for Simplify {
    type In = String;
    type Out = String;

    async fn forward(&self, question: String) -> Result<String> {
        let first = self.predict1.call(Qa::input(question)).await?;
        // `Shorten::input(first)` would not compile.
        let second = self.predict2.call(Shorten::input(&first.answer)).await?;
        Ok(second.simplified_answer.clone())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new()
        .reply("[[ ## reasoning ## ]]\nThe oven was on.\n\n[[ ## answer ## ]]\nIt fled the heat of the oven.")
        .reply("[[ ## reasoning ## ]]\nKeep the verb.\n\n[[ ## simplified_answer ## ]]\nIt fled.");
    registry().insert(scripted.into());

    let mut program = Simplify { predict1: ChainOfThought::new(), predict2: ChainOfThought::new() };
    // What an optimiser has found out is loaded by path: from a file, ours or one of DSPy.
    let state = program.state();
    let optimised = state.to_json()?.replace("produce the fields `answer`", "answer in a sentence");
    program.load_state(&ProgramState::from_json(&optimised)?)?;
    println!("{:?}", program.predict1.predict.predictor.spec().instructions);

    let model = meanwhile::Settings::new().model("scripted/any");
    let question = "Why did a chicken cross the kitchen?".to_owned();
    let run = traced(program.forward(question));
    let (answer, trace) = meanwhile::scope(model, run).await;
    println!("{}", answer?);
    for call in &trace.calls {
        println!("  {} -> {:?}", call.inputs, call.outcome.as_ref().map(ToString::to_string));
    }
    Ok(())
}
