//! `cargo xtask replay`: hands over to the `meanwhile-replay` binary, since xtask links none of our crates,
//! and to a judge that reads the same recordings without any code of the project.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run::{cargo, root, run};

/// What to decode, and where to write what was found. Without `--json`, all of it is judged.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder with recorded exchanges; the default is `MEANWHILE_FIXTURES`, or one beside the
    /// checkout
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Only this provider's exchanges
    #[arg(long, requires = "json")]
    provider: Option<String>,
    /// The file to write, one JSON object a line
    #[arg(long)]
    json: Option<PathBuf>,
    /// The file to write the table of what the recordings prove
    #[arg(long, requires = "json")]
    table: Option<PathBuf>,
}

/// Builds the replay tool in release mode and runs it.
pub(crate) fn replay(arguments: &Arguments) -> Result<()> {
    let corpus = match &arguments.corpus {
        Some(corpus) => absolute(corpus)?,
        None => {
            recordings().context("there are no recordings; name their folder with `--corpus`")?
        }
    };
    let Some(json) = &arguments.json else { return judged(&corpus) };
    let mut command = play(&corpus, &absolute(json)?);
    if let Some(provider) = &arguments.provider {
        command.arg("--provider").arg(provider);
    }
    if let Some(table) = &arguments.table {
        command.arg("--table").arg(absolute(table)?);
    }
    run(&mut command)
}

/// The step of CI: all recordings, where there are any.
pub(crate) fn prove() -> Result<()> {
    match recordings() {
        Some(corpus) => judged(&corpus),
        None => {
            eprintln!(
                "\n== skipped: replay and judge; there are no recordings, set MEANWHILE_FIXTURES to their folder"
            );
            Ok(())
        }
    }
}

/// Plays all recordings, which must be clean; has them judged; and compares what they prove with what
/// the documentation says.
fn judged(corpus: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let (replayed, found, table) =
        (file("replay.jsonl"), file("judge.jsonl"), file("providers.md"));
    run(play(corpus, &replayed).arg("--table").arg(&table))?;
    run(judge("main.py").arg("--corpus").arg(corpus).arg("--json").arg(&found))?;
    run(judge("compare.py").args([&found, &replayed]))?;
    let documented = root().join(DOCUMENTED);
    let is_same = fs::read(&table)? == fs::read(&documented).unwrap_or_default();
    ensure!(
        is_same,
        "{DOCUMENTED} is not what the recordings prove; write it with `cargo xtask replay --json OUT --table {DOCUMENTED}`"
    );
    Ok(())
}

const DOCUMENTED: &str = "docs/providers.md";

fn play(corpus: &Path, json: &Path) -> Command {
    let mut command =
        cargo(&["run", "--release", "--quiet", "--package", "meanwhile-replay", "--"]);
    command.arg("--corpus").arg(corpus).arg("--json").arg(json);
    command
}

fn judge(program: &str) -> Command {
    let mut command = Command::new("python3");
    // Without `-B`, modules would leave compiled copies of themselves in the tree.
    command.arg("-B").arg(root().join("xtask/tests/extract").join(program));
    command
}

/// The folder of the recordings, where there is one.
fn recordings() -> Option<PathBuf> {
    let beside = || root().join("../shared/fixtures");
    let folder = std::env::var_os("MEANWHILE_FIXTURES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}
