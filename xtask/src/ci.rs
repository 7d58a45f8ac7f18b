//! What CI does, a function a step. People run the same.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::run::{cargo, root, run};
use crate::{api, features, replay, soak};

/// The name of a step, and what it does.
type Step = (&'static str, fn() -> Result<()>);

/// Everything, cheapest first.
pub(crate) fn all() -> Result<()> {
    let began = Instant::now();
    let steps: [Step; 9] = [
        ("lint", lint),
        ("doc", doc),
        ("api", api::step),
        ("features", features::check),
        ("test", test),
        ("examples", examples),
        ("soak", soak::short),
        ("replay", replay::prove),
        ("outsider", outsider),
    ];
    let mut times = Vec::new();
    for (name, step) in steps {
        let start = Instant::now();
        step().with_context(|| format!("the step `{name}` failed"))?;
        times.push(format!("{name} {} s", start.elapsed().as_secs()));
    }
    eprintln!("\n== CI passed in {} s: {}", began.elapsed().as_secs(), times.join(", "));
    Ok(())
}

/// Formatting and lints, with warnings denied.
pub(crate) fn lint() -> Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    let all = ["clippy", "--workspace", "--all-targets", "--all-features"];
    run(cargo(&all).args(["--", "-D", "warnings"]))
}

/// The documentation, with warnings denied.
pub(crate) fn doc() -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Installs the test runner where it is missing.
pub(crate) fn install_nextest() -> Result<()> {
    let nextest = cargo(&["nextest", "--version"]).output();
    if !nextest.is_ok_and(|output| output.status.success()) {
        eprintln!("cargo-nextest is missing: installing it (some minutes, once)");
        run(&mut cargo(&["install", "cargo-nextest", "--locked", "--version", NEXTEST]))?;
    }
    Ok(())
}

/// All tests; installs the test runner where it is missing.
pub(crate) fn test() -> Result<()> {
    install_nextest()?;
    run(&mut cargo(&["nextest", "run", "--workspace", "--all-features"]))?;
    run(&mut cargo(&["test", "--doc", "--workspace", "--all-features", "--quiet"]))
}

/// The version that installs where there is none; any newer one does too.
const NEXTEST: &str = "0.9.143";

/// Runs every example; each must end by itself and succeed, with no key and no network service.
pub(crate) fn examples() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == "meanwhile-examples")
        .context("there is no package of examples")?;
    let names: Vec<&str> = package
        .targets
        .iter()
        .filter(|target| target.is_example())
        .map(|target| target.name.as_str())
        .collect();
    if names.is_empty() {
        bail!("there are no examples");
    }
    // With the features of the tests, so that nothing that those have built is built again.
    run(&mut cargo(&["build", "--quiet", "--workspace", "--all-features", "--examples"]))?;
    let folder = metadata.target_directory.join("debug/examples");
    for name in names {
        let mut command =
            Command::new(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
        // Nobody's key is spent by a test, and what talks to people on a terminal finds nobody there.
        run(command.current_dir(root()).env_remove("OPENAI_API_KEY").stdin(Stdio::null()))?;
    }
    Ok(())
}

/// The example of a provider from elsewhere: a workspace of its own, with its own tests and lints.
pub(crate) fn outsider() -> Result<()> {
    let folder = root().join("examples/third-party-provider");
    let target = root().join("target/outsider");
    let here = |arguments: &[&str]| {
        let mut command = cargo(arguments);
        command.current_dir(&folder).env("CARGO_TARGET_DIR", &target);
        // Its tests must not depend on whose machine they run on.
        command.env_remove("ACME_API_KEY");
        command
    };
    run(&mut here(&["fmt", "--check"]))?;
    run(&mut here(&["clippy", "--all-targets", "--", "-D", "warnings"]))?;
    run(&mut here(&["test", "--quiet"]))
}
