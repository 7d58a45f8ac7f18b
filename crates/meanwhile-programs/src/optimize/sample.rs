//! Choosing at random, the same way for the same seed on every machine.

use fastrand::Rng;

/// `count` different places of `0..length`, in random order; all of them where there are not so many.
pub(super) fn sample(rng: &mut Rng, length: usize, count: usize) -> Vec<usize> {
    let mut places = shuffled(rng, length);
    places.truncate(count);
    places
}

/// The places `0..length` in random order.
pub(super) fn shuffled(rng: &mut Rng, length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    rng.shuffle(&mut places);
    places
}

/// One of `items`, each as likely as its weight says; negative weights count as 0, and where all do, all
/// items are equally likely. `None` where there is nothing to choose from.
pub(super) fn weighted<T: Copy>(rng: &mut Rng, items: &[(T, f64)]) -> Option<T> {
    let total: f64 = items.iter().map(|(_, weight)| weight.max(0.0)).sum();
    if total <= 0.0 {
        return rng.choice(items).map(|(item, _)| *item);
    }
    let mut left = rng.f64() * total;
    for (item, weight) in items {
        left -= weight.max(0.0);
        if left < 0.0 {
            return Some(*item);
        }
    }
    items.iter().rev().find(|(_, weight)| *weight > 0.0).map(|(item, _)| *item)
}

/// A seed for a part of a run, which differs from part to part.
pub(super) fn part(seed: u64, part: u64) -> u64 {
    // The steps of SplitMix64 are far apart.
    seed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
