//! Features only add: every crate compiles with none, with each alone, and with all.

use anyhow::Result;
use cargo_metadata::MetadataCommand;

use crate::run::{cargo, root, run};

/// Checks every feature of every published crate on its own.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    for package in metadata.workspace_packages() {
        let published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        if !published {
            continue;
        }
        let base = ["check", "--quiet", "--package", &package.name, "--no-default-features"];
        run(&mut cargo(&base))?;
        // An alias of one other feature compiles the same code.
        let is_alias =
            |enables: &[String]| matches!(enables, [other] if package.features.contains_key(other));
        let alone: Vec<&String> = package
            .features
            .iter()
            .filter(|(feature, enables)| *feature != "default" && !is_alias(enables))
            .map(|(feature, _)| feature)
            .collect();
        for feature in &alone {
            run(cargo(&base).args(["--features", feature]))?;
        }
        // Of one feature or none, all is what has just been checked.
        if alone.len() > 1 {
            run(&mut cargo(&["check", "--quiet", "--package", &package.name, "--all-features"]))?;
        }
    }
    Ok(())
}
