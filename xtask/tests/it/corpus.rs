//! Whether the decoders and the independent judge in `tests/extract` read the recordings alike.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::root;

fn fixtures() -> Option<PathBuf> {
    let beside = || root().join("../shared/fixtures");
    let folder = std::env::var_os("MEANWHILE_FIXTURES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn judge(program: &str) -> Command {
    let mut command = Command::new("python3");
    // Without `-B`, modules would leave compiled copies of themselves in the tree.
    command.arg("-B").arg(root().join("xtask/tests/extract").join(program));
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{said}", text(&output));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_decoders_agree_with_an_independent_judge() {
    let Some(fixtures) = fixtures() else {
        println!("skipped: no recordings; set MEANWHILE_FIXTURES to their folder");
        return;
    };
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let corpus = |command: &mut Command, out: &Path| {
        run(command.arg("--corpus").arg(&fixtures).arg("--json").arg(out));
    };
    corpus(&mut judge("main.py"), &file("judge.jsonl"));
    let mut replay = Command::new(env!("CARGO"));
    replay.args(["run", "--quiet", "--package", "meanwhile-replay", "--", "--once"]);
    corpus(replay.current_dir(root()), &file("replay.jsonl"));
    let output = run(judge("compare.py").args([file("judge.jsonl"), file("replay.jsonl")]));
    println!("{}", text(&output));
}
