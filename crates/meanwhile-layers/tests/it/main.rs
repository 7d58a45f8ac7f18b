//! One binary: every layer, on the clock of the test and on providers that do as they are told.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and says when it is skipped"
)]

mod any_settings;
mod breaker;
mod budget;
#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "cache")]
mod cache_keys;
#[cfg(feature = "cache")]
mod cache_sharing;
mod concurrency;
mod fallback;
mod hedge;
mod paced;
mod prices;
mod rate_limit;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(feature = "cache", feature = "redis"))]
mod redis_cache;
mod retry;
mod router;
mod timeout;
#[cfg(feature = "tower")]
mod tower_bridge;

/// Makes all calls at once and waits for all.
async fn all<C: IntoFuture>(calls: impl IntoIterator<Item = C>) -> Vec<C::Output> {
    futures_util::future::join_all(calls.into_iter().map(IntoFuture::into_future)).await
}
