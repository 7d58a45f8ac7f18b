//! Several completions of one call: asked for side by side, of which the first that can be read counts.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use meanwhile_core::{Attempt, Error, ErrorKind, Params, Result};

use super::run::{Answer, Check, Plan, Spent};
use crate::Fields;
use crate::streaming::{Listeners, News};

/// The most completions of one call that are asked for at the same time.
const COMPLETIONS_AT_ONCE: usize = 8;

/// The temperature of several completions where theirs is not set, or so low that all would be alike.
const VARIED: f64 = 0.7;
/// What is so low.
const ALIKE: f64 = 0.15;

impl Plan {
    /// Asks for all completions. The first that can be read counts.
    pub(super) async fn complete(
        &self,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        let started = Instant::now();
        let params = self.params().await;
        let check = Mutex::new(check);
        let check = &check;
        let asked = (0..self.completions).map(|number| {
            let plan = self.completion(number, &params);
            async move {
                let mut spent = Spent::default();
                let mut check = |fields: &Fields| {
                    let mut check = check.lock().unwrap_or_else(PoisonError::into_inner);
                    check(fields)
                };
                let outcome = plan.ask(&mut spent, &mut check).await;
                (outcome, spent)
            }
        });
        let asked: Vec<_> = asked.collect();
        let mut asked = stream::iter(asked).buffered(COMPLETIONS_AT_ONCE);
        let (mut first, mut failed): (Option<Answer>, Option<(Error, Attempt)>) = (None, None);
        while let Some((outcome, one)) = asked.next().await {
            spent.merge(one);
            let error = match (outcome, &mut first) {
                (Ok(answer), Some(first)) => {
                    first.others.push(answer.parsed.fields);
                    continue;
                }
                (Ok(answer), None) => {
                    if let Some((_, attempt)) = &failed {
                        // The first one was told, and does not count.
                        self.listeners.tell(News::Again(attempt));
                        self.listeners.whole(&self.reading, &answer.parsed.fields);
                    }
                    first = Some(answer);
                    continue;
                }
                (Err(error), _) => error,
            };
            let attempt =
                Attempt::new(&error, error.model().unwrap_or_default(), started.elapsed());
            spent.failed.push(attempt.clone());
            failed.get_or_insert((error, attempt));
        }
        match (first, failed) {
            (Some(first), _) => Ok(first),
            (None, Some((error, _))) => Err(error),
            (None, None) => Err(Error::new(ErrorKind::Other, "no completion was asked for")),
        }
    }

    /// The params of a request of this plan: its own, and those of the scope, the process, the model and the
    /// registry below. Why there can be no request, each completion says itself.
    async fn params(&self) -> Params {
        let Ok(call) = self.call(None) else { return Params::default() };
        call.request().await.map(|request| request.params).unwrap_or_default()
    }

    /// The plan of one of several completions: so warm that they differ. Those after the first have a seed
    /// of their own where one is set, and else pass by a cache; they are told to nobody.
    fn completion(&self, number: usize, params: &Params) -> Self {
        let mut plan = self.clone();
        plan.completions = 1;
        if params.temperature.is_none_or(|one| one <= ALIKE) {
            plan.settings.params.temperature = Some(VARIED);
        }
        if number > 0 {
            plan.listeners = Listeners::default();
            plan.settings = match params.seed {
                Some(seed) => plan.settings.seed(seed.wrapping_add(number as u64)),
                None => plan.settings.tag("meanwhile.cache", "bypass"),
            };
        }
        plan
    }
}
