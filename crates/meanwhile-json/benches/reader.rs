//! The reader against `serde_json` on valid texts: whole, and in pieces of four bytes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a bench fails by panicking and prints"
)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use meanwhile_json::{Policy, Reader};
use serde_json::{Value, json};

/// How many records a text has: about 250 bytes, 6 KB and 250 KB.
const SIZES: [usize; 3] = [1, 25, 1000];

fn main() {
    divan::main();
}

/// What structured answers look like: short texts, numbers, a paragraph.
fn text(records: usize) -> String {
    let record = |id: usize| {
        json!({
            "id": id,
            "title": "The Name of the Rose",
            "author": {"name": "Umberto Eco", "born": 1932},
            "tags": ["novel", "mystery", "fourteenth century"],
            "rating": 4.25,
            "available": true,
            "summary": "A monk investigates deaths in an abbey; he said: \"books talk of books\".",
        })
    };
    Value::Array((0..records).map(record).collect()).to_string()
}

fn schema() -> Value {
    let text = json!({"type": "string"});
    json!({"type": "array", "items": {"type": "object", "properties": {
        "id": {"type": "integer"}, "title": text, "summary": text, "rating": {"type": "number"},
        "author": {"type": "object", "properties": {"name": text, "born": {"type": "integer"}}},
        "tags": {"type": "array", "items": text}, "available": {"type": "boolean"},
    }}})
}

fn whole(bencher: Bencher<'_, '_>, records: usize, policy: Policy) {
    let text = text(records);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut reader = Reader::new(None, policy);
        reader.push(black_box(&text));
        reader.finish().expect("valid").value
    });
}

#[divan::bench(args = SIZES)]
fn a_serde_json(bencher: Bencher<'_, '_>, records: usize) {
    let text = text(records);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| serde_json::from_str::<Value>(black_box(&text)).expect("valid"));
}

#[divan::bench(args = SIZES)]
fn b_strict(bencher: Bencher<'_, '_>, records: usize) {
    whole(bencher, records, Policy::Strict);
}

#[divan::bench(args = SIZES)]
fn c_repair(bencher: Bencher<'_, '_>, records: usize) {
    whole(bencher, records, Policy::Repair);
}

#[divan::bench(args = SIZES)]
fn d_coerce(bencher: Bencher<'_, '_>, records: usize) {
    let (text, guide) = (text(records), meanwhile_json::Guide::new(&schema()));
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut reader = Reader::with_guide(&guide, Policy::Coerce);
        reader.push(black_box(&text));
        reader.finish().expect("valid").value
    });
}

fn pieces(text: &str) -> Vec<&str> {
    // The text is ASCII.
    (0..text.len()).step_by(4).map(|at| &text[at..text.len().min(at + 4)]).collect()
}

#[divan::bench(args = SIZES)]
fn e_repair_by_four_bytes(bencher: Bencher<'_, '_>, records: usize) {
    let text = text(records);
    let pieces = pieces(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut reader = Reader::new(None, Policy::Repair);
        for piece in black_box(&pieces) {
            reader.push(piece);
        }
        reader.finish().expect("valid").value
    });
}

#[divan::bench(args = SIZES)]
fn f_repair_by_four_bytes_with_a_look_each(bencher: Bencher<'_, '_>, records: usize) {
    let text = text(records);
    let pieces = pieces(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut reader = Reader::new(None, Policy::Repair);
        for piece in black_box(&pieces) {
            reader.push(piece);
            black_box(reader.value());
        }
        reader.finish().expect("valid").value
    });
}

#[divan::bench(args = SIZES)]
fn g_repair_by_four_bytes_told(bencher: Bencher<'_, '_>, records: usize) {
    let text = text(records);
    let pieces = pieces(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut reader = Reader::new(None, Policy::Repair);
        let mut told = 0_usize;
        for piece in black_box(&pieces) {
            reader.push_with(piece, &mut |change| told += change.path().depth());
        }
        (reader.finish().expect("valid").value, told)
    });
}
