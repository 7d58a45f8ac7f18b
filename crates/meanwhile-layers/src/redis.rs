//! [`RedisServer`]: what the stores in a Redis or Valkey server share, the connection to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult};
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
            let secure = ["rediss://", "valkeys://"];
            let message = match secure.iter().any(|scheme| url.trim_start().starts_with(scheme)) {
                true => NO_TLS,
                false => {
                    "the URL of the Redis server cannot be read; write it like redis://user:password@host:6379/0"
                }
            };
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
        match timeout(PATIENCE, asked).await {
            Ok(answered) => answered.map_err(|source| self.failed(&source).with_source(source)),
            Err(late) => Err(self.failed_to_answer().with_source(late)),
        }
    }

    fn failed(&self, source: &RedisError) -> Error {
        match (source.kind(), source.code()) {
            (redis::ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                Error::new(ErrorKind::Authentication, REFUSED)
            }
            (_, Some("NOPERM")) => Error::new(ErrorKind::PermissionDenied, NOT_ALLOWED),
            _ => self.failed_to_answer(),
        }
    }

    fn failed_to_answer(&self) -> Error {
        Error::new(ErrorKind::Connection, self.unavailable)
    }
}

const NO_TLS: &str = "TLS to a Redis server is not built in; enable the feature `tokio-rustls-comp` of the crate `redis` in your own manifest, or go through a tunnel and write redis://";

const REFUSED: &str = "the Redis server wants a credential, or does not take the one in its URL; write it like redis://user:password@host:6379";

const NOT_ALLOWED: &str = "the Redis server does not let this user do what is needed; allow it the commands and the keys that it refuses";

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("RedisServer").finish_non_exhaustive()
    }
}
