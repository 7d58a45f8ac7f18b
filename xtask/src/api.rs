//! [`api`]: the public API of every published crate as text, a file each in `xtask/api`, so that a change of it
//! is seen before it is released. What is `#[doc(hidden)]` is not in it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use public_api::Builder;

use crate::run::{cargo, root, run};

/// The Rust whose documentation as JSON the files are made from; another one writes types and traits of the
/// standard library in other words, or a form that cannot be read.
const RUST: &str = "1.95";

/// Set for `cargo doc` by this chore: the rustdoc that this program stands in for.
const STANDS_FOR: &str = "XTASK_RUSTDOC";

/// Traits of the standard library that follow from the fields of a type, and that nobody relies on.
const NOBODY_NEEDS: [&str; 6] = [
    "core::marker::Freeze",
    "core::marker::StructuralPartialEq",
    "core::marker::UnsafeUnpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
    "core::marker::Unpin",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Writes nothing, prints what differs, and fails where something does
    #[arg(long)]
    check: bool,
    /// Only these crates
    crates: Vec<String>,
}

/// Runs rustdoc where this program stands in for it, and returns its exit code. JSON is not stable yet: only
/// rustdoc is told to write it all the same. Told to cargo, too, everything would be built again.
pub(crate) fn stand_in() -> Option<Result<i32>> {
    let rustdoc = env::var_os(STANDS_FOR)?;
    let mut command = Command::new(rustdoc);
    command.args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").env_remove(STANDS_FOR);
    let status = command.status().context("cannot start rustdoc");
    Some(status.map(|status| status.code().unwrap_or(1)))
}

/// Writes the public API of the published crates, or says where it is not as it is written.
pub(crate) fn api(arguments: &Arguments) -> Result<()> {
    if !is_the_rust()? {
        bail!("xtask/api is made by Rust {RUST}: `rustup run {RUST} cargo xtask api`");
    }
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let packages = published(&metadata, &arguments.crates)?;
    document(&arguments.crates)?;
    let folder = root().join("xtask/api");
    let mut differs = false;
    for package in &packages {
        let new = dump(&metadata, package)?;
        let file = folder.join(format!("{}.txt", package.name));
        let old = fs::read_to_string(&file).unwrap_or_default();
        if arguments.check {
            differs |= tell(&package.name, &old, &new);
        } else if old != new {
            fs::create_dir_all(&folder)?;
            fs::write(&file, new)?;
            eprintln!("wrote xtask/api/{}.txt", package.name);
        }
    }
    differs |= arguments.crates.is_empty() && forget(&folder, &packages, arguments.check)?;
    if differs && arguments.check {
        bail!(
            "the public API is not as xtask/api has it, see above. A line with - was removed or changed, which \
             breaks programs: say so in CHANGELOG.md, with what to write instead, and raise the minor version. \
             Then `cargo xtask api` writes the files anew"
        );
    }
    Ok(())
}

/// The step of CI, which is left out with another Rust than the one that made the files.
pub(crate) fn step() -> Result<()> {
    if is_the_rust()? {
        return api(&Arguments { check: true, crates: Vec::new() });
    }
    eprintln!("the public API is not compared: xtask/api is made by Rust {RUST}");
    Ok(())
}

/// Whether the compiler is the one that the files are made by.
fn is_the_rust() -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").current_dir(root()).output()?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(version.starts_with(&format!("rustc {RUST}.")))
}

fn published<'a>(metadata: &'a Metadata, names: &[String]) -> Result<Vec<&'a Package>> {
    let mut packages = metadata.workspace_packages();
    packages.retain(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()));
    for name in names {
        if !packages.iter().any(|package| package.name == name) {
            bail!("no crate that is published is called `{name}`");
        }
    }
    packages.retain(|package| names.is_empty() || names.iter().any(|name| package.name == name));
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// Documents the crates as JSON, with the features of the step `doc`, so that nothing it has built is built
/// again.
fn document(names: &[String]) -> Result<()> {
    let mut command = cargo(&["doc", "--quiet", "--no-deps", "--all-features", "--lib"]);
    if names.is_empty() {
        command.arg("--workspace");
    }
    for name in names {
        command.args(["--package", name]);
    }
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    command.env(STANDS_FOR, rustdoc).env("RUSTDOC", env::current_exe()?);
    command.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    run(&mut command)
}

