#![deny(warnings)]

use meanwhile::prelude::*;

/// Judge.
#[derive(Signature)]
pub struct Judge {
    #[input]
    letter: String,
    #[output]
    verdict: bool,
}


#[derive(Module)]
struct Program {
    judge: Predict<Judge>,
    shorten: ChainOfThought<Shorten>,
}

meanwhile::programs::signature! {
    /// Shorten.
    Shorten = "answer -> short"
}

impl Forward for Program {
    type In = String;
    type Out = bool;

    async fn forward(&self, letter: String) -> Result<bool> {
        let short = self.shorten.call(Shorten::input(letter)).await?;
        Ok(self.judge.call(Judge::input(&*short.short)).await?.verdict)
    }
}

fn main() {
    let program = Program { judge: Predict::new(), shorten: ChainOfThought::new() };
    assert_eq!(program.named_predictors().len(), 2);
    let _ = signature!("question -> answer");
}
