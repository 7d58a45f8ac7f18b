//! [`MemoryCache`]: answers in the memory of this process, within a size and a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{MediaSource, Part, Response, Result};
use moka::sync::{Cache, CacheBuilder};

use super::{CacheKey, CacheStore, CachedAnswer};

/// What an answer takes besides its content, in bytes. Roughly.
const OVERHEAD: usize = 512;

/// For ever; the store refuses times of more than a thousand years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Keeps answers in memory: at most so many bytes, those used least going first. Clones share them.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_layers::{Cache, MemoryCache};
/// # futures::executor::block_on(async {
/// // 64 MiB, each answer for ten minutes.
/// let store = MemoryCache::expiring(64 << 20, Duration::from_secs(600));
/// let model = Model::new(Scripted::new().reply("42").reply("forty-two"), "any");
/// let ask = || model.call::<Response>("Six times seven?").layer(Cache::new(store.clone()));
/// assert_eq!(ask().await?.text(), "42");
/// assert!(ask().await?.cached);
/// store.clear();
/// assert_eq!(ask().await?.text(), "forty-two");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryCache(Cache<CacheKey, Arc<CachedAnswer>>);

impl MemoryCache {
    /// Makes a store of about `bytes` bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(builder(bytes).build())
    }

    /// Makes a store of about `bytes` bytes that forgets an answer after `time`, and after a hundred
    /// years at the latest.
    #[must_use]
    pub fn expiring(bytes: u64, time: Duration) -> Self {
        Self(builder(bytes).time_to_live(time.min(LONGEST)).build())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.invalidate_all();
    }
}

fn builder(
    bytes: u64,
) -> CacheBuilder<CacheKey, Arc<CachedAnswer>, Cache<CacheKey, Arc<CachedAnswer>>> {
    let weigher = |_: &CacheKey, answer: &Arc<CachedAnswer>| {
        u32::try_from(weight(&answer.response)).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(bytes).weigher(weigher)
}

/// About how many bytes an answer takes.
fn weight(response: &Response) -> usize {
    let source = |source: &MediaSource| match source {
        MediaSource::Bytes(bytes) => bytes.len(),
        MediaSource::Url(text) | MediaSource::Text(text) => text.len(),
        _ => 0,
    };
    let part = |part: &Part| match part {
        Part::Text(part) => part.text.len() + 128 * (part.citations.len() + part.logprobs.len()),
        Part::Thinking(part) => part.text.len(),
        Part::Refusal(part) => part.text.len(),
        Part::ToolCall(part) => part.arguments.len(),
        Part::Image(part) => source(&part.source),
        Part::Audio(part) => source(&part.source),
        Part::Document(part) => source(&part.source),
        Part::Opaque(data) => data.value.to_string().len(),
        _ => 0,
    };
    let parts: usize = response.message.parts.iter().map(|one| OVERHEAD / 2 + part(one)).sum();
    let frames: usize = response.raw.iter().map(String::len).sum();
    OVERHEAD + parts + frames
}

#[async_trait]
impl CacheStore for MemoryCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>> {
        Ok(self.0.get(key))
    }

    async fn put(&self, key: &CacheKey, answer: Arc<CachedAnswer>) -> Result<()> {
        self.0.insert(*key, answer);
        // Otherwise it makes room only when many have come, however large they are.
        self.0.run_pending_tasks();
        Ok(())
    }

    async fn remove(&self, key: &CacheKey) -> Result<()> {
        self.0.invalidate(key);
        Ok(())
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache")
            .field("entries", &self.0.entry_count())
            .field("bytes", &self.0.weighted_size())
            .finish()
    }
}
