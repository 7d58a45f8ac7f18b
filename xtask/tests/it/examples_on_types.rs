//! [`Type`]: the docs of every published type that a user makes, by a constructor, a `Default`, a builder
//! or as a variant, show how it is used, on the type or on a constructor.
//!
//! The sources are read as text, line by line, as `rustfmt` leaves them. Types whose names a macro puts in
//! are not seen, and two of one name in one crate count as one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// What nobody makes by hand: crate, names, and why.
const MADE_BY_OTHERS: &[(&str, &[&str], &str)] = &[
    // What an answer, an error or an event is told in. The example stands on what gives it.
    (
        "meanwhile-core",
        &["BatchStatus", "PartStart", "RunEvent", "RunKind", "TimeoutPhase", "Turn"],
        TOLD,
    ),
    ("meanwhile-json", &["Change", "JsonErrorKind", "Kind", "Step"], TOLD),
    ("meanwhile-layers", &["Booked", "CircuitState", "Spent"], TOLD),
    ("meanwhile-local", &["LocalError"], TOLD),
    (
        "meanwhile-programs",
        &["FieldChange", "ForcedBy", "GepaOutcome", "Parsed", "PredictionEvent"],
        TOLD,
    ),
    (
        "meanwhile-programs",
        &["Reasoned", "ReActStop", "StopReason", "ToolStep", "Trace", "Transcript", "Turn"],
        TOLD,
    ),
    ("meanwhile-rag", &["IngestReport", "Outcome", "Report"], TOLD),
    ("meanwhile-testkit", &["Outcome"], TOLD),
    // What codecs and readers make of text that comes and goes.
    ("meanwhile-http", &["Flag", "List", "MessageHeaders", "Number", "Object", "Words"], READ),
    ("meanwhile-openai-compatible", &["Data", "Url"], READ),
    ("meanwhile-output", &["PartialBox", "PartialList", "PartialText", "PartialValue"], READ),
    ("meanwhile-programs", &["FieldState"], READ),
    // Rows of a table in the crate itself.
    ("meanwhile-openai-compatible", &["Offers"], "a column of the presets"),
];

const TOLD: &str = "what happened, told by the crate";
const READ: &str = "read and written by codecs and readers";

/// A public struct or enum, as its crate's sources show it.
#[derive(Debug, Default)]
struct Type {
    /// Where it is declared; empty while only an `impl` of it was seen.
    place: String,
    has_example: bool,
    /// Whether it is made by naming a variant, or a public field.
    is_open: bool,
    /// Public functions that make one, and `Default`.
    constructors: BTreeSet<String>,
}

/// What is said above a declaration.
#[derive(Debug, Default)]
struct Above {
    has_example: bool,
    in_fence: bool,
    is_hidden: bool,
    has_default: bool,
}

#[test]
fn every_type_that_a_user_makes_has_an_example() {
    let mut missing = Vec::new();
    let mut excused: Vec<(&str, &str)> = Vec::new();
    let mut count = 0;
    for folder in published() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (type_name, found) in types(&folder.join("src")) {
            let is_made = found.is_open || !found.constructors.is_empty();
            if found.place.is_empty() || !is_made {
                continue;
            }
            count += 1;
            let excuse = MADE_BY_OTHERS.iter().find_map(|(of, names, _)| {
                names
                    .iter()
                    .find(|known| *of == name && **known == type_name)
                    .map(|known| (*of, *known))
            });
            match excuse {
                Some(excuse) => excused.push(excuse),
                None if found.has_example => {}
                None => missing.push(format!(
                    "{name}: {type_name} ({}), {:?}",
                    found.place, found.constructors
                )),
            }
        }
    }
    assert!(count > 300, "only {count} types were found");
    assert!(
        missing.is_empty(),
        "types without an example on them or on a constructor: {missing:#?}"
    );
    let all =
        MADE_BY_OTHERS.iter().flat_map(|(of, names, _)| names.iter().map(move |name| (*of, *name)));
    let gone: Vec<_> = all.filter(|one| !excused.contains(one)).collect();
    assert!(
        gone.is_empty(),
        "types that are excused and do not exist, or need no excuse: {gone:?}"
    );
}

#[test]
fn types_constructors_and_examples_are_seen() {
    let source = r"
        |/// With an example.
        |///
        |/// ```no_run
        |/// ```
        |#[derive(Debug, Default)]
        |pub struct One;
        |
        |/// With a picture.
        |///
        |/// ```text
        |/// ```
        |#[derive(
        |    Debug, Default,
        |)]
        |pub struct Two<T>(T);
        |
        |/// Made with an example.
        |pub struct Three<'a> {
        |    text: &'a str,
        |}
        |
        |impl<'a, F: Fn(u8) -> u8> Three<'a>
        |where
        |    F: Send,
        |{
        |    /// Makes one.
        |    ///
        |    /// ```
        |    /// ```
        |    pub const fn of(
        |        text: &'a str,
        |    ) -> Result<Self> {
        |        Ok(Self { text })
        |    }
        |
        |    /// Changes one.
        |    pub fn with(mut self) -> Self {
        |        self
        |    }
        |}
        |
        |/// A choice.
        |pub enum Four {}
        |
        |/// Not for people.
        |#[doc(hidden)]
        |pub enum Five {}
        |
        |/// Only read.
        |pub struct Six {
        |    pub text: String,
        |}
        |";
    let source: Vec<&str> =
        source.lines().filter_map(|line| Some(line.split_once('|')?.1)).collect();
    let mut found = BTreeMap::new();
    read(&source.join("\n"), "lib.rs", &mut found);
    let seen: Vec<String> = found
        .iter()
        .map(|(name, it)| format!("{name} {:?} {} {}", it.constructors, it.is_open, it.has_example))
        .collect();
    assert_eq!(
        seen,
        [
            "Four {} true false",
            "One {\"Default\"} false true",
            "Six {} false false",
            "Three {\"of\"} false true",
            "Two {\"Default\"} false false",
        ]
    );
}

