//! [`search`], every vector and every word of a store in memory, looked at in turn.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use meanwhile_core::Result;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{MemoryStore, Stored, StoredChunk};
use crate::offload::offload;
use crate::{Filter, Origin, Scored, SearchBy, SearchQuery, dimension_mismatch};

/// Chunks times dimensions that are computed at once; more goes to a thread of its own.
const FEW: usize = 100_000;

/// What a look for one word among those of one chunk counts as, in numbers of a vector; and how many bytes of a
/// question are a word, at least.
const WORD_COST: usize = 64;
const WORD: usize = 4;

/// How often each word stands in a text, in lower case.
pub(super) struct Words {
    counts: HashMap<Box<str>, u32>,
    length: u32,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut counts: HashMap<Box<str>, u32> = HashMap::new();
        let mut length = 0;
        for word in words(text) {
            *counts.entry(word.into()).or_default() += 1;
            length += 1;
        }
        Self { counts, length }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words =
        text.unicode_words().flat_map(|word| word.split(|c: char| c.is_ascii_punctuation()));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

pub(super) async fn search(store: &MemoryStore, query: &SearchQuery) -> Result<Vec<Scored>> {
    let SearchQuery { by, filter, limit } = query.clone();
    if limit == 0 {
        return Ok(Vec::new());
    }
    let (cost, dimensions) = {
        let state = store.read();
        let each = match &by {
            SearchBy::Vector(vector) => vector.len(),
            SearchBy::Text(text) => (1 + text.len() / WORD) * WORD_COST,
        };
        (state.chunks.saturating_mul(each), state.dimensions)
    };
    if let (SearchBy::Vector(vector), Some(stored)) = (&by, dimensions)
        && vector.len() != stored
    {
        return Err(dimension_mismatch(stored, vector.len()));
    }
    if cost <= FEW {
        return Ok(compute(store, &by, filter.as_ref(), limit));
    }
    let store = store.clone();
    offload("search", move || compute(&store, &by, filter.as_ref(), limit)).await
}

fn compute(
    store: &MemoryStore,
    by: &SearchBy,
    filter: Option<&Filter>,
    limit: usize,
) -> Vec<Scored> {
    // A picture of the moment, so that nobody who writes waits for the search.
    let documents: Vec<Arc<Stored>> = store.read().documents.values().cloned().collect();
    let fits =
        |stored: &StoredChunk| filter.is_none_or(|filter| filter.matches(&stored.chunk.metadata));
    let chunks = documents.iter().flat_map(|stored| &stored.chunks);
    let (mut found, origin): (Vec<(f32, &StoredChunk)>, Origin) = match by {
        SearchBy::Vector(vector) => {
            let length = length(vector);
            let scored = |stored| near(vector, length, stored).map(|score| (score, stored));
            (chunks.filter(|stored| fits(stored)).filter_map(scored).collect(), Origin::Dense)
        }
        SearchBy::Text(text) => (bm25(chunks.collect(), text, fits), Origin::Text),
    };
    // The order in which they come, by id and index, is that of equals: the sort is stable.
    let better = |a: &(f32, &StoredChunk), b: &(f32, &StoredChunk)| -> Ordering {
        let place = |stored: &StoredChunk| (stored.chunk.document_id.clone(), stored.chunk.index);
        b.0.total_cmp(&a.0).then_with(|| place(a.1).cmp(&place(b.1)))
    };
    if found.len() > limit {
        found.select_nth_unstable_by(limit, better);
        found.truncate(limit);
    }
    found.sort_by(better);
    found
        .into_iter()
        .map(|(score, stored)| Scored::new(stored.chunk.clone(), score, origin))
        .collect()
}

/// The cosine of the angle between a vector and that of a chunk; 0 where one of them has no direction.
fn near(vector: &[f32], length_of_vector: f32, stored: &StoredChunk) -> Option<f32> {
    let other = stored.vector.as_deref()?;
    let lengths = length_of_vector * length(other);
    Some(if lengths > 0.0 { dot(vector, other) / lengths } else { 0.0 })
}

fn length(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// The sum of products, in eight sums side by side, which the compiler keeps in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0_f32; 8];
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Okapi BM25 with the usual constants; all chunks count for how rare a word is, those that fit are found.
fn bm25<'a>(
    chunks: Vec<&'a StoredChunk>,
    text: &str,
    fits: impl Fn(&StoredChunk) -> bool,
) -> Vec<(f32, &'a StoredChunk)> {
    const K1: f32 = 1.2;
    const B: f32 = 0.75;
    let mut seen = HashSet::new();
    let words: Vec<String> = words(text).filter(|word| seen.insert(word.clone())).collect();
    let count = chunks.len() as f32;
    let mean = chunks.iter().map(|stored| stored.words.length as f32).sum::<f32>() / count.max(1.0);
    let rarity: Vec<f32> = words
        .iter()
        .map(|word| {
            let has = |stored: &&&StoredChunk| stored.words.counts.contains_key(&**word);
            let with = chunks.iter().filter(has).count() as f32;
            (1.0 + (count - with + 0.5) / (with + 0.5)).ln()
        })
        .collect();
    let score = |stored: &StoredChunk| -> f32 {
        let size = K1 * (1.0 - B + B * stored.words.length as f32 / mean.max(1.0));
        let one = |(word, rarity): (&String, &f32)| match stored.words.counts.get(&**word) {
            Some(times) => rarity * (*times as f32) * (K1 + 1.0) / (*times as f32 + size),
            None => 0.0,
        };
        words.iter().zip(&rarity).map(one).sum()
    };
    let found = chunks.into_iter().filter(|stored| fits(stored));
    found.map(|stored| (score(stored), stored)).filter(|(score, _)| *score > 0.0).collect()
}
