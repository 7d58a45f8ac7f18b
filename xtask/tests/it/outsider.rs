//! How little a provider from elsewhere takes, and that what is said about it is so.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::root;

const EXAMPLE: &str = "examples/third-party-provider";

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every line counts, the empty ones and the comments included.
fn check(file: &str, most: usize) {
    let lines = read(format!("{EXAMPLE}/{file}")).lines().count();
    println!("{file}: {lines} lines (limit {most})");
    assert!(lines <= most, "{file} has {lines} lines, more than {most}");
}

#[test]
fn a_compatible_host_and_a_new_protocol_are_short() {
    check("src/host.rs", 60);
    check("src/protocol.rs", 150);
}

#[test]
fn the_example_is_all_there_is() {
    let mut files: Vec<String> = fs::read_dir(root().join(EXAMPLE).join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    // What counts as a host or a protocol must not hide in another file.
    assert_eq!(files, ["host.rs", "lib.rs", "protocol.rs", "wire.rs"]);
    let wire = read(format!("{EXAMPLE}/src/wire.rs"));
    assert!(!wire.contains("impl Codec") && !wire.contains("impl Decoder"));
}

#[test]
fn the_example_uses_nothing_but_published_crates() {
    let manifest = read(format!("{EXAMPLE}/Cargo.toml"));
    let mut found = 0;
    for line in manifest.lines().filter(|line| line.contains("path = ")) {
        let name = line.split_whitespace().next().unwrap();
        let own = read(format!("crates/{name}/Cargo.toml"));
        assert!(!own.contains("publish = false"), "{name} is not published");
        assert!(line.contains("version = "), "{name} has no version to find it by");
        found += 1;
    }
    assert!(found > 2, "the dependencies were not found");
}

#[test]
fn the_guide_shows_code_that_is_compiled() {
    let folder = root().join(EXAMPLE);
    let code: Vec<String> = ["src/host.rs", "src/lib.rs", "src/protocol.rs", "src/wire.rs"]
        .into_iter()
        .chain(["tests/it/conforms.rs", "tests/it/used.rs"])
        .map(|file| fs::read_to_string(folder.join(file)).unwrap())
        .collect();
    let guide = read("docs/adding-a-provider.md");
    let mut snippets = 0;
    for block in guide.split("```rust\n").skip(1) {
        let snippet = block.split("```").next().unwrap();
        let is_found = code.iter().any(|code| code.contains(snippet));
        assert!(is_found, "this is not in the example:\n{snippet}");
        snippets += 1;
    }
    assert!(snippets >= 5, "the guide shows {snippets} snippets");
}

/// Lays a provider out in a workspace of its own and runs its tests and lints.
#[test]
fn a_new_provider_compiles_and_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let manifest: String = read("Cargo.toml")
        .lines()
        .filter(|line| !line.starts_with("exclude = "))
        .map(|line| match line.starts_with("members = ") {
            true => "members = [\"crates/*\"]\n".to_owned(),
            // Our own crates are where they are.
            false => {
                line.replace("path = \"crates/", &format!("path = \"{}/crates/", root().display()))
                    + "\n"
            }
        })
        .collect();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    for file in ["Cargo.lock", "rustfmt.toml", "clippy.toml"] {
        fs::copy(root().join(file), folder.path().join(file)).unwrap();
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
    };
    let lay_out = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["new-provider", name, "--workspace"]).arg(folder.path());
        command
    };
    fs::create_dir(folder.path().join("crates")).unwrap();
    run(&mut lay_out("acme-cloud"));
    // Neither twice, nor under a name that is none.
    assert!(!lay_out("acme-cloud").output().unwrap().status.success());
    assert!(!lay_out("Acme_Cloud").output().unwrap().status.success());

    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(folder.path());
        command.env("CARGO_TARGET_DIR", root().join("target/outsider"));
        command
    };
    run(&mut cargo(&["fmt", "--check"]));
    run(&mut cargo(&["clippy", "--all-targets", "--", "-D", "warnings"]));
    run(&mut cargo(&["test", "--quiet"]));
}
