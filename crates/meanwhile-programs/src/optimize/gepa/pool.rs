//! [`Pool`]: the candidates of a GEPA run, and the front that each validation example has a part of.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::super::sample::weighted;
use super::step::{GepaOutcome, GepaStep};

/// A set of instructions that was run on all validation examples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    /// A text for each component.
    pub(super) instructions: Vec<String>,
    pub(super) parents: Vec<usize>,
    /// A score for each validation example.
    pub(super) scores: Vec<f64>,
    /// Which component is rewritten next.
    pub(super) next: usize,
}

/// The state of a run: the fold of its steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pool {
    pub(super) members: Vec<Member>,
    pub(super) rng: u64,
    pub(super) iteration: usize,
    pub(super) merges: Merges,
    /// Reflections in a row that failed.
    pub(super) failures: usize,
}

/// What has been merged, and what is still to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merges {
    pub(super) most: usize,
    pub(super) due: usize,
    pub(super) accepted: usize,
    /// Whether the iteration before found a new candidate: only then is a merge tried.
    pub(super) found: bool,
    pub(super) tried: BTreeSet<([usize; 2], usize)>,
    pub(super) made: BTreeSet<([usize; 2], Vec<usize>)>,
}

impl Merges {
    /// Whether a merge is to be tried now.
    pub(super) fn is_due(&self) -> bool {
        self.found && self.due > 0 && self.accepted < self.most
    }
}

impl Pool {
    pub(super) fn new(instructions: Vec<String>, scores: Vec<f64>, seed: u64, most: usize) -> Self {
        let merges = Merges {
            most,
            due: 0,
            accepted: 0,
            found: false,
            tried: BTreeSet::new(),
            made: BTreeSet::new(),
        };
        let first = Member { instructions, parents: Vec::new(), scores, next: 0 };
        Self { members: vec![first], rng: seed, iteration: 0, merges, failures: 0 }
    }

    /// Takes over what a step did.
    pub(super) fn apply(&mut self, step: &GepaStep) {
        self.iteration = step.iteration + 1;
        self.rng = step.rng;
        self.merges.found = false;
        self.failures = match &step.outcome {
            GepaOutcome::NoProposal { failed: true, .. } => self.failures + 1,
            _ => 0,
        };
        match &step.outcome {
            GepaOutcome::Perfect { .. } => {}
            GepaOutcome::NoProposal { parent, components, .. } => {
                self.turn(*parent, components.iter().copied());
            }
            GepaOutcome::Rejected(change) => {
                self.turn(change.parent, change.instructions.iter().map(|(at, _)| *at));
            }
            GepaOutcome::Accepted { change, scores } => {
                self.turn(change.parent, change.instructions.iter().map(|(at, _)| *at));
                let Some(parent) = self.members.get(change.parent) else { return };
                let mut child = Member { parents: vec![change.parent], ..parent.clone() };
                for (at, text) in &change.instructions {
                    if let Some(place) = child.instructions.get_mut(*at) {
                        place.clone_from(text);
                    }
                }
                child.scores.clone_from(scores);
                self.members.push(child);
                self.merges.found = true;
                if self.merges.accepted < self.merges.most {
                    self.merges.due += 1;
                }
            }
            GepaOutcome::MergeRejected(merge) => {
                self.merges.tried.insert((merge.parents, merge.ancestor));
                self.merges.made.insert((merge.parents, merge.sources.clone()));
            }
            GepaOutcome::MergeAccepted { merge, scores } => {
                self.merges.tried.insert((merge.parents, merge.ancestor));
                self.merges.made.insert((merge.parents, merge.sources.clone()));
                self.merges.due = self.merges.due.saturating_sub(1);
                self.merges.accepted += 1;
                let next = merge.parents.iter().filter_map(|at| self.members.get(*at));
                let next = next.map(|parent| parent.next).max().unwrap_or(0);
                self.members.push(Member {
                    instructions: self.merged(&merge.sources),
                    parents: merge.parents.to_vec(),
                    scores: scores.clone(),
                    next,
                });
            }
        }
    }

    /// The instructions that are taken from these members, one a component.
    pub(super) fn merged(&self, sources: &[usize]) -> Vec<String> {
        let text = |(at, source): (usize, &usize)| {
            self.members.get(*source).and_then(|member| member.instructions.get(at)).cloned()
        };
        sources.iter().enumerate().filter_map(text).collect()
    }

    /// Moves the member on to the component after those that were rewritten.
    fn turn(&mut self, member: usize, components: impl Iterator<Item = usize>) {
        if let (Some(member), Some(last)) = (self.members.get_mut(member), components.last()) {
            member.next = (last + 1) % member.instructions.len().max(1);
        }
    }

    pub(super) fn mean(&self, member: usize) -> f64 {
        self.members.get(member).map_or(0.0, |member| super::super::mean(&member.scores))
    }

    /// The member of the highest mean; of equals the earliest.
    pub(super) fn best(&self) -> usize {
        (0..self.members.len())
            .rev()
            .max_by(|a, b| self.mean(*a).total_cmp(&self.mean(*b)))
            .unwrap_or(0)
    }

