//! [`files`], the files of a folder in the order of their paths.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meanwhile_core::Result;

use super::{Folder, Parser, Text, parser_for, unreadable};

/// A file to be read.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) parser: Arc<dyn Parser>,
}

pub(super) fn files(folder: Folder) -> Vec<Result<Found>> {
    let mut found = Vec::new();
    walk(&folder, &folder.path, "", &mut found);
    found
}

fn walk(folder: &Folder, path: &Path, prefix: &str, found: &mut Vec<Result<Found>>) {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            found.push(Err(unreadable(path, error)));
            return;
        }
    };
    let mut names: Vec<(String, fs::DirEntry)> = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => names.push((entry.file_name().to_string_lossy().into_owned(), entry)),
            Err(error) => found.push(Err(unreadable(path, error))),
        }
    }
    names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entry) in names {
        if name.starts_with('.') {
            continue;
        }
        let (path, id) = (entry.path(), format!("{prefix}{name}"));
        // Of a link, this is the kind of the link: a folder behind one could be a circle.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(folder, &path, &format!("{id}/"), found),
            Ok(_) if path.is_file() || !path.exists() => {
                if let Some(parser) = parser(folder, &path) {
                    found.push(Ok(Found { id, path, parser }));
                }
            }
            Ok(_) => {}
            Err(error) => found.push(Err(unreadable(&path, error))),
        }
    }
}

fn parser(folder: &Folder, path: &Path) -> Option<Arc<dyn Parser>> {
    let known = parser_for(&folder.parsers, path);
    let Some(wanted) = &folder.extensions else { return known };
    let extension = path.extension()?.to_str()?;
    let is_it = |wanted: &str| wanted.eq_ignore_ascii_case(extension);
    let is_wanted = wanted.iter().any(|wanted| is_it(wanted.trim_start_matches('.')));
    is_wanted.then(|| known.unwrap_or_else(|| Arc::new(Text)))
}
