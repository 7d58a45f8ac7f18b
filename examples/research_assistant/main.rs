//! A research assistant on the terminal: it reads a folder of documents, answers questions from them with
//! the places it has them from, and shows what each answer took.
//!
//! ```sh
//! cargo run --release --all-features --example research_assistant                  # this project's book
//! cargo run --release --all-features --example research_assistant -- --folder ~/papers "What is new?"
//! cargo run --release --all-features --example research_assistant -- --model openai/gpt-4o-mini
//! ```
//!
//! Without `--model` it runs offline on the embedded models. What it has read is kept in one SQLite file;
//! a later start reads only what has changed.

mod documents;
mod session;
mod tools;

use std::io::{IsTerminal as _, stdin};
use std::path::PathBuf;

use clap::Parser;
use meanwhile::prelude::*;

use session::Session;

#[derive(Parser)]
struct Arguments {
    /// Questions; without any they are read from the terminal
    questions: Vec<String>,
    /// The model that answers
    #[arg(long, default_value = "local/smollm2-135m")]
    model: String,
    /// The model that texts are found with
    #[arg(long, default_value = "local/all-minilm-l6-v2")]
    embedder: String,
    /// The folder of documents: text, Markdown, HTML, PDF
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))]
    folder: PathBuf,
    /// The file that keeps what was read
    #[arg(long)]
    index: Option<PathBuf>,
    /// Lets the model search by itself, take notes and calculate; small models do better without
    #[arg(long)]
    tools: bool,
    /// The most dollars that this session may cost
    #[arg(long)]
    budget: Option<u32>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let index = documents::index(&arguments.folder, arguments.index, &arguments.embedder).await?;
    let mut session = Session::new(&index, &arguments.model, arguments.tools, arguments.budget);
    if arguments.questions.is_empty() && stdin().is_terminal() {
        return session.talk().await;
    }
    let mut questions = arguments.questions;
    if questions.is_empty() {
        questions.push("How do I limit how many calls run at once?".to_owned());
    }
    for question in questions {
        println!("\n> {question}\n");
        session.answer(&question).await?;
    }
    session.timeline()
}
