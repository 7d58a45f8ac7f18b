//! The OpenTelemetry observer against [Phoenix](https://phoenix.arize.com), a receiver of OTLP that
//! others wrote: what is sent is read back over its API. The check is a test of `meanwhile-observe`.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::install::phoenix;
use super::server::{Server, free_address};
use crate::ci::install_nextest;
use crate::run::{cargo, run};

/// The test that reads back what it has sent to the receiver at `MEANWHILE_PHOENIX`.
const TEST: &str = "test(=phoenix::phoenix_shows_the_tree_and_its_attributes)";

/// Installs Phoenix where it is missing, starts it, runs the test, and stops it.
pub(super) fn check(prepare: bool) -> Result<()> {
    let phoenix = phoenix()?;
    install_nextest()?;
    let nextest = |what: &[&str]| {
        let mut command = cargo(&["nextest", "run", "--package", "meanwhile-observe"]);
        command.arg("--all-features").args(what);
        command
    };
    run(&mut nextest(&["--no-run"]))?;
    if prepare {
        return Ok(());
    }
    let folder = super::folder()?;
    // What it had received at other times would only be in the way.
    let working = folder.join("phoenix");
    if working.exists() {
        fs::remove_dir_all(&working)?;
    }
    let (address, grpc) = (free_address()?, free_address()?);
    let mut command = Command::new(phoenix);
    command
        .arg("serve")
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", address.port().to_string())
        .env("PHOENIX_GRPC_PORT", grpc.port().to_string())
        .env("PHOENIX_WORKING_DIR", &working)
        // It reports nothing, and fetches nothing.
        .env("PHOENIX_TELEMETRY_ENABLED", "false")
        .env("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "false");
    let server = Server::start_at(address, "phoenix", "/healthz", command, &folder)?;
    let mut test = nextest(&["--no-capture", "--filterset", TEST]);
    super::told(run(test.env("MEANWHILE_PHOENIX", server.url())))
}
