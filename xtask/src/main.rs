//! The project's chores. `cargo xtask ci` is all that CI does; `cargo xtask test` passes the tests.

mod api;
mod ci;
mod features;
mod live;
mod new_provider;
mod picture;
mod plots;
mod readme;
mod replay;
mod run;
mod soak;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that CI does, in its order
    Ci,
    /// All tests: unit, integration, documentation
    Test,
    /// Formatting and lints
    Lint,
    /// The documentation, with warnings denied
    Doc,
    /// The public API of each crate, which xtask/api has
    Api(api::Arguments),
    /// Each crate with no feature, each feature alone, and all of them
    Features,
    /// Every example, with the scripted provider or the local model
    Examples,
    /// Asks real servers on this machine through our providers; see docs/live.md
    Live(live::Arguments),
    /// Lays out the crate of a provider, with a test that passes
    NewProvider(new_provider::Arguments),
    /// Draws what an example prints on a terminal
    Picture(picture::Arguments),
    /// Draws the plots of docs/performance.md from its tables
    Plots(plots::Arguments),
    /// Writes the README of each crate from its documentation, and links the licences
    Readme(readme::Arguments),
    /// Decodes recorded traffic through the public codecs, and has all of it judged or writes what it finds
    Replay(replay::Arguments),
    /// Calls through faults and cancellations for minutes, of which nothing may be left
    Soak(soak::Arguments),
}

fn main() -> Result<()> {
    if let Some(code) = api::stand_in() {
        std::process::exit(code?);
    }
    match Arguments::parse().chore {
        Chore::Ci => ci::all(),
        Chore::Test => ci::test(),
        Chore::Lint => ci::lint(),
        Chore::Doc => ci::doc(),
        Chore::Api(arguments) => api::api(&arguments),
        Chore::Features => features::check(),
        Chore::Examples => ci::examples(),
        Chore::Live(arguments) => live::live(&arguments),
        Chore::NewProvider(arguments) => new_provider::new_provider(&arguments),
        Chore::Picture(arguments) => picture::picture(&arguments),
        Chore::Plots(arguments) => plots::plots(&arguments),
        Chore::Readme(arguments) => readme::readme(&arguments),
        Chore::Replay(arguments) => replay::replay(&arguments),
        Chore::Soak(arguments) => soak::soak(&arguments),
    }
}
