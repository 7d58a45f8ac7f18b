//! [`RedisCache`]: answers that several processes and machines share, in a Redis or Valkey server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{Error, ErrorKind, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue};
use tokio::sync::OnceCell;

use super::{CacheKey, CacheStore, CachedAnswer};

/// How long an answer of the server may take: a provider is not much slower.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps answers in a Redis or Valkey server. Clones share the connection.
///
/// The connection is made on first use and made again when it breaks; commands are given 2 s. While
/// the server cannot be asked, answers come from the provider, with a warning. How much is kept, and
/// what goes first, is the server's business (`maxmemory`).
#[derive(Clone)]
pub struct RedisCache {
    client: Client,
    prefix: String,
    time: Option<Duration>,
    connection: Arc<OnceCell<ConnectionManager>>,
}

impl RedisCache {
    /// Keeps answers in the server at `url`, like `redis://host:6379`. Does no I/O. Keys begin with
    /// `meanwhile:cache:`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when it is no such URL.
    pub fn new(url: &str) -> Result<Self> {
        // The error may quote the URL, which may hold a password.
        let client = Client::open(url).map_err(|_| {
            let message =
                "the URL of the Redis server cannot be read; write it like redis://host:6379";
            Error::new(ErrorKind::Config, message)
        })?;
        let prefix = "meanwhile:cache:".to_owned();
        Ok(Self { client, prefix, time: None, connection: Arc::default() })
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
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_number_of_retries(1);
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        let asked = async {
            let mut connection = self.connection.get_or_try_init(connect).await?.clone();
            command.query_async(&mut connection).await
        };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            let message = "the Redis server of the cache does not answer; start it";
            Error::new(ErrorKind::Connection, message).with_source(source)
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answered) => answered.map_err(|source: redis::RedisError| failed(source.into())),
            Err(late) => Err(failed(late.into())),
        }
    }

    fn key(&self, key: &CacheKey) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl CacheStore for RedisCache {
    async fn get(&self, key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>> {
        let bytes: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(self.key(key))).await?;
        bytes.map(|bytes| CachedAnswer::from_bytes(&bytes).map(Arc::new)).transpose()
    }

    async fn put(&self, key: &CacheKey, answer: Arc<CachedAnswer>) -> Result<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(answer.to_bytes()?);
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

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("RedisCache").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
