//! Which crate may depend on which. Development dependencies are free.

use cargo_metadata::{DependencyKind, Package};

use crate::metadata;

const FACADE: &str = "meanwhile";
const CORE: &str = "meanwhile-core";
const HTTP: &str = "meanwhile-http";
const JSON: &str = "meanwhile-json";
const RAG: &str = "meanwhile-rag";
const MACROS: &str = "meanwhile-macros";

/// Crates that are neither providers nor published building blocks.
const TOOLS: &[&str] = &[
    "meanwhile-bench",
    "meanwhile-bench-ingestion",
    "meanwhile-bench-retrieval",
    "meanwhile-bench-tools",
    "meanwhile-examples",
    "meanwhile-live",
    "meanwhile-programs-bench",
    "meanwhile-replay",
    "meanwhile-soak",
    "xtask",
];

/// Dialects that several providers share: the first of the two doors between provider crates. Each
/// may use those before it, and nothing else of ours but the core and HTTP.
const DIALECTS: &[&str] = &["meanwhile-openai-compatible", "meanwhile-openai-responses"];

/// Hosts that serve a vendor's wire, and the vendors whose public codecs they use: the second door.
const HOSTS: &[(&str, &[&str])] = &[
    ("meanwhile-azure", &["meanwhile-anthropic", "meanwhile-openai"]),
    ("meanwhile-bedrock", &["meanwhile-anthropic", "meanwhile-mistral"]),
    // Vertex is a part of it.
    ("meanwhile-google", &["meanwhile-anthropic", "meanwhile-mistral"]),
];

/// Crates around calls and providers, which know the contracts only, and what each may use beside the
/// core.
const AROUND: &[(&str, &[&str])] = &[
    ("meanwhile-layers", &[]),
    ("meanwhile-observe", &[]),
    ("meanwhile-concurrency", &["meanwhile-layers"]),
    ("meanwhile-blocking", &[]),
    ("meanwhile-mcp", &[]),
    ("meanwhile-output", &[JSON]),
    (RAG, &[]),
    ("meanwhile-rag-sqlite", &[RAG]),
    ("meanwhile-rag-postgres", &[RAG]),
    // Its server speaks HTTP.
    ("meanwhile-rag-qdrant", &[RAG, HTTP]),
    // Retrievers are modules of programs.
    ("meanwhile-programs", &[JSON, RAG]),
];

/// Crates that implement a provider; everything else of ours must be named in this file.
fn is_provider(name: &str) -> bool {
    let building_blocks = [FACADE, CORE, HTTP, JSON, MACROS, "meanwhile-testkit"];
    name.starts_with("meanwhile-")
        && !building_blocks.contains(&name)
        && !AROUND.iter().any(|(around, _)| *around == name)
        && !TOOLS.contains(&name)
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
fn the_json_reader_depends_on_none_of_ours() {
    check(|name| name == JSON, |_, _| false);
}

#[test]
fn http_depends_on_the_core_alone() {
    check(|name| name == HTTP, |dependency, _| dependency == CORE);
}

#[test]
fn a_provider_depends_on_core_http_and_through_the_two_doors() {
    let is_host_of = |host: &str, vendor: &str| {
        HOSTS.iter().any(|(name, vendors)| *name == host && vendors.contains(&vendor))
    };
    check(is_provider, |dependency, of| {
        [CORE, HTTP].contains(&dependency)
            || DIALECTS.contains(&dependency)
            || is_host_of(of, dependency)
    });
}

#[test]
fn a_dialect_depends_on_core_http_and_the_dialects_before_it() {
    let place = |name: &str| DIALECTS.iter().position(|dialect| *dialect == name);
    check(
        |name| place(name).is_some(),
        |dependency, of| {
            let earlier = place(dependency).is_some_and(|at| Some(at) < place(of));
            [CORE, HTTP].contains(&dependency) || earlier
        },
    );
}

#[test]
fn a_vendor_whose_codec_is_public_uses_no_host() {
    let vendors: Vec<&str> =
        HOSTS.iter().flat_map(|(_, vendors)| vendors.iter().copied()).collect();
    let hosts = || HOSTS.iter().map(|(host, _)| *host);
    check(
        |name| vendors.contains(&name) && !hosts().any(|host| host == name),
        |dependency, _| !hosts().any(|host| host == dependency),
    );
}

#[test]
fn what_is_around_providers_depends_on_no_provider_and_no_transport() {
    let allowed = |dependency: &str, of: &str| {
        let used = AROUND.iter().filter(|(name, _)| *name == of).flat_map(|(_, used)| *used);
        dependency == CORE || used.into_iter().any(|used| *used == dependency)
    };
    check(|name| AROUND.iter().any(|(around, _)| *around == name), allowed);
}

#[test]
fn the_testkit_depends_on_the_core_and_http() {
    check(|name| name == "meanwhile-testkit", |dependency, _| [CORE, HTTP].contains(&dependency));
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
