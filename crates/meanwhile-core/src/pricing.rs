//! [`Pricing`]: what answers cost, as the core asks for it.

use std::fmt;

use crate::{Response, Usage, Usd};

/// Knows what answers cost. The core has no prices; `meanwhile_layers::Prices` is a table of them, and the
/// `meanwhile` facade sets the one that comes with it.
pub trait Pricing: fmt::Debug + Send + Sync + 'static {
    /// What an answer of this model with these counts cost, at the tier of service that gave it; `None`
    /// where a price or a count that is needed is not known. Counts of nothing cost nothing, where the
    /// model is known.
    fn cost(
        &self,
        provider: &str,
        model: &str,
        service_tier: Option<&str>,
        usage: &Usage,
    ) -> Option<Usd>;
}

/// Whether the price of a model is known.
pub(crate) fn is_known(prices: &dyn Pricing, provider: &str, model: &str) -> bool {
    prices.cost(provider, model, None, &Usage::totals(0, 0)).is_some()
}

/// What an answer to a request for `model` cost, with the tries before it that failed. A name of the answer
/// that has no price costs what the model costs that was asked for, which need not be the request's.
pub(crate) fn cost_of(
    prices: &dyn Pricing,
    provider: &str,
    model: &str,
    response: &Response,
) -> Option<Usd> {
    // What failed is seldom told the price of; then it costs what was told: nothing.
    let failed = response.attempts.iter().filter_map(|attempt| {
        let provider = attempt.provider.as_deref().unwrap_or(provider);
        prices.cost(provider, &attempt.model, None, &attempt.usage)
    });
    let failed: Usd = failed.sum();
    if response.cached {
        return Some(failed);
    }
    let Response { provider, usage, requested_model, .. } = response;
    let cost = |model: &str| prices.cost(provider, model, response.service_tier.as_deref(), usage);
    let asked = requested_model.as_deref().unwrap_or(model);
    Some(failed + cost(&response.model).or_else(|| cost(asked))?)
}
