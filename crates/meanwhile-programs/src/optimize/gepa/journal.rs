//! [`Journal`]: the log of a run, a line a step, from which the run goes on where it was stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use meanwhile_core::{Error, ErrorKind, Result, Usage};
use serde::{Deserialize, Serialize};

use super::step::GepaStep;

/// The name of the log in its folder.
const FILE: &str = "gepa.jsonl";

/// The first line: which run it is, and how the program did as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) version: u32,
    /// A digest of everything that the run depends on but its budget and its models.
    pub(super) fingerprint: String,
    pub(super) seed: u64,
    pub(super) components: Vec<String>,
    pub(super) instructions: Vec<String>,
    pub(super) scores: Vec<f64>,
    pub(super) usage: Usage,
}

/// What is in a log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) start: Start,
    pub(super) steps: Vec<GepaStep>,
}

/// Writes a log; writes nothing where there is no folder.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<(PathBuf, File)>);

impl Journal {
    /// Opens the log in `folder`, which is made where it is missing, and reads what is in it. A last line
    /// that was cut is taken out.
    pub(super) fn open(folder: &Path) -> Result<(Self, Option<Logged>)> {
        let path = folder.join(FILE);
        let failed = |error| unusable(&path, error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        // What was being written when the run was killed has no end of line.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let logged = read(&text).map_err(|error| {
            let message = format!("the log {} cannot be read: {error}; remove it", path.display());
            Error::new(ErrorKind::Config, message).with_source(error)
        })?;
        Ok((Self(Some((path, file))), logged))
    }

    /// Appends a line, and waits until it is written.
    pub(super) fn append<T: Serialize>(&mut self, line: &T) -> Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        let mut text = serde_json::to_vec(line).map_err(|error| {
            Error::new(ErrorKind::Other, format!("a step cannot be logged: {error}"))
        })?;
        text.push(b'\n');
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        written.map_err(|error| unusable(path, error))
    }
}

fn read(text: &[u8]) -> serde_json::Result<Option<Logged>> {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Some(start) = lines.next() else { return Ok(None) };
    let start = serde_json::from_slice(start)?;
    let steps = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
    Ok(Some(Logged { start, steps }))
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    let what = match error.kind() {
        IoKind::PermissionDenied => "may not be written",
        _ => "cannot be used",
    };
    let message = format!("the log {} {what}: {error}", path.display());
    Error::new(ErrorKind::Config, message).with_source(error)
}
