//! Many prompts at once: a limit, a limit that is shared, clocks, partial successes, progress.

use std::time::Duration;

use meanwhile::layers::Concurrency;
use meanwhile::prelude::*;

#[call("scripted/any")]
async fn translate(word: &str) -> Result<String> {
    "Translate {word} into French."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scripted = Scripted::new().reply_later(|request| {
        let text = request.messages[0].text();
        async move {
            let wait = if text.contains("slow") { 60_000 } else { 5 };
            tokio::time::sleep(Duration::from_millis(wait)).await;
            Ok(text.replace("Translate", "Traduire"))
        }
    });
    registry().insert(scripted.into());

    // A hundred prompts, five at a time, in order. A prompt becomes a call when a place is free.
    let words: Vec<String> = (0..100).map(|number| format!("word {number}")).collect();
    let answers = map_concurrent(&words, 5, |word| translate(word)).await?;
    println!("{}: {}", words[99], answers[99]);

    // As they complete, with progress.
    let mut completed = map_concurrent(&words, 20, |word| translate(word))
        .progress(|done, total| {
            if done % 25 == 0 {
                println!("{done} of {total}")
            }
        })
        .as_completed();
    while let Some((_index, answer)) = completed.next().await {
        answer?;
    }

    // A clock for each call; what succeeds is kept, and each error says which call it was.
    let calls = ["cat", "slow dog", "bird"].map(translate);
    for result in gather(calls).each_within(Duration::from_millis(100)).settle().await {
        match result {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("call {:?}: {error}", error.index()),
        }
    }

    // One limit for everything that uses a clone of it, in any task.
    let limit = Concurrency::new(2);
    let groups = ["a", "b"].map(|group| {
        let limit = limit.clone();
        async move { gather((0..4).map(|_| translate(group).layer(limit.clone()))).await }
    });
    println!("{} groups are done", gather(groups).await?.len());
    Ok(())
}
