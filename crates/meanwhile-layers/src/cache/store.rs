//! [`CacheStore`], where answers are kept, and [`CachedAnswer`], what is kept.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Response, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::CacheKey;

/// Keeps answers. A store may forget any of them at any time.
///
/// An error of a store never fails a call: it is a warning on the answer, which then comes from the
/// provider.
#[async_trait]
pub trait CacheStore: fmt::Debug + Send + Sync + 'static {
    /// Looks an answer up.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from looking; [`ErrorKind::Decode`] when what it holds is damaged.
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>>;

    /// Keeps an answer, in place of one that is there.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from keeping it.
    async fn put(&self, key: &CacheKey, answer: Arc<CachedAnswer>) -> Result<()>;

    /// Forgets an answer; it is no error when there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from forgetting it.
    async fn remove(&self, key: &CacheKey) -> Result<()>;
}

/// An answer in a cache.
///
/// ```
/// use meanwhile_core::{ErrorKind, Response};
/// use meanwhile_layers::CachedAnswer;
///
/// // What a store does that keeps bytes.
/// let answer = CachedAnswer::new(Response::new("house", "small"));
/// let bytes = answer.to_bytes()?;
/// assert_eq!(CachedAnswer::from_bytes(&bytes)?, answer);
/// let cut = CachedAnswer::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err();
/// assert_eq!(cut.kind(), ErrorKind::Decode);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CachedAnswer {
    /// When it was kept.
    pub stored: SystemTime,
    /// The answer as it was first given.
    pub response: Response,
}

/// What the bytes of an answer begin with: the version of their format and a digest of the rest.
const MAGIC: &str = "meanwhile-cache 1 ";

impl CachedAnswer {
    /// Keeps `response` as of now.
    #[must_use]
    pub fn new(response: Response) -> Self {
        Self { stored: SystemTime::now(), response }
    }

    /// How long ago it was kept; nothing where the clock went backwards.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.stored.elapsed().unwrap_or_default()
    }

    /// Writes the answer for a store that keeps bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`] when the answer cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(|source| {
            let message = format!("the answer cannot be written as JSON: {source}");
            Error::new(ErrorKind::Other, message).with_source(source)
        })?;
        let mut bytes = format!("{MAGIC}{}\n", digest(&json)).into_bytes();
        bytes.extend_from_slice(&json);
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when the bytes are damaged, cut off, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: &str| {
            Error::new(ErrorKind::Decode, format!("an answer in the cache {what}; it is not used"))
        };
        let rest = bytes.strip_prefix(MAGIC.as_bytes());
        let rest = rest.ok_or_else(|| damaged("was written by another version"))?;
        let (sum, json) = rest.split_at_checked(64).ok_or_else(|| damaged("is cut off"))?;
        let json = json.strip_prefix(b"\n").ok_or_else(|| damaged("is damaged"))?;
        if sum != digest(json).as_bytes() {
            return Err(damaged("is damaged"));
        }
        serde_json::from_slice(json)
            .map_err(|source| damaged(&format!("cannot be read: {source}")).with_source(source))
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
