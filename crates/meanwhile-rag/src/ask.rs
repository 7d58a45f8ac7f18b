//! [`Ask`], the model that an engine asks, and the settings that it asks with.

use meanwhile_core::{
    Call, Error, ErrorKind, Extract, FinishReason, Message, Prompt, Registry, Response, Result,
    Settings,
};

/// Whom to ask. Without a model of its own, the one of the scope or of the process is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) registry: Option<Registry>,
    pub(crate) settings: Settings,
}

impl Ask {
    /// Prepares a call; `name` says in errors and observations what it is for.
    pub(crate) fn call<T: Extract>(
        &self,
        name: &'static str,
        messages: Vec<Message>,
    ) -> Call<'static, T> {
        let mut prompt = Prompt::from(messages);
        prompt.settings = self.settings.clone();
        let registry = self.registry.clone().unwrap_or_else(Registry::global);
        Call::new(name, &registry, Ok(prompt))
    }
}

/// The answer, which may be empty, but is the model's own to the end.
///
/// # Errors
///
/// [`Output`](ErrorKind::Output) for a refusal, and for an answer that was cut or filtered.
pub(crate) fn whole(response: Response) -> Result<Response> {
    let wrong = match (response.refusal(), response.finish_reason()) {
        (Some(refusal), _) => format!("the model refused: {refusal}"),
        (None, Some(FinishReason::ContentFilter)) => "the answer was filtered".to_owned(),
        (None, Some(FinishReason::Length)) => {
            "the answer was cut at its token limit; raise `max_tokens`".to_owned()
        }
        _ => return Ok(response),
    };
    Err(Error::new(ErrorKind::Output, wrong).with_partial(response))
}

/// Writes the methods that say whom to ask, for everything with a field `ask` at the given place.
macro_rules! asks {
    ($type:ty, $($place:ident).+) => {
        impl $type {
            /// Sets the model that is asked: a [`Model`](meanwhile_core::Model), or a
            /// `provider/model` string of the [`registry`](Self::registry). Without it, the model of
            /// the scope or the process is asked.
            #[must_use = "settings are set on the value that is returned"]
            pub fn model(mut self, model: impl Into<meanwhile_core::ModelRef>) -> Self {
                self.$($place).+.settings.model = Some(model.into());
                self
            }

            /// Sets what else the calls are configured with, on top of what is set already: params,
            /// time limits, layers, observers.
            #[must_use = "settings are set on the value that is returned"]
            pub fn settings(mut self, settings: meanwhile_core::Settings) -> Self {
                let before = std::mem::take(&mut self.$($place).+.settings);
                self.$($place).+.settings = settings.or(before);
                self
            }

            /// Sets where `provider/model` strings are looked up, instead of in the registry of the process
            /// ([`Registry::global`](meanwhile_core::Registry::global)).
            #[must_use = "settings are set on the value that is returned"]
            pub fn registry(mut self, registry: &meanwhile_core::Registry) -> Self {
                self.$($place).+.registry = Some(registry.clone());
                self
            }
        }
    };
}
pub(crate) use asks;
