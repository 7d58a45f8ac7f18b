//! An agent that uses tools, several at the same time, until it can submit what its signature asks for.

use std::time::{Duration, Instant};

use meanwhile::prelude::*;

/// Answer with the sum and the name of the city.
#[derive(Signature)]
struct Task {
    #[input]
    question: String,
    #[output]
    sum: i64,
    #[output]
    city: String,
}

/// Doubles a number.
#[tool]
async fn double(x: i64) -> i64 {
    tokio::time::sleep(Duration::from_millis(200)).await;
    x * 2
}

/// Finds the capital of a country.
#[tool]
async fn capital(country: String) -> Result<String, String> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    if country == "Peru" { Ok("Lima".into()) } else { Err(format!("{country} is not known")) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "double", r#"{"x": 4}"#),
            ToolCall::new("2", "capital", r#"{"country": "Perú"}"#),
        ])
        .tool_call("3", "capital", r#"{"country": "Peru"}"#)
        .tool_call("4", "submit", r#"{"sum": 8, "city": "Lima"}"#);
    registry().insert(scripted.into());

    let agent = ReAct::<Task>::new()
        .tool::<Double>()
        .tool::<Capital>()
        .max_turns(8)
        .tool_concurrency(4)
        .model("scripted/any");
    let began = Instant::now();
    let run = agent.call(Task::input("What is 2*4, and the capital of Peru?")).await?;
    println!("{} {} ({:?}, {:.0?})", run.sum, run.city, run.stop, began.elapsed());
    // What went wrong was told to the model, which tried again.
    for turn in &run.transcript.turns {
        for call in &turn.calls {
            println!("  {} {} -> {}", call.name, call.arguments, call.observation);
        }
    }
    Ok(())
}
