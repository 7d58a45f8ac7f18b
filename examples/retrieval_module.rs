//! A retriever beside a predictor in one module: what it finds is an input of the signature. What an optimiser
//! may change is the predictor; each question is looked up anew.

use meanwhile::prelude::*;
use meanwhile::programs::{ModuleExt, traced};
use meanwhile::rag::{Document, Index, IndexRetriever, MemoryStore, RetrievalQuery};

signature! { Qa = "context: list[str], question -> answer" }

#[derive(Module)]
struct Support {
    passages: IndexRetriever,
    answer: Predict<Qa>,
}

impl Forward for Support {
    type In = String;
    type Out = String;

    async fn forward(&self, question: String) -> Result<String> {
        let found = self.passages.forward(RetrievalQuery::new(&question).top_k(1)).await?;
        let context: Vec<String> = found.into_iter().map(|found| found.chunk.text).collect();
        let out = self.answer.call(Qa::input(context, question)).await?;
        Ok(out.answer.clone())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    registry().insert(Scripted::new().reply("[[ ## answer ## ]]\nYes, within 30 days.").into());
    let index = Index::new(MemoryStore::new());
    let documents = [
        Document::new("refunds.md", "Money is given back within 30 days."),
        Document::new("shipping.md", "A courier brings it within two days."),
    ];
    index.ingest().run_all(documents).await?;

    let program = Support { passages: index.retriever().text(), answer: Predict::new() };
    println!("{:?}", program.named_predictors());
    let question = "Is the money given back?".to_owned();
    let model = meanwhile::Settings::new().model("scripted/any");
    let (answer, trace) = meanwhile::scope(model, traced(program.forward(question))).await;
    println!("{}", answer?);
    for call in &trace.calls {
        println!("  from {}", call.inputs);
    }
    Ok(())
}
