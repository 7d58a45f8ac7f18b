//! [`RedisCache`]: answers that several processes and machines share, in a Redis or Valkey server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};
use redis::FromRedisValue;
use tokio::task::spawn_blocking;

use super::{CacheKey, CacheStore, CachedAnswer};
use crate::redis::RedisServer;

/// Longer answers are read on a thread that may block: it takes milliseconds.
const LONG: usize = 64 << 10;

/// Keeps answers in a Redis or Valkey server. Clones share the connection.
///
/// The connection is made on first use and made again when it breaks; commands are given 2 s. While
/// the server cannot be asked, answers come from the provider, with a warning. How much is kept, and
/// what goes first, is the server's business (`maxmemory`). Answers are written and long ones read on the
/// threads that tokio keeps for work that blocks.
///
/// ```
/// use std::time::Duration;
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_layers::{Cache, RedisCache};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// # // Nobody listens there any more.
/// # let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
/// # let url = format!("redis://{closed}");
/// let store = RedisCache::new(&url)?.with_prefix("shop:").expiring(Duration::from_secs(3600));
/// let model = Model::new(Scripted::new().reply("42"), "any");
/// let answer = model.call::<Response>("Six times seven?").layer(Cache::new(store)).await?;
/// // The server is down: the answer comes from the provider, and says so.
/// assert_eq!(answer.text(), "42");
/// assert!(!answer.warnings.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RedisCache {
    server: RedisServer,
    prefix: String,
    time: Option<Duration>,
}

impl RedisCache {
    /// Keeps answers in the server at `url`, like `redis://host:6379`. Does no I/O. Keys begin with
    /// `meanwhile:cache:`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is no such URL.
    pub fn new(url: &str) -> Result<Self> {
        let unavailable = "the Redis server of the cache does not answer; start it";
        let server = RedisServer::new(url, unavailable)?;
        Ok(Self { server, prefix: "meanwhile:cache:".to_owned(), time: None })
    }

    /// Sets what keys begin with.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Lets the server forget an answer after `time`.
    #[must_use]
    pub fn expiring(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T> {
        let asked = |mut connection| async move { command.query_async(&mut connection).await };
        self.server.ask(asked).await
    }

    fn key(&self, key: &CacheKey) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl CacheStore for RedisCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>> {
        let bytes: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(self.key(key))).await?;
        let Some(bytes) = bytes else { return Ok(None) };
        let answer = match bytes.len() > LONG {
            true => aside(move || CachedAnswer::from_bytes(&bytes)).await,
            false => CachedAnswer::from_bytes(&bytes),
        };
        answer.map(|answer| Some(Arc::new(answer)))
    }

    async fn put(&self, key: &CacheKey, answer: Arc<CachedAnswer>) -> Result<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(aside(move || answer.to_bytes()).await?);
        if let Some(time) = self.time {
            let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
            command.arg("PX").arg(milliseconds);
        }
        self.ask(&command).await
    }

    async fn remove(&self, key: &CacheKey) -> Result<()> {
        self.ask(redis::cmd("DEL").arg(self.key(key))).await
    }
}

/// Does what takes long beside the runtime.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|source| {
        let message = "an answer in the cache was neither read nor written";
        Err(Error::new(ErrorKind::Other, message).with_source(source))
    })
}
