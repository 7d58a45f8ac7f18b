//! Putting two candidates together: each predictor's instructions from the one that changed them.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::super::sample::{sample, weighted};
use super::pool::Pool;

/// How often a pair is looked for before there is none.
const TRIES: usize = 10;

/// How many validation examples a merged candidate is tried on first.
const EXAMPLES: usize = 5;

/// Two members, the one that both come from, and what is taken from which.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) parents: [usize; 2],
    pub(super) ancestor: usize,
    pub(super) sources: Vec<usize>,
}

/// Looks for two members of the front, neither descended from the other, that have improved on a common
/// ancestor in different predictors, and were not put together before.
pub(super) fn find(pool: &Pool, rng: &mut Rng) -> Option<Pair> {
    let front: BTreeSet<usize> = pool.undominated().into_iter().flatten().collect();
    let front: Vec<usize> = front.into_iter().collect();
    if front.len() < 2 || pool.members.len() < 3 {
        return None;
    }
    (0..TRIES * TRIES).find_map(|_| {
        let pair: Vec<usize> = sample(rng, front.len(), 2)
            .into_iter()
            .filter_map(|at| front.get(at).copied())
            .collect();
        let &[one, other] = pair.as_slice() else { return None };
        let parents = [one.min(other), one.max(other)];
        let ancestor = ancestor(pool, parents, rng)?;
        let sources = sources(pool, parents, ancestor, rng);
        // What is one of the candidates already needs no trial.
        let merged = pool.merged(&sources);
        let new = !pool.merges.made.contains(&(parents, sources.clone()))
            && pool.members.iter().all(|member| member.instructions != merged);
        new.then_some(Pair { parents, ancestor, sources })
    })
}

/// A common ancestor that neither member is worse than, and that one of them kept a predictor of which
/// the other has changed.
fn ancestor(pool: &Pool, parents: [usize; 2], rng: &mut Rng) -> Option<usize> {
    let [one, other] = parents;
    let (of_one, of_other) = (pool.ancestors(one), pool.ancestors(other));
    if of_one.contains(&other) || of_other.contains(&one) {
        return None;
    }
    let common = of_one.intersection(&of_other).copied().filter(|ancestor| {
        let mean = pool.mean(*ancestor);
        !pool.merges.tried.contains(&(parents, *ancestor))
            && mean <= pool.mean(one)
            && mean <= pool.mean(other)
            && texts(pool, parents, *ancestor).any(|[old, a, b]| a != b && (old == a || old == b))
    });
    let weights: Vec<(usize, f64)> =
        common.map(|ancestor| (ancestor, pool.mean(ancestor))).collect();
    weighted(rng, &weights)
}

/// From which member each predictor's instructions are taken: from the one that changed them; where both
/// did, from the better one.
fn sources(pool: &Pool, parents: [usize; 2], ancestor: usize, rng: &mut Rng) -> Vec<usize> {
    let [one, other] = parents;
    let better = match pool.mean(one).total_cmp(&pool.mean(other)) {
        std::cmp::Ordering::Greater => Some(one),
        std::cmp::Ordering::Less => Some(other),
        std::cmp::Ordering::Equal => None,
    };
    let choose = |[old, a, b]: [&str; 3]| {
        if a == b || old == b {
            one
        } else if old == a {
            other
        } else {
            better.unwrap_or_else(|| if rng.bool() { one } else { other })
        }
    };
    texts(pool, parents, ancestor).map(choose).collect()
}

/// The instructions of the ancestor and of the two, a predictor at a time.
fn texts(pool: &Pool, parents: [usize; 2], ancestor: usize) -> impl Iterator<Item = [&str; 3]> {
    let of = |member: usize| {
        let member = pool.members.get(member);
        member.map(|member| &*member.instructions).unwrap_or_default().iter().map(String::as_str)
    };
    let [one, other] = parents;
    of(ancestor).zip(of(one)).zip(of(other)).map(|((old, a), b)| [old, a, b])
}

/// Validation examples to try a merged candidate on: as far as there are, as many that the one does better
/// on as the other, and as both do alike.
pub(super) fn examples(pool: &Pool, parents: [usize; 2], rng: &mut Rng) -> Vec<usize> {
    let [one, other] = parents
        .map(|member| pool.members.get(member).map(|member| &*member.scores).unwrap_or_default());
    let mut buckets: [Vec<usize>; 3] = Default::default();
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        let [first, second, alike] = &mut buckets;
        let bucket = if a > b {
            first
        } else if b > a {
            second
        } else {
            alike
        };
        bucket.push(at);
    }
    let mut chosen = Vec::new();
    for bucket in &buckets {
        let count = EXAMPLES.div_ceil(3).min(EXAMPLES.saturating_sub(chosen.len()));
        let places = sample(rng, bucket.len(), count);
        chosen.extend(places.into_iter().filter_map(|at| bucket.get(at).copied()));
    }
    let unused: Vec<usize> =
        buckets.into_iter().flatten().filter(|at| !chosen.contains(at)).collect();
    let places = sample(rng, unused.len(), EXAMPLES.saturating_sub(chosen.len()));
    chosen.extend(places.into_iter().filter_map(|at| unused.get(at).copied()));
    chosen
}
