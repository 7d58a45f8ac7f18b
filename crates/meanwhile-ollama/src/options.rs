//! [`OllamaOptions`]: what only Ollama can be told.

use meanwhile_core::Params;
use serde_json::{Map, Value};

use crate::ID;

/// Settings of [the server and its runner](https://docs.ollama.com/modelfile#valid-parameters-and-values)
/// beside the common ones of [`Params`].
///
/// Each is one vendor option of the provider `ollama`, so settings of several scopes merge one by
/// one. Options that have no method here go through [`Params::option`]; the names of the runner's
/// options are written into the request's `options`, all others into the request itself.
///
/// ```
/// use meanwhile_core::Params;
/// use meanwhile_ollama::OllamaOptions;
///
/// let params = OllamaOptions::new().num_ctx(16_384).apply(Params::new().temperature(0.2));
/// assert_eq!(params.options["ollama"]["num_ctx"], 16_384);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OllamaOptions {
    fields: Map<String, Value>,
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(self, value: $type) -> Self {
            self.set(stringify!($name), value)
        }
    )*};
}

impl OllamaOptions {
    /// Sets nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    options! {
        /// Size of the context window, in tokens. The server's own default is small.
        num_ctx: u32;
        /// How many tokens of the beginning stay when the window is full.
        num_keep: i32;
        /// How many tokens are read at once.
        num_batch: u32;
        /// How many layers run on the graphics card.
        num_gpu: i32;
        /// How many threads calculate.
        num_thread: u32;
        /// Drops tokens that are less probable than this share of the most probable one.
        min_p: f64;
        /// How far typical tokens are preferred; 1 turns it off.
        typical_p: f64;
        /// How many of the last tokens are looked at for repetitions; -1 for the whole window.
        repeat_last_n: i32;
        /// How strongly repetitions are punished; 1 turns it off.
        repeat_penalty: f64;
        /// Whether a conversation that is too long is cut instead of refused.
        truncate: bool;
        /// Whether the window shifts when it is full, instead of ending the answer.
        shift: bool;
    }

    /// How long the model stays loaded after the answer: `10m`, `0` to unload it, `-1` for ever.
    #[must_use]
    pub fn keep_alive(self, time: impl Into<String>) -> Self {
        let time = time.into();
        // The server reads a bare number only if it is no text.
        match time.trim().parse::<i64>() {
            Ok(seconds) => self.set("keep_alive", seconds),
            Err(_) => self.set("keep_alive", time),
        }
    }

    fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the settings to `params`, over the ones that are there.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(ID.to_owned()).or_default().extend(self.fields);
        params
    }
}

/// The runner's options by name: in the body they are in an object of their own.
pub(crate) fn is_runner_option(name: &str) -> bool {
    matches!(
        name,
        "num_ctx"
            | "num_keep"
            | "num_batch"
            | "num_gpu"
            | "main_gpu"
            | "num_thread"
            | "numa"
            | "use_mmap"
            | "use_mlock"
            | "low_vram"
            | "num_predict"
            | "draft_num_predict"
            | "seed"
            | "top_k"
            | "top_p"
            | "min_p"
            | "tfs_z"
            | "typical_p"
            | "temperature"
            | "repeat_last_n"
            | "repeat_penalty"
            | "presence_penalty"
            | "frequency_penalty"
            | "mirostat"
            | "mirostat_tau"
            | "mirostat_eta"
            | "penalize_newline"
            | "stop"
    )
}
