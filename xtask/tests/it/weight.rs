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
