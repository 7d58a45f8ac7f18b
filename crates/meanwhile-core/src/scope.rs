//! [`scope`] and [`configure`]: settings for everything that is called in a task, or in the process.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use crate::observe::{Moment, Origin, Run, RunKind, Started};
use crate::tool::Host;
use crate::{Result, Settings};

/// Sets defaults for every call of the process, field by field on top of those set before.
///
/// They win against a registry's params and lose against everything else: an attribute, a
/// [`scope`], the body of a prompt function, the call site. A call takes them when it is created;
/// calls that exist keep what they have.
///
/// ```
/// use meanwhile_core::{Model, Scripted, Settings, configure};
///
/// configure(Settings::new().model(Model::new(Scripted::new().reply("hello"), "any")));
/// ```
pub fn configure(settings: Settings) {
    let mut defaults = DEFAULTS.write().unwrap_or_else(PoisonError::into_inner);
    let below = defaults.take().map(Arc::unwrap_or_clone).unwrap_or_default();
    *defaults = Some(Arc::new(settings.or(below)));
    CONFIGURED.store(true, Ordering::Release);
}

/// Runs a future in which every call has these settings, on top of those of the scope around it.
///
/// They win against attributes and process defaults, and lose against the body of a prompt function
/// and the call site. A call takes them when it is created, wherever it is awaited. Scopes of tasks
/// that run side by side do not meet. A task that is spawned starts without a scope; carry one over
/// with [`Scope::current`].
///
/// ```
/// # use meanwhile_core::{Call, Message, Model, Prompt, Registry, Scripted, Settings, scope};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("Bonjour"), "any");
/// let settings = Settings::new().model(model).temperature(0.2);
/// let text: String = scope(settings, async {
///     Call::<String>::new("greet", &Registry::new(), Ok(Prompt::from("Say hello"))).await
/// })
/// .await?;
/// assert_eq!(text, "Bonjour");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn scope<F: Future>(settings: Settings, future: F) -> InScope<F> {
    Scope::current().with(settings).run(future)
}

/// Runs a piece of the program as one named chain: the calls that are awaited in it are its parts
/// for observers.
///
/// Costs nothing where nobody observes. Dropping the future ends the chain as cancelled.
///
/// ```
/// # use meanwhile_core::{Model, Scripted, chain};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("a draft").reply("a story"), "any");
/// let story = chain("write", async {
///     let draft: String = model.call("Draft a story").await?;
///     model.call::<String>(draft).await
/// });
/// assert_eq!(story.await?, "a story");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
///
/// # Errors
///
/// Those of the future.
pub async fn chain<T>(
    name: impl Into<std::borrow::Cow<'static, str>>,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let scope = Scope::current();
    let Some(started) =
        Started::new(&scope.origin(defaults().as_deref()), RunKind::Chain, || name.into())
    else {
        return future.await;
    };
    started.tell(&Moment::ChainStart);
    let outcome = scope.inside(started.run()).run(future).await;
    match &outcome {
        Ok(_) => started.end(&Moment::ChainEnd),
        Err(error) => started.fail(error),
    }
    outcome
}

static DEFAULTS: RwLock<Option<Arc<Settings>>> = RwLock::new(None);
// Spares every call of a process without defaults the lock.
static CONFIGURED: AtomicBool = AtomicBool::new(false);

/// The process defaults, where there are any.
pub(crate) fn defaults() -> Option<Arc<Settings>> {
    if !CONFIGURED.load(Ordering::Acquire) {
        return None;
    }
    DEFAULTS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The settings and the observed run that hold where it was taken. Cheap to clone.
///
/// ```
/// # use meanwhile_core::{Scope, Settings, scope};
/// # futures::executor::block_on(scope(Settings::new().temperature(0.2), async {
/// let here = Scope::current();
/// // A spawned task has no scope of its own: carry this one over.
/// std::thread::spawn(move || futures::executor::block_on(here.run(async {
///     assert_eq!(Scope::current().settings().params.temperature, Some(0.2));
/// }))).join().unwrap();
/// # }));
/// ```
#[derive(Clone, Default)]
pub struct Scope(Option<Arc<Inner>>);

#[derive(Clone, Default)]
struct Inner {
    settings: Settings,
    parent: Option<Run>,
}

thread_local! {
    // Set only while a future in a scope is polled: task-local, not thread-local.
    static CURRENT: RefCell<Scope> = const { RefCell::new(Scope(None)) };
}

impl Scope {
    /// Takes the scope of the running task; empty outside of one.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
    }

    /// The settings that hold in the scope.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.0.as_ref().map(|inner| inner.settings.clone()).unwrap_or_default()
    }

    /// The values of the program that tools have in the scope.
    #[must_use]
    pub fn host(&self) -> Host {
        let run = self.of().and_then(|settings| settings.run.as_ref());
        run.map(|run| run.host.clone()).unwrap_or_default()
    }

    /// Adds settings on top of those of this scope.
    #[must_use]
    pub fn with(self, settings: Settings) -> Self {
        let below = self.0.map(Arc::unwrap_or_clone).unwrap_or_default();
        Self(Some(Arc::new(Inner { settings: settings.or(below.settings), ..below })))
    }

    /// Runs a future in this scope.
    pub fn run<F: Future>(self, future: F) -> InScope<F> {
        InScope { scope: self, future }
    }

    /// Runs a function in this scope, on this thread.
    pub fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self.clone());
        function()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn of(&self) -> Option<&Settings> {
        self.0.as_ref().map(|inner| &inner.settings)
    }

    pub(crate) fn parent(&self) -> Option<&Run> {
        self.0.as_ref().and_then(|inner| inner.parent.as_ref())
    }

    /// The same scope as a part of `run`, whose observers are told of what happens in it.
    pub(crate) fn inside(&self, run: &Run) -> Self {
        let mut inner = self.0.as_deref().cloned().unwrap_or_default();
        inner.settings.observers = inner.settings.observers.with_all(run.observers().clone());
        inner.parent = Some(run.clone());
        Self(Some(Arc::new(inner)))
    }

    /// Who observes what starts here, with these settings of the process.
    pub(crate) fn origin(&self, defaults: Option<&Settings>) -> Origin {
        let mut origin = Origin { parent: self.parent().cloned(), ..Origin::default() };
        [defaults, self.of()].into_iter().flatten().for_each(|settings| origin.add(settings));
        origin
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("settings", &self.0.as_ref().map(|inner| &inner.settings))
            .field("parent", &self.parent())
            .finish()
    }
}

/// Puts back the scope around when it is dropped, panics included.
struct Entered(Scope);

impl Entered {
    fn new(scope: Scope) -> Self {
        Self(swap(scope))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        swap(std::mem::take(&mut self.0));
    }
}

fn swap(scope: Scope) -> Scope {
    CURRENT.try_with(|current| current.replace(scope)).unwrap_or_default()
}

pin_project_lite::pin_project! {
    /// A future that runs in a [`Scope`]. Dropping it drops what runs.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InScope<F> {
        scope: Scope,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::new(this.scope.clone());
        this.future.poll(cx)
    }
}
