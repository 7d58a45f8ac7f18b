//! Exact search over 100,000 chunks of 384 dimensions: CPU, time and recall, of searches whose vectors lie
//! in groups as those of texts do. `cargo bench -p meanwhile-rag-sqlite`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking, and prints"
)]

use std::time::{Duration, Instant};

use meanwhile_rag::{Chunk, ChunkKey, Document, IndexedDocument, SearchQuery, Store as _, eq};
use meanwhile_rag_sqlite::SqliteStore;
use rustix::time::{ClockId, clock_gettime};

const DOCUMENTS: usize = 1_000;
const CHUNKS: usize = 100;
const DIMENSIONS: usize = 384;
const GROUPS: usize = 500;
const SEARCHES: usize = 100;
const LIMIT: usize = 10;

/// The CPU that all threads of this process have used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn near(centre: &[f32], random: &mut fastrand::Rng) -> Vec<f32> {
    centre.iter().map(|value| value + (random.f32() - 0.5) * 0.8).collect()
}

fn centre(random: &mut fastrand::Rng) -> Vec<f32> {
    (0..DIMENSIONS).map(|_| random.f32() - 0.5).collect()
}

fn document(number: usize, vectors: Vec<Vec<f32>>) -> IndexedDocument {
    let id = format!("document-{number:04}");
    let texts: Vec<String> =
        (0..vectors.len()).map(|chunk| format!("chunk {chunk} of document {number}, ")).collect();
    let lang = if number.is_multiple_of(10) { "de" } else { "en" };
    let document = Document::new(&id, texts.concat()).with("lang", lang).with("number", number);
    let mut end = 0;
    let chunks = texts.iter().enumerate().map(|(index, text)| {
        let span = end..end + text.len();
        end = span.end;
        let key = ChunkKey::new(text, "bench", "random");
        Chunk::new(&id, u32::try_from(index).unwrap(), span, text, key)
            .with_metadata(document.metadata.clone())
    });
    let chunks = chunks.collect();
    IndexedDocument::new(document, chunks, vectors, "bench")
}

/// What comparing all vectors in double precision gives.
fn expected<'a>(all: &'a [(String, Vec<Vec<f32>>)], query: &[f32]) -> Vec<(&'a str, u32)> {
    let length = |vector: &[f32]| vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let mut scores = Vec::new();
    for (id, vectors) in all {
        for (index, vector) in vectors.iter().enumerate() {
            let products = vector.iter().zip(query).map(|(v, q)| f64::from(*v) * f64::from(*q));
            scores.push((products.sum::<f64>() / length(vector), id.as_str(), index));
        }
    }
    scores.sort_by(|left, right| right.0.total_cmp(&left.0));
    scores.iter().take(LIMIT).map(|(_, id, index)| (*id, u32::try_from(*index).unwrap())).collect()
}

fn report(what: &str, mut times: Vec<(Duration, Duration)>) {
    let count = times.len();
    times.sort_by_key(|(cpu, _)| *cpu);
    let (median, longest) = (times[count / 2].0, times[count - 1].0);
    times.sort_by_key(|(_, wall)| *wall);
    let (wall, longest_wall) = (times[count / 2].1, times[count - 1].1);
    println!(
        "{what:<44} CPU median {median:>9.2?} most {longest:>9.2?}   time median {wall:>9.2?} most {longest_wall:>9.2?}"
    );
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("index.sqlite")).await.unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let groups: Vec<Vec<f32>> = (0..GROUPS).map(|_| centre(&mut random)).collect();

    let mut all = Vec::new();
    let (began, used) = (Instant::now(), cpu());
    for number in 0..DOCUMENTS {
        let vectors: Vec<Vec<f32>> =
            (0..CHUNKS).map(|_| near(&groups[random.usize(..GROUPS)], &mut random)).collect();
        let indexed = document(number, vectors.clone());
        all.push((indexed.document.id.clone(), vectors));
        store.put(indexed).await.unwrap();
    }
    println!(
        "{} chunks of {DIMENSIONS} dimensions written in {:.1?}, CPU {:.1?}",
        DOCUMENTS * CHUNKS,
        began.elapsed(),
        cpu() - used
    );

    let mut first = Vec::new();
    let (mut plain, mut filtered, mut words) = (Vec::new(), Vec::new(), Vec::new());
    let (mut found, mut wanted) = (0, 0);
    for search in 0..=SEARCHES {
        let query = near(&groups[random.usize(..GROUPS)], &mut random);
        let by_vector = SearchQuery::vector(query.clone(), LIMIT);
        let (began, used) = (Instant::now(), cpu());
        let hits = store.search(&by_vector).await.unwrap();
        let took = (cpu() - used, began.elapsed());
        if search == 0 {
            first.push(took)
        } else {
            plain.push(took)
        }

        let expected = expected(&all, &query);
        wanted += expected.len();
        found += hits
            .iter()
            .filter(|hit| expected.contains(&(hit.chunk.document_id.as_str(), hit.chunk.index)))
            .count();

        let (began, used) = (Instant::now(), cpu());
        store.search(&by_vector.filter(eq("lang", "de"))).await.unwrap();
        filtered.push((cpu() - used, began.elapsed()));

        let text = SearchQuery::text(format!("chunk {} of {search}", search % CHUNKS), LIMIT);
        let (began, used) = (Instant::now(), cpu());
        store.search(&text).await.unwrap();
        words.push((cpu() - used, began.elapsed()));
    }
    report("first search, which reads all vectors", first);
    report("nearest 10", plain);
    report("nearest 10 of those with lang = de, a tenth", filtered);
    report("10 by words, two of which are in every chunk", words);
    println!("recall@{LIMIT} against double precision: {:.4}", found as f64 / wanted as f64);
}
