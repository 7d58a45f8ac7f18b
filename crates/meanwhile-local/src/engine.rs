//! [`Engine`] is a model with its vocabulary, loaded from one file.

use std::path::PathBuf;

use crate::LocalError;
use crate::model::{self, Model};
use crate::tokenizer::Vocabulary;
use crate::weights::{self, Progress};

/// What makes two engines different ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Settings {
    /// The file of weights; `None` is to look for them.
    pub(crate) path: Option<PathBuf>,
    /// The folder for downloaded weights; `None` is the user's cache folder.
    pub(crate) cache: Option<PathBuf>,
    /// Threads that compute; zero and one are the worker's own.
    pub(crate) threads: usize,
    pub(crate) progress: Progress,
}

/// A loaded model.
pub(crate) struct Engine {
    pub(crate) model: Model,
    pub(crate) vocabulary: Vocabulary,
}

impl Engine {
    /// Finds the weights, fetching them if need be, and loads them. Takes a second or so once the
    /// weights are there.
    pub(crate) fn load(settings: &Settings) -> Result<Self, LocalError> {
        let path = weights::find(settings)?;
        let content = model::read_head(&path)?;
        let vocabulary = Vocabulary::load(&path, &content)?;
        let model = Model::load(&path, &content, settings.threads)?;
        Ok(Self { model, vocabulary })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::chat::{Speaker, Turn, encode};
    use crate::model::Piece;
    use std::sync::OnceLock;
    use std::time::Instant;

    pub(crate) fn engine() -> &'static Engine {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| Engine::load(&Settings::default()).unwrap())
    }

    #[test]
    #[ignore]
    fn speed() {
        let start = Instant::now();
        let engine = engine();
        println!("load {:?}", start.elapsed());
        let prompt = encode(
            &engine.vocabulary,
            &[Turn::new(
                Speaker::User,
                "Tell me a short story about a lighthouse keeper and a whale.",
            )],
        )
        .unwrap();
        for _ in 0..3 {
            let mut memory = engine.model.memory();
            let start = Instant::now();
            let mut scores = Vec::new();
            for tokens in prompt.chunks(16) {
                scores = engine
                    .model
                    .forward(&mut [Piece { memory: &mut memory, tokens, scores: true }])
                    .unwrap()
                    .remove(0);
            }
            let t = start.elapsed().as_secs_f64();
            println!("prompt {} tokens, {:.1} tok/s", prompt.len(), prompt.len() as f64 / t);
            let start = Instant::now();
            let mut text = Vec::new();
            for _ in 0..64 {
                let best =
                    scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 as u32;
                text.extend_from_slice(engine.vocabulary.bytes(best));
                scores = engine
                    .model
                    .forward(&mut [Piece { memory: &mut memory, tokens: &[best], scores: true }])
                    .unwrap()
                    .remove(0);
            }
            println!(
                "generation {:.1} tok/s\n{}",
                64.0 / start.elapsed().as_secs_f64(),
                String::from_utf8_lossy(&text)
            );
        }
    }
}