/// The public items of a crate, one a line.
fn dump(metadata: &Metadata, package: &Package) -> Result<String> {
    let is_library = |target: &&cargo_metadata::Target| target.is_lib() || target.is_proc_macro();
    let library = package.targets.iter().find(is_library);
    let library = library.with_context(|| format!("{} has no library", package.name))?;
    let name = format!("doc/{}.json", library.name.replace('-', "_"));
    let json = metadata.target_directory.join(name);
    let items = Builder::from_rustdoc_json(&json).omit_blanket_impls(true).build();
    let items = items.with_context(|| format!("cannot read {json}"))?;
    Ok(kept(items.items().map(ToString::to_string)))
}

/// The lines that say something: no traits that nobody needs, and of the implementation of a trait not the
/// functions, which the trait has already.
fn kept(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    // How the functions of the implementation begin that the lines are of.
    let mut functions: Option<String> = None;
    for line in lines {
        if functions.as_ref().is_some_and(|begin| line.starts_with(begin)) {
            continue;
        }
        let of_trait = line.starts_with("impl").then(|| line.split_once(" for ")).flatten();
        if line.starts_with("impl") {
            let begin = |of: &str| format!("pub fn {}::", of.split(" where ").next().unwrap_or(of));
            functions = of_trait.map(|(_, of)| begin(of));
        }
        let is = |name: &&str| of_trait.is_some_and(|(first, _)| first.ends_with(name));
        if !NOBODY_NEEDS.iter().any(is) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// Prints the lines that were added and removed; whether there are any.
fn tell(name: &str, old: &str, new: &str) -> bool {
    let differences = differences(old, new);
    if !differences.is_empty() {
        eprintln!("\nxtask/api/{name}.txt");
    }
    for (line, removed) in &differences {
        eprintln!("{} {line}", if *removed { '-' } else { '+' });
    }
    !differences.is_empty()
}

/// The lines of which one text has more than the other, each with whether it was removed.
fn differences<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, bool)> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for (text, by) in [(old, -1), (new, 1)] {
        text.lines().for_each(|line| *counts.entry(line).or_default() += by);
    }
    let differing = counts.into_iter().filter(|(_, count)| *count != 0);
    differing.map(|(line, count)| (line, count < 0)).collect()
}

/// Removes the files of crates that are gone; whether there are any.
fn forget(folder: &Path, packages: &[&Package], check: bool) -> Result<bool> {
    let mut gone = false;
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension() != Some(OsStr::new("txt")) {
            continue;
        }
        let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        if packages.iter().any(|package| package.name == name) {
            continue;
        }
        gone = true;
        if check {
            eprintln!("\nxtask/api/{name}.txt is of no crate that is published");
        } else {
            fs::remove_file(&file)?;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trait_says_already_is_left_out() {
        let lines = [
            "pub struct a::A<T>",
            "impl<T> a::A<T>",
            "pub fn a::A<T>::new() -> Self",
            "impl<T: core::clone::Clone> core::clone::Clone for a::A<T>",
            "pub fn a::A<T>::clone(&self) -> a::A<T>",
            "impl<T> core::future::future::Future for a::A<T> where T: core::marker::Send",
            "pub type a::A<T>::Output = T",
            "pub fn a::A<T>::poll(self)",
            "impl<T> core::marker::Freeze for a::A<T>",
            "impl<T> core::marker::Send for a::A<T> where T: core::marker::Send",
            "pub fn a::free()",
        ];
        let left = kept(lines.iter().map(ToString::to_string));
        let left: Vec<&str> = left.lines().collect();
        let gone: Vec<&str> = lines.into_iter().filter(|line| !left.contains(line)).collect();
        assert_eq!(gone.len() + left.len(), lines.len());
        let expected =
            ["pub fn a::A<T>::clone(", "pub fn a::A<T>::poll(", "impl<T> core::marker::Freeze"];
        assert_eq!(gone.len(), expected.len(), "{gone:?}");
        assert!(gone.iter().zip(expected).all(|(line, begin)| line.starts_with(begin)), "{gone:?}");
    }

    #[test]
    fn a_changed_line_is_one_removed_and_one_added() {
        let old = "pub fn a()\npub fn b()\npub fn c()\n";
        let new = "pub fn a()\npub fn b(u8)\npub fn c()\npub fn d()\n";
        let expected = [("pub fn b()", true), ("pub fn b(u8)", false), ("pub fn d()", false)];
        assert_eq!(differences(old, new), expected);
        assert!(differences(new, new).is_empty());
        assert_eq!(differences("twice\ntwice\n", "twice\n"), [("twice", true)]);
    }
}
