//! [`Call`]: a lazy, awaitable, streamable call of a model.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::observe::{Moment, Origin, RunKind, Started};
use crate::prepare::{Prepared, prepare};
use crate::run::{self, AgentRun, Machine, RunState};
use crate::scope::{Scope, defaults};
use crate::settings::configure;
use crate::tool::{ToolChoice, ToolSet, Toolbox};
use crate::{
    AnyProvider, Delivery, Extract, IntoObserver, Layer, Message, ModelRef, OnUnsupported, Params,
    Prompt, Registry, Request, Response, ResponseStream, Result, Settings, Timeouts,
};

/// A call that is ready to be made: `.await` it for its value, [`stream`](Self::stream) it, or
/// configure it further. Nothing is sent before the first poll; dropping the future cancels.
///
/// With tools and an output type other than [`Response`] and [`Turn`](crate::Turn), awaiting runs
/// the tools that the model asks for until it answers without (see [`max_turns`](Self::max_turns)).
///
/// ```
/// # use meanwhile_core::{Call, Model, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("7"), "any");
/// let call: Call<'_, u8> = model.call("How many days has a week?");
/// // Nothing has been sent so far.
/// let days = call.temperature(0.0).max_tokens(5).await?;
/// assert_eq!(days, 7);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
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
    // Of the process and the task, as they were when the call was made.
    defaults: Option<Arc<Settings>>,
    scope: Scope,
    resumed: Option<RunState>,
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
            defaults: defaults(),
            scope: Scope::current(),
            resumed: None,
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
        let State { prompt, scope, .. } = *self.state;
        Ok(scope.run(prompt.get()).await?.messages)
    }

    /// Builds the request without sending it.
    ///
    /// # Errors
    ///
    /// Whatever the body of the prompt function, or finding its model, fails with.
    pub async fn request(self) -> Result<Request> {
        let name = self.state.name;
        let begun = Begun { scope: self.state.scope.clone(), started: None };
        let prepared = self.prepare(&begun, Delivery::Whole).await;
        let mut prepared = prepared.map_err(|error| error.with_operation(name))?;
        let mode = prepared.run.output_mode.unwrap_or_default();
        prepared.request.choose_output(mode, &prepared.provider);
        Ok(prepared.request)
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
        let begun = self.begin();
        let outcome = match self.prepare(&begun, Delivery::Streamed).await {
            Ok(prepared) => run::stream(prepared).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(stream) => Ok(stream.part_of(name, begun.started)),
            Err(error) => begun.end(Err(error.with_operation(name))),
        }
    }

    /// Makes the call as a stream of what happens in it: the model's answers, event by event, and the
    /// tools between them. Tools are run whatever the output type. See [`AgentRun`].
    pub fn run_loop(self) -> AgentRun<'a, T> {
        AgentRun::new(Box::pin(async move {
            let name = self.state.name;
            let begun = self.begin();
            let resumed = self.state.resumed.clone();
            match self.prepare(&begun, Delivery::Streamed).await {
                Ok(prepared) => Ok(Machine::new(prepared, resumed).telling(begun.started)),
                Err(error) => begun.end(Err(error.with_operation(name))),
            }
        }))
    }

    /// Goes on with a run that was stored or has failed: its conversation takes the place of the
    /// prompt's, its counts go on. The prompt is built all the same, for its settings. A call of
    /// [`Response`] or [`Turn`](crate::Turn) that is awaited is asked once, with the conversation.
    pub fn resume(mut self, state: RunState) -> Self {
        self.state.resumed = Some(state);
        self
    }

    /// Starts the chain for those who observe from outside of the body.
    fn begin(&self) -> Begun {
        let State { name, call_site, attribute, defaults, scope, .. } = &*self.state;
        let around = [defaults.as_deref(), Some(attribute), scope.of(), Some(call_site)];
        let around = around.into_iter().flatten();
        // A call that is made in one chain and awaited in another is a part of the latter.
        let here = Scope::current();
        if here.parent().is_none() && around.clone().all(|one| one.observers.is_empty()) {
            return Begun { scope: scope.clone(), started: None };
        }
        let mut origin = Origin::default();
        around.for_each(|settings| origin.add(settings));
        if let Some(parent) = here.parent() {
            origin.observers = origin.observers.with_all(parent.observers().clone());
        }
        origin.parent = here.parent().or(scope.parent()).cloned();
        let started = Started::new(&origin, RunKind::Chain, || (*name).into());
        let scope = match &started {
            Some(started) => {
                started.tell(&Moment::ChainStart);
                scope.inside(started.run())
            }
            None => scope.clone(),
        };
        Begun { scope, started }
    }

    async fn prepare(self, begun: &Begun, delivery: Delivery) -> Result<Prepared> {
        let State { name, registry, prompt, call_site, attribute, defaults, scope, resumed } =
            *self.state;
        let prompt = match prompt {
            Source::Ready(prompt) => prompt,
            Source::Pending(prompt) => begun.scope.clone().run(prompt).await,
        }?;
        let messages = match resumed {
            Some(state) => state.messages,
            None => prompt.messages,
        };
        let mut settings = call_site.or(prompt.settings);
        if !scope.is_empty() {
            settings = settings.or(scope.settings());
        }
        let mut settings = settings.or(attribute);
        if let Some(started) = &begun.started {
            let around = started.run().observers().clone();
            settings.observers = around.with_all(settings.observers);
        }
        let scope = begun.scope.clone();
        prepare::<T>(name, &registry, messages, settings, defaults, scope, delivery)
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
            let begun = self.begin();
            let resumed = self.state.resumed.clone();
            let outcome = match self.prepare(&begun, Delivery::Whole).await {
                Ok(prepared) => run::run::<T>(prepared, resumed).await,
                Err(error) => Err(error),
            };
            begun.end(outcome.map_err(|error| error.with_operation(name)))
        })
    }
}

/// A call that is being made: the chain that is observed, and the scope of its parts.
struct Begun {
    scope: Scope,
    started: Option<Started>,
}

impl Begun {
    fn end<T>(self, outcome: Result<T>) -> Result<T> {
        match (self.started, &outcome) {
            (Some(started), Ok(_)) => started.end(&Moment::ChainEnd),
            (Some(started), Err(error)) => started.fail(error),
            (None, _) => {}
        }
        outcome
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
