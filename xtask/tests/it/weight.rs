//! How many crates a user compiles. The numbers are printed, so that they can be quoted.

use std::collections::BTreeSet;
use std::process::Command;

use crate::root;

/// Counts the distinct crates, the asked one included, that a build of `package` compiles.
fn crates(package: &str, features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--no-default-features", "--features", features])
        .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| line.split(" (").next().unwrap_or(line).trim().to_owned();
    text.lines().filter(|line| !line.is_empty()).map(name).collect()
}

fn check(package: &str, features: &str, limit: usize) -> BTreeSet<String> {
    let crates = crates(package, features);
    println!("{package} with features [{features}]: {} crates (limit {limit})", crates.len());
    assert!(crates.len() < limit, "{package} [{features}] compiles {} crates", crates.len());
    crates
}

#[test]
fn the_core_stays_light() {
    check("meanwhile-core", "", 30);
}

#[test]
fn one_http_provider_with_macros_stays_light() {
    let crates = check("meanwhile", "macros,openai", 120);
    for heavy in ["openssl-sys", "native-tls", "cmake", "bindgen", "aws-lc-sys"] {
        let found = crates.iter().any(|line| line.split(' ').next() == Some(heavy));
        assert!(!found, "{heavy} is in the build");
    }
}

#[test]
fn the_local_model_needs_no_cmake_or_bindgen() {
    for features in ["macros,local", "macros,local-hub"] {
        let crates = check("meanwhile", features, 230);
        for heavy in ["openssl-sys", "cmake", "bindgen", "aws-lc-sys", "reqwest"] {
            let found = crates.iter().any(|line| line.split(' ').next() == Some(heavy));
            assert!(!found, "{heavy} is in the build");
        }
    }
}

#[test]
fn a_provider_brings_no_other_provider() {
    // What a feature may bring beside the building blocks: its own crate, the dialects and vendors'
    // codecs that it speaks.
    let blocks = ["meanwhile", "meanwhile-core", "meanwhile-http"];
    let check = |feature: &str, own: &[&str]| {
        let ours: BTreeSet<String> = crates("meanwhile", feature)
            .iter()
            .filter_map(|line| line.split(' ').next())
            .filter(|name| name.starts_with("meanwhile"))
            .map(str::to_owned)
            .collect();
        let mut expected: BTreeSet<String> = own.iter().map(|name| (*name).to_owned()).collect();
        expected.extend(blocks.map(str::to_owned));
        if own == ["meanwhile-local"] {
            expected.remove("meanwhile-http");
        }
        assert_eq!(ours, expected, "feature `{feature}`");
    };
    let chat = "meanwhile-openai-compatible";
    let responses = "meanwhile-openai-responses";
    check("anthropic", &["meanwhile-anthropic"]);
    check("google", &["meanwhile-google"]);
    check("vertex", &["meanwhile-google", "meanwhile-anthropic"]);
    check(
        "vertex-mistral",
        &["meanwhile-google", "meanwhile-anthropic", "meanwhile-mistral", chat],
    );
    check("cohere", &["meanwhile-cohere"]);
    check("ollama", &["meanwhile-ollama"]);
    check("bedrock", &["meanwhile-bedrock"]);
    check("local", &["meanwhile-local"]);
    check("openai-compatible", &[chat]);
    check("groq", &[chat]);
    check("mistral", &["meanwhile-mistral", chat]);
    check("voyage", &["meanwhile-voyage", chat]);
    check("openai", &["meanwhile-openai", chat, responses]);
    check(
        "azure",
        &["meanwhile-azure", "meanwhile-anthropic", "meanwhile-openai", chat, responses],
    );
}
