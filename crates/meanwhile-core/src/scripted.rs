//! [`Scripted`]: a provider that plays prepared answers, so that docs and tests need no network.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use crate::event::Metadata;
use crate::tool::ToolCall;
use crate::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Finish, FinishReason, Part,
    Provider, Request, Result, Usage,
};

/// Plays prepared answers in order and remembers what it was asked. Clones share both.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply("The Name of the Wind");
/// let model = Model::new(scripted.clone(), "any");
///
/// let answer: String = model.call("Recommend a fantasy book").await?;
///
/// assert_eq!(answer, "The Name of the Wind");
/// assert_eq!(scripted.requests()[0].messages[0].text(), "Recommend a fantasy book");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    fallback: Option<Responder>,
    later: Option<LateResponder>,
    requests: Vec<Request>,
    capabilities: Option<Capabilities>,
}

type Responder = Arc<dyn Fn(&Request) -> Vec<Result<Event>> + Send + Sync>;
type LateResponder = Arc<dyn Fn(&Request) -> BoxFuture<'static, Result<String>> + Send + Sync>;

enum Answer {
    Events(Vec<Result<Event>>),
    Silence(Vec<Event>),
    Refused(Error),
}

impl Scripted {
    /// Makes a provider without answers; asking it is an error until it has some.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer of text, which is streamed word by word.
    #[must_use]
    pub fn reply(self, text: impl Into<String>) -> Self {
        let events = text_events(&text.into());
        self.events(events)
    }

    /// Adds an answer that calls a tool.
    #[must_use]
    pub fn tool_call(
        self,
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        self.tool_calls([ToolCall::new(id, name, arguments)])
    }

    /// Adds an answer that calls several tools at once.
    #[must_use]
    pub fn tool_calls(self, calls: impl IntoIterator<Item = ToolCall>) -> Self {
        let mut events = Vec::new();
        for (index, call) in (0..).zip(calls) {
            events.push(Event::tool_call_start(index, call.id, call.name));
            events.push(Event::tool_call_delta(index, call.arguments));
            events.push(Event::PartEnd { index, data: call.data });
        }
        events.push(Event::usage(Usage::totals(1, 1)));
        events.push(Event::finish(Finish::new(FinishReason::ToolCalls)));
        self.events(events.into_iter().map(Ok))
    }

    /// Adds an answer of any parts, each delivered whole.
    #[must_use]
    pub fn parts(self, parts: impl IntoIterator<Item = Part>) -> Self {
        let parts = (0..).zip(parts).map(|(index, part)| Event::part(index, part));
        let finish = Event::finish(Finish::new(FinishReason::Stop));
        let events: Vec<Result<Event>> = parts.chain([finish]).map(Ok).collect();
        self.events(events)
    }

    /// Adds an answer of any events. An error ends the stream there.
    #[must_use]
    pub fn events(self, events: impl IntoIterator<Item = Result<Event>>) -> Self {
        let answer = Answer::Events(events.into_iter().collect());
        self.lock().answers.push_back(answer);
        self
    }

    /// Adds an answer that falls silent after some events, for tests of time limits and of dropping.
    #[must_use]
    pub fn silence_after(self, events: impl IntoIterator<Item = Event>) -> Self {
        let answer = Answer::Silence(events.into_iter().collect());
        self.lock().answers.push_back(answer);
        self
    }

    /// Adds a refusal: the request fails with `error` before an answer begins.
    #[must_use]
    pub fn error(self, error: Error) -> Self {
        self.lock().answers.push_back(Answer::Refused(error));
        self
    }

    /// Answers everything that no prepared answer is left for with text made from the request.
    #[must_use]
    pub fn reply_with(self, reply: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        self.lock().fallback = Some(Arc::new(move |request| text_events(&reply(request))));
        self
    }

    /// Answers everything that no prepared answer is left for when the future is ready, or fails with
    /// its error. What the future waits for is how slow the model is; a runtime's paused clock makes
    /// it wait no real time.
    ///
    /// ```
    /// # use meanwhile_core::{Model, Scripted};
    /// # futures::executor::block_on(async {
    /// let slow = Scripted::new().reply_later(|request| {
    ///     let echo = request.messages[0].text();
    ///     async move {
    ///         // In a program with a runtime: `tokio::time::sleep(…).await`.
    ///         std::future::ready(()).await;
    ///         Ok(echo)
    ///     }
    /// });
    /// assert_eq!(Model::new(slow, "any").call::<String>("hello").await?, "hello");
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn reply_later<F>(self, reply: impl Fn(&Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.lock().later = Some(Arc::new(move |request| Box::pin(reply(request))));
        self
    }

    /// Sets what the provider says its models can do; without it, everything.
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        self.lock().capabilities = Some(capabilities);
        self
    }

    /// The requests so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of an answer of text: a delta a word.
fn text_events(text: &str) -> Vec<Result<Event>> {
    let mut events = vec![Event::text_start(0)];
    events.extend(text.split_inclusive(' ').map(|word| Event::text_delta(0, word)));
    events.push(Event::part_end(0));
    let words = text.split_whitespace().count() as u64;
    events.push(Event::usage(Usage::totals(1, words)));
    events.push(Event::finish(Finish::new(FinishReason::Stop)));
    events.into_iter().map(Ok).collect()
}

/// What comes before every answer.
fn head(request: &Request) -> Vec<Result<Event>> {
    let metadata = Metadata { model: Some(request.model.clone()), ..Metadata::default() };
    let head = [Event::Metadata(Box::new(metadata))];
    let warnings = request.warnings.iter().cloned().map(Event::warning);
    head.into_iter().chain(warnings).map(Ok).collect()
}

#[async_trait]
impl Provider for Scripted {
    fn id(&self) -> &str {
        "scripted"
    }

    fn capabilities(&self, _model: &str) -> Capabilities {
        self.lock().capabilities.unwrap_or(Capabilities {
            images: true,
            audio: true,
            documents: true,
            reasoning: true,
            ..Capabilities::text()
        })
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let later = {
            let script = self.lock();
            if script.answers.is_empty() { script.later.clone() } else { None }
        };
        if let Some(later) = later {
            let reply = later(&request);
            let head = head(&request);
            self.lock().requests.push(request);
            let events = text_events(&reply.await?);
            return Ok(EventStream::from_events(head.into_iter().chain(events)));
        }
        let mut script = self.lock();
        let mut silence = false;
        let answer = match script.answers.pop_front() {
            Some(Answer::Events(events)) => Ok(events),
            Some(Answer::Silence(events)) => {
                silence = true;
                Ok(events.into_iter().map(Ok).collect())
            }
            Some(Answer::Refused(error)) => Err(error),
            None => match script.fallback.clone() {
                Some(fallback) => {
                    // The reply is the user's code: it may look at this provider.
                    drop(script);
                    let events = fallback(&request);
                    script = self.lock();
                    Ok(events)
                }
                None => Err(Error::new(
                    ErrorKind::Config,
                    "the scripted provider has no answer left; add one with `reply`",
                )),
            },
        };
        let head = head(&request);
        script.requests.push(request);
        drop(script);
        let events = head.into_iter().chain(answer?);
        if silence {
            let events = futures_util::stream::iter(events);
            return Ok(EventStream::new(events.chain(futures_util::stream::pending())));
        }
        Ok(EventStream::from_events(events))
    }
}

impl From<Scripted> for AnyProvider {
    fn from(provider: Scripted) -> Self {
        Self::new(provider)
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.lock();
        f.debug_struct("Scripted")
            .field("answers", &script.answers.len())
            .field("requests", &script.requests.len())
            .finish_non_exhaustive()
    }
}
