//! A run of a program as a stream: what its predictors write, which tools run, and last its answer.

use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::programs::{ProgramEvent, streamed};

signature! { Research = "question -> findings" }
signature! { Report = "findings -> report, confidence: float" }

/// Finds the capital of a country.
#[tool]
async fn capital(country: String) -> Result<String, String> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    if country == "Peru" { Ok("Lima".into()) } else { Err(format!("{country} is not known")) }
}

#[derive(Module)]
struct Researcher {
    agent: ReAct<Research>,
    write: ChainOfThought<Report>,
}

impl Forward for Researcher {
    type In = String;
    type Out = String;

    async fn forward(&self, question: String) -> Result<String> {
        let found = self.agent.call(Research::input(question)).await?;
        Ok(self.write.call(Report::input(&found.findings)).await?.report.clone())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new()
        .tool_call("1", "capital", r#"{"country": "Peru"}"#)
        .tool_call("2", "submit", r#"{"findings": "The capital is Lima."}"#)
        .reply("[[ ## reasoning ## ]]\nKeep it short.\n\n[[ ## report ## ]]\nLima is the capital of Peru.\n\n[[ ## confidence ## ]]\n0.9");
    registry().insert(scripted.into());
    let agent = ReAct::new().tool::<Capital>().model("scripted/any");
    let program = Researcher { agent, write: ChainOfThought::new().model("scripted/any") };

    // Nothing is spawned: dropping the stream ends the run, tools included.
    let mut run = streamed(&program, program.forward("Which is Peru's capital?".to_owned()));
    while let Some(event) = run.next().await {
        match event? {
            ProgramEvent::PredictorStart { predictor, .. } => println!("({predictor})"),
            ProgramEvent::ToolStart(call) => println!("  calls {} {}", call.name, call.arguments),
            ProgramEvent::ToolEnd(result) => println!("  {} says {}", result.name, result.text()),
            ProgramEvent::Text { name, delta, .. } => println!("  {name} += {delta:?}"),
            ProgramEvent::Value { name, value, .. } => println!("  {name} = {value}"),
            ProgramEvent::Done(report) => println!("{report}"),
            _ => {}
        }
    }
    Ok(())
}
