//! Programs, measured: `evaluate` runs rows against a loopback server, which `serve` is; `format` lets an
//! optimiser teach the embedded model to answer in form. `compare.py` runs DSPy beside the first.

#[cfg(feature = "local")]
mod data;
mod evaluate;
#[cfg(feature = "local")]
mod format;
mod serve;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Answers every request with the same text; prints its port first.
    Serve(serve::Arguments),
    /// Evaluates a program of one predictor, and prints what that took as a line of JSON.
    Evaluate(evaluate::Arguments),
    /// Optimises the share of answers in form on the embedded model, and prints each run.
    #[cfg(feature = "local")]
    Format(format::Arguments),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match Arguments::parse().what {
            What::Serve(arguments) => serve::run(arguments).await,
            What::Evaluate(arguments) => evaluate::run(arguments).await,
            #[cfg(feature = "local")]
            What::Format(arguments) => format::run(arguments).await,
        }
    })
}
