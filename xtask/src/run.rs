//! Running commands from the root of the workspace, saying which one and how long it took.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// A `cargo` command in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; a failure says which command it was.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // The name of the tool is enough: its path is of this machine.
    let name = Path::new(words.first().map_or("", String::as_str))
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let line =
        format!("{} {}", name.unwrap_or_default(), words.get(1..).unwrap_or_default().join(" "));
    eprintln!("\n== {line}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed with {status}");
    }
    eprintln!("== {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
