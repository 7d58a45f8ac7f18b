//! What the tests install from npm, once, into the folder for temporary files of tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages, at the versions that the tests know, and a Node that the suite runs on.
const PACKAGES: [&str; 3] = [
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/conformance@0.1.16",
    "node@24",
];

/// The installed packages.
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs them; `None`, with a message, where there is no npm or it reaches nothing.
    pub(crate) fn installed() -> Option<Self> {
        let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let versions = PACKAGES.map(|package| package.replace(['@', '/'], "-")).concat();
        let folder = tests.join(format!("mcp{versions}"));
        if folder.exists() {
            return Some(Self { folder });
        }
        // Tests run side by side in processes of their own: each installs for itself, and the first to
        // be done gives its folder the name.
        let own = tests.join(format!("mcp-{}", std::process::id()));
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("package.json"), r#"{"private": true}"#).unwrap();
        let npm = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund"])
            .args(PACKAGES)
            .current_dir(&own)
            .output();
        let why = match npm {
            Ok(output) if output.status.success() => {
                if std::fs::rename(&own, &folder).is_err() {
                    std::fs::remove_dir_all(&own).unwrap();
                }
                return Some(Self { folder });
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        std::fs::remove_dir_all(&own).unwrap();
        println!("skipped: npm does not install what the test runs against: {why}");
        None
    }

    /// A command that runs a script of a package.
    pub(crate) fn command(&self, script: &str) -> Command {
        let modules = self.folder.join("node_modules");
        let mut command = Command::new(modules.join(".bin").join("node"));
        command.arg(modules.join("@modelcontextprotocol").join(script));
        command
    }
}
