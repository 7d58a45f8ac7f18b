//! [`Journal`]: the log of a run, a line a step, from which the run goes on where it was stopped.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use meanwhile_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// What is in a log: which run it is of, and what was done.
#[derive(Debug)]
pub(super) struct Logged<S, L> {
    pub(super) start: S,
    pub(super) steps: Vec<L>,
}

/// Writes a log; writes nothing where there is no folder.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<(PathBuf, File)>);

impl Journal {
    /// Opens the log of this name in `folder`, which is made where it is missing, and reads what is in it.
    /// A last line that was cut is taken out.
    pub(super) fn open<S: DeserializeOwned, L: DeserializeOwned>(
        folder: &Path,
        name: &str,
    ) -> Result<(Self, Option<Logged<S, L>>)> {
        let path = folder.join(name);
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

fn read<S: DeserializeOwned, L: DeserializeOwned>(
    text: &[u8],
) -> serde_json::Result<Option<Logged<S, L>>> {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Some(start) = lines.next() else { return Ok(None) };
    let start = serde_json::from_slice(start)?;
    let steps = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
    Ok(Some(Logged { start, steps }))
}

/// A digest of what a run depends on.
pub(super) fn fingerprint<T: Serialize>(all: &T) -> Result<String> {
    let json = serde_json::to_vec(all).map_err(|error| {
        let message = format!("the examples cannot be written as JSON: {error}");
        Error::new(ErrorKind::Config, message).with_source(error)
    })?;
    Ok(Sha256::digest(&json).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Says that a log is no log of this run.
pub(super) fn another_run() -> Error {
    let message = "the log is of another run: another program, other examples or other settings; give this \
                   one a folder of its own";
    Error::new(ErrorKind::Config, message)
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    let what = match error.kind() {
        IoKind::PermissionDenied => "may not be written",
        _ => "cannot be used",
    };
    let message = format!("the log {} {what}: {error}", path.display());
    Error::new(ErrorKind::Config, message).with_source(error)
}
