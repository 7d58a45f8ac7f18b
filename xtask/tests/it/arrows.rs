//! Which crate may depend on which. Development dependencies are free.

use cargo_metadata::{DependencyKind, Package};

use crate::metadata;

const FACADE: &str = "meanwhile";
const CORE: &str = "meanwhile-core";
const HTTP: &str = "meanwhile-http";
const MACROS: &str = "meanwhile-macros";

/// Crates that are neither providers nor published building blocks.
const TOOLS: &[&str] = &["meanwhile-examples", "meanwhile-replay", "meanwhile-bench", "xtask"];

/// Dialects that several providers share: the first of the two doors between provider crates.
const DIALECTS: &[&str] = &["meanwhile-openai-compatible"];

/// Crates that implement a provider; everything else of ours must be named in this file.
fn is_provider(name: &str) -> bool {
    let building_blocks = [FACADE, CORE, HTTP, MACROS, "meanwhile-layers", "meanwhile-testkit"];
    name.starts_with("meanwhile-") && !building_blocks.contains(&name) && !TOOLS.contains(&name)
}

/// Checks a rule for every normal and build dependency of every crate that `of` selects.
fn check(of: impl Fn(&str) -> bool, allowed: impl Fn(&str, &str) -> bool) {
    let metadata = metadata();
    let ours = metadata.workspace_packages();
    let is_ours = |name: &str| ours.iter().any(|package| package.name == name);
    let mut checked = 0;
    for package in ours.iter().filter(|package| of(&package.name)) {
        checked += 1;
        for dependency in dependencies(package) {
            let fine = allowed(&dependency, &package.name) || !is_ours(&dependency);
            assert!(fine, "{} must not depend on {dependency}", package.name);
        }
    }
    assert!(checked > 0, "the rule applies to no crate");
}

fn dependencies(package: &Package) -> impl Iterator<Item = String> {
    let kept = |kind| !matches!(kind, DependencyKind::Development);
    package.dependencies.iter().filter(move |d| kept(d.kind)).map(|d| d.name.clone())
}

#[test]
fn the_core_depends_on_none_of_ours_and_on_no_runtime() {
    check(|name| name == CORE, |_, _| false);
    let metadata = metadata();
    let core = metadata.workspace_packages().into_iter().find(|p| p.name == CORE).unwrap();
    for dependency in dependencies(core) {
        assert!(!["reqwest", "tokio", "hyper"].contains(&&*dependency), "{dependency} in the core");
    }
}

#[test]
fn the_macros_depend_on_none_of_ours() {
    check(|name| name == MACROS, |_, _| false);
}

#[test]
fn http_depends_on_the_core_alone() {
    check(|name| name == HTTP, |dependency, _| dependency == CORE);
}

#[test]
fn a_provider_depends_on_core_http_and_shared_dialects() {
    check(is_provider, |dependency, _| {
        [CORE, HTTP].contains(&dependency) || DIALECTS.contains(&dependency)
    });
}

#[test]
fn the_local_model_needs_no_http() {
    check(|name| name == "meanwhile-local", |dependency, _| dependency == CORE);
}

#[test]
fn nothing_depends_on_the_facade_but_examples_and_tools() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let uses = dependencies(package).any(|dependency| dependency == FACADE);
        let name = package.name.as_str();
        assert!(!uses || TOOLS.contains(&name), "{name} must not depend on the facade");
    }
}

#[test]
fn xtask_depends_on_none_of_ours() {
    check(|name| name == "xtask", |_, _| false);
}
