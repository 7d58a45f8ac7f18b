//! The cost of framing: many small events in one chunk, one event a chunk, one event over many chunks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking, and a bench prints"
)]

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use meanwhile_http::frame::{JsonLines, Sse};

const EVENT: &str = "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" words\"},\"finish_reason\":null}]}\n\n";

fn main() {
    divan::main();
}

fn read(chunks: &[Bytes]) -> usize {
    let mut sse = Sse::default();
    let mut count = 0;
    for chunk in chunks {
        sse.push(chunk.clone());
        while let Ok(Some(frame)) = sse.next() {
            black_box(frame);
            count += 1;
        }
    }
    count
}

#[divan::bench(args = [1, 100])]
fn events_in_one_chunk(bencher: Bencher<'_, '_>, count: usize) {
    let chunks = [Bytes::from(EVENT.repeat(count))];
    bencher.counter(BytesCount::new(EVENT.len() * count)).bench(|| read(black_box(&chunks)));
}

#[divan::bench]
fn one_hundred_events_in_pieces_of_64_bytes(bencher: Bencher<'_, '_>) {
    let text = Bytes::from(EVENT.repeat(100));
    let chunks: Vec<Bytes> = text.chunks(64).map(|piece| text.slice_ref(piece)).collect();
    bencher.counter(BytesCount::new(text.len())).bench(|| read(black_box(&chunks)));
}

#[divan::bench(args = [1, 4])]
fn one_event_of_megabytes_in_pieces_of_1_kb(bencher: Bencher<'_, '_>, megabytes: usize) {
    let text = Bytes::from(format!("data: {}\n\n", "x".repeat(megabytes << 20)));
    let chunks: Vec<Bytes> = text.chunks(1024).map(|piece| text.slice_ref(piece)).collect();
    bencher.counter(BytesCount::new(text.len())).bench(|| read(black_box(&chunks)));
}

#[divan::bench]
fn one_hundred_json_lines(bencher: Bencher<'_, '_>) {
    let text = Bytes::from(EVENT.replace("data: ", "").replace("\n\n", "\n").repeat(100));
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let mut lines = JsonLines::default();
        lines.push(black_box(text.clone()));
        let mut count = 0;
        while let Ok(Some(frame)) = lines.next() {
            black_box(frame);
            count += 1;
        }
        count
    });
}
