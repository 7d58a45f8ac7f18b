//! [`CallbackQueue`]: runs async callbacks in order, beside the runs they are about.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::FutureExt as _;
use meanwhile_core::{
    Attempt, Error, Event, IntoObserver, Moment, Observer, Request, Response, Run, RunKind,
    ToolCall, ToolResult,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{AsyncObserver, CallbackContext};

/// Hands what happens to an [`AsyncObserver`], whose callbacks one task runs, one after the other, in
/// the order in which things happened. Clones are the same queue.
///
/// A run only puts what happens into the queue: it waits for no callback, and no callback can fail
/// it. At most a set number of single events ([`QueueSettings::capacity`]) wait; further ones are
/// dropped, counted, and told to [`AsyncObserver::on_dropped`] in their place. Starts, ends, errors
/// and retries are never dropped. A panic in a callback is counted, and the next one is run.
///
/// The task runs on the runtime of the settings, else on the one of the first run that is observed,
/// else on a thread of its own. When its runtime ends before the queue is empty, the callback that was
/// running is dropped and counted, and the next use goes on with what is left. When the last clone is dropped, the task finishes what waits and ends.
///
/// ```
/// use std::sync::Mutex;
/// use meanwhile_core::{Model, Response, Scripted};
/// use meanwhile_observe::{AsyncObserver, CallbackContext, CallbackQueue};
/// # use std::sync::Arc;
///
/// struct Log(Mutex<Vec<String>>);
///
/// #[async_trait::async_trait]
/// impl AsyncObserver for Log {
///     async fn on_model_end(&self, context: &CallbackContext, response: &Arc<Response>) {
///         // Here could be a database.
///         self.0.lock().unwrap().push(format!("{}: {}", context.name(), response.text()));
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let log = Arc::new(Log(Mutex::default()));
/// let queue = CallbackQueue::of(log.clone());
/// let model = Model::new(Scripted::new().reply("Dune"), "any");
///
/// model.call::<String>("Recommend a book").observe(queue.clone()).await?;
/// queue.flush().await;
///
/// assert_eq!(*log.0.lock().unwrap(), ["scripted/any: Dune"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct CallbackQueue(Arc<Sending>);

impl Clone for CallbackQueue {
    fn clone(&self) -> Self {
        self.0.shared.handles.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for CallbackQueue {
    fn drop(&mut self) {
        let shared = &self.0.shared;
        if shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            shared.clear_abandoned();
        }
    }
}

/// How a [`CallbackQueue`] works.
///
/// ```
/// use std::sync::Arc;
/// use meanwhile_observe::{AsyncObserver, CallbackQueue, QueueSettings};
///
/// struct Nothing;
/// impl AsyncObserver for Nothing {}
///
/// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
/// let settings = QueueSettings::new().capacity(100).runtime(runtime.handle().clone());
/// let queue = CallbackQueue::with_settings(Arc::new(Nothing), settings);
/// assert_eq!(queue.dropped(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct QueueSettings {
    capacity: usize,
    runtime: Option<Handle>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { capacity: 1024, runtime: None }
    }
}

impl QueueSettings {
    /// Makes the settings that hold without any: 1024 events, on the runtime of the first run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many single events may wait before further ones are dropped.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets where the callbacks run.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }
}

impl CallbackQueue {
    /// Makes a queue in front of `observer`.
    #[must_use]
    pub fn new(observer: impl AsyncObserver) -> Self {
        Self::with_settings(Arc::new(observer), QueueSettings::new())
    }

    /// Makes a queue in front of an observer that the program also keeps.
    #[must_use]
    pub fn of(observer: Arc<impl AsyncObserver>) -> Self {
        Self::with_settings(observer, QueueSettings::new())
    }

    /// Makes a queue with other settings.
    #[must_use]
    pub fn with_settings(observer: Arc<impl AsyncObserver>, settings: QueueSettings) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let wants_events = observer.wants_events();
        let shared = Arc::new(Shared {
            observer,
            settings,
            idle: Mutex::new(Some(receiver)),
            driven: AtomicBool::new(false),
            released: Notify::new(),
            handles: AtomicUsize::new(1),
            starting: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        });
        Self(Arc::new(Sending { sender, shared, wants_events }))
    }

    /// Waits until the callbacks of everything that has happened so far have run.
    ///
    /// Returns at once in a callback of the same queue, which could only wait for itself, and where
    /// neither a runtime nor a thread can be had to run them.
    pub async fn flush(&self) {
        let shared = &self.0.shared;
        if DRIVING.try_with(|driving| *driving == shared.identity()).unwrap_or(false) {
            return;
        }
        let (done, told) = oneshot::channel();
        if self.0.sender.send(Item::Flush(done)).is_err() {
            return;
        }
        let mut told = std::pin::pin!(told.fuse());
        loop {
            let released = shared.released.notified();
            let mut released = std::pin::pin!(released);
            // From here on, a task that is lost is noticed.
            released.as_mut().enable();
            self.0.ensure_driven();
            if shared.stuck.load(Ordering::Acquire) {
                return;
            }
            let lost = futures_util::future::select(&mut told, released).await;
            let is_told = matches!(lost, futures_util::future::Either::Left(_));
            if is_told || shared.stuck.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// How many observations were dropped so far: single events because the queue was full; whatever
    /// its callback was busy with when its runtime ended; and what waited then, where the program had
    /// no clone of the queue any more.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.shared.dropped.load(Ordering::Relaxed)
    }

    /// How many callbacks panicked so far.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.0.shared.panics.load(Ordering::Relaxed)
    }
}

