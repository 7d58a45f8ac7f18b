//! [`RedisServer`]: what the stores in a Redis or Valkey server share, the connection to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How long an answer of the server may take: it is on the way of a call, and a provider is not much
/// slower.
const PATIENCE: Duration = Duration::from_secs(2);

/// A Redis or Valkey server. The connection is made on first use, made again when it breaks, and shared
/// by clones.
#[derive(Clone)]
pub(crate) struct RedisServer {
    client: Client,
    connection: Arc<OnceCell<ConnectionManager>>,
    /// The message where the server cannot be asked.
    unavailable: &'static str,
}

impl RedisServer {
    /// The server at `url`; does no I/O.
    pub(crate) fn new(url: &str, unavailable: &'static str) -> Result<Self> {
        // The error may quote the URL, which may hold a password.
        let client = Client::open(url).map_err(|_| {
            let message =
                "the URL of the Redis server cannot be read; write it like redis://host:6379";
            Error::new(ErrorKind::Config, message)
        })?;
        Ok(Self { client, connection: Arc::default(), unavailable })
    }

    /// Asks the server, in [`PATIENCE`] with connecting.
    pub(crate) async fn ask<T, F>(&self, work: impl FnOnce(ConnectionManager) -> F) -> Result<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_number_of_retries(1);
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        let asked = async { work(self.connection.get_or_try_init(connect).await?.clone()).await };
        let failed = Error::new(ErrorKind::Connection, self.unavailable);
        match timeout(PATIENCE, asked).await {
            Ok(answered) => answered.map_err(|source| failed.with_source(source)),
            Err(late) => Err(failed.with_source(late)),
        }
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("RedisServer").finish_non_exhaustive()
    }
}
