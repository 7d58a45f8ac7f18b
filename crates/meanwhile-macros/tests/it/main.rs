//! What the compiler says about mistakes. `TRYBUILD=overwrite` writes the expectations anew.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a failed unwrap is a failed test"
)]

mod program;

use std::process::Command;

/// The compiler whose words the expectations hold.
const PINNED: &str = "rustc 1.95.";

/// Compiles the cases of one macro: those that pass, and those that fail with the words beside them.
fn check(folder: &str) {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().unwrap().stdout;
    let cases = trybuild::TestCases::new();
    cases.pass(format!("tests/ui/{folder}/pass/*.rs"));
    if String::from_utf8_lossy(&version).starts_with(PINNED) {
        cases.compile_fail(format!("tests/ui/{folder}/fail/*.rs"));
    }
}

#[test]
fn call() {
    check("call");
}

#[test]
fn template() {
    check("template");
}

#[test]
fn tool() {
    check("tool");
}

#[test]
fn derive() {
    check("derive");
}

#[test]
fn programs() {
    check("program");
}
