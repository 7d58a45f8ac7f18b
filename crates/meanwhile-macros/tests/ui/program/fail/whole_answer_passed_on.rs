// What the asynchronous example of DSPy's documentation does: it passes the whole answer on, reasoning
// and all, where its text is meant.

use meanwhile::prelude::*;

signature! { Qa = "question -> answer" }
signature! { Shorten = "answer -> simplified_answer" }

#[derive(Module)]
struct MyModule {
    predict1: ChainOfThought<Qa>,
    predict2: ChainOfThought<Shorten>,
}

impl Forward for MyModule {
    type In = String;
    type Out = String;

    async fn forward(&self, question: String) -> Result<String> {
        let answer = self.predict1.call(Qa::input(question)).await?;
        let short = self.predict2.call(Shorten::input(answer)).await?;
        Ok(short.simplified_answer.clone())
    }
}

fn main() {}