impl IntoObserver for CallbackQueue {
    fn into_observer(self) -> Arc<dyn Observer> {
        Arc::clone(&self.0) as _
    }
}

type Receiver = mpsc::UnboundedReceiver<Item>;

/// The end of the queue that runs hold. The task ends when it is dropped.
struct Sending {
    sender: mpsc::UnboundedSender<Item>,
    shared: Arc<Shared>,
    wants_events: bool,
}

struct Shared {
    observer: Arc<dyn AsyncObserver>,
    settings: QueueSettings,
    /// The other end, while no task has it.
    idle: Mutex<Option<Receiver>>,
    driven: AtomicBool,
    /// Told when a task was lost with its runtime.
    released: Notify,
    /// Clones of the queue that the program has; those that runs observe with are not counted.
    handles: AtomicUsize,
    /// How many are starting a task.
    starting: AtomicUsize,
    /// Whether a task was lost and none has followed.
    abandoned: AtomicBool,
    /// Whether not even a thread could be had.
    stuck: AtomicBool,
    /// Events in the queue.
    waiting: AtomicUsize,
    /// Observations dropped and not yet told.
    missed: AtomicU64,
    dropped: AtomicU64,
    panics: AtomicU64,
}

enum Item {
    Happened(Box<Happened>),
    Flush(oneshot::Sender<()>),
}

struct Happened {
    context: CallbackContext,
    missed: u64,
    what: What,
}

/// An owned [`Moment`].
enum What {
    ChainStart,
    ChainEnd,
    ModelStart(Arc<Request>),
    Event(Event),
    ModelEnd(Arc<Response>),
    Retry(Arc<Attempt>),
    ToolStart(Arc<ToolCall>),
    ToolEnd(Arc<ToolResult>),
    Error(Arc<Error>),
}

impl What {
    fn new(moment: &Moment<'_>) -> Option<Self> {
        Some(match *moment {
            Moment::ChainStart => Self::ChainStart,
            Moment::ChainEnd => Self::ChainEnd,
            Moment::ModelStart { request, .. } => {
                let mut request = request.clone();
                // The run holds its observers, and this queue among them.
                request.run = None;
                Self::ModelStart(Arc::new(request))
            }
            Moment::Event(event) => Self::Event(event.clone()),
            Moment::ModelEnd { response } => Self::ModelEnd(Arc::new(response.clone())),
            Moment::Retry(attempt) => Self::Retry(Arc::new(attempt.clone())),
            Moment::ToolStart { call } => Self::ToolStart(Arc::new(call.clone())),
            Moment::ToolEnd { result } => Self::ToolEnd(Arc::new(result.clone())),
            Moment::Error(error) => Self::Error(Arc::new(error.clone())),
            // A moment that this version has no callback for.
            _ => return None,
        })
    }
}

impl Observer for Sending {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let shared = &self.shared;
        if matches!(moment, Moment::Event(_)) && !shared.has_room() {
            return;
        }
        let Some(what) = What::new(moment) else { return };
        let context = CallbackContext { run: run.clone(), time: SystemTime::now() };
        let missed = shared.missed.swap(0, Ordering::Relaxed);
        let item = Item::Happened(Box::new(Happened { context, missed, what }));
        // The other end lives as long as this one.
        if self.sender.send(item).is_ok() {
            self.ensure_driven();
        }
    }

    fn wants_events(&self) -> bool {
        self.wants_events
    }
}

impl Sending {
    /// Starts the task unless there is one.
    fn ensure_driven(&self) {
        let shared = &self.shared;
        if shared.driven.load(Ordering::Acquire) {
            return;
        }
        shared.starting.fetch_add(1, Ordering::AcqRel);
        self.start();
        shared.starting.fetch_sub(1, Ordering::AcqRel);
        if !shared.driven.load(Ordering::Acquire) {
            shared.clear_abandoned();
        }
    }

