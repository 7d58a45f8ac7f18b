//! A handbook that is indexed, with an embedder that knows what words mean.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use meanwhile_core::{
    EmbedPurpose, EmbedRequest, Embedder, EmbeddingModel, Embeddings, Model, Result, Scripted,
    Usage,
};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{Chunk, ChunkKey, Document, Index, MemoryStore, Origin, Scored};

/// Words of one meaning each.
const MEANINGS: [&[&str]; 5] = [
    &["refund", "money", "return", "reimburse"],
    &["ship", "deliver", "parcel", "courier"],
    &["gift", "voucher", "present"],
    &["lamp", "light", "bulb"],
    &["hours", "open", "closed", "weekend"],
];

/// Embeds a text as how often it speaks of each of five things; keeps what it was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meanings(Arc<Mutex<Vec<Asked>>>);

/// The texts of one request, and what they are embedded for.
type Asked = (Vec<String>, Option<EmbedPurpose>);

impl Meanings {
    pub(crate) fn questions(&self) -> Vec<Vec<String>> {
        let asked = self.0.lock().unwrap();
        let queries = asked.iter().filter(|(_, purpose)| *purpose == Some(EmbedPurpose::Query));
        queries.map(|(texts, _)| texts.clone()).collect()
    }
}

#[async_trait]
impl Embedder for Meanings {
    fn id(&self) -> &str {
        "meanings"
    }

    fn batch_limit(&self, _: &str) -> usize {
        100
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let vector = |text: &String| {
            let text = text.to_lowercase();
            let times = |words: &&[&str]| {
                words.iter().map(|word| text.matches(word).count()).sum::<usize>()
            };
            MEANINGS.iter().map(|words| 0.01 + times(words) as f32).collect()
        };
        let vectors = request.inputs.iter().map(vector).collect();
        self.0.lock().unwrap().push((request.inputs, request.purpose));
        Ok(Embeddings::new("meanings", request.model, vectors, Usage::default()))
    }
}

/// Seven chunks of three documents.
pub(crate) async fn handbook() -> (Index, Meanings) {
    let embedder = Meanings::default();
    let documents = [
        Document::new(
            "refunds.md",
            "You get your money back within 30 days. Opened bulbs are not taken back. \
             Gift cards cannot be reimbursed.",
        )
        .with("lang", "en"),
        Document::new(
            "shipping.md",
            "A courier brings every order within two days. Item XK-77 ships by sea.",
        )
        .with("lang", "en"),
        Document::new("hours.md", "Wir haben am Samstag offen. The shop is closed on Sunday.")
            .with("lang", "de"),
    ];
    let index =
        Index::new(MemoryStore::new()).embedder(EmbeddingModel::new(embedder.clone(), "any"));
    let report =
        index.ingest().splitter(SentenceSplitter::new(14)).run_all(documents).await.unwrap();
    assert_eq!((report.documents(), report.chunks), (3, 7), "{report:?}");
    (index, embedder)
}

pub(crate) fn model(scripted: &Scripted) -> Model {
    Model::new(scripted.clone(), "any")
}

/// A chunk that was found, of a document that says nothing else.
pub(crate) fn found(id: &str, index: u32, text: &str, score: f32) -> Scored {
    let key = ChunkKey::new(text, "none", "none");
    Scored::new(Chunk::new(id, index, 0..text.len(), text, key), score, Origin::Dense)
}

/// The ids and indexes of chunks, for comparing.
pub(crate) fn places(found: &[Scored]) -> Vec<(&str, u32)> {
    found.iter().map(|found| (found.chunk.document_id.as_str(), found.chunk.index)).collect()
}
