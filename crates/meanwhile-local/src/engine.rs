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
        let path = weights::find(&weights::SMOLLM2, settings)?;
        let content = model::read_head(&path)?;
        let vocabulary = Vocabulary::load(&path, &content)?;
        let model = Model::load(&path, &content, settings.threads)?;
        Ok(Self { model, vocabulary })
    }
}
