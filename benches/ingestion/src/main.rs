//! Documents, measured: `run` ingests them into Postgres and asks questions, against a loopback server of
//! embeddings and answers, which `serve` is. `compare.py` runs LlamaIndex beside it.

mod cost;
mod serve;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Embeds and answers, the same every time; prints its address first.
    Serve(serve::Arguments),
    /// Ingests and asks, and prints what each of that took as a line of JSON.
    Run(cost::Arguments),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match Arguments::parse().what {
            What::Serve(arguments) => serve::run(arguments).await,
            What::Run(arguments) => cost::run(arguments).await,
        }
    })
}
