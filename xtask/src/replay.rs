//! `cargo xtask replay`: hands over to the `meanwhile-replay` binary, since xtask links none of our crates.

use std::path::{PathBuf, absolute};

use anyhow::Result;

use crate::run::{cargo, run};

/// What to decode, and where to write what was found.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder with recorded exchanges
    #[arg(long)]
    corpus: PathBuf,
    /// Only this provider's exchanges
    #[arg(long)]
    provider: Option<String>,
    /// The file to write, one JSON object a line
    #[arg(long)]
    json: PathBuf,
    /// The file to write the table of what the recordings prove
    #[arg(long)]
    table: Option<PathBuf>,
}

/// Builds the replay tool in release mode and runs it.
pub(crate) fn replay(arguments: &Arguments) -> Result<()> {
    let mut command =
        cargo(&["run", "--release", "--quiet", "--package", "meanwhile-replay", "--"]);
    command.arg("--corpus").arg(absolute(&arguments.corpus)?);
    command.arg("--json").arg(absolute(&arguments.json)?);
    if let Some(provider) = &arguments.provider {
        command.arg("--provider").arg(provider);
    }
    if let Some(table) = &arguments.table {
        command.arg("--table").arg(absolute(table)?);
    }
    run(&mut command)
}
