//! Layers around providers: what to do when an answer is late, fails, costs too much or was had before.
//!
//! A [`Layer`](meanwhile_core::Layer) wraps a provider in another. Put one around every provider of a
//! registry (`registry.layer(…)`), around one provider (`provider.layer(&…)`), or around one call
//! (`.layer(…)`). From outside, the usual order is: cache, budget, fallback or router, hedge, retry,
//! circuit breaker, rate limit, concurrency, timeout.
//! State that calls share lives in the layer; clones of a layer share it.

// What several layers need.
mod deadline;
mod held;
mod per_call;
#[cfg(feature = "redis")]
mod redis;
mod room;

// Trying again, and giving up.
mod breaker;
mod fallback;
mod hedge;
mod retry;
mod router;
mod standard;
mod timeout;
mod timer;

// Not too much at once.
mod concurrency;
mod rate_limit;

// What it costs, and what was had before.
mod budget;
#[cfg(feature = "cache")]
mod cache;
mod prices;

// To and from `tower`.
#[cfg(feature = "tower")]
mod tower_bridge;

pub use breaker::{CircuitBreaker, CircuitState};
pub use budget::{Budget, Spent, UnknownPrice};
#[cfg(all(feature = "cache", feature = "redis"))]
pub use cache::RedisCache;
#[cfg(feature = "cache")]
pub use cache::{
    CACHE_TAG, Cache, CacheKey, CachePolicy, CacheStore, CachedAnswer, DiskCache, MemoryCache,
};
pub use concurrency::Concurrency;
pub use fallback::Fallback;
pub use hedge::{Hedge, HedgeBudget};
pub use per_call::LayerSettings;
pub use prices::{Cost, Price, PriceAbove, Prices};
#[cfg(feature = "redis")]
pub use rate_limit::RedisRateStore;
pub use rate_limit::{Booked, Limits, MemoryRateStore, RateLimit, RateStore, estimate_tokens};
pub use retry::{Backoff, RETRIES_TAG, Retry, RetryBudget};
pub use router::{Deployment, DeploymentStatus, Router};
pub use standard::standard;
pub use timeout::Timeout;
pub use timer::TokioTimer;
#[cfg(feature = "tower")]
pub use tower_bridge::{ProviderService, ServiceProvider, TowerLayer};
