//! The arithmetic of the model: [`Matrix`] is a matrix of 8-bit weights, the rest are the small
//! vector functions around it.
//!
//! The dot products are candle's, which picks the best instructions of the processor at run time.
//! The loops around them are here so that the caller decides how many threads work: candle's own
//! loops take that from the environment of the whole process.

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::k_quants::{BlockQ8_0, GgmlType};
use rayon::prelude::*;

/// Weights that share one scale.
const BLOCK: usize = BlockQ8_0::BLCK_SIZE;

/// Weight rows that one task of a thread pool multiplies.
const ROWS_PER_TASK: usize = 96;

/// The threads that work on one model; `None` is the calling thread alone.
pub(crate) type Threads = Option<rayon::ThreadPool>;

/// Starts the threads for a model.
pub(crate) fn threads(count: usize) -> candle_core::Result<Threads> {
    if count <= 1 {
        return Ok(None);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|index| format!("meanwhile-local-{index}"))
        .build();
    pool.map(Some).map_err(candle_core::Error::wrap)
}

/// A matrix of weights, each row in blocks of 8-bit numbers with a common scale.
pub(crate) struct Matrix {
    blocks: Vec<BlockQ8_0>,
    columns: usize,
}

impl Matrix {
    /// Stacks tensors of equal width on top of one another, converting them to 8 bits.
    pub(crate) fn stack(tensors: &[QTensor]) -> candle_core::Result<Self> {
        let mut blocks = Vec::new();
        let mut columns = 0;
        for tensor in tensors {
            columns = tensor.shape().dims2()?.1;
            if columns % BLOCK != 0 {
                candle_core::bail!("a row of {columns} weights is not a multiple of {BLOCK}");
            }
            let values = tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
            let start = blocks.len();
            blocks.resize(start + values.len() / BLOCK, BlockQ8_0::zeros());
            if let Some(fresh) = blocks.get_mut(start..) {
                BlockQ8_0::from_float(&values, fresh);
            }
        }
        Ok(Self { blocks, columns })
    }

    pub(crate) fn rows(&self) -> usize {
        self.blocks.len() * BLOCK / self.columns.max(1)
    }

    /// Adds row `row` to the end of `out`, as numbers; false when there is no such row.
    pub(crate) fn push_row(&self, row: usize, out: &mut Vec<f32>) -> bool {
        let width = self.columns / BLOCK;
        let Some(blocks) = self.blocks.get(row * width..(row + 1) * width) else {
            return false;
        };
        let start = out.len();
        out.resize(start + self.columns, 0.0);
        if let Some(fresh) = out.get_mut(start..) {
            BlockQ8_0::to_float(blocks, fresh);
        }
        true
    }

    /// Multiplies each row of `input` with the matrix; `out` gets one row for each row of `input`.
    pub(crate) fn multiply(&self, input: &[f32], out: &mut Vec<f32>, threads: &Threads) {
        let width = self.columns / BLOCK;
        let count = input.len() / self.columns.max(1);
        out.clear();
        if count == 0 {
            return;
        }
        let mut quantised = vec![BlockQ8_0::zeros(); count * width];
        BlockQ8_0::from_float(input, &mut quantised);

        // One weight row after the other, each against every input row while it is in the cache.
        let mut columns = vec![0.0; self.rows() * count];
        let work = |(sums, weights): (&mut [f32], &[BlockQ8_0])| {
            for (sums, weights) in sums.chunks_exact_mut(count).zip(weights.chunks_exact(width)) {
                for (sum, row) in sums.iter_mut().zip(quantised.chunks_exact(width)) {
                    *sum = BlockQ8_0::vec_dot(self.columns, weights, row);
                }
            }
        };
        match threads {
            None => work((&mut columns, &self.blocks)),
            Some(pool) => pool.install(|| {
                columns
                    .par_chunks_mut(ROWS_PER_TASK * count)
                    .zip(self.blocks.par_chunks(ROWS_PER_TASK * width))
                    .for_each(work);
            }),
        }

        if count == 1 {
            *out = columns;
            return;
        }
        out.resize(columns.len(), 0.0);
        for (row, out) in out.chunks_exact_mut(self.rows()).enumerate() {
            for (out, sums) in out.iter_mut().zip(columns.chunks_exact(count)) {
                *out = sums.get(row).copied().unwrap_or_default();
            }
        }
    }
}

/// The dot product of two vectors of equal length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    f32::vec_dot(a.len().min(b.len()), a, b)
}

/// Adds `factor` times `values` to `sums`.
pub(crate) fn add_scaled(sums: &mut [f32], values: &[f32], factor: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * factor;
    }
}

/// Adds `values` to `sums`.
pub(crate) fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// Scales each row of `input` to a root mean square of one, times `weights`.
pub(crate) fn normalise(input: &[f32], weights: &[f32], epsilon: f32, out: &mut Vec<f32>) {
    out.clear();
    for row in input.chunks_exact(weights.len().max(1)) {
        let mean = dot(row, row) / row.len() as f32;
        let scale = 1.0 / (mean + epsilon).sqrt();
        out.extend(row.iter().zip(weights).map(|(value, weight)| value * scale * weight));
    }
}

/// Turns scores into probabilities that sum to one.
pub(crate) fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - top).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Joins the two halves of the feed-forward layer: each gate, through a sigmoid, times its value.
///
/// Each row of `input` holds `half` gates and then `half` values.
pub(crate) fn gate(input: &[f32], half: usize, out: &mut Vec<f32>) {
    out.clear();
    for row in input.chunks_exact((half * 2).max(1)) {
        let (gates, values) = row.split_at(half);
        out.extend(
            gates.iter().zip(values).map(|(gate, value)| gate / (1.0 + (-gate).exp()) * value),
        );
    }
}

/// Turns each pair of neighbours of every head by the angle of its position.
pub(crate) fn rotate(row: &mut [f32], turns: &[(f32, f32)]) {
    for head in row.chunks_exact_mut((turns.len() * 2).max(1)) {
        for (pair, (sin, cos)) in head.chunks_exact_mut(2).zip(turns) {
            if let [a, b] = pair {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }
}
