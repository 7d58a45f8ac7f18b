//! [`Observer`]: being told what happens while calls, models and tools run; and [`Run`], who is meant.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::settings::merge_tags;
use crate::tool::{ToolCall, ToolResult};
use crate::{Attempt, Error, ErrorKind, Event, Request, Response, Settings};

/// Is told, in order, what happens in the runs it observes.
///
/// Every start is followed by exactly one end or error of the same run; a run that is dropped ends
/// with an error of the kind [`ErrorKind::Cancelled`], which carries what had arrived. Called in
/// place, between two polls: do no more than hand the observation on. An observer for which time
/// matters belongs behind a queue, which `meanwhile-observe` has. A panic in an observer is caught
/// and loses that one observation; it never fails the run.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use meanwhile_core::{Model, Moment, Observer, Run, Scripted};
///
/// #[derive(Debug, Default)]
/// struct Starts(Mutex<Vec<String>>);
///
/// impl Observer for Starts {
///     fn observe(&self, run: &Run, moment: &Moment<'_>) {
///         if matches!(moment, Moment::ChainStart | Moment::ModelStart { .. }) {
///             self.0.lock().unwrap().push(run.name().to_owned());
///         }
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let starts = Arc::new(Starts::default());
/// let model = Model::new(Scripted::new().reply("hello"), "any");
/// model.call::<String>("Say hello").observe(starts.clone()).await?;
/// assert_eq!(*starts.0.lock().unwrap(), ["call", "scripted/any"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Is told of one moment of `run`.
    fn observe(&self, run: &Run, moment: &Moment<'_>);

    /// Whether single events of answers, tokens among them, are wanted ([`Moment::Event`]).
    fn wants_events(&self) -> bool {
        true
    }
}

/// What can be added as an [`Observer`]: an observer, a shared one, or a handle of one.
///
/// An observer that is given by itself is a new one each time. A shared one, and clones of a handle,
/// are the same one wherever they are added, and are told once.
pub trait IntoObserver {
    /// Returns the observer.
    fn into_observer(self) -> Arc<dyn Observer>;
}

impl<O: Observer> IntoObserver for O {
    fn into_observer(self) -> Arc<dyn Observer> {
        Arc::new(self)
    }
}

impl<O: Observer> IntoObserver for Arc<O> {
    fn into_observer(self) -> Arc<dyn Observer> {
        self
    }
}

impl IntoObserver for Arc<dyn Observer> {
    fn into_observer(self) -> Arc<dyn Observer> {
        self
    }
}

/// One thing that happens in a run.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use meanwhile_core::{Error, ErrorKind, Model, Moment, Observer, Run, Scripted};
/// #[derive(Debug, Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Observer for Log {
///     fn observe(&self, run: &Run, moment: &Moment<'_>) {
///         let what = match moment {
///             Moment::ModelEnd { response } => response.text(),
///             Moment::Error(error) => error.kind().to_string(),
///             _ => return,
///         };
///         self.0.lock().unwrap().push(format!("{}: {what}", run.name()));
///     }
/// }
///
/// # futures::executor::block_on(async {
/// # let full = Error::new(ErrorKind::Overloaded, "at capacity");
/// # let model = Model::new(Scripted::new().reply("hello").error(full), "any");
/// let log = Arc::new(Log::default());
/// model.call::<String>("Say hello").observe(log.clone()).await?;
/// model.call::<String>("Say hello").observe(log.clone()).await.unwrap_err();
/// let lines = log.0.lock().unwrap();
/// assert_eq!(*lines, ["scripted/any: hello", "scripted/any: overloaded", "call: overloaded"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Moment<'a> {
    /// A chain begins: a prompt function with everything it does, or a [`chain`](crate::chain).
    ChainStart,
    /// A chain has ended well.
    ChainEnd,
    /// A request is about to be sent.
    ModelStart {
        /// The provider that is asked, with all layers.
        provider: &'a str,
        /// What it is asked.
        request: &'a Request,
    },
    /// A request goes to a server: each try of it, as providers that ask over a network tell. What a
    /// layer answers by itself, such as a cache, goes nowhere.
    Sending {
        /// The name or the IP address of the server.
        address: &'a str,
        /// Its port.
        port: u16,
    },
    /// A step of an answer, tokens among them.
    Event(&'a Event),
    /// An answer is complete.
    ModelEnd {
        /// The answer.
        response: &'a Response,
    },
    /// A try failed and another one follows.
    Retry(&'a Attempt),
    /// A tool is about to run.
    ToolStart {
        /// The call as the model made it.
        call: &'a ToolCall,
    },
    /// A tool has answered.
    ToolEnd {
        /// Its answer.
        result: &'a ToolResult,
    },
    /// The run failed, or was dropped ([`ErrorKind::Cancelled`]).
    Error(&'a Error),
}

impl Moment<'_> {
    /// Whether the run is over.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::ChainEnd | Self::ModelEnd { .. } | Self::ToolEnd { .. } | Self::Error(_)
        )
    }
}

/// What a run is a run of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunKind {
    /// A prompt function, or a named piece of the program around several.
    Chain,
    /// One request to a model.
    Model,
    /// One call of a tool.
    Tool,
}

/// Names a run. Unique in the process; the first half differs from process to process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    process: u64,
    number: u64,
}

impl RunId {
    fn next() -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let process = *PROCESS.get_or_init(|| RandomState::new().build_hasher().finish());
        Self { process, number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }

    /// The id as one number, of which the upper half names the process.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        (u128::from(self.process) << 64) | u128::from(self.number)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.number)
    }
}

/// One thing that runs and is observed. Cheap to clone.
#[derive(Clone)]
pub struct Run(Arc<Inner>);

