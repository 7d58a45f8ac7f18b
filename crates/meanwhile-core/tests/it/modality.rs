//! Embeddings and rankings: batches, order, and what is checked before a caller sees it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::executor::block_on;
use meanwhile_core::{
    Audio, EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, Embeddings, Error, ErrorKind,
    ImageRequest, ListModels, ModelInfo, Moderation, ModerationCategory, ModerationRequest,
    Moderations, ProviderInfo, Ranked, RankedDocuments, Registry, RerankRequest, Result, Scripted,
    SpeechRequest, SpeechStream, Timeouts, TranscriptionRequest, Usage,
};
use serde_json::json;

/// Embeds a text as its length, as often as asked.
#[derive(Debug, Default)]
struct Lengths {
    /// Whether the first vector is left out.
    forget: bool,
}

#[async_trait]
impl Embedder for Lengths {
    fn id(&self) -> &str {
        "lengths"
    }

    fn batch_limit(&self, _: &str) -> usize {
        3
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let size = request.dimensions.unwrap_or(2) as usize;
        let skipped = usize::from(self.forget);
        let vectors =
            request.inputs.iter().skip(skipped).map(|text| vec![text.len() as f32; size]).collect();
        Ok(Embeddings::new("lengths", "exact", vectors, Usage::totals(1, 0)))
    }
}

/// A list of one model.
#[derive(Debug)]
struct One;

#[async_trait]
impl ListModels for One {
    async fn list_models(&self) -> Result<Vec<ModelInfo>> {
        Ok(vec![ModelInfo::new("one")])
    }
}

#[test]
fn long_lists_are_split_and_keep_their_order() {
    let model = EmbeddingModel::new(Lengths::default(), "exact");
    let texts: Vec<String> = (0..10).map(|length| "x".repeat(length)).collect();
    let embeddings = block_on(model.embed(texts)).unwrap();
    let firsts: Vec<f32> = embeddings.vectors.iter().map(|vector| vector[0]).collect();
    assert_eq!(firsts, (0..10_u8).map(f32::from).collect::<Vec<_>>());
    assert_eq!((embeddings.dimensions(), embeddings.usage.input.total), (2, Some(4)));
    assert_eq!(block_on(model.clone().dimensions(5).embed_one("abc")).unwrap(), [3.0; 5]);
    assert!(block_on(model.embed(Vec::<String>::new())).unwrap().vectors.is_empty());
}

#[test]
fn vectors_that_are_missing_are_an_error() {
    let model = EmbeddingModel::new(Lengths { forget: true }, "exact");
    let error = block_on(model.embed(["a", "b"])).unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Decode, Some("lengths")));
    assert!(error.message().contains("1 vectors came back for 2 texts"), "{error}");
}

#[test]
fn rankings_are_sorted_and_checked() {
    let ranked = |indices: &[usize]| {
        let documents = indices.iter().map(|index| Ranked::new(*index, *index as f64)).collect();
        RankedDocuments::new("acme", "m", 3, documents, Usage::default())
    };
    let best: Vec<usize> =
        ranked(&[0, 2, 1]).unwrap().documents.iter().map(|ranked| ranked.index).collect();
    assert_eq!(best, [2, 1, 0]);
    for wrong in [&[3][..], &[1, 1]] {
        assert_eq!(ranked(wrong).unwrap_err().kind(), ErrorKind::Decode);
    }
}

#[test]
fn what_a_provider_lacks_is_said() {
    let registry = Registry::new();
    registry.insert_as("acme", Scripted::new().into());
    let kind = |name: &str| registry.embedding_model(name).unwrap_err().kind();
    assert_eq!(kind("acme/x"), ErrorKind::Unsupported);
    assert_eq!(kind("other/x"), ErrorKind::UnknownProvider);
    assert_eq!(kind("x"), ErrorKind::Config);
    for (id, expected) in [("acme", ErrorKind::Unsupported), ("other", ErrorKind::UnknownProvider)]
    {
        let errors = [
            registry.embedder(id).map(drop),
            registry.reranker(id).map(drop),
            registry.models(id).map(drop),
            registry.batches(id).map(drop),
            registry.moderator(id).map(drop),
            registry.speech(id).map(drop),
            registry.transcriber(id).map(drop),
            registry.images(id).map(drop),
        ];
        for error in errors {
            assert_eq!(error.unwrap_err().kind(), expected);
        }
    }
}