    /// Starts the task where it can be started.
    fn start(&self) {
        let shared = &self.shared;
        let given = shared.settings.runtime.clone();
        let runtimes = given.into_iter().chain(Handle::try_current().ok());
        for runtime in runtimes.map(Some).chain([None]) {
            let Some(lease) = Lease::take(shared) else { return };
            let task = DRIVING.scope(shared.identity(), drive(lease));
            match runtime {
                // A runtime that has shut down drops the task, which gives its lease back.
                Some(runtime) => drop(runtime.spawn(task)),
                None => own_thread(shared, task),
            }
            if shared.driven.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

/// Runs the task where there is no runtime. Without a thread the lease is given back, and the next use
/// tries again.
fn own_thread(shared: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
    let mine = Arc::clone(shared);
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(task),
            Err(_) => mine.stuck.store(true, Ordering::Release),
        }
    };
    let thread = std::thread::Builder::new().name("meanwhile-callbacks".to_owned()).spawn(run);
    if thread.is_err() {
        shared.stuck.store(true, Ordering::Release);
    }
}

tokio::task_local! {
    /// The queue whose callbacks the task runs.
    static DRIVING: usize;
}

/// The receiving end while a task has it. Goes back when the task is lost with its runtime.
struct Lease {
    receiver: Option<Receiver>,
    shared: Arc<Shared>,
    /// Whether callbacks of something that was taken out of the queue are under way.
    busy: bool,
}

impl Lease {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let mut idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = idle.take()?;
        shared.driven.store(true, Ordering::Release);
        shared.abandoned.store(false, Ordering::Release);
        shared.stuck.store(false, Ordering::Release);
        Some(Self { receiver: Some(receiver), shared: Arc::clone(shared), busy: false })
    }

    async fn next(&mut self) -> Option<Item> {
        self.receiver.as_mut()?.recv().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut idle = self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = self.receiver.take();
        if self.busy {
            self.shared.lose(1);
        }
        self.shared.abandoned.store(true, Ordering::Release);
        self.shared.driven.store(false, Ordering::Release);
        drop(idle);
        self.shared.released.notify_waiters();
        self.shared.clear_abandoned();
    }
}

async fn drive(mut lease: Lease) {
    while let Some(item) = lease.next().await {
        match item {
            // Nobody waits any more where this fails.
            Item::Flush(done) => drop(done.send(())),
            Item::Happened(happened) => {
                lease.busy = true;
                lease.shared.tell(*happened).await;
                lease.busy = false;
            }
        }
    }
    let missed = lease.shared.missed.swap(0, Ordering::Relaxed);
    lease.shared.tell_missed(missed).await;
}

impl Shared {
    fn identity(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Takes a place in the queue for an event; counts the event where there is none.
    fn has_room(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.settings.capacity {
            return true;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.lose(1);
        false
    }

    async fn tell(&self, happened: Happened) {
        let Happened { context, missed, what } = happened;
        if matches!(what, What::Event(_)) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        let (observer, context) = (&*self.observer, &context);
        self.tell_missed(missed).await;
        self.guarded(async {
            match &what {
                What::ChainStart => observer.on_chain_start(context).await,
                What::ChainEnd => observer.on_chain_end(context).await,
                What::ModelStart(request) => observer.on_model_start(context, request).await,
                What::ModelEnd(response) => observer.on_model_end(context, response).await,
                What::Retry(attempt) => observer.on_retry(context, attempt).await,
                What::ToolStart(call) => observer.on_tool_start(context, call).await,
                What::ToolEnd(result) => observer.on_tool_end(context, result).await,
                What::Event(event) => observer.on_event(context, event).await,
                What::Error(error) => match context.run.kind() {
                    RunKind::Model => observer.on_model_error(context, error).await,
                    RunKind::Tool => observer.on_tool_error(context, error).await,
                    _ => observer.on_chain_error(context, error).await,
                },
            }
        })
        .await;
        if let What::Event(Event::TextDelta { text, .. }) = &what {
            self.guarded(async { observer.on_token(context, text).await }).await;
        }
    }

    async fn tell_missed(&self, missed: u64) {
        if missed > 0 {
            self.guarded(async { self.observer.on_dropped(missed).await }).await;
        }
    }

    /// Runs a callback; a panic ends only it. Give a block that makes the callback, too: that may
    /// panic as well.
    async fn guarded(&self, callback: impl Future<Output = ()>) {
        // The observer's state is its own; nothing of the queue is seen half changed.
        if AssertUnwindSafe(callback).catch_unwind().await.is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what is not told.
    fn lose(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        self.missed.fetch_add(count, Ordering::Relaxed);
    }

    /// Lets go what waits where its task was lost and the program has no handle any more: what waits
    /// holds its run, the run its observers, and this queue among them.
    fn clear_abandoned(&self) {
        let may_go_on = self.handles.load(Ordering::Acquire) > 0
            || self.starting.load(Ordering::Acquire) > 0
            || !self.abandoned.load(Ordering::Acquire);
        if may_go_on {
            return;
        }
        let mut gone = Vec::new();
        if let Some(receiver) = &mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner) {
            gone.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
        }
        for item in &gone {
            let Item::Happened(happened) = item else { continue };
            if matches!(happened.what, What::Event(_)) {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            self.lose(1);
            self.missed.fetch_add(happened.missed, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for CallbackQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackQueue")
            .field("settings", &self.shared.settings)
            .field("waiting", &self.shared.waiting)
            .field("dropped", &self.shared.dropped)
            .field("panics", &self.shared.panics)
            .finish_non_exhaustive()
    }
}
