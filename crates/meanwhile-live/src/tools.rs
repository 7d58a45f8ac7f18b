//! Tools: calls with arguments that parse, results that go back, and the loop of both.

use anyhow::{Context as _, Result, ensure};
use meanwhile::prelude::*;
use meanwhile::{FinishReason, ToolSet};

use crate::chat::complete;
use crate::servers::{Serves, Target};

/// Free text would be more than the model can end, so a tool takes one of a few words.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum City {
    Paris,
    Rome,
    Oslo,
}

/// Tells the weather of a city.
#[tool]
async fn weather(
    /// The city.
    city: City,
) -> String {
    format!("It rains in {city:?}.")
}

#[derive(Debug, ToolSet)]
enum Desk {
    Weather(Weather),
}

const QUESTION: &str = "What is the weather in Rome?";

pub(crate) async fn call(target: &Target, streamed: bool) -> Result<String> {
    let call = target.tools().call::<Response>(QUESTION).tool::<Desk>();
    let call = call.tool_choice(ToolChoice::Required);
    let response = if streamed { call.stream().await?.finish().await? } else { call.await? };
    complete(&response, !streamed || target.serves(Serves::StreamedUsage))?;
    let mut calls = response.tool_calls();
    let first =
        calls.next().with_context(|| format!("there is no call: {:?}", response.message))?;
    ensure!(!first.id.is_empty(), "the call has no id");
    let weather = first.downcast::<Weather>()?.context("it calls another tool")?;
    let reason = response.finish_reason();
    ensure!(reason == Some(FinishReason::ToolCalls), "the finish is {:?}", response.finish);
    Ok(format!("{} of {:?}", first.name, weather.city))
}

/// The model that calls tools can do nothing else, so the other one reads the result.
pub(crate) async fn result(target: &Target) -> Result<String> {
    let asked: Response =
        target.tools().call(QUESTION).tool::<Desk>().tool_choice(ToolChoice::Required).await?;
    let results = asked.tool_calls().map(|call| ToolResult::new(call, "It rains."));
    let results = Message::tool_results(results);
    let messages = vec![Message::user(QUESTION), asked.message.clone(), results];
    let call = target.chat().call::<Response>(messages).tool::<Desk>().max_tokens(16);
    let response = call.stream().await?.finish().await?;
    complete(&response, target.serves(Serves::StreamedUsage))?;
    Ok(format!("{:?}", response.text()))
}
