//! Whether the book hangs together: every page is listed, every link leads somewhere, every example runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test panics"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// Pages whose blocks of Rust are excerpts, held to their sources by other tests.
const EXCERPTS: &[&str] = &["adding-a-provider.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages of the book, by name.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

fn links(text: &str) -> Vec<String> {
    let link = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new(text).filter_map(link).collect()
}

/// The anchors of a page's headings, as mdBook and code hosts make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase();
                let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    anchors
}

#[test]
fn every_page_is_listed_once() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed = links(&summary);
    listed.sort();
    let pages: Vec<String> =
        pages().into_iter().map(|(name, _)| name).filter(|name| name != "SUMMARY.md").collect();

    assert_eq!(listed, pages);
}

#[test]
fn the_book_builds() {
    let folder = tempfile::tempdir().unwrap();
    let built =
        Command::new(env!("CARGO_BIN_EXE_meanwhile-book")).arg(folder.path()).output().unwrap();

    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for (name, _) in pages().into_iter().filter(|(name, _)| name != "SUMMARY.md") {
        let page = folder.path().join(name).with_extension("html");
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn every_link_leads_somewhere() {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let top = top.map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    let docs = pages().into_iter().map(|(name, text)| (format!("docs/{name}"), text));
    let mut broken = Vec::new();
    for (name, text) in docs.chain(top) {
        let here = root().join(&name);
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if path.is_empty() { here.clone() } else { here.parent().unwrap().join(path) };
            let is_there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap_or_default()).contains(anchor));
            if !is_there {
                broken.push(format!("{name}: {link}"));
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_block_of_rust_is_compiled() {
    let compiled = include_str!("../../src/lib.rs");
    for (name, text) in pages() {
        let rust = Parser::new(&text).any(|event| match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                language.split(',').next() == Some("rust")
            }
            _ => false,
        });
        let is_compiled = compiled.contains(&format!("\"{name}\""));
        let is_excerpt = EXCERPTS.contains(&name.as_str());

        assert_eq!(is_compiled, rust && !is_excerpt, "{name}");
    }
}

#[test]
fn every_example_that_is_named_exists() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let manifest = fs::read_to_string(root().join("examples/Cargo.toml")).unwrap();
    let mut named = 0;
    for (name, text) in pages().into_iter().chain([("README.md".to_owned(), readme)]) {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "--example") {
            let is_there = manifest.contains(&format!("\nname = \"{}\"", pair[1]));
            assert!(is_there, "{name}: there is no example `{}`", pair[1]);
            named += 1;
        }
    }

    assert!(named > 10, "{named}");
}
