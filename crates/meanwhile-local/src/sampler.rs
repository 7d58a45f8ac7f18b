//! [`Sampler`] picks the next token from the scores of all of them.
//!
//! The same seed, settings and scores give the same tokens on every machine.

use std::hash::{BuildHasher, Hasher};

use crate::LocalError;

/// How to pick the next token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling {
    /// Zero picks the likeliest token always; higher is more varied.
    pub(crate) temperature: f32,
    /// Picks among the likeliest tokens that together have this probability.
    pub(crate) top_p: f32,
    /// Picks among this many likeliest tokens; `None` is all.
    pub(crate) top_k: Option<usize>,
    /// Taken from the score of a token that the answer has already.
    pub(crate) presence_penalty: f32,
    /// Taken from the score of a token for each time the answer has it.
    pub(crate) frequency_penalty: f32,
    /// Where the random numbers start; `None` is somewhere else each time.
    pub(crate) seed: Option<u64>,
}

impl Default for Sampling {
    /// What the model's authors recommend.
    fn default() -> Self {
        Self {
            temperature: 0.2,
            top_p: 0.9,
            top_k: None,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: None,
        }
    }
}

impl Sampling {
    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<(), LocalError> {
        let wrong = |setting, reason: String| Err(LocalError::Setting { setting, reason });
        if !self.temperature.is_finite() || self.temperature < 0.0 {
            return wrong("temperature", format!("{} is not zero or more", self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong("top_p", format!("{} is not above zero and up to one", self.top_p));
        }
        for (setting, value) in [
            ("presence_penalty", self.presence_penalty),
            ("frequency_penalty", self.frequency_penalty),
        ] {
            if !value.is_finite() {
                return wrong(setting, format!("{value} is not a number"));
            }
        }
        if self.top_k == Some(0) {
            return wrong("top_k", "zero leaves no token to pick from".into());
        }
        Ok(())
    }
}

/// Picks tokens, one after the other.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    state: u64,
}

/// Tokens less likely than this, compared to the likeliest, are never picked.
const NEGLIGIBLE: f32 = 1e-9;

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let anywhere = || std::hash::RandomState::new().build_hasher().finish();
        Self { sampling, state: sampling.seed.unwrap_or_else(anywhere) }
    }

    /// Takes the penalties for the tokens of `answer` from their scores.
    pub(crate) fn penalise(&self, answer: &[u32], scores: &mut [f32]) {
        let Sampling { presence_penalty, frequency_penalty, .. } = self.sampling;
        if presence_penalty == 0.0 && frequency_penalty == 0.0 {
            return;
        }
        let mut counts = std::collections::HashMap::<u32, u32>::new();
        for token in answer {
            *counts.entry(*token).or_default() += 1;
        }
        for (token, count) in counts {
            if let Some(score) = scores.get_mut(token as usize) {
                *score -= presence_penalty + frequency_penalty * count as f32;
            }
        }
    }

    /// Picks a token; a score of minus infinity rules one out. `None` if all are ruled out.
    pub(crate) fn pick(&mut self, scores: &[f32]) -> Option<u32> {
        let Sampling { temperature, top_p, top_k, .. } = self.sampling;
        let possible = scores.iter().enumerate().filter(|(_, score)| **score > f32::NEG_INFINITY);
        let (best, top) = possible.clone().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))?;
        if temperature == 0.0 {
            return Some(best as u32);
        }
        let mut choices: Vec<(u32, f32)> = possible
            .map(|(token, score)| (token as u32, ((score - top) / temperature).exp()))
            .filter(|(_, weight)| *weight > NEGLIGIBLE)
            .collect();
        choices.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        choices.truncate(top_k.unwrap_or(usize::MAX));
        let total: f32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let kept = choices.iter().take_while(|(_, weight)| {
            let wanted = sum < top_p * total;
            sum += weight;
            wanted
        });
        let kept = kept.count().max(1);
        choices.truncate(kept);

        let total: f32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random() * total;
        for (token, weight) in &choices {
            left -= weight;
            if left < 0.0 {
                return Some(*token);
            }
        }
        choices.last().map(|(token, _)| *token)
    }

    /// The next random number, from zero up to but not including one (SplitMix64).
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(sampling: Sampling, scores: &[f32]) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..200).filter_map(|_| sampler.pick(scores)).collect()
    }

    const ALL: Sampling = Sampling {
        temperature: 1.0,
        top_p: 1.0,
        top_k: None,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        seed: Some(7),
    };

    #[test]
    fn zero_temperature_is_the_likeliest_and_the_first_of_equals() {
        let greedy = Sampling { temperature: 0.0, ..ALL };
        assert_eq!(picks(greedy, &[0.0, 2.0, 2.0, 1.0]), vec![1; 200]);
    }

    #[test]
    fn equal_seeds_pick_equally_and_others_do_not() {
        let scores: Vec<f32> = (0..50).map(|n| (n % 7) as f32 / 7.0).collect();
        assert_eq!(picks(ALL, &scores), picks(ALL, &scores));
        assert_ne!(picks(ALL, &scores), picks(Sampling { seed: Some(8), ..ALL }, &scores));
        assert_ne!(
            picks(Sampling { seed: None, ..ALL }, &scores),
            picks(Sampling { seed: None, ..ALL }, &scores)
        );
    }

    #[test]
    fn limits_are_kept() {
        let scores = [3.0, 2.9, 0.0, f32::NEG_INFINITY];
        assert!(picks(Sampling { top_k: Some(2), ..ALL }, &scores).iter().all(|t| *t < 2));
        assert!(picks(Sampling { top_p: 0.5, ..ALL }, &scores).iter().all(|t| *t < 2));
        assert!(picks(ALL, &scores).contains(&2));
        assert!(!picks(ALL, &scores).contains(&3));
        assert_eq!(Sampler::new(ALL).pick(&[f32::NEG_INFINITY]), None);
    }

    #[test]
    fn frequencies_follow_the_scores() {
        let mut sampler = Sampler::new(ALL);
        let scores = [0.75f32.ln(), 0.25f32.ln()];
        let ones = (0..10_000).filter(|_| sampler.pick(&scores) == Some(1)).count();
        assert!((2_300..2_700).contains(&ones), "{ones}");
    }
}
