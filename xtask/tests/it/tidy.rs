//! How source files look: short, introduced by a sentence, free of leftovers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// Longer than this, a file is several files.
const MOST_LINES: usize = 800;

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["crates", "examples", "xtask", "benches"].iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "ui"].contains(&&*name) {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

fn check(what: &str, is_fine: impl Fn(&Path, &str) -> bool) {
    let bad: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| !is_fine(path, &fs::read_to_string(path).unwrap()))
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    assert!(bad.is_empty(), "{what}: {bad:#?}");
}

#[test]
fn no_file_is_longer_than_it_can_be_read() {
    check("files over 800 lines", |_, text| text.lines().count() <= MOST_LINES);
}

#[test]
fn every_file_opens_with_a_sentence() {
    check("files without a first `//!` line", |_, text| text.starts_with("//! "));
}

#[test]
fn nothing_is_left_over() {
    // In two halves, so that this file is free of them.
    let marks = [["to", "do!("], ["unimplemen", "ted!("], ["FIX", "ME"], ["#[ign", "ore"]];
    check("unfinished marks and ignored tests", |_, text| {
        marks.iter().all(|mark| !text.contains(&mark.concat()))
    });
}