/// Finds by name what was registered under it.
#[test]
fn a_registry_has_the_embedder_and_the_models_of_a_provider() {
    let registry = Registry::new();
    let acme = ProviderInfo::new("acme", &[], || Ok(Scripted::new().into()))
        .with_embedder(|| Ok(Arc::new(Lengths::default())))
        .with_models(|| Ok(Arc::new(One)));
    registry.register(&acme);
    let request = EmbedRequest::new("exact", vec!["abc".to_owned()]).dimensions(1);
    let embeddings = block_on(registry.embedder("acme").unwrap().embed(request)).unwrap();
    assert_eq!(embeddings.vectors, [[3.0]]);
    let models = block_on(registry.models("acme").unwrap().list_models()).unwrap();
    assert_eq!(models, [ModelInfo::new("one")]);
}

/// Every request beside answers carries its clocks and the options of a vendor.
#[test]
fn requests_beside_answers_share_their_setters() {
    let clocks = Timeouts::default().whole(Duration::from_secs(3));
    macro_rules! check {
        ($($request:expr),* $(,)?) => {$(
            let request = $request.timeouts(clocks).option("acme", "a", 1).option("acme", "b", true);
            assert_eq!(request.timeouts, clocks);
            assert_eq!(request.model, "m");
            assert_eq!(json!(request.options), json!({ "acme": { "a": 1, "b": true } }));
        )*};
    }
    let audio = || Audio::bytes(b"RIFF".as_slice(), "audio/wav");
    check! {
        EmbedRequest::new("m", Vec::new()).purpose(EmbedPurpose::Query),
        RerankRequest::new("m", "q", Vec::new()),
        ModerationRequest::new("m", Vec::new()),
        SpeechRequest::new("m", "t", "v"),
        TranscriptionRequest::new("m", audio()),
        ImageRequest::new("m", "p"),
    }
    let embed = EmbedRequest::new("m", Vec::new()).purpose(EmbedPurpose::Query);
    assert_eq!(embed.purpose, Some(EmbedPurpose::Query));
    assert_eq!(TranscriptionRequest::new("m", audio()).temperature(0.5).temperature, Some(0.5));
}

#[test]
fn judgements_say_what_was_found() {
    let category = |name: &str, flagged| ModerationCategory::new(name, flagged, Some(0.5));
    let clean = Moderation::new(vec![category("hate", false)]);
    let flagged = Moderation::new(vec![category("hate", false), category("violence", true)]);
    assert_eq!((clean.flagged, clean.found().count()), (false, 0));
    assert_eq!(flagged.found().collect::<Vec<_>>(), ["violence"]);
    let all = Moderations::new("acme", "m", vec![clean.clone(), flagged], Usage::default());
    assert!(all.flagged());
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Moderations>(&text).unwrap(), all);
    let none = Moderations::new("acme", "m", vec![clean], Usage::default());
    assert!(!none.flagged());
}

#[test]
fn speech_arrives_in_order_and_stops_at_an_error() {
    let broken = || Error::new(ErrorKind::StreamInterrupted, "gone");
    let chunks = [Ok(Bytes::from("a")), Ok(Bytes::from("b")), Err(broken())];
    let mut stream =
        SpeechStream::new(Some("audio/mpeg".to_owned()), futures::stream::iter(chunks));
    assert!(format!("{stream:?}").contains("audio/mpeg"));
    futures::executor::block_on(async {
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "a");
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "b");
        let error = stream.chunk().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
        assert!(stream.chunk().await.is_none());
    });
}
