//! Prompt functions answered by a real model: plain, streamed, typed, with a tool, in parallel.
//!
//! Runs on the embedded model, whose weights are fetched on first use. With a key the same program
//! runs on a hosted one: `OPENAI_API_KEY=… cargo run --release --example quickstart -- --model openai/gpt-4o-mini`.

use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::Parser;
use meanwhile::prelude::*;

#[derive(clap::Parser)]
struct Arguments {
    /// The model to ask
    #[arg(long, default_value = "local/smollm2-135m")]
    model: String,
}

#[call(max_tokens = 40, seed = 1)]
async fn recommend_book(genre: &str) -> Result<String> {
    "Which book should I read if I like {genre}?"
}

#[call(max_tokens = 80, seed = 2)]
async fn tell_story(hero: &str) -> Result<String> {
    "SYSTEM: You tell very short stories.
     USER: Tell a story about {hero}."
}

#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Book {
    /// The title alone.
    title: String,
    author: String,
    year: u16,
}

#[call(max_tokens = 120, seed = 4)]
async fn read_book(text: &str) -> Result<Book> {
    "Which book is this about? {text}"
}

/// Tells the weather in a city.
#[tool]
async fn get_weather(
    /** The name of the city. */
    city: String,
) -> String {
    format!("18 degrees and sunny in {city}")
}

#[call(tools = [get_weather], tool_choice = ToolChoice::Required, temperature = 0.0, max_tokens = 60)]
async fn weather(city: &str) -> Result<String> {
    "What is the weather in {city}?"
}

/// Prints the text of a streamed call as it comes; returns the whole and how long the first piece took.
async fn print(call: Call<'_, String>) -> Result<(String, Duration)> {
    let start = Instant::now();
    let mut first = None;
    let mut stream = call.stream().await?;
    while let Some(event) = stream.next().await {
        if let Event::TextDelta { text, .. } = event? {
            first.get_or_insert_with(|| start.elapsed());
            print!("{text}");
            let _ = std::io::stdout().flush();
        }
    }
    println!();
    Ok((stream.finish().await?, first.unwrap_or_default()))
}

fn done(what: &str, start: Instant) {
    println!("  [{what}: {:.2} s]\n", start.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() -> Result<()> {
    let model = Arguments::parse().model;
    let model = model.as_str();

    println!("{model}: loading, and fetching its weights where they are missing …");
    let start = Instant::now();
    meanwhile::call::<Response>(model, "Hello").max_tokens(1).await?;
    done("ready", start);

    println!("-- a call");
    let start = Instant::now();
    println!("{}", recommend_book("fantasy").model(model).await?);
    done("one call", start);

    println!("-- a streamed call");
    let start = Instant::now();
    let (story, first) = print(tell_story("a lighthouse keeper").model(model)).await?;
    println!("  [first text after {:.2} s, {} characters]", first.as_secs_f64(), story.len());
    done("streamed call", start);

    println!("-- a typed call");
    let start = Instant::now();
    let text = "In 1965 Frank Herbert published Dune.";
    println!("{:?}", read_book(text).model(model).await?);
    done("typed call", start);

    println!("-- a tool call, run and fed back");
    let start = Instant::now();
    println!("{}", weather("Paris").model(model).await?);
    done("tool loop", start);

    println!("-- five calls, one after the other and then at once");
    let genres = ["fantasy", "mystery", "romance", "history", "travel"];
    let start = Instant::now();
    for genre in genres {
        recommend_book(genre).model(model).await?;
    }
    let in_sequence = start.elapsed();
    let start = Instant::now();
    let books = gather(genres.map(|genre| recommend_book(genre).model(model))).limit(5).await?;
    let at_once = start.elapsed();
    for (genre, book) in genres.iter().zip(&books) {
        println!("{genre:>8}: {}", book.lines().next().unwrap_or_default());
    }
    let ratio = in_sequence.as_secs_f64() / at_once.as_secs_f64();
    println!("  [in sequence {in_sequence:.2?}, at once {at_once:.2?}: {ratio:.1} times as fast]");
    if model.starts_with("local/") {
        println!(
            "  [the embedded model computes on one thread: waiting is what gets shorter, not computing]"
        );
    }
    Ok(())
}
