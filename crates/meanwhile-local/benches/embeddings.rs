//! Measures the loading, the memory and the speed of the embedding model against candle's own BERT
//! over the same weights: `cargo bench -p meanwhile-local --bench embeddings`.
//!
//! Each measurement runs in a process of its own, with one thread, three times; the best counts,
//! because other work on the machine only ever slows a measurement down. Candle gets what makes it
//! fastest without other libraries: batches of 32 texts of like length, padded to the longest.

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

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use futures::executor::block_on;
use meanwhile_core::EmbeddingModel;
use meanwhile_local::{ALL_MINILM_L6_V2, LocalEmbedder};
use tokenizers::{PaddingParams, Tokenizer};

const TEXTS: usize = 512;
const ROUNDS: usize = 3;

/// Turns texts into vectors.
type Embed = dyn Fn(&[String]) -> Vec<Vec<f32>>;

fn main() {
    let folder = LocalEmbedder::new().fetch().unwrap();
    let texts = texts();
    if let Ok(which) = std::env::var("MEASURE") {
        let start = Instant::now();
        let embed: Box<Embed> = match which.as_str() {
            "candle" => {
                let candle = Candle::load(&folder);
                Box::new(move |texts| candle.embed(texts))
            }
            _ => {
                let model = EmbeddingModel::new(LocalEmbedder::new(), ALL_MINILM_L6_V2);
                Box::new(move |texts| block_on(model.embed(texts)).unwrap().vectors)
            }
        };
        embed(&texts[..1]);
        let load = start.elapsed();
        let kept = memory("VmRSS:");
        let mut best = 0.0_f64;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            assert_eq!(embed(&texts).len(), TEXTS);
            best = best.max(TEXTS as f64 / start.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        for text in texts.iter().take(64) {
            embed(std::slice::from_ref(text));
        }
        let alone = start.elapsed().as_secs_f64() * 1000.0 / 64.0;
        println!("{} {best} {alone} {kept} {}", load.as_secs_f64() * 1000.0, memory("VmHWM:"));
        return;
    }
    let words: usize = texts.iter().map(|text| text.split(' ').count()).sum();
    println!("{TEXTS} texts of {} words on average, one thread", words / TEXTS);
    println!(
        "{:<8} {:>9} {:>12} {:>14} {:>9} {:>9}",
        "", "load ms", "texts/s", "one alone, ms", "kept MB", "peak MB"
    );
    let mut speeds = Vec::new();
    for which in ["candle", "local"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .env("MEASURE", which)
            .env("RAYON_NUM_THREADS", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<f64> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let [load, speed, alone, kept, peak] = numbers[..] else {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        };
        println!("{which:<8} {load:>9.0} {speed:>12.1} {alone:>14.2} {kept:>9.0} {peak:>9.0}");
        speeds.push(speed);
    }
    println!("texts per second, local against candle: {:.2}", speeds[1] / speeds[0]);
}

/// Sentences of 5 to 30 words, the same in every run.
fn texts() -> Vec<String> {
    const WORDS: &str = "the a of to and in is was for with on as by at from lighthouse keeper \
        whale harbour morning evening letter garden machine question answer river mountain city \
        music science history market weather engine village teacher doctor ship bread window \
        wrote found carried opened heard built sold learned quickly slowly never often together";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = 7_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    (0..TEXTS)
        .map(|_| {
            let count = 5 + next() % 26;
            let text: Vec<&str> = (0..count).map(|_| words[next() % words.len()]).collect();
            text.join(" ")
        })
        .collect()
}

/// What is usually written with candle.
struct Candle {
    tokenizer: Tokenizer,
    model: BertModel,
}

impl Candle {
    fn load(folder: &Path) -> Self {
        let config = std::fs::read(folder.join("config.json")).unwrap();
        let config: Config = serde_json::from_slice(&config).unwrap();
        let tensors =
            candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
        let variables = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let model = BertModel::load(variables, &config).unwrap();
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        tokenizer.with_truncation(None).unwrap();
        tokenizer.with_padding(Some(PaddingParams::default()));
        Self { tokenizer, model }
    }

    fn embed(&self, texts: &[String]) -> Vec<Vec<f32>> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| texts[*index].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in order.chunks(32) {
            let batch_texts: Vec<&str> = batch.iter().map(|index| texts[*index].as_str()).collect();
            let encodings = self.tokenizer.encode_batch(batch_texts, true).unwrap();
            let tensor = |part: fn(&tokenizers::Encoding) -> &[u32]| {
                let rows: Vec<_> = encodings.iter().map(part).collect();
                Tensor::new(rows, &Device::Cpu).unwrap()
            };
            let ids = tensor(tokenizers::Encoding::get_ids);
            let mask = tensor(tokenizers::Encoding::get_attention_mask);
            let kinds = ids.zeros_like().unwrap();
            let hidden = self.model.forward(&ids, &kinds, Some(&mask)).unwrap();
            let mask = mask.to_dtype(DType::F32).unwrap().unsqueeze(2).unwrap();
            let sum = hidden.broadcast_mul(&mask).unwrap().sum(1).unwrap();
            let length = sum.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
            let unit: Vec<Vec<f32>> = sum.broadcast_div(&length).unwrap().to_vec2().unwrap();
            for (index, vector) in batch.iter().zip(unit) {
                vectors[*index] = vector;
            }
        }
        vectors
    }
}

/// How much memory this process holds (`VmRSS:`) or ever held (`VmHWM:`), in MB; zero where it
/// cannot be known.
fn memory(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        / 1024.0
}
