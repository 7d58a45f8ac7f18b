//! Any durations and counts: no setting of a layer makes a call panic, however large or small it is.

use std::time::Duration;

use meanwhile_core::{AnyProvider, Error, ErrorKind, Layer, Model, Scripted, Usd};
use meanwhile_layers::{
    Backoff, Budget, CircuitBreaker, Concurrency, Deployment, Hedge, HedgeBudget, RateLimit, Retry,
    RetryBudget, Router, Timeout,
};
use proptest::prelude::*;

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::MAX),
        Just(Duration::from_secs(u64::MAX)),
        Just(Duration::from_millis(u64::MAX)),
        (any::<u64>(), 0u32..1_000_000_000).prop_map(|(s, ns)| Duration::new(s, ns)),
        (0u64..100_000).prop_map(Duration::from_millis),
    ]
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>(), 0u64..1000]
}

fn parts() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), 0.0..1.0, Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX)]
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn large(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Two calls through it, with failures that ask for any wait. What they end with is the layer's affair.
async fn check(layer: impl Layer, wait: Duration) {
    let fail = |kind| Error::new(kind, "as the test says");
    let scripted = Scripted::new()
        .error(fail(ErrorKind::Server))
        .error(fail(ErrorKind::RateLimit).with_retry_after(wait))
        .reply_with(|_| "ok".to_owned());
    let model = Model::new(AnyProvider::from(scripted).layer(&layer), "m");
    for limit in [None, Some(wait)] {
        let call = model.call::<String>("hi");
        let call = match limit {
            Some(limit) => call.timeout(limit),
            None => call,
        };
        // Waits of years are cut short.
        let _ = tokio::time::timeout(Duration::from_secs(200), call.into_future()).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_setting_makes_a_layer_panic(
        [a, b] in [durations(), durations()],
        [n, m] in [counts(), counts()],
        part in parts(),
        taken in any::<u32>(),
    ) {
        let backoff = Backoff::new(a, b).jitter(part);
        prop_assert!(backoff.wait(taken) <= b);
        prop_assert!(Backoff::new(a, b).jitter(0.0).wait(0) == a.min(b));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let budget = RetryBudget::new(small(m), part);
            check(Retry::new().retries(small(n)).backoff(backoff).longest_wait(b).budget(budget), a).await;
            check(Timeout::new().first_event(a).idle(b).whole(a), b).await;
            let limit = RateLimit::new().requests_per_minute(n).tokens_per_minute(m);
            check(limit.window(a).longest_wait(b), a).await;
            let estimate = RateLimit::new().tokens_per_minute(n).estimate(move |_| m);
            check(estimate.window(a), b).await;
            check(Concurrency::new(large(n)).queue(large(m)), a).await;
            let breaker = CircuitBreaker::new().failures(small(n)).cooldown(a).long_cooldown(b);
            let breaker = breaker.failure_share(part, small(m));
            check(breaker.clone(), a).await;
            let hedge = Hedge::after(a).max_hedges(large(n.min(9))).budget(HedgeBudget::unlimited());
            check(hedge, b).await;
            let percent = u8::try_from(n % 256).unwrap();
            let hedge = Hedge::after_percentile(percent, a).budget(HedgeBudget::percent(percent));
            check(hedge, b).await;
            let budget = Budget::tokens(n).and_requests(m).and_money(Usd::dollars(n));
            check(budget.window(a).reserve_roughly(m).warn_at(percent), b).await;
            #[cfg(feature = "cache")]
            for store in [
                meanwhile_layers::MemoryCache::new(n),
                meanwhile_layers::MemoryCache::expiring(n, b),
            ] {
                check(meanwhile_layers::Cache::new(store).max_age(a), b).await;
            }

            let fail = Error::new(ErrorKind::RateLimit, "as the test says").with_retry_after(a);
            let scripted = Scripted::new().error(fail).reply_with(|_| "ok".to_owned());
            let places = Deployment::new(scripted.clone().into(), "m");
            let places = places.weight(small(n)).concurrency(large(m));
            let other = Deployment::new(scripted.into(), "n").weight(u32::MAX);
            let router = Router::new("r").circuit_breaker(&breaker);
            let router = router.deployment(places).deployment(other);
            for _ in 0..2 {
                let call = Model::new(router.clone(), "any").call::<String>("hi").timeout(b);
                let _ = tokio::time::timeout(Duration::from_secs(200), call.into_future()).await;
            }
        });
    }
}
