//! An embedder of our own that counts what it is asked, and a store that fails on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    EmbedRequest, Embedder, EmbeddingModel, Embeddings, Error, ErrorKind, Result, Usage,
};

/// Embeds a text as how often it has each of some characters; counts every text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letters {
    pub(crate) asked: Arc<Mutex<BTreeMap<String, usize>>>,
    pub(crate) requests: Arc<Mutex<Vec<usize>>>,
    pub(crate) wait: Duration,
    /// A text with this word in it is refused, and all that is asked with it.
    pub(crate) refused: Option<(&'static str, ErrorKind)>,
    /// So many requests fail at first, as if the provider had too much to do.
    pub(crate) overloaded: Arc<Mutex<usize>>,
}

impl Letters {
    pub(crate) fn model(&self) -> EmbeddingModel {
        EmbeddingModel::new(self.clone(), "letters")
    }

    /// How many texts were embedded, and how many of them more than once.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap();
        (asked.values().sum(), asked.values().filter(|times| **times > 1).count())
    }
}

pub(crate) fn letters(text: &str) -> Vec<f32> {
    "aeinrst 0123456789".chars().map(|letter| 1.0 + text.matches(letter).count() as f32).collect()
}

#[async_trait]
impl Embedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }

    fn batch_limit(&self, _model: &str) -> usize {
        1_000
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        self.requests.lock().unwrap().push(request.inputs.len());
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
        }
        {
            let mut overloaded = self.overloaded.lock().unwrap();
            if *overloaded > 0 {
                *overloaded -= 1;
                let error = Error::new(ErrorKind::Overloaded, "too much to do");
                return Err(error.with_retry_after(Duration::from_millis(5)));
            }
        }
        if let Some((word, kind)) = self.refused
            && request.inputs.iter().any(|input| input.contains(word))
        {
            return Err(Error::new(kind, format!("no {word} here")));
        }
        let mut asked = self.asked.lock().unwrap();
        for input in &request.inputs {
            *asked.entry(input.clone()).or_default() += 1;
        }
        let vectors = request.inputs.iter().map(|input| letters(input)).collect();
        let mut usage = Usage::default();
        usage.input.total = Some(request.inputs.len() as u64);
        Ok(Embeddings::new("letters", request.model, vectors, usage))
    }
}
