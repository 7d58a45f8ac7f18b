//! The events of a run with tools, tokens among them, and limits that end one that goes too far.

use std::time::Duration;

use meanwhile::prelude::*;

/// Looks up how many people live in a city.
#[tool(timeout = "2s")]
async fn people_in(city: String) -> Result<u32, String> {
    match city.as_str() {
        "Lisbon" => Ok(575_000),
        _ => Err(format!("there is no city {city}")),
    }
}

#[call("scripted/geographer", tools = [people_in])]
async fn answer(question: &str) -> Result<String> {
    "{question}"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new()
        .tool_call("call_1", "people_in", r#"{"city": "Lissabon"}"#)
        .tool_call("call_2", "people_in", r#"{"city": "Lisbon"}"#)
        .reply("More than half a million.")
        .tool_call("call_3", "people_in", r#"{"city": "Atlantis"}"#)
        .tool_call("call_4", "people_in", r#"{"city": "Eldorado"}"#);
    registry().insert(scripted.into());

    let limits = RunLimits::new().turns(5).tool_errors(1).time(Duration::from_secs(30));
    let mut run = answer("How many people live in Lisbon?").limits(limits).run_loop();
    while let Some(event) = run.next().await {
        match event? {
            RunEvent::TurnStart { turn } => println!("turn {turn}"),
            RunEvent::Event(Event::TextDelta { text, .. }) => println!("  token {text:?}"),
            RunEvent::ToolStart(call) => println!("  {} {}", call.name, call.arguments),
            RunEvent::ToolEnd(result) if result.is_error => println!("  failed: {}", result.text()),
            RunEvent::ToolEnd(result) => println!("  answered: {}", result.text()),
            _ => {}
        }
    }
    println!("{}", run.finish().await?);

    // One failed tool is forgiven, two are not; what had happened is on the error.
    let error = answer("Where is the gold?").limits(limits).await.err();
    if let Some(error) = &error {
        let turns = error.run_state().map_or(0, |state| state.turns);
        println!("stopped after {turns} turns: {error}");
    }
    Ok(())
}
