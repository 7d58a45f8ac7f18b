//! Vectors of the real embedding model: what they mean, order, cancelling, fairness, errors.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::{self, Either};
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, ErrorKind, Registry, TimeoutPhase,
    Timeouts,
};
use meanwhile_local::{ALL_MINILM_L6_V2, Local, LocalEmbedder, LocalError, PROVIDER};
use serde_json::json;

/// The model; `None`, with a message, where its weights cannot be had.
fn model() -> Option<EmbeddingModel> {
    let embedder = LocalEmbedder::new();
    match embedder.fetch() {
        Ok(_) => Some(EmbeddingModel::new(embedder, ALL_MINILM_L6_V2)),
        Err(LocalError::WeightsNotFound { tried, .. }) => {
            println!("skipped: there are no weights of the embedding model: {tried:?}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn embed(model: &EmbeddingModel, texts: &[&str]) -> Vec<Vec<f32>> {
    block_on(model.embed(texts.iter().copied())).unwrap().vectors
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A text of so many tokens.
fn words(count: usize) -> String {
    vec!["word"; count - 2].join(" ")
}

#[test]
fn similarities_are_those_that_the_authors_publish() {
    let Some(model) = model() else { return };
    // https://sbert.net, "Sentence Transformer" of its quickstart, with the answers it prints.
    let vectors = embed(
        &model,
        &["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."],
    );
    let published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]];
    for (a, row) in vectors.iter().zip(published) {
        assert_eq!(a.len(), 384);
        for (b, expected) in vectors.iter().zip(row) {
            let found = cosine(a, b);
            assert!((found - expected).abs() < 6e-5, "{found} instead of {expected}");
        }
    }
}

#[test]
fn what_means_the_same_is_nearest() {
    let Some(model) = model() else { return };
    let documents = [
        "The feline rested on the rug.",
        "A man strums a guitar on stage.",
        "Stock prices fell sharply on Monday.",
        "The recipe needs two eggs and a cup of flour.",
        "Rust prevents data races at compile time.",
    ];
    let vectors = embed(&model, &documents);
    let check = |query: &str, expected: usize| {
        let query = embed(&model, &[query]).remove(0);
        let ranked = vectors.iter().map(|vector| cosine(&query, vector)).enumerate();
        let best = ranked.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
        assert_eq!(documents[best], documents[expected]);
    };
    check("A cat lay on the carpet.", 0);
    check("Somebody plays an instrument.", 1);
    check("Shares lost much of their value.", 2);
    check("How do I bake a cake?", 3);
    check("memory safety in programming languages", 4);
}

#[test]
fn vectors_come_in_the_order_of_the_texts() {
    let Some(model) = model() else { return };
    // More than are turned into tokens at once, of lengths that end in different batches.
    let texts: Vec<String> =
        (0..270).map(|n| format!("number {n} {}", words(3 + n % 20))).collect();
    let all = block_on(model.embed(texts.clone())).unwrap();
    assert_eq!(all.vectors.len(), 270);
    assert_eq!((all.provider.as_str(), all.model.as_str()), ("local", ALL_MINILM_L6_V2));
    let mut tokens = 0;
    for (index, text) in texts.iter().enumerate() {
        if index % 67 == 0 {
            let alone = block_on(model.embed_one(text)).unwrap();
            let near = cosine(&alone, &all.vectors[index]);
            assert!(near > 0.999_999, "{near} for {text}");
        }
        // "number" and what pads are a token each, and so is every number below 300.
        tokens += 2 + 2 + 1 + (index as u64) % 20;
    }
    assert_eq!(all.usage.input.total, Some(tokens));
    assert_eq!(block_on(model.embed(Vec::<String>::new())).unwrap().vectors.len(), 0);
}

#[test]
fn a_text_that_is_too_long_is_never_cut_in_silence() {
    let Some(model) = model() else { return };
    assert_eq!(block_on(model.embed([words(256)])).unwrap().vectors.len(), 1);
    let long = format!("{} end", words(300));
    let texts = ["short".to_owned(), long.clone()];
    let error = block_on(model.embed(texts.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextLength, "{error}");
    for words in ["text 1 of the list", "301 tokens", "256", "truncate"] {
        assert!(error.to_string().contains(words), "{error} lacks {words}");
    }
    let model = model.option("local", "truncate", true);
    let answer = block_on(model.embed(texts)).unwrap();
    let counters = json!({ "input_tokens": 259, "truncated": [1] });
    assert_eq!(answer.usage.raw.unwrap(), counters.into());
    let beginning = block_on(model.embed_one(words(256))).unwrap();
    assert!(cosine(&beginning, &answer.vectors[1]) > 0.999_999);
}

#[test]
fn errors_say_what_to_do() {
    let check = |request: EmbedRequest, kind, words: &[&str]| {
        let error = block_on(LocalEmbedder::new().embed(request)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.provider(), Some("local"));
        for word in words {
            assert!(error.to_string().contains(word), "{error} lacks {word}");
        }
    };
    let request = |model: &str| EmbedRequest::new(model, vec!["a".to_owned()]);
    check(request("ada"), ErrorKind::ModelNotFound, &["ada", "local/all-minilm-l6-v2"]);
    let mut short = request(ALL_MINILM_L6_V2);
    short.dimensions = Some(128);
    check(short, ErrorKind::Unsupported, &["384", "128"]);
    let mut wrong = request(ALL_MINILM_L6_V2);
    wrong.options.entry("local".into()).or_default().insert("truncate".into(), json!("end"));
    check(wrong, ErrorKind::InvalidRequest, &["truncate", "true or false"]);
    let mut unknown = request(ALL_MINILM_L6_V2);
    unknown.options.entry("local".into()).or_default().insert("user".into(), json!("me"));
    check(unknown, ErrorKind::Unsupported, &["user", "truncate"]);

    let embedder = Local::builder().embedding_weights("no/such/folder").embedder();
    let error = block_on(embedder.embed(request(ALL_MINILM_L6_V2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Local::builder().embedding_weights(empty.path()).embedder().fetch().unwrap_err();
    assert!(error.to_string().contains("config.json"), "{error}");
}

#[test]
fn the_model_is_named_like_any_other() {
    let Some(_) = model() else { return };
    let registry = Registry::new();
    registry.register(&PROVIDER);
    let model = registry.embedding_model("local/all-minilm-l6-v2").unwrap();
    let vector = block_on(model.dimensions(384).purpose(EmbedPurpose::Query).embed_one("a cat"));
    let vector = vector.unwrap();
    assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-5);
}

#[test]
fn a_short_request_does_not_wait_for_a_long_one() {
    let Some(model) = model() else { return };
    embed(&model, &["load the model first"]);
    let long: Vec<String> = (0..100).map(|_| words(64)).collect();
    // How long the short one takes, and both.
    let both = || {
        let start = Instant::now();
        let (long, short) =
            (Box::pin(model.embed(long.clone())), Box::pin(model.embed_one("a short text")));
        match block_on(future::select(long, short)) {
            Either::Left(_) => panic!("the long request was done first"),
            Either::Right((short, long)) => {
                short.unwrap();
                let after = start.elapsed();
                assert_eq!(block_on(long).unwrap().vectors.len(), 100);
                (after, start.elapsed())
            }
        }
    };
    in_some_attempt(both, |(short, whole)| *short * 3 < *whole);
}

#[test]
fn a_dropped_request_frees_the_model() {
    let Some(model) = model() else { return };
    let long: Vec<String> = (0..24).map(|_| words(200)).collect();
    let times = || {
        let start = Instant::now();
        block_on(model.embed(long.clone())).unwrap();
        let whole = start.elapsed();
        // More than are computed at the same time, each asked for once and then dropped.
        for _ in 0..6 {
            let request = Box::pin(model.embed(long.clone()));
            let soon = Box::pin(future::ready(()));
            assert!(matches!(block_on(future::select(request, soon)), Either::Right(_)));
        }
        let start = Instant::now();
        embed(&model, &["a short text"]);
        (start.elapsed(), whole)
    };
    in_some_attempt(times, |(short, whole)| short < whole);
}

/// Measures again until it is as it should be: another process may be in the way of one measurement, but
/// hardly of all.
fn in_some_attempt<T: std::fmt::Debug>(measure: impl Fn() -> T, holds: impl Fn(&T) -> bool) {
    let mut measured = Vec::new();
    for _ in 0..4 {
        measured.push(measure());
        if measured.last().is_some_and(&holds) {
            return;
        }
    }
    panic!("{measured:?}");
}

#[test]
fn clocks_are_kept() {
    let Some(model) = model() else { return };
    let model = model.timeouts(Timeouts::default().whole(Duration::from_millis(100)));
    let long: Vec<String> = (0..64).map(|_| words(256)).collect();
    let error = block_on(model.embed(long)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Whole), "{error}");
}
