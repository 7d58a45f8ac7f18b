//! Async callbacks on a chain with a tool, which run beside it; and a timeline of what ran.

use std::sync::Arc;

use meanwhile::observe::terminal::Timeline;
use meanwhile::observe::{AsyncObserver, CallbackContext, CallbackQueue, History};
use meanwhile::prelude::*;
use meanwhile::{Request, Settings, chain, scope};

/// Tells what happens; each callback could as well write to a database.
struct Log;

#[async_trait::async_trait]
impl AsyncObserver for Log {
    async fn on_chain_start(&self, context: &CallbackContext) {
        println!("chain {} starts, run {}", context.name(), context.run_id());
    }

    async fn on_model_start(&self, context: &CallbackContext, request: &Arc<Request>) {
        println!("  {} is asked, messages: {}", context.name(), request.messages.len());
    }

    async fn on_token(&self, _: &CallbackContext, text: &str) {
        println!("  token {text:?}");
    }

    async fn on_tool_end(&self, context: &CallbackContext, result: &Arc<ToolResult>) {
        println!("  {} answers {}", context.name(), result.text());
    }
}

/// Counts the words of a text.
#[tool]
async fn count_words(text: String) -> usize {
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    text.split_whitespace().count()
}

#[call("scripted/writer", tools = [count_words])]
async fn tell_story(topic: &str) -> Result<String> {
    "Write a short story about {topic}, and count its words."
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scripted = Scripted::new()
        .tool_call("call_1", "count_words", r#"{"text": "Once upon a time"}"#)
        .reply("Once upon a time. (Four words.)");
    registry().insert(scripted.into());

    let (callbacks, history) = (CallbackQueue::new(Log), History::new(100));
    let settings = Settings::new().observe(callbacks.clone()).observe(history.clone());
    let story = scope(settings, chain("evening", async { tell_story("a forest").await }));
    println!("{}", story.await?);

    callbacks.flush().await;
    Timeline::of(&history).print()?;
    Ok(())
}
