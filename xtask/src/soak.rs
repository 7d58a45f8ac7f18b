//! `cargo xtask soak`: calls through faults and cancellations for minutes, by the `meanwhile-soak` binary.

use std::process::Command;

use anyhow::Result;
use cargo_metadata::MetadataCommand;

use crate::run::{cargo, root, run};

/// How long CI soaks.
const SHORT: &str = "45";

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

/// The same for less than a minute, as CI does, in the build that the tests have made already.
pub(crate) fn short() -> Result<()> {
    // With the features of the tests, so that nothing that those have built is built again.
    let all = ["build", "--quiet", "--workspace", "--all-features", "--bin", "meanwhile-soak"];
    run(&mut cargo(&all))?;
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let name = format!("debug/meanwhile-soak{}", std::env::consts::EXE_SUFFIX);
    run(Command::new(metadata.target_directory.join(name)).args(["--seconds", SHORT]))
}
