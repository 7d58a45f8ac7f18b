//! How little each of the usual tasks takes, and that examples stay short enough to be read.

use std::fs;

use crate::root;

/// Lines of code: neither blank nor comments.
fn lines(file: &str) -> usize {
    let text = fs::read_to_string(root().join("examples").join(file)).unwrap();
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    text.lines().map(str::trim).filter(is_code).count()
}

/// A whole program, `main` included.
fn check(task: &str, most: usize) {
    let count = lines(&format!("shortest/{task}.rs"));
    println!("{task}: {count} lines of code (limit {most})");
    assert!(count <= most, "{task} takes {count} lines, more than {most}");
}

#[test]
fn the_usual_tasks_are_short() {
    check("call", 5);
    check("stream", 7);
    check("tool_loop", 12);
    check("structured_output", 8);
}

#[test]
fn an_example_shows_one_idea() {
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // What shows all at once is longer.
        if name.ends_with(".rs") && name != "quickstart.rs" {
            assert!(lines(&name) <= 60, "{name} has more than 60 lines of code");
        }
    }
}