struct Inner {
    id: RunId,
    parent: Option<RunId>,
    root: RunId,
    kind: RunKind,
    name: Cow<'static, str>,
    tags: Vec<(String, String)>,
    observers: Observers,
}

impl Run {
    /// Names the run.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// The run that this one is a part of.
    #[must_use]
    pub fn parent(&self) -> Option<RunId> {
        self.0.parent
    }

    /// The outermost run that this one is a part of; its own id where there is none.
    #[must_use]
    pub fn root(&self) -> RunId {
        self.0.root
    }

    /// What it is a run of.
    #[must_use]
    pub fn kind(&self) -> RunKind {
        self.0.kind
    }

    /// The name of the prompt function, the `provider/model` or the tool.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The labels of the call, in order.
    #[must_use]
    pub fn tags(&self) -> &[(String, String)] {
        &self.0.tags
    }

    /// Tells the observers of this run. For layers and providers; the starts and ends are told by the
    /// core.
    pub fn observe(&self, moment: &Moment<'_>) {
        self.0.observers.tell(self, moment);
    }

    pub(crate) fn wants_events(&self) -> bool {
        self.0.observers.events
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.0.observers
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("id", &self.0.id)
            .field("kind", &self.0.kind)
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

/// Observers in the order they were added. Cheap to clone; empty without an allocation.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use meanwhile_core::{Model, Moment, Observer, Observers, Prompt, Run, Scripted};
/// # #[derive(Debug, Default)]
/// # struct Answers(Mutex<Vec<String>>);
/// # impl Observer for Answers {
/// #     fn observe(&self, _: &Run, moment: &Moment<'_>) {
/// #         if let Moment::ModelEnd { response } = moment {
/// #             self.0.lock().unwrap().push(response.text());
/// #         }
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// let answers = Arc::new(Answers::default());
/// let mut prompt = Prompt::from("Say hello");
/// // One that is added twice is told once.
/// prompt.settings.observers = Observers::default().with(answers.clone()).with(answers.clone());
/// Model::new(Scripted::new().reply("hello"), "any").call::<String>(prompt).await?;
/// assert_eq!(*answers.0.lock().unwrap(), ["hello"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Observers {
    all: Option<Arc<[Arc<dyn Observer>]>>,
    events: bool,
}

impl Observers {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// Adds an observer. One that is there already is not added twice.
    #[must_use]
    pub fn with(self, observer: impl IntoObserver) -> Self {
        let observer = observer.into_observer();
        let events = observer.wants_events();
        self.with_all(Self { all: Some(Arc::new([observer])), events })
    }

    /// Adds the observers of another list, leaving out those that are there already.
    #[must_use]
    pub fn with_all(self, other: Self) -> Self {
        let (Some(mine), Some(theirs)) = (&self.all, &other.all) else {
            return if self.is_empty() { other } else { self };
        };
        let is_new = |one: &&Arc<_>| !mine.iter().any(|known| Arc::ptr_eq(known, one));
        if !theirs.iter().any(|one| is_new(&one)) {
            return self;
        }
        let all = mine.iter().chain(theirs.iter().filter(is_new)).cloned().collect();
        Self { all: Some(all), events: self.events || other.events }
    }

    fn tell(&self, run: &Run, moment: &Moment<'_>) {
        for observer in self.all.iter().flat_map(|all| all.iter()) {
            if matches!(moment, Moment::Event(_)) && !observer.wants_events() {
                continue;
            }
            // The observer's state is its own; nothing of the run is seen half changed.
            let told = catch_unwind(AssertUnwindSafe(|| observer.observe(run, moment)));
            // The panic hook has printed it; the run goes on.
            drop(told);
        }
    }
}

/// A run that has started. Ends once: by [`end`](Self::end), by [`fail`](Self::fail), or, when it is
/// dropped before, as cancelled.
#[derive(Debug)]
pub(crate) struct Started {
    run: Run,
    open: bool,
}

/// What a run is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) observers: Observers,
    pub(crate) parent: Option<Run>,
    pub(crate) tags: Vec<(String, String)>,
}

impl Origin {
    /// Adds the observers and tags of settings; those added later are the upper ones.
    pub(crate) fn add(&mut self, settings: &Settings) {
        self.observers = std::mem::take(&mut self.observers).with_all(settings.observers.clone());
        self.tags = merge_tags(std::mem::take(&mut self.tags), &settings.tags);
    }
}

impl Started {
    /// Starts a run; `None`, and no work, where nobody observes.
    pub(crate) fn new(
        origin: &Origin,
        kind: RunKind,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Option<Self> {
        if origin.observers.is_empty() {
            return None;
        }
        let id = RunId::next();
        let inner = Inner {
            id,
            parent: origin.parent.as_ref().map(Run::id),
            root: origin.parent.as_ref().map_or(id, Run::root),
            kind,
            name: name(),
            tags: origin.tags.clone(),
            observers: origin.observers.clone(),
        };
        Some(Self { run: Run(Arc::new(inner)), open: true })
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn tell(&self, moment: &Moment<'_>) {
        self.run.observe(moment);
    }

    pub(crate) fn end(mut self, moment: &Moment<'_>) {
        self.open = false;
        self.run.observe(moment);
    }

    pub(crate) fn fail(self, error: &Error) {
        self.end(&Moment::Error(error));
    }

    /// Ends the run of something that was dropped, with what had arrived of it.
    pub(crate) fn cancel(self, partial: Option<Response>) {
        let error = Error::new(ErrorKind::Cancelled, "dropped before it was complete");
        let error = match partial {
            Some(partial) => error.with_partial(partial),
            None => error,
        };
        self.fail(&error);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.open {
            let error = Error::new(ErrorKind::Cancelled, "dropped before it was complete");
            self.run.observe(&Moment::Error(&error));
        }
    }
}
