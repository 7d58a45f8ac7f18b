//! [`Adapter`]: how a signature becomes a prompt, and a reply its fields. Pure: no I/O, no clock.

mod chat;
mod coerce;
mod dspy;
mod elements;
mod growing;
mod json;
mod render;
mod sections;
mod two_step;
mod xml;

use std::fmt;
use std::sync::{Arc, OnceLock};

use meanwhile_core::{OutputFormat, Prompt, Repair, Result, Settings, scope};
use serde_json::Value;

use crate::{Demo, Fields, SignatureSpec};

pub(crate) use coerce::choose;
pub(crate) use dspy::{json as python_json, repr as python_repr};
pub(crate) use render::media;

pub use chat::ChatAdapter;
pub use json::JsonAdapter;
pub use two_step::TwoStepAdapter;
pub use xml::XmlAdapter;

/// How a signature becomes a prompt, and a reply its fields.
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Names the adapter in errors.
    fn name(&self) -> &str;

    /// Writes the messages. `history` is the conversation so far, an exchange each; inputs that the
    /// signature names and are not there are left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`](meanwhile_core::ErrorKind::Prompt) when a value cannot be shown.
    fn prompt(
        &self,
        spec: &SignatureSpec,
        demos: &[Demo],
        history: &[Fields],
        inputs: &Fields,
    ) -> Result<Prompt>;

    /// The shape that the provider is asked for, where it can hold to one. What it cannot is left to the
    /// prompt.
    fn output_format(&self, spec: &SignatureSpec) -> OutputFormat;

    /// Starts to read a reply that comes in pieces.
    fn reader(&self, spec: &Arc<SignatureSpec>) -> Box<dyn FieldReader>;

    /// Reads a whole reply, as [`reader`](Self::reader) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](meanwhile_core::ErrorKind::Output) when a field is missing or is none of its
    /// type.
    fn parse(&self, spec: &Arc<SignatureSpec>, text: &str) -> Result<Parsed> {
        let mut reader = self.reader(spec);
        reader.push(text, &mut |_| {});
        reader.finish(&mut |_| {})
    }

    /// The adapter with which is asked again, once, when a reply cannot be read.
    fn fallback(&self) -> Option<Arc<dyn Adapter>> {
        None
    }

    /// The second step of an adapter whose replies are prose: which model reads the fields out of them.
    fn extraction(&self, _spec: &SignatureSpec) -> Option<Extraction> {
        None
    }
}

/// The second step of an adapter whose replies are prose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Extraction {
    /// The signature, whose one input is the text.
    pub spec: Arc<SignatureSpec>,
    /// How it is asked for.
    pub adapter: Arc<dyn Adapter>,
    /// The model, and its settings.
    pub settings: Settings,
}

/// The fields that were read from a reply.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Parsed {
    /// All outputs, in the order of the signature.
    pub fields: Fields,
    /// What was mended, in order.
    pub repairs: Vec<Repair>,
}

/// Reads a reply that comes in pieces, cut anywhere between two characters.
///
/// However it is cut, the same fields come out; the deltas of a text, joined, are its value.
pub trait FieldReader: fmt::Debug + Send {
    /// Reads on, and tells what is new, in order.
    fn push(&mut self, text: &str, tell: &mut dyn FnMut(FieldChange<'_>));

    /// Ends the reply, and tells what that changes.
    ///
    /// # Errors
    ///
    /// As [`Adapter::parse`].
    fn finish(self: Box<Self>, tell: &mut dyn FnMut(FieldChange<'_>)) -> Result<Parsed>;
}

/// What is new in a reply.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FieldChange<'a> {
    /// A field of text has grown.
    Text {
        /// Which field.
        name: &'a str,
        /// What came to it; never empty.
        delta: &'a str,
    },
    /// A field is complete.
    Completed {
        /// Which field.
        name: &'a str,
        /// Its value.
        value: &'a Value,
    },
}

/// The adapter of predictors that were given none: of the scope, else [`ChatAdapter`].
pub(crate) fn default_adapter(host: &meanwhile_core::Host) -> Arc<dyn Adapter> {
    static CHAT: OnceLock<Arc<dyn Adapter>> = OnceLock::new();
    match host.get::<ScopeAdapter>() {
        Some(found) => found.0.clone(),
        None => CHAT.get_or_init(|| Arc::new(ChatAdapter::new())).clone(),
    }
}

/// Runs a future in which predictors without an adapter of their own use this one.
pub async fn with_adapter<F: Future>(adapter: impl Adapter, future: F) -> F::Output {
    scope(Settings::new().host(ScopeAdapter(Arc::new(adapter))), future).await
}

struct ScopeAdapter(Arc<dyn Adapter>);
