//! `cargo xtask soak`: calls through faults and cancellations for minutes, by the `meanwhile-soak` binary.

use anyhow::Result;

use crate::run::{cargo, run};

/// How long, and from which chances.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many minutes the calls are made
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// So many seconds instead of minutes
    #[arg(long, conflicts_with = "minutes")]
    seconds: Option<u64>,
    /// Where the random faults and cancellations start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Builds the program in release mode and runs it; it fails when anything is left or lost.
pub(crate) fn soak(arguments: &Arguments) -> Result<()> {
    let seconds = arguments.seconds.unwrap_or(arguments.minutes * 60).to_string();
    let mut command = cargo(&["run", "--release", "--quiet", "--package", "meanwhile-soak", "--"]);
    command.args(["--seconds", &seconds, "--seed", &arguments.seed.to_string()]);
    run(&mut command)
}
