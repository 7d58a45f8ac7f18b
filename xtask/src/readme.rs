//! [`readme`]: the README and the licences of each published crate. The README is the documentation of
//! the crate's root without what only rustdoc understands; one that does not carry the mark is left as
//! it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{MetadataCommand, Package};

use crate::run::root;

/// Says that a README is written by this chore.
const MARK: &str = "<!-- Written by `cargo xtask readme` from src/lib.rs. -->";

/// What is said once for the workspace, and goes with each crate.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Writes nothing, and fails where something would be written
    #[arg(long)]
    check: bool,
}

/// Writes the README and licences of every published crate, or says which are not as they would be written.
pub(crate) fn readme(arguments: &Arguments) -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let mut stale = Vec::new();
    for package in metadata.workspace_packages() {
        let is_published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
        if !is_published {
            continue;
        }
        for name in LICENCES {
            let file = folder.join(name);
            if !file.exists() {
                if !arguments.check {
                    link(&Path::new("../..").join(name), file.as_std_path())?;
                }
                stale.push(file);
            }
        }
        let file = folder.join("README.md");
        let old = fs::read_to_string(&file).unwrap_or_default();
        if !old.is_empty() && !old.contains(MARK) {
            continue;
        }
        let new = write(package, folder.as_std_path())?;
        if new != old {
            if !arguments.check {
                fs::write(&file, new)?;
            }
            stale.push(file);
        }
    }
    if arguments.check && !stale.is_empty() {
        bail!("run `cargo xtask readme`; not as the documentation has it: {stale:#?}");
    }
    Ok(())
}

/// Makes a link where there are links to files, else a copy.
fn link(to: &Path, at: &Path) -> Result<()> {
    #[cfg(unix)]
    std::os::unix::fs::symlink(to, at)?;
    #[cfg(not(unix))]
    fs::copy(at.parent().unwrap_or(at).join(to), at)?;
    Ok(())
}

fn write(package: &Package, folder: &Path) -> Result<String> {
    let source = fs::read_to_string(folder.join("src/lib.rs"))
        .with_context(|| format!("{} has no library", package.name))?;
    let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
    let docs: Vec<&str> = docs.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let mut text = format!("# {}\n\n{MARK}\n\n", package.name);
    text.push_str(&plain(&docs));
    let repository = package.repository.as_deref().unwrap_or_default();
    text.push_str(&format!(
        "\nA part of [Meanwhile]({repository}), an async-first framework for applications that call large\n\
         language models. MIT or Apache-2.0, at your option.\n"
    ));
    Ok(text)
}

/// The documentation without hidden lines, attributes of code blocks, and links that only rustdoc follows.
fn plain(docs: &[&str]) -> String {
    // Definitions of links to items: `[name]: path::to::item`.
    let to_items: Vec<&str> = docs
        .iter()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .filter(|(_, target)| !target.contains("://"))
        .map(|(name, _)| name)
        .collect();
    let mut text = String::new();
    let mut code = false;
    for line in docs {
        if line.starts_with("```") {
            code = !code;
            let is_rust = code
                && line.split(',').all(|word| !word.contains("text") && !word.contains("toml"));
            let fence = match (code, is_rust) {
                (true, true) => "```rust",
                (true, false) => line,
                (false, _) => "```",
            };
            push_line(&mut text, fence);
        } else if code {
            if *line != "#" && !line.starts_with("# ") {
                push_line(&mut text, line);
            }
        } else if is_definition(line) {
            if line.contains("://") {
                push_line(&mut text, line);
            }
        } else if line.starts_with("# ") {
            push_line(&mut text, &format!("#{}", unlinked(line, &to_items)));
        } else {
            push_line(&mut text, &unlinked(line, &to_items));
        }
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// The line with the words of links to items in place of the links.
fn unlinked(line: &str, to_items: &[&str]) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((words, after)) = after.split_once(']') else { break };
        text.push_str(before);
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        match target {
            Some((target, after)) if target.contains("://") => {
                text.push_str(&format!("[{words}]({target})"));
                rest = after;
            }
            Some((_, after)) => rest = join(&mut text, words, after),
            None if words.starts_with('`') || to_items.contains(&words) => {
                rest = join(&mut text, &words.replace("macro@", ""), after);
            }
            None => {
                text.push_str(&format!("[{words}]"));
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Adds the words of a link. Code in them goes on in code right behind them: without the link between, the
/// two are one span. Returns what is left of the line.
fn join<'a>(text: &mut String, words: &str, after: &'a str) -> &'a str {
    let (words, after) = match (words.strip_suffix('`'), after.strip_prefix('`')) {
        (Some(words), Some(after)) => (words, after),
        _ => (words, after),
    };
    text.push_str(words);
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_read_outside_of_rustdoc() {
        let docs = [
            "[`Reader`] reads [what comes](Reader::push) from [Acme](https://acme.example) or a [file].",
            "Begin with [`Reader::new`]`(…)`.",
            "",
            "# Features",
            "```no_run",
            "# hidden();",
            "shown();",
            "```",
            "[file]: std::fs::File",
            "[Acme]: https://acme.example",
        ];
        assert_eq!(
            plain(&docs),
            "`Reader` reads what comes from [Acme](https://acme.example) or a file.\n\
             Begin with `Reader::new(…)`.\n\n## Features\n\
             ```rust\nshown();\n```\n[Acme]: https://acme.example\n"
        );
    }
}
