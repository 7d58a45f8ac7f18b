//! [`Meter`]: what one request comes to, settled once, however it ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use meanwhile_core::{
    Attempt, Error, Event, EventStream, Metadata, Result, Usage, Usd, Warning, WarningKind,
};

use super::{Budget, Spent};

/// Counts what one request comes to. Dropping it settles what it has counted so far.
pub(super) struct Meter {
    budget: Budget,
    key: Arc<str>,
    reserved: Spent,
    provider: String,
    model: String,
    /// What the answer says about itself.
    metadata: Metadata,
    usage: Usage,
    /// What the tries that failed before came to.
    attempts: Spent,
    /// Whether the provider is at work on an answer.
    accepted: bool,
    settled: bool,
}

impl Meter {
    pub(super) fn new(
        budget: Budget,
        key: Arc<str>,
        reserved: Spent,
        provider: &str,
        model: &str,
    ) -> Self {
        Self {
            budget,
            key,
            reserved,
            provider: provider.to_owned(),
            model: model.to_owned(),
            metadata: Metadata::default(),
            usage: Usage::default(),
            attempts: Spent::default(),
            accepted: false,
            settled: false,
        }
    }

    pub(super) fn watch(mut self, events: EventStream) -> Metered {
        self.accepted = true;
        Metered { events, meter: self, waiting: VecDeque::new() }
    }

    /// Settles a request that failed.
    pub(super) fn fail(mut self, error: Error) -> Error {
        self.count_error(&error);
        error
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Usage(usage) => self.usage.update((**usage).clone()),
            Event::Metadata(metadata) => self.metadata.update((**metadata).clone()),
            Event::Attempt(attempt) => self.count_attempt(attempt),
            _ => {}
        }
    }

    fn count_error(&mut self, error: &Error) {
        if let Some(partial) = error.partial() {
            self.usage.update(partial.usage.clone());
        }
        // The last who was asked need not be the first one.
        let told = &mut self.metadata;
        told.provider = told.provider.take().or_else(|| error.provider().map(str::to_owned));
        let partial = error.partial().and_then(|partial| partial.requested_model.clone());
        let asked = partial.or_else(|| error.model().map(str::to_owned));
        told.requested_model = told.requested_model.take().or(asked);
        error.attempts().iter().for_each(|attempt| self.count_attempt(attempt));
        self.settle();
    }

    fn count_attempt(&mut self, attempt: &Attempt) {
        let provider = attempt.provider.as_deref().unwrap_or(&self.provider);
        let cost = self.budget.prices.cost(provider, &attempt.model, None, &attempt.usage);
        self.attempts.requests += 1;
        self.attempts.tokens = self.attempts.tokens.saturating_add(tokens(&attempt.usage));
        // What failed is seldom told the price of; then it costs what was told: nothing.
        self.attempts.money += cost.map_or(Usd::ZERO, |cost| cost.total());
    }

    /// What the answer cost; `None` where that is not known. A name of the answer that has no price costs
    /// what the model costs that was asked for, which need not be the request's.
    fn cost(&self) -> Option<Usd> {
        let Metadata { provider, model, requested_model, service_tier, .. } = &self.metadata;
        let provider = provider.as_deref().unwrap_or(&self.provider);
        let price = |model: &str| self.budget.prices.price(provider, model);
        let named = model.as_deref().and_then(price);
        let asked = requested_model.as_deref().unwrap_or(&self.model);
        let cost = named.or_else(|| price(asked))?.cost(&self.usage, service_tier.as_deref())?;
        Some(cost.total())
    }

    /// Enters what is known in the account, the first time. Returns what the reader should know.
    fn settle(&mut self) -> Vec<Warning> {
        if std::mem::replace(&mut self.settled, true) {
            return Vec::new();
        }
        let mut warnings = Vec::new();
        let mut spent = self.attempts;
        if !self.metadata.cached {
            spent.requests += 1;
            spent.tokens = spent.tokens.saturating_add(tokens(&self.usage));
            match self.cost() {
                Some(cost) => spent.money += cost,
                None if self.budget.limits.money.is_some() => {
                    let Metadata { model, requested_model, .. } = &self.metadata;
                    let model = model.as_deref().or(requested_model.as_deref());
                    let model = model.unwrap_or(&self.model);
                    let message = format!(
                        "what the answer of `{model}` cost is not known, and is not counted; the table \
                         of prices or the provider's counts lack it"
                    );
                    warnings.push(Warning::new(WarningKind::Other, "budget", message));
                }
                None => {}
            }
        }
        let Budget { accounts, limits, .. } = &self.budget;
        warnings.extend(accounts.settle(&self.key, self.reserved, spent, limits));
        warnings
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // An answer that was under way costs something, though nobody has said how much.
        if self.accepted && !self.settled && !self.metadata.cached && self.usage == Usage::default()
        {
            self.attempts.tokens = self.attempts.tokens.saturating_add(self.reserved.tokens);
            self.attempts.money += self.reserved.money;
        }
        self.settle();
    }
}

fn tokens(usage: &Usage) -> u64 {
    usage.input.total.unwrap_or(0).saturating_add(usage.output.total.unwrap_or(0))
}

/// An answer that is metered while it is read.
pub(super) struct Metered {
    events: EventStream,
    meter: Meter,
    /// What follows a warning: more of them, and the finish.
    waiting: VecDeque<Event>,
}

impl Stream for Metered {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(event) = this.waiting.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        let item = ready!(Pin::new(&mut this.events).poll_next(cx));
        match &item {
            Some(Ok(event)) if !event.is_terminal() => this.meter.count(event),
            Some(Ok(finish)) => {
                let warnings = this.meter.settle();
                if !warnings.is_empty() {
                    this.waiting.extend(warnings.into_iter().map(Event::warning));
                    this.waiting.push_back(finish.clone());
                    return Poll::Ready(this.waiting.pop_front().map(Ok));
                }
            }
            Some(Err(error)) => this.meter.count_error(error),
            None => {}
        }
        Poll::Ready(item)
    }
}
