//! [`Matrix`], the vectors of all chunks in memory: scanned whole, so that the best are the best.
//!
//! Rows are in the order of their ids, which are never used again: what is new stands at the end.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::threads::Cancelled;

/// Rows that are looked at between two looks at whether the search is still wanted.
const BLOCK: usize = 1024;

/// Numbers that are multiplied at once.
const LANES: usize = 16;

/// Rows of unit length, of one number of dimensions, each with the id of its chunk.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    dimensions: usize,
    blocks: Vec<Block>,
}

/// Up to [`BLOCK`] rows.
#[derive(Debug, Default)]
struct Block {
    ids: Vec<i64>,
    alive: Vec<bool>,
    values: Vec<f32>,
    dead: usize,
}

/// A chunk and how near its vector is to the one that was asked for: the cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    pub(crate) id: i64,
    pub(crate) score: f32,
}

impl Eq for Hit {}

/// The greatest is the worst, so that a heap gives it up first.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Matrix {
    /// Adds a row; `id` is greater than all before it. A row of another length than the first is left
    /// out: it can be compared with nothing.
    pub(crate) fn push(&mut self, id: i64, vector: impl ExactSizeIterator<Item = f32>) {
        if self.dimensions == 0 {
            self.dimensions = vector.len();
        }
        if vector.len() != self.dimensions || self.dimensions == 0 {
            return;
        }
        if self.blocks.last().is_none_or(|block| block.ids.len() >= BLOCK) {
            self.blocks.push(Block::default());
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let start = block.values.len();
        block.values.extend(vector);
        if let Some(row) = block.values.get_mut(start..) {
            normalise(row);
        }
        block.ids.push(id);
        block.alive.push(true);
    }

    /// Removes the rows with the ids from `first` to `last`.
    pub(crate) fn remove(&mut self, first: i64, last: i64) {
        let from = self.blocks.partition_point(|block| block.last_id() < first);
        for block in self.blocks.iter_mut().skip(from) {
            if block.ids.first().is_some_and(|id| *id > last) {
                break;
            }
            block.remove(first, last, self.dimensions);
        }
        self.blocks.retain(|block| !block.ids.is_empty());
    }

    /// The `limit` rows nearest to `query` and those as near as the last of them, in no order; only those
    /// with an id in `allowed`, which is sorted, where it is given. `None` when the search is no longer
    /// wanted.
    pub(crate) fn nearest(
        &self,
        query: &[f32],
        allowed: Option<&[i64]>,
        limit: usize,
        cancelled: &Cancelled,
    ) -> Option<Vec<Hit>> {
        let mut query = query.to_vec();
        normalise(&mut query);
        let mut best = Best::new(limit);
        let mut allowed = allowed;
        for block in &self.blocks {
            if cancelled.get() {
                return None;
            }
            match &mut allowed {
                None => block.scan(&query, self.dimensions, &mut best),
                Some(ids) => {
                    let until = ids.partition_point(|id| *id <= block.last_id());
                    let (here, rest) = ids.split_at(until);
                    block.scan_some(&query, self.dimensions, here, &mut best);
                    *ids = rest;
                }
            }
        }
        Some(best.hits())
    }

    /// The length of the rows; 0 where there is none.
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }
}

impl Block {
    fn last_id(&self) -> i64 {
        self.ids.last().copied().unwrap_or(i64::MIN)
    }

    fn remove(&mut self, first: i64, last: i64, dimensions: usize) {
        for (id, alive) in self.ids.iter().zip(&mut self.alive) {
            if (first..=last).contains(id) && *alive {
                *alive = false;
                self.dead += 1;
            }
        }
        if self.dead * 2 > self.ids.len() {
            self.compact(dimensions);
        }
    }

    /// Takes the room of dead rows back; those that live keep their order.
    fn compact(&mut self, dimensions: usize) {
        let mut kept = Self::default();
        let rows = self.values.chunks_exact(dimensions);
        for ((id, alive), row) in self.ids.iter().zip(&self.alive).zip(rows) {
            if *alive {
                kept.ids.push(*id);
                kept.alive.push(true);
                kept.values.extend_from_slice(row);
            }
        }
        *self = kept;
    }

    fn scan(&self, query: &[f32], dimensions: usize, best: &mut Best) {
        let rows = self.values.chunks_exact(dimensions);
        for ((id, alive), row) in self.ids.iter().zip(&self.alive).zip(rows) {
            let score = dot(query, row);
            if score >= best.worst && *alive {
                best.offer(Hit { id: *id, score });
            }
        }
    }

    fn scan_some(&self, query: &[f32], dimensions: usize, allowed: &[i64], best: &mut Best) {
        let mut from = 0;
        for id in allowed {
            let Some(ids) = self.ids.get(from..) else { return };
            let at = from + ids.partition_point(|other| other < id);
            from = at;
            let row = self.values.get(at * dimensions..(at + 1) * dimensions);
            let (Some(found), Some(true), Some(row)) = (self.ids.get(at), self.alive.get(at), row)
            else {
                continue;
            };
            if found == id {
                best.offer(Hit { id: *id, score: dot(query, row) });
            }
        }
    }
}

/// The best hits so far, and all that are as good as the worst of them: which of those are wanted is not
/// known from their ids.
pub(crate) struct Best {
    heap: BinaryHeap<Hit>,
    equals: Vec<Hit>,
    limit: usize,
    /// The score of the worst of them, once there are as many as are wanted.
    worst: f32,
}

impl Best {
    /// Keeps at least `limit` hits, which is not 0.
    pub(crate) fn new(limit: usize) -> Self {
        Self { heap: BinaryHeap::new(), equals: Vec::new(), limit, worst: f32::NEG_INFINITY }
    }

    pub(crate) fn offer(&mut self, hit: Hit) {
        if hit.score.is_nan() || hit.score < self.worst {
            return;
        }
        if self.heap.len() < self.limit {
            self.heap.push(hit);
        } else if hit.score > self.worst {
            self.heap.push(hit);
            self.equals.extend(self.heap.pop());
        } else {
            self.equals.push(hit);
        }
        if self.heap.len() == self.limit
            && let Some(worst) = self.heap.peek()
            && worst.score > self.worst
        {
            self.worst = worst.score;
            self.equals.clear();
        }
    }

    /// All of them, in no order.
    pub(crate) fn hits(self) -> Vec<Hit> {
        let mut hits = self.heap.into_vec();
        hits.extend(self.equals);
        hits
    }
}

/// Makes a vector one of length 1; one of length 0 stays, and is near to nothing.
fn normalise(vector: &mut [f32]) {
    let squares: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let length = squares.sqrt();
    if length > 0.0 && length.is_finite() {
        for value in vector {
            #[expect(clippy::cast_possible_truncation, reason = "it was an `f32`")]
            let unit = (f64::from(*value) / length) as f32;
            *value = unit;
        }
    }
}

/// The sum of products, in lanes that the compiler makes vector instructions of.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (lefts, left_rest) = left.as_chunks::<LANES>();
    let (rights, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in lefts.iter().zip(rights) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}
