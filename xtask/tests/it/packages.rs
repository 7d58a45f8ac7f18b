//! What a published crate brings: a README as its documentation has it, what registries and docs.rs want to
//! know, licences that go together, and none of the recordings.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::process::Command;

use cargo_metadata::{DependencyKind, NodeDep, Package, PackageId};

use crate::{metadata, root};

fn published() -> Vec<Package> {
    let metadata = metadata();
    let packages = metadata.workspace_packages().into_iter().cloned();
    let published: Vec<Package> = packages
        .filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
        .collect();
    assert!(published.len() > 20, "the published crates were not found");
    published
}

#[test]
fn every_plot_is_as_its_table_has_it() {
    let status = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["plots", "--check"]).status();
    assert!(status.unwrap().success(), "see above");
}

#[test]
fn every_readme_is_as_the_documentation_has_it() {
    let status = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["readme", "--check"]).status();

    assert!(status.unwrap().success());
}

#[test]
fn every_crate_says_what_registries_want_to_know() {
    for package in published() {
        let name = &package.name;
        assert!(package.description.as_ref().is_some_and(|text| text.len() > 20), "{name}");
        assert!(!package.keywords.is_empty() && !package.categories.is_empty(), "{name}");
        assert!(package.license.is_some() && package.repository.is_some(), "{name}");
        assert!(package.rust_version.is_some(), "{name}");
        let folder = package.manifest_path.parent().unwrap();
        assert!(folder.join("README.md").exists(), "{name} has no README");
        let docs = &package.metadata["docs"]["rs"];
        let has_features = !package.features.is_empty();
        assert!(
            !has_features || docs["all-features"] == true || docs["features"].is_array(),
            "{name}: docs.rs is not told to show all features"
        );
    }
}

#[test]
fn no_crate_brings_recordings_or_what_is_large() {
    for package in published() {
        let output = Command::new(env!("CARGO"))
            .args(["package", "--list", "--allow-dirty", "--offline", "--package"])
            .arg(package.name.as_str())
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folder = package.manifest_path.parent().unwrap();
        for file in String::from_utf8(output.stdout).unwrap().lines() {
            let size = folder.join(file).metadata().map_or(0, |file| file.len());
            assert!(size < 1_000_000, "{}: {file} has {size} bytes", package.name);
            assert!(!file.contains("fixtures/"), "{}: {file}", package.name);
        }
    }
}

/// An expression as `MIT OR Apache-2.0` needs one of its licences, one with `AND` each of them.
fn is_allowed(expression: &str, licences: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    let one = |licence: &str| licences.contains(&format!("\"{}\"", licence.trim()));
    expression.split(" AND ").all(|all| all.split(" OR ").any(one))
}

/// Everything that a user of a published crate compiles or links, whatever the features.
fn used() -> Vec<Package> {
    let metadata = metadata();
    let nodes = metadata.resolve.as_ref().unwrap().nodes.iter();
    let nodes: HashMap<_, _> = nodes.map(|node| (node.id.clone(), node)).collect();
    let mut open: Vec<PackageId> = published().into_iter().map(|package| package.id).collect();
    let mut found = HashSet::new();
    while let Some(id) = open.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        let is_for_tests = |dependency: &&NodeDep| {
            dependency.dep_kinds.iter().all(|kind| kind.kind == DependencyKind::Development)
        };
        let dependencies = nodes[&id].deps.iter().filter(|dependency| !is_for_tests(dependency));
        open.extend(dependencies.map(|dependency| dependency.pkg.clone()));
    }
    metadata.packages.into_iter().filter(|package| found.contains(&package.id)).collect()
}

#[test]
fn every_dependency_may_be_used() {
    let policy = fs::read_to_string(root().join("deny.toml")).unwrap();
    let licences = policy.split("\nallow = [").nth(1).unwrap().split(']').next().unwrap();
    let used = used();
    assert!(used.len() > 200, "the dependencies were not found");
    let bad: Vec<String> = used
        .iter()
        .filter(|package| {
            !package.license.as_deref().is_some_and(|text| is_allowed(text, licences))
        })
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();

    assert!(bad.is_empty(), "{bad:#?}");
}
