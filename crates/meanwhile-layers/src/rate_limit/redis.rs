//! [`RedisRateStore`]: limits that several processes share, kept in a Redis or Valkey server.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::Result;
use redis::Script;
use tokio::runtime::Handle;

use super::store::{Booked, Limits, RateStore};
use super::window::{SLOTS, slot_length};
use crate::redis::RedisServer;

// As long as never, and as many as any number: scripts count exactly up to 2^53.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
const MOST_TOKENS: u64 = 1 << 50;

/// Books one request, if it fits: the same reckoning as in the window of one process, on the clock of
/// the server. Fields are `r<length>:<slot>` and `t<length>:<slot>`, so that windows of different length are
/// counted apart; `p` is until when nothing is booked in any of them.
static BOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local key, length, slots = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local most_requests, most_tokens, tokens = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = math.floor(now / length)
local requests_of, tokens_of, gone, pause = {}, {}, {}, 0
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local field, value = all[i], tonumber(all[i + 1])
  if field == 'p' then
    pause = value
  else
    local kind, own, slot = string.match(field, '^(%a)(%d+):(%d+)$')
    own, slot = tonumber(own), tonumber(slot)
    if slot < math.floor(now / own) - slots then
      gone[#gone + 1] = field
    elseif own == length then
      if kind == 'r' then requests_of[slot] = value else tokens_of[slot] = value end
    end
  end
end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
if pause > now then return {0, pause - now} end
local requests, sum = 1, tokens
if most_tokens >= 0 and sum > most_tokens then sum = most_tokens end
for slot = current, current - slots, -1 do
  requests = requests + (requests_of[slot] or 0)
  sum = sum + (tokens_of[slot] or 0)
  local over = (most_requests >= 0 and requests > most_requests) or (most_tokens >= 0 and sum > most_tokens)
  if over then return {0, (slot + slots + 1) * length - now} end
end
local place = string.format('%.0f:%.0f', length, current)
redis.call('HINCRBY', key, 'r' .. place, 1)
if tokens > 0 then redis.call('HINCRBY', key, 't' .. place, tokens) end
redis.call('PEXPIRE', key, math.max((slots + 2) * length, redis.call('PTTL', key)))
return {1, current}
",
    )
});

/// Corrects the tokens of a slot that still counts.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local left = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '-1')
if left < 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], math.max(0, left + tonumber(ARGV[2])))
return 1
",
    )
});

/// Books nothing for a while.
static PAUSE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local stop = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
local before = tonumber(redis.call('HGET', KEYS[1], 'p') or '0')
if stop > before then redis.call('HSET', KEYS[1], 'p', stop) end
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[1]) + tonumber(ARGV[2]), redis.call('PTTL', KEYS[1])))
return 1
",
    )
});

/// Keeps what was let through in a Redis or Valkey server, so that several processes share limits.
///
/// Every booking is one round trip, atomic on the server and on its clock. The connection is made on
/// first use and made again when it breaks; commands are given 2 s. While the server cannot be
/// asked, calls fail with [`ErrorKind::Connection`](meanwhile_core::ErrorKind::Connection), unless the layer
/// [fails open](super::RateLimit::fail_open). Corrections are sent in the background and are lost when
/// that fails, so that a request then counts as it was estimated. Clones share the connection.
///
/// ```
/// use meanwhile_core::{ErrorKind, Model, Scripted};
/// use meanwhile_layers::{RateLimit, RedisRateStore};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> meanwhile_core::Result<()> {
/// # // Nobody listens there any more.
/// # let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
/// # let url = format!("redis://{closed}");
/// let store = RedisRateStore::new(&url)?.with_prefix("shop:");
/// let limit = RateLimit::new().requests_per_minute(500).store(store);
/// // The server is down, and the limit does not fail open.
/// let model = Model::new(Scripted::new().reply("hello"), "any");
/// let error = model.call::<String>("Hello").layer(limit).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Connection);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RedisRateStore {
    server: RedisServer,
    prefix: String,
}

impl RedisRateStore {
    /// Makes a store in the server at `url`, like `redis://host:6379`. Does no I/O. Keys begin with
    /// `meanwhile:rate:`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) when it is no such URL.
    pub fn new(url: &str) -> Result<Self> {
        let unavailable = "the Redis server of the rate limit does not answer; start it, or let the \
            limit fail open";
        let server = RedisServer::new(url, unavailable)?;
        Ok(Self { server, prefix: "meanwhile:rate:".to_owned() })
    }

    /// Sets what keys begin with.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sends a script whose answer nobody waits for.
    fn send(&self, script: &'static LazyLock<Script>, key: &str, arguments: [String; 2]) {
        // Without a runtime there is nobody to send it.
        let Ok(runtime) = Handle::try_current() else { return };
        let (store, key) = (self.clone(), format!("{}{key}", self.prefix));
        runtime.spawn(async move {
            let [first, second] = &arguments;
            let mut call = script.key(key);
            call.arg(first).arg(second);
            let sent =
                |mut connection| async move { call.invoke_async::<i64>(&mut connection).await };
            // What cannot be corrected stays as it was estimated.
            let _ = store.server.ask(sent).await;
        });
    }
}

#[async_trait]
impl RateStore for RedisRateStore {
    async fn book(&self, key: &str, limits: &Limits, tokens: u64) -> Result<Booked> {
        let most = |limit: Option<u64>| limit.map_or(-1, |most| i64::try_from(most).unwrap_or(-1));
        let mut call = BOOK.key(format!("{}{key}", self.prefix));
        call.arg(slot_length(limits)).arg(SLOTS);
        call.arg(most(limits.requests.map(|most| most.max(1))))
            .arg(most(limits.tokens))
            .arg(tokens.min(MOST_TOKENS));
        let asked =
            |mut connection| async move { call.invoke_async::<(u8, u64)>(&mut connection).await };
        let (booked, number) = self.server.ask(asked).await?;
        Ok(match booked {
            1 => Booked::Now(number),
            _ => Booked::Wait(Duration::from_millis(number)),
        })
    }

    fn settle(&self, key: &str, limits: &Limits, slot: u64, booked: u64, used: u64) {
        let change = i128::from(used.min(MOST_TOKENS)) - i128::from(booked.min(MOST_TOKENS));
        if change != 0 {
            let field = format!("t{}:{slot}", slot_length(limits));
            self.send(&SETTLE, key, [field, change.to_string()]);
        }
    }

    fn pause(&self, key: &str, limits: &Limits, wait: Duration) {
        let kept = slot_length(limits).saturating_mul(SLOTS + 2);
        self.send(&PAUSE, key, [wait.min(FAR).as_millis().to_string(), kept.to_string()]);
    }
}