    /// For each validation example, the members that do best on it.
    pub(super) fn fronts(&self) -> Vec<BTreeSet<usize>> {
        let examples = self.members.first().map_or(0, |member| member.scores.len());
        let front = |example: usize| {
            let scores: Vec<f64> = self
                .members
                .iter()
                .map(|member| member.scores.get(example).copied().unwrap_or(f64::NEG_INFINITY))
                .collect();
            let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scores
                .iter()
                .enumerate()
                .filter(|(_, score)| **score >= best)
                .map(|(at, _)| at)
                .collect()
        };
        (0..examples).map(front).collect()
    }

    /// The fronts without the members that others make up for, the weakest first: a member is left out
    /// when each front that it is in has another one.
    pub(super) fn undominated(&self) -> Vec<BTreeSet<usize>> {
        let fronts = self.fronts();
        let mut left: BTreeSet<usize> = fronts.iter().flatten().copied().collect();
        let mut weakest: Vec<usize> = left.iter().copied().collect();
        weakest.sort_by(|a, b| self.mean(*a).total_cmp(&self.mean(*b)));
        let covered = |member: usize, left: &BTreeSet<usize>| {
            let mut its = fronts.iter().filter(|front| front.contains(&member));
            its.all(|front| front.iter().any(|other| *other != member && left.contains(other)))
        };
        while let Some(out) =
            weakest.iter().copied().find(|member| left.contains(member) && covered(*member, &left))
        {
            left.remove(&out);
        }
        fronts.into_iter().map(|front| front.intersection(&left).copied().collect()).collect()
    }

    /// A member to reflect on, the likelier the more fronts it is in.
    pub(super) fn select(&self, rng: &mut Rng) -> usize {
        let mut wins: BTreeMap<usize, usize> = BTreeMap::new();
        for member in self.undominated().into_iter().flatten() {
            *wins.entry(member).or_default() += 1;
        }
        let weights: Vec<(usize, f64)> =
            wins.into_iter().map(|(member, count)| (member, count as f64)).collect();
        weighted(rng, &weights).unwrap_or(0)
    }

    /// All members that a member comes from.
    pub(super) fn ancestors(&self, member: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(member) = open.pop() {
            for parent in
                self.members.get(member).map(|member| &*member.parents).unwrap_or_default()
            {
                if found.insert(*parent) {
                    open.push(*parent);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;

    use super::{Member, Pool};

    fn pool(scores: &[&[f64]]) -> Pool {
        let mut pool = Pool::new(vec![String::new()], Vec::new(), 0, 0);
        pool.members = scores
            .iter()
            .map(|scores| Member {
                instructions: vec![String::new()],
                parents: Vec::new(),
                scores: scores.to_vec(),
                next: 0,
            })
            .collect();
        pool
    }

    #[test]
    fn a_member_that_others_make_up_for_is_left_out() {
        // What `gepa.gepa_utils.remove_dominated_programs` of gepa 0.1.4 leaves of these.
        #[rustfmt::skip]
        let cases: &[(&[&[f64]], &[usize])] = &[
            (&[&[0.0, 0.0], &[1.0, 0.0]], &[1]),
            (&[&[0.0, 1.0], &[1.0, 0.0]], &[0, 1]),
            (&[&[1.0, 0.0, 1.0], &[0.0, 1.0, 1.0], &[0.5, 0.5, 1.0]], &[0, 1]),
            (&[&[1.0, 1.0], &[1.0, 1.0], &[1.0, 1.0]], &[2]),
            (&[&[1.0, 0.0, 0.0], &[1.0, 1.0, 0.0], &[0.0, 1.0, 1.0]], &[2, 1]),
            (&[&[0.2, 0.9], &[0.3, 0.1], &[0.3, 0.8]], &[0, 2]),
        ];
        for (scores, wanted) in cases {
            let pool = pool(scores);
            let left: BTreeSet<usize> = pool.undominated().into_iter().flatten().collect();
            assert_eq!(left, wanted.iter().copied().collect(), "{scores:?}");
        }
    }

    #[test]
    fn no_more_merges_are_due_than_are_wanted() {
        let mut pool = Pool::new(vec!["a".into(), "b".into()], vec![0.0], 0, 1);
        let mut take = |outcome: serde_json::Value| {
            let step = serde_json::json!({
                "iteration": 0, "rollouts": 0, "usage": meanwhile_core::Usage::default(),
                "rng": 0, "outcome": outcome,
            });
            pool.apply(&serde_json::from_value(step).unwrap());
            pool.merges.is_due()
        };
        let accepted = |at: usize| {
            serde_json::json!({
                "outcome": "accepted", "parent": 0, "instructions": [[at, "better"]],
                "minibatch": [0], "before": [0.0], "after": [1.0], "scores": [1.0],
            })
        };
        // Two are found before there is a pair.
        assert!(take(accepted(0)));
        assert!(take(accepted(1)));
        let merged = serde_json::json!({
            "outcome": "merge_accepted", "parents": [1, 2], "ancestor": 0, "sources": [1, 2],
            "examples": [0], "before": [[1.0], [1.0]], "after": [1.0], "scores": [1.0],
        });
        assert!(!take(merged));
        assert!(!take(accepted(0)), "one merge was wanted");
    }

    #[test]
    fn a_parent_is_the_likelier_the_more_it_wins() {
        let pool = pool(&[&[1.0, 1.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 1.0]]);
        let mut rng = Rng::with_seed(1);
        let first = (0..4000).filter(|_| pool.select(&mut rng) == 0).count();
        assert!((2850..3150).contains(&first), "{first} of 4000");
        assert_eq!(pool.best(), 0);
    }
}