/// The folders of the crates that are published.
fn published() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let is_published = |folder: &PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        !manifest.is_empty() && !manifest.lines().any(|line| line.trim() == "publish = false")
    };
    let mut found: Vec<PathBuf> = crates.filter(is_published).collect();
    found.sort();
    found
}

/// The public types of a crate by name. Two of one name in one crate count as one.
fn types(sources: &Path) -> BTreeMap<String, Type> {
    let mut found = BTreeMap::new();
    let mut folders = vec![sources.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What the macros write is not for people.
                if !path.ends_with("__private") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let place = path.strip_prefix(sources).unwrap().display().to_string();
                read(&fs::read_to_string(&path).unwrap(), &place, &mut found);
            }
        }
    }
    found
}

/// Adds what one file says.
fn read(text: &str, place: &str, found: &mut BTreeMap<String, Type>) {
    let mut above = Above::default();
    // The type of the `impl` around, whose lines are indented.
    let mut around: Option<String> = None;
    let mut attribute = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if line.starts_with('}') {
            around = None;
        }
        // Attributes go over several lines, up to their bracket.
        if !attribute.is_empty() || code.starts_with("#[") {
            attribute.push_str(code);
            if attribute.matches('[').count() == attribute.matches(']').count() {
                above.is_hidden |= attribute.contains("doc(hidden)");
                let derived = attribute.strip_prefix("#[derive(").unwrap_or_default();
                above.has_default |= derived.split([',', ')']).any(|one| one.trim() == "Default");
                attribute.clear();
            }
            continue;
        }
        if let Some(doc) = code.strip_prefix("///") {
            let fence = doc.trim();
            if fence.starts_with("```") {
                above.in_fence = !above.in_fence;
                let is_code = ["```", "```no_run", "```should_panic", "```rust"].contains(&fence);
                above.has_example |= above.in_fence && is_code;
            }
            continue;
        }
        if code.starts_with("//") || code.is_empty() {
            continue;
        }
        let said = std::mem::take(&mut above);
        let indented = line.len() > code.len();
        if !indented && let Some(implemented) = code.strip_prefix("impl") {
            let header = header(implemented, &lines[at + 1..]);
            around = inherent(&header);
            if let Some(name) = default_of(&header) {
                found.entry(name).or_default().constructors.insert("Default".to_owned());
            }
            continue;
        }
        if !indented && let Some(name) = declared(code) {
            if said.is_hidden {
                continue;
            }
            let known = found.entry(name.clone()).or_default();
            known.place = format!("{place}:{}", at + 1);
            known.is_open |= code.starts_with("pub enum") || code.contains("(pub ");
            known.has_example |= said.has_example;
            if said.has_default {
                known.constructors.insert("Default".to_owned());
            }
            if name.ends_with("Builder") {
                known.constructors.insert("builder".to_owned());
            }
            continue;
        }
        if let Some(name) = &around
            && let Some(constructor) = constructor(code, &lines[at + 1..], name)
            && !said.is_hidden
        {
            let known = found.entry(name.clone()).or_default();
            known.has_example |= said.has_example;
            known.constructors.insert(constructor);
        }
    }
}

/// The name in `pub struct Name…` or `pub enum Name…`.
fn declared(code: &str) -> Option<String> {
    let rest = code.strip_prefix("pub struct ").or_else(|| code.strip_prefix("pub enum "))?;
    Some(word(rest)).filter(|name| !name.is_empty())
}

/// All of an item's head, up to its brace.
fn header(first: &str, following: &[&str]) -> String {
    let mut header = first.to_owned();
    for line in following {
        if header.contains('{') || header.contains(';') {
            break;
        }
        header.push(' ');
        header.push_str(line.trim());
    }
    let end = header.find(['{', ';']).unwrap_or(header.len());
    header[..end].trim().to_owned()
}

/// Takes the generics off the front.
fn after_generics(code: &str) -> &str {
    if !code.starts_with('<') {
        return code.trim();
    }
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in code.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' && before != '=' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return code[at + 1..].trim();
        }
        before = c;
    }
    ""
}

/// The type of an `impl` without a trait.
fn inherent(header: &str) -> Option<String> {
    let header = after_generics(header);
    if header.split(" where ").next()?.contains(" for ") {
        return None;
    }
    Some(word(header)).filter(|name| !name.is_empty())
}

/// The type of an `impl Default for`.
fn default_of(header: &str) -> Option<String> {
    Some(word(after_generics(header).strip_prefix("Default for ")?))
}

/// The name of a public function without a receiver that returns the type around it, or a builder.
fn constructor(code: &str, following: &[&str], of: &str) -> Option<String> {
    let rest = code.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("const ").unwrap_or(rest);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    let header = header(rest, following);
    let (arguments, returned) = header.rsplit_once("-> ")?;
    let name = word(arguments);
    let first = arguments.split_once('(')?.1.trim_start();
    let has_receiver = ["self", "&self", "mut self", "&mut self"].iter().any(|receiver| {
        first.strip_prefix(receiver).is_some_and(|rest| rest.starts_with([',', ')']))
    });
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
    };
    let makes = words(returned)
        .iter()
        .any(|word| word == "Self" || word == of || word.ends_with("Builder"));
    (!has_receiver && makes).then_some(name)
}

/// The identifier that the text begins with.
fn word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
