//! [`Call`]: a lazy, awaitable, streamable call of a model.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::prepare::{Prepared, prepare};
use crate::run;
use crate::settings::configure;
use crate::tool::{ToolChoice, ToolSet, Toolbox};
use crate::{
    AnyProvider, Delivery, Extract, Message, ModelRef, OnUnsupported, Params, Prompt, Registry,
    Request, Response, ResponseStream, Result, Settings, Timeouts,
};

/// A call that is ready to be made: `.await` it for its value, [`stream`](Self::stream) it, or
/// configure it further. Nothing is sent before the first poll; dropping the future cancels.
///
/// With tools and an output type other than [`Response`] and [`Turn`](crate::Turn), awaiting runs
/// the tools that the model asks for until it answers without (see [`max_turns`](Self::max_turns)).
#[must_use = "a call does nothing unless it is awaited or streamed"]
pub struct Call<'a, T> {
    state: Box<State<'a>>,
    output: PhantomData<fn() -> T>,
}

struct State<'a> {
    name: &'static str,
    registry: Registry,
    prompt: Source<'a>,
    call_site: Settings,
    attribute: Settings,
}

#[expect(clippy::large_enum_variant, reason = "lives in the box of the call")]
enum Source<'a> {
    Ready(Result<Prompt>),
    Pending(BoxFuture<'a, Result<Prompt>>),
}

impl<'a, T: Extract> Call<'a, T> {
    /// Makes a call of a prompt that is ready, or that could not be built; the error then comes
    /// when the call is awaited. `name` says in errors and observations which call it is.
    pub fn new(name: &'static str, registry: &Registry, prompt: Result<Prompt>) -> Self {
        Self::from_source(name, registry, Source::Ready(prompt))
    }

    /// Makes a call of a prompt that is built when the call is awaited.
    pub fn lazy(
        name: &'static str,
        registry: &Registry,
        prompt: impl Future<Output = Result<Prompt>> + Send + 'a,
    ) -> Self {
        Self::from_source(name, registry, Source::Pending(Box::pin(prompt)))
    }

    fn from_source(name: &'static str, registry: &Registry, prompt: Source<'a>) -> Self {
        let state = State {
            name,
            registry: registry.clone(),
            prompt,
            call_site: Settings::new(),
            attribute: Settings::new(),
        };
        Self { state: Box::new(state), output: PhantomData }
    }

    /// Sets the settings of the attribute, which lose against all others but the registry's.
    pub fn with_attribute(mut self, settings: Settings) -> Self {
        self.state.attribute = settings;
        self
    }

    /// Returns another type from the same call.
    pub fn output<U: Extract>(self) -> Call<'a, U> {
        Call { state: self.state, output: PhantomData }
    }

    /// Returns the whole [`Response`] instead of a value. Tool calls are returned, not run.
    pub fn response(self) -> Call<'a, Response> {
        self.output()
    }

    /// Builds the messages without sending anything.
    ///
    /// # Errors
    ///
    /// Whatever the body of the prompt function fails with.
    pub async fn messages(self) -> Result<Vec<Message>> {
        Ok(self.state.prompt.get().await?.messages)
    }

    /// Builds the request without sending it.
    ///
    /// # Errors
    ///
    /// Whatever the body of the prompt function, or finding its model, fails with.
    pub async fn request(self) -> Result<Request> {
        Ok(self.prepare(Delivery::Whole).await?.request)
    }

    /// Sends the request and returns its answer as it is written, once the provider has accepted it.
    ///
    /// Streams one turn: tool calls arrive as events and are not run.
    ///
    /// # Errors
    ///
    /// As awaiting the call; failures after the provider has accepted the request come as the
    /// last item of the stream.
    pub async fn stream(self) -> Result<ResponseStream<T>> {
        let name = self.state.name;
        run::stream(self.prepare(Delivery::Streamed).await?)
            .await
            .map_err(|error| error.with_operation(name))
    }

    async fn prepare(self, delivery: Delivery) -> Result<Prepared> {
        let State { name: _, registry, prompt, call_site, attribute } = *self.state;
        let prompt = prompt.get().await?;
        let settings = call_site.or(prompt.settings).or(attribute);
        prepare::<T>(&registry, prompt.messages, settings, delivery)
    }

    fn settings_mut(&mut self) -> &mut Settings {
        &mut self.state.call_site
    }
}

configure!(impl['a, T: Extract] Call<'a, T>);

impl Source<'_> {
    async fn get(self) -> Result<Prompt> {
        match self {
            Self::Ready(prompt) => prompt,
            Self::Pending(prompt) => prompt.await,
        }
    }
}

impl<'a, T: Extract> IntoFuture for Call<'a, T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<'a, Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let name = self.state.name;
            let prepared = self.prepare(Delivery::Whole).await;
            let outcome = match prepared {
                Ok(prepared) => run::run::<T>(prepared).await,
                Err(error) => Err(error),
            };
            outcome.map_err(|error| error.with_operation(name))
        })
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("name", &self.state.name)
            .field("settings", &self.state.call_site)
            .finish_non_exhaustive()
    }
}
