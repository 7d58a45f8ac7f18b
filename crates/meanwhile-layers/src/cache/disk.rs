//! [`DiskCache`]: answers as files, one each, so that they outlive the process.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};

use super::{CacheKey, CacheStore, CachedAnswer};

/// What the names of the files end in.
const EXTENSION: &str = "answer";

/// What the names of the files end in while they are written.
const UNFINISHED: &str = "new";

/// Nobody takes longer to write a file.
const WRITING: Duration = Duration::from_secs(60 * 60);

/// Keeps answers in a folder, a file each. Several processes may share the folder.
///
/// A file is written beside its place and moved there, so that nobody reads half of one; one that is
/// damaged all the same is found out by its digest, and counts as none. On Unix the folder and the
/// files are for their owner only. Nothing is removed by itself: see [`prune`](Self::prune). Reading and
/// writing happens on the threads that tokio keeps for work that blocks.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_layers::{Cache, DiskCache};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let store = DiskCache::new(folder.path());
/// let model = Model::new(Scripted::new().reply("42"), "any");
/// for _ in ["first", "again"] {
///     let call = model.call::<Response>("What is six times seven?");
///     assert_eq!(call.layer(Cache::new(store.clone())).await?.text(), "42");
/// }
/// // Nothing in the folder is older than a day.
/// assert_eq!(store.prune(Duration::from_secs(24 * 60 * 60)).await?, 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DiskCache {
    folder: Arc<Path>,
}

impl DiskCache {
    /// Keeps answers in `folder`, which is made when the first one is kept.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into().into() }
    }

    /// Removes the answers that were kept longer than `age` ago; returns how many. What is left of
    /// files that a crash kept from being finished goes too, an hour after it or later.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`] when the folder cannot be read or a file not be removed.
    pub async fn prune(&self, age: Duration) -> Result<usize> {
        let folder = Arc::clone(&self.folder);
        let before = SystemTime::now().checked_sub(age);
        blocking("prune", move || match before {
            Some(before) => remove_older(&folder, before),
            None => Ok(0),
        })
        .await
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        let name = key.to_string();
        // Folders of a thousand files each, not of a million.
        let (head, rest) = name.split_at_checked(2).unwrap_or(("", &name));
        self.folder.join(head).join(rest).with_extension(EXTENSION)
    }
}

#[async_trait]
impl CacheStore for DiskCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>> {
        let path = self.path(key);
        let answer = blocking("read", move || match std::fs::read(path) {
            // To check and to read a large answer takes long, too.
            Ok(bytes) => Ok(Some(CachedAnswer::from_bytes(&bytes).map(Arc::new))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        });
        answer.await?.transpose()
    }

    async fn put(&self, key: &CacheKey, answer: Arc<CachedAnswer>) -> Result<()> {
        let path = self.path(key);
        let written = blocking("write", move || match answer.to_bytes() {
            Ok(bytes) => write(&path, &bytes).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        written.await?
    }

    async fn remove(&self, key: &CacheKey) -> Result<()> {
        let path = self.path(key);
        blocking("remove", move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let failed = |message: String| Error::new(ErrorKind::Other, message);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => {
            let message = format!("the cache on disk could not {what} a file: {source}");
            Err(failed(message).with_source(source))
        }
        Err(source) => {
            Err(failed(format!("the cache on disk could not {what} a file")).with_source(source))
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let beside = folder.join(format!("{:016x}.{UNFINISHED}", fastrand::u64(..)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| file.write_all(bytes));
    let moved = written.and_then(|()| std::fs::rename(&beside, path));
    if moved.is_err() {
        // What is left of it is of no use; that it could not be written is told all the same.
        let _ = std::fs::remove_file(&beside);
    }
    moved
}

fn remove_older(folder: &Path, before: SystemTime) -> io::Result<usize> {
    let mut removed = 0;
    let unfinished = SystemTime::now().checked_sub(WRITING).map_or(before, |time| time.min(before));
    let Some(entries) = unless_gone(std::fs::read_dir(folder))? else { return Ok(0) };
    for entry in entries {
        let Some(entry) = unless_gone(entry)? else { continue };
        let Some(kind) = unless_gone(entry.file_type())? else { continue };
        let path = entry.path();
        if kind.is_dir() {
            removed += remove_older(&path, before)?;
            continue;
        }
        let is = |extension: &str| path.extension().is_some_and(|known| known == extension);
        if is(EXTENSION) {
            removed += usize::from(remove_if_older(&path, before)?);
        } else if is(UNFINISHED) {
            remove_if_older(&path, unfinished)?;
        }
    }
    Ok(removed)
}

/// Whether a file was removed here.
fn remove_if_older(path: &Path, before: SystemTime) -> io::Result<bool> {
    let written = unless_gone(path.symlink_metadata().and_then(|known| known.modified()))?;
    match written {
        Some(written) if written < before => Ok(unless_gone(std::fs::remove_file(path))?.is_some()),
        _ => Ok(false),
    }
}

/// `None` where another process was faster: it has moved the file to its place, or removed it.
fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
