//! [`picture`]: what an example prints on a terminal, with its colours, as a picture for the README.

use std::fs;
use std::process::Command;

use anstyle_svg::Term;
use anyhow::{Context, Result, bail};

use crate::run::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The example to run
    #[arg(default_value = "research_assistant")]
    example: String,
    /// The file to write, from the root of the workspace
    #[arg(long, default_value = "docs/run.svg")]
    to: String,
    /// What the example is told
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs the example and draws what it printed.
pub(crate) fn picture(arguments: &Arguments) -> Result<()> {
    let mut command: Command =
        cargo(&["run", "--quiet", "--all-features", "--example", &arguments.example]);
    let output = command
        .arg("--")
        .args(&arguments.arguments)
        .env("CLICOLOR_FORCE", "1")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the example `{}` failed with {}", arguments.example, output.status);
    }
    let words = std::iter::once(arguments.example.as_str());
    let words: Vec<&str> = words.chain(arguments.arguments.iter().map(String::as_str)).collect();
    let text = format!("$ {}\n{}", words.join(" "), String::from_utf8(output.stdout)?);
    fs::write(root().join(&arguments.to), Term::new().render_svg(&text))?;
    Ok(())
}
