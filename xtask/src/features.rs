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
        for (feature, enables) in &package.features {
            // An alias of one other feature compiles the same code.
            let alias = matches!(&enables[..], [other] if package.features.contains_key(other));
            if alias || feature == "default" {
                continue;
            }
            run(cargo(&base).args(["--features", feature]))?;
        }
        run(&mut cargo(&["check", "--quiet", "--package", &package.name, "--all-features"]))?;
    }
    Ok(())
}
