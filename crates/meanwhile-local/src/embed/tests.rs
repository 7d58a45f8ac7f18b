//! The engine against candle's own BERT over the same weights and tokens.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};

use super::bert::{self, Bert};
use super::texts::Texts;
use crate::LocalError;

const TEXTS: [&str; 8] = [
    "A cat sits on the mat.",
    "",
    "Guten Tag! Café, naïve, 東京 and ½ — 🦀.",
    "a",
    "The [SEP] of a [MASK] is text like any other?",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "Rust\tis a systems\nprogramming language.\r\n",
    "In 1969, 3.14159 % of $1,000,000 was spent on e-mail@example.org.",
];

/// The folder of the model; `None`, with a message, where it cannot be had.
fn folder() -> Option<PathBuf> {
    match crate::LocalEmbedder::new().fetch() {
        Ok(folder) => Some(folder),
        Err(LocalError::WeightsNotFound { tried, .. }) => {
            println!("skipped: there are no weights of the embedding model: {tried:?}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn load(folder: &Path, threads: usize) -> (Texts, Bert) {
    let bert = Bert::load(folder, threads).unwrap();
    (Texts::load(&folder.join("tokenizer.json"), bert.positions()).unwrap(), bert)
}

/// What sentence-transformers does, in candle: BERT, the mean over the tokens, length one.
fn reference(folder: &Path, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let config: Config = serde_json::from_slice(&config).unwrap();
    let tensors =
        candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let variables = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let model = BertModel::load(variables, &config).unwrap();
    // Padded to the longest, with a mask, as is usual.
    let longest = texts.iter().map(Vec::len).max().unwrap();
    let padded = |fill: &dyn Fn(&[u32], usize) -> u32| {
        let rows = texts.iter().flat_map(|text| (0..longest).map(|index| fill(text, index)));
        Tensor::from_vec(rows.collect::<Vec<_>>(), (texts.len(), longest), &Device::Cpu).unwrap()
    };
    let ids = padded(&|text, index| text.get(index).copied().unwrap_or(0));
    let mask = padded(&|text, index| u32::from(index < text.len()));
    let hidden = model.forward(&ids, &ids.zeros_like().unwrap(), Some(&mask)).unwrap();
    let mask = mask.to_dtype(DType::F32).unwrap().unsqueeze(2).unwrap();
    let sum = hidden.broadcast_mul(&mask).unwrap().sum(1).unwrap();
    let mean = sum.broadcast_div(&mask.sum(1).unwrap()).unwrap();
    let length = mean.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
    mean.broadcast_div(&length).unwrap().to_vec2().unwrap()
}

#[test]
fn the_vectors_are_those_of_candle() {
    let Some(folder) = folder() else { return };
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(24);
    for threads in [1, 2] {
        let (texts, bert) = load(&folder, threads);
        let tokens: Vec<_> = TEXTS
            .iter()
            .chain([&long.as_str()])
            .map(|text| texts.encode(0, text, false).unwrap().ids)
            .collect();
        assert!(tokens.iter().any(|tokens| tokens.len() > 200), "a long text is among them");
        let ours = bert.embed(&tokens).unwrap();
        let theirs = reference(&folder, &tokens);
        for ((ours, theirs), tokens) in ours.iter().zip(&theirs).zip(&tokens) {
            assert_eq!(ours.len(), 384);
            let apart = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 2e-6, "{apart} apart for {tokens:?}");
        }
        // Company changes nothing but the last bits.
        for (tokens, together) in tokens.iter().zip(&ours) {
            let alone = bert.embed(std::slice::from_ref(tokens)).unwrap();
            let pairs = alone.first().unwrap().iter().zip(together);
            assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 2e-6);
        }
    }
}

#[test]
fn texts_become_the_tokens_of_the_published_vocabulary() {
    let Some(folder) = folder() else { return };
    let (texts, _) = load(&folder, 1);
    // As in the documentation of BERT: lower case, pieces, a token before and one behind.
    let check = |text, expected: &[u32]| {
        assert_eq!(texts.encode(0, text, false).unwrap().ids, expected, "{text}");
    };
    check("", &[101, 102]);
    check("Hello world!", &[101, 7592, 2088, 999, 102]);
    check("HÉLLO WORLD !", &[101, 7592, 2088, 999, 102]);
}

#[test]
fn a_text_that_is_too_long_is_an_error_or_loses_its_end() {
    let Some(folder) = folder() else { return };
    let (texts, _) = load(&folder, 1);
    let words = |count| vec!["word"; count].join(" ");
    assert_eq!(texts.encode(0, &words(254), false).unwrap().ids.len(), 256);
    let error = texts.encode(3, &words(255), false).unwrap_err();
    assert!(
        matches!(error, LocalError::TextTooLong { index: 3, tokens: 257, limit: 256 }),
        "{error}"
    );
    let cut = texts.encode(3, &words(255), true).unwrap();
    assert!(cut.truncated);
    assert_eq!(cut.ids, texts.encode(0, &words(254), true).unwrap().ids);
}

#[test]
fn what_is_no_such_model_is_an_error() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let error = Bert::load(folder.path(), 1).err().unwrap().to_string();
        assert!(error.contains(expected), "{error} lacks {expected}");
    };
    let config = |kind: &str, heads: usize| {
        serde_json::json!({
            "model_type": kind, "hidden_act": "gelu", "hidden_size": 4, "intermediate_size": 8,
            "layer_norm_eps": 1e-12, "max_position_embeddings": 2, "num_attention_heads": heads,
            "num_hidden_layers": 1, "type_vocab_size": 2, "vocab_size": 3
        })
        .to_string()
    };
    check(&[], "config.json");
    check(&[("config.json", "{")], "config.json");
    check(&[("config.json", &config("t5", 2))], "only \"bert\" is supported");
    check(&[("config.json", &config("bert", 3))], "3 heads over a width of 4");
    for (field, size) in [
        ("intermediate_size", "8"),
        ("max_position_embeddings", "2"),
        ("num_hidden_layers", "1"),
        ("type_vocab_size", "2"),
        ("vocab_size", "3"),
    ] {
        let zero =
            config("bert", 2).replace(&format!("\"{field}\":{size}"), &format!("\"{field}\":0"));
        check(&[("config.json", &zero)], &format!("{field} is 0"));
    }
    let good = config("bert", 2);
    let pooling = r#"{"pooling_mode_mean_tokens": false}"#;
    check(&[("config.json", &good), ("1_Pooling/config.json", pooling)], "the mean over");
    check(&[("config.json", &good)], "model.safetensors");
    let weights = |text: &str| ("model.safetensors", text.to_owned());
    let (name, text) = weights("These are not weights.");
    check(&[("config.json", &good), (name, &text)], "no safetensors file");
    let head = r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]}}"#;
    let cut =
        format!("{}{head}", String::from_utf8((head.len() as u64).to_le_bytes().into()).unwrap());
    check(&[("config.json", &good), (name, &cut)], "cannot be read");
    // Four times as many bytes would be none at all.
    let huge = good.replace("\"vocab_size\":3", "\"vocab_size\":4611686018427387904");
    let head = head.replace("[3,4]", "[4611686018427387904,4]").replace("[0,48]", "[0,0]");
    let wrapped =
        format!("{}{head}", String::from_utf8((head.len() as u64).to_le_bytes().into()).unwrap());
    check(&[("config.json", &huge), (name, &wrapped)], "overflow");
}

#[test]
fn the_error_function_is_near_the_exact_one() {
    let worst = (-6_000..=6_000)
        .map(|step| step as f32 / 1000.0)
        .map(|x| (f64::from(bert::erf(x)) - candle_core::cpu::erf::erf_f64(f64::from(x))).abs())
        .fold(0.0, f64::max);
    assert!(worst < 4e-7, "{worst}");
}
