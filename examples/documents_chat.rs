//! A chat over documents: a follow-up question is understood, the answer is streamed, and its sources are named.

use meanwhile::prelude::*;
use meanwhile::rag::{ChatMode, ChatModel as _, Document, Index, MemoryStore, TokenBudget};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // A real model is named in the same place: `meanwhile::registry().model("openai/gpt-4o-mini")?`.
    let scripted = Scripted::new()
        .reply("Once upon a time there was a lamp.")
        .reply("Yes, within 30 days [1].")
        .reply("Can gift cards be given back for money?")
        .reply("No: gift cards are final [1].");
    let model = Model::new(scripted, "shop-assistant");

    // Without documents: messages in, pieces of the answer out.
    let mut story = model.stream_chat([("user", "Tell me a story")]).await?;
    while let Some(chunk) = story.next().await {
        print!("{}", chunk?.delta);
    }
    println!();

    let index = Index::new(MemoryStore::new());
    let rules = "Lamps can be given back for money within 30 days. Gift cards are final.";
    index.ingest().run_all([Document::new("refunds.md", rules)]).await?;
    let chat = index.chat(ChatMode::CondensePlusContext).model(model).memory(TokenBudget(4_000));
    for question in ["Can I give a lamp back?", "And gift cards?"] {
        println!("> {question}");
        let mut answer = chat.stream_chat(question).await?;
        while let Some(chunk) = answer.next().await {
            print!("{}", chunk?.delta);
        }
        let answer = answer.finish().await?;
        println!();
        for citation in &answer.citations {
            println!("  {} at {:?}", citation.document_id, citation.span);
        }
    }
    let kept = chat.remembered().conversation().await?;
    println!("{} messages are remembered", kept.messages.len());
    Ok(())
}
