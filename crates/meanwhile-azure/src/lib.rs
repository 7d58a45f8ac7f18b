//! The Azure provider of Meanwhile: OpenAI's models, those of other vendors, and Claude, on Azure.
//!
//! Register [`PROVIDER`], set `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_API_KEY`, and write
//! `"azure/DEPLOYMENT"`; or configure one in code:
//!
//! ```
//! use meanwhile_azure::Azure;
//! use meanwhile_core::Model;
//!
//! let azure = Azure::builder()
//!     .endpoint("https://acme.openai.azure.com")
//!     .api_key("not-a-real-key")
//!     .deployment("careful", "o3-mini")
//!     .build()?;
//! let model = Model::of(azure, "careful");
//! # Ok::<(), meanwhile_core::Error>(())
//! ```
//!
//! The wires are those of [`meanwhile_openai`] and [`meanwhile_anthropic`]; what is here is which of
//! them a deployment is asked on and under which path (`codec`), Azure's content filter and its errors
//! (`filter`, `error`), embeddings (`modality`), batches (`batches`), and who asks (`config`, `entra`): an
//! API key, [`ClientCredentials`] of Microsoft Entra ID, or a hook of your own.
//!
//! The paths are described at <https://learn.microsoft.com/azure/ai-foundry/openai/reference>.

mod batches;
mod codec;
mod config;
mod entra;
mod error;
mod filter;
mod modality;

pub use codec::{AzureCodec, AzureDecoder, Surface};
pub use config::{Azure, Builder, PROVIDER};
pub use entra::ClientCredentials;
pub use meanwhile_openai::Api;
pub use meanwhile_openai_responses::{BuiltInTool, ResponsesOptions, item};
