//! Async callbacks: all of them, in order, late but never in the way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Attempt, Error, ErrorKind, Event, Model, Request, Response, Scripted, Settings,
    ToolCall, ToolResult, chain, scope,
};
use meanwhile_observe::{AsyncObserver, CallbackContext, CallbackQueue, QueueSettings};
use tokio::sync::Semaphore;

use crate::support::{Again, ask, with_tool};

/// Writes down every callback.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    contexts: Mutex<Vec<CallbackContext>>,
}

impl Log {
    fn add(&self, what: &str, context: &CallbackContext, detail: impl std::fmt::Display) {
        self.lines.lock().unwrap().push(format!("{what} {} {detail}", context.name()));
        self.contexts.lock().unwrap().push(context.clone());
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

#[async_trait]
impl AsyncObserver for Log {
    async fn on_chain_start(&self, context: &CallbackContext) {
        self.add("chain start", context, "");
    }

    async fn on_chain_end(&self, context: &CallbackContext) {
        self.add("chain end", context, "");
    }

    async fn on_chain_error(&self, context: &CallbackContext, error: &Arc<Error>) {
        self.add("chain error", context, error.kind());
    }

    async fn on_model_start(&self, context: &CallbackContext, request: &Arc<Request>) {
        self.add("model start", context, request.messages.len());
    }

    async fn on_token(&self, context: &CallbackContext, text: &str) {
        tokio::task::yield_now().await;
        self.add("token", context, text);
    }

    async fn on_model_end(&self, context: &CallbackContext, response: &Arc<Response>) {
        self.add("model end", context, response.text());
    }

    async fn on_model_error(&self, context: &CallbackContext, error: &Arc<Error>) {
        let partial = error.partial().map(Response::text).unwrap_or_default();
        self.add("model error", context, format!("{} {partial}", error.kind()));
    }

    async fn on_retry(&self, context: &CallbackContext, attempt: &Arc<Attempt>) {
        self.add("retry", context, attempt.kind);
    }

    async fn on_tool_start(&self, context: &CallbackContext, call: &Arc<ToolCall>) {
        self.add("tool start", context, &call.arguments);
    }

    async fn on_tool_end(&self, context: &CallbackContext, result: &Arc<ToolResult>) {
        self.add("tool end", context, result.text());
    }

    async fn on_tool_error(&self, context: &CallbackContext, error: &Arc<Error>) {
        self.add("tool error", context, error.message());
    }
}

fn queued<O: AsyncObserver>(observer: O) -> (Arc<O>, CallbackQueue) {
    let observer = Arc::new(observer);
    (Arc::clone(&observer), CallbackQueue::of(observer))
}

#[tokio::test]
async fn every_callback_comes_in_order() {
    let (log, queue) = queued(Log::default());
    let model = Model::new(with_tool(r#"{"x":2}"#), "any");
    assert_eq!(ask(model).observe(queue.clone()).await.unwrap(), "It is four.");
    queue.flush().await;
    assert_eq!(
        log.lines(),
        [
            "chain start ask ",
            "model start scripted/any 2",
            "model end scripted/any ",
            "tool start double {\"x\":2}",
            "tool end double 4",
            "model start scripted/any 4",
            "token scripted/any It ",
            "token scripted/any is ",
            "token scripted/any four.",
            "model end scripted/any It is four.",
            "chain end ask ",
        ]
    );
    let contexts = log.contexts.lock().unwrap();
    let chain = &contexts[0];
    assert!(contexts[1..10].iter().all(|context| context.parent_run_id() == Some(chain.run_id())));
    assert!(contexts.iter().all(|context| context.tags() == [("user".into(), "7".into())]));
    assert!(contexts.is_sorted_by_key(|context| context.time));
    assert_eq!((queue.dropped(), queue.panics()), (0, 0));
}

#[tokio::test]
async fn failures_and_retries_are_told() {
    let (log, queue) = queued(Log::default());
    let busy = || Error::new(ErrorKind::Overloaded, "busy");
    let model =
        Model::new(Again(AnyProvider::new(Scripted::new().error(busy()).error(busy()))), "any");
    assert!(ask(model).observe(queue.clone()).await.is_err());
    let model = Model::new(with_tool(r#"{"x":"two"}"#), "any");
    let mut stream = ask(model).observe(queue.clone()).stream().await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let failing = ask(Model::new(with_tool(r#"{"x":"two"}"#), "any"));
    failing.observe(queue.clone()).await.unwrap();
    queue.flush().await;
    let lines = log.lines();
    assert_eq!(
        lines[..8],
        [
            "chain start ask ",
            "model start scripted/any 2",
            "retry scripted/any overloaded",
            "model error scripted/any overloaded ",
            "chain error ask overloaded",
            "chain start ask ",
            "model start scripted/any 2",
            "model error scripted/any cancelled ",
        ]
    );
    assert!(lines.contains(&"tool error double no number".to_owned()), "{lines:#?}");
}

/// Takes a second over each token.
#[derive(Default)]
struct Sleepy(AtomicU64);

#[async_trait]
impl AsyncObserver for Sleepy {
    async fn on_token(&self, _: &CallbackContext, _: &str) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn hundred_words() -> Model {
    Model::new(Scripted::new().reply("word ".repeat(100)), "any")
}

#[tokio::test(start_paused = true)]
async fn slow_callbacks_take_no_time_of_the_call() {
    let (sleepy, queue) = queued(Sleepy::default());
    let start = tokio::time::Instant::now();
    let mut stream =
        hundred_words().call::<String>("x").observe(queue.clone()).stream().await.unwrap();
    let mut tokens = 0;
    while let Some(event) = stream.next().await {
        tokens += u32::from(matches!(event.unwrap(), Event::TextDelta { .. }));
        // Lets the callbacks run, which sleep.
        tokio::task::yield_now().await;
    }
    assert_eq!((tokens, start.elapsed()), (100, Duration::ZERO));
    queue.flush().await;
    assert_eq!((sleepy.0.load(Ordering::Relaxed), start.elapsed().as_secs()), (100, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callbacks_take_no_time_of_the_call_by_the_clock_on_the_wall() {
    // A machine with much else to do may take a second for one call, but hardly for each of several.
    let mut measured = Vec::new();
    for _ in 0..5 {
        let (sleepy, queue) = queued(Sleepy::default());
        let start = Instant::now();
        let text = hundred_words().call::<String>("x").observe(queue.clone()).await.unwrap();
        assert_eq!(text.len(), 500);
        let (spent, slept) = (start.elapsed(), sleepy.0.load(Ordering::Relaxed));
        if spent < Duration::from_millis(900) && slept == 0 {
            return;
        }
        measured.push((spent, slept));
    }
    panic!("{measured:?}");
}

/// Waits at the first token until it may go on.
struct Gate {
    open: Semaphore,
    told: Log,
    dropped: Mutex<Vec<(usize, u64)>>,
}

#[async_trait]
impl AsyncObserver for Gate {
    async fn on_token(&self, context: &CallbackContext, text: &str) {
        self.open.acquire().await.unwrap().forget();
        self.told.add("token", context, text);
    }

    async fn on_model_start(&self, context: &CallbackContext, _: &Arc<Request>) {
        self.told.add("start", context, "");
    }

    async fn on_model_end(&self, context: &CallbackContext, _: &Arc<Response>) {
        self.told.add("end", context, "");
    }

    async fn on_dropped(&self, count: u64) {
        let told = self.told.lines().len();
        self.dropped.lock().unwrap().push((told, count));
    }
}

#[tokio::test]
async fn a_full_queue_drops_tokens_tells_how_many_and_keeps_starts_and_ends() {
    let gate =
        Arc::new(Gate { open: Semaphore::new(0), told: Log::default(), dropped: Mutex::default() });
    let settings = QueueSettings::new().capacity(12);
    let queue = CallbackQueue::with_settings(Arc::clone(&gate), settings);
    for _ in 0..3 {
        hundred_words().call::<String>("x").observe(queue.clone()).await.unwrap();
    }
    // Nothing has run yet: metadata, the start of the text, and ten tokens are waiting.
    assert_eq!(queue.dropped(), 3 * 105 - 12);
    gate.open.add_permits(1000);
    queue.flush().await;
    let lines = gate.told.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("token")).count(), 10);
    let rest: Vec<&str> = lines[11..].iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(rest, ["end", "start", "end", "start", "end"]);
    // Each gap is told where it is: in front of the end of its model.
    assert_eq!(*gate.dropped.lock().unwrap(), [(11, 93), (13, 105), (15, 105)]);
    // There is room again.
    hundred_words().call::<String>("x").observe(queue.clone()).await.unwrap();
    queue.flush().await;
    assert_eq!(queue.dropped(), 4 * 105 - 2 * 12);
}

/// Keeps what it is asked.
#[derive(Default)]
struct Keeping(Mutex<Vec<Arc<Request>>>);

#[async_trait]
impl AsyncObserver for Keeping {
    async fn on_model_start(&self, _: &CallbackContext, request: &Arc<Request>) {
        self.0.lock().unwrap().push(Arc::clone(request));
    }
}

#[tokio::test]
async fn a_request_that_is_kept_does_not_keep_the_queue() {
    let (keeping, queue) = queued(Keeping::default());
    greet(&queue).await;
    queue.flush().await;
    drop(queue);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(keeping.0.lock().unwrap().len(), 1);
    assert_eq!(Arc::strong_count(&keeping), 1, "the task has ended");
}

#[test]
fn what_waits_is_let_go_with_the_last_handle_after_its_runtime() {
    for is_dropped_first in [true, false] {
        let (log, queue) = queued(Log::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(greet(&queue));
        if is_dropped_first {
            drop(queue);
            drop(runtime);
        } else {
            drop(runtime);
            drop(queue);
        }
        assert_eq!((Arc::strong_count(&log), log.lines().len()), (1, 0));
    }
}

/// Panics before there is a future.
#[derive(Default)]
struct Eager(AtomicU64);

impl AsyncObserver for Eager {
    fn on_chain_start<'a, 'b, 'c>(
        &'a self,
        _: &'b CallbackContext,
    ) -> futures_util::future::BoxFuture<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        std::panic::panic_any("no future at all")
    }

    fn on_chain_end<'a, 'b, 'c>(
        &'a self,
        _: &'b CallbackContext,
    ) -> futures_util::future::BoxFuture<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_callback_that_panics_before_it_is_awaited_ends_alone_too() {
    let (eager, queue) = queued(Eager::default());
    greet(&queue).await;
    queue.flush().await;
    assert_eq!((queue.panics(), eager.0.load(Ordering::Relaxed)), (1, 1));
}

/// Panics at every start.
#[derive(Default)]
struct Panicking(Log);

#[async_trait]
impl AsyncObserver for Panicking {
    async fn on_chain_start(&self, _: &CallbackContext) {
        std::panic::panic_any("a callback that fails");
    }

    async fn on_token(&self, _: &CallbackContext, _: &str) {
        tokio::task::yield_now().await;
        std::panic::panic_any("a callback that fails later");
    }

    async fn on_chain_end(&self, context: &CallbackContext) {
        self.0.add("end", context, "");
    }
}

#[tokio::test]
async fn a_panic_ends_one_callback_only() {
    let (panicking, queue) = queued(Panicking::default());
    let model = Model::new(Scripted::new().reply("one two"), "any");
    assert_eq!(model.call::<String>("x").observe(queue.clone()).await.unwrap(), "one two");
    queue.flush().await;
    assert_eq!(panicking.0.lines(), ["end call "]);
    assert_eq!(queue.panics(), 3);
}

/// Says on which thread it runs.
#[derive(Default)]
struct Where(Mutex<Vec<String>>);

#[async_trait]
impl AsyncObserver for Where {
    async fn on_chain_end(&self, _: &CallbackContext) {
        // Timers work wherever the callbacks run.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(name);
    }
}

fn runtime(name: &str) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .unwrap()
}

async fn greet(queue: &CallbackQueue) {
    let model = Model::new(Scripted::new().reply("hello"), "any");
    model.call::<String>("x").observe(queue.clone()).await.unwrap();
}

#[test]
fn callbacks_run_on_the_runtime_that_is_given() {
    let (mine, other) = (runtime("mine"), runtime("other"));
    let place = Arc::new(Where::default());
    let settings = QueueSettings::new().runtime(other.handle().clone());
    let queue = CallbackQueue::with_settings(Arc::clone(&place), settings);
    mine.block_on(async {
        greet(&queue).await;
        queue.flush().await;
    });
    assert_eq!(*place.0.lock().unwrap(), ["other"]);
}

#[test]
fn without_a_runtime_callbacks_have_a_thread_of_their_own() {
    let (place, queue) = queued(Where::default());
    futures_util::FutureExt::now_or_never(greet(&queue)).unwrap();
    runtime("flush").block_on(queue.flush());
    assert_eq!(*place.0.lock().unwrap(), ["meanwhile-callbacks"]);
}

#[test]
fn what_a_runtime_left_undone_is_done_by_the_next() {
    let (place, queue) = queued(Where::default());
    let first = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The task is started, and its runtime ends before it has done anything.
    first.block_on(greet(&queue));
    drop(first);
    assert!(place.0.lock().unwrap().is_empty());
    let second = runtime("second");
    second.block_on(async {
        greet(&queue).await;
        queue.flush().await;
    });
    assert_eq!(*place.0.lock().unwrap(), ["second", "second"]);
    // A runtime that was given and is gone is replaced.
    let gone = runtime("gone");
    let settings = QueueSettings::new().runtime(gone.handle().clone());
    drop(gone);
    let queue = CallbackQueue::with_settings(Arc::clone(&place), settings);
    second.block_on(async {
        greet(&queue).await;
        queue.flush().await;
    });
    assert_eq!(place.0.lock().unwrap().last().unwrap(), "second");
}

#[test]
fn a_flush_outlives_the_runtime_of_the_callbacks() {
    let gate =
        Arc::new(Gate { open: Semaphore::new(0), told: Log::default(), dropped: Mutex::default() });
    let (first, second) = (runtime("first"), runtime("second"));
    let queue = CallbackQueue::of(Arc::clone(&gate));
    first.block_on(greet(&queue));
    let flushing = second.spawn({
        let queue = queue.clone();
        async move { queue.flush().await }
    });
    std::thread::sleep(Duration::from_millis(30));
    assert!(!flushing.is_finished());
    // The callback that waits is lost; what follows it is not.
    first.shutdown_timeout(Duration::from_secs(5));
    second.block_on(flushing).unwrap();
    assert!(gate.told.lines().iter().any(|line| line.starts_with("end")));
    // It is counted, and told.
    assert_eq!(queue.dropped(), 1);
    second.block_on(async {
        gate.open.add_permits(100);
        greet(&queue).await;
        queue.flush().await;
    });
    assert_eq!(gate.dropped.lock().unwrap().iter().map(|(_, count)| count).sum::<u64>(), 1);
}

#[tokio::test]
async fn the_last_clone_lets_everything_go_after_what_waits() {
    let (log, queue) = queued(Log::default());
    let weak = Arc::downgrade(&log);
    let model = Model::new(Scripted::new().reply("one two"), "any");
    model.call::<String>("x").observe(queue.clone()).await.unwrap();
    // The scripted model remembers its requests, and with them their runs.
    drop((queue, model));
    assert!(log.lines().is_empty(), "the callbacks have not run yet");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.lines().last().unwrap(), "chain end call ");
    log.contexts.lock().unwrap().clear();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(log);
    assert!(weak.upgrade().is_none(), "the task has ended");
}

/// Flushes its own queue.
#[derive(Default)]
struct Flushing(Mutex<Option<CallbackQueue>>, AtomicU64);

#[async_trait]
impl AsyncObserver for Flushing {
    async fn on_chain_end(&self, _: &CallbackContext) {
        let queue = self.0.lock().unwrap().clone();
        queue.unwrap().flush().await;
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_callback_that_flushes_does_not_wait_for_itself() {
    let (flushing, queue) = queued(Flushing::default());
    *flushing.0.lock().unwrap() = Some(queue.clone());
    greet(&queue).await;
    queue.flush().await;
    assert_eq!(flushing.1.load(Ordering::Relaxed), 1);
    flushing.0.lock().unwrap().take();
}

#[tokio::test]
async fn three_topics_at_once_each_in_order() {
    let (log, queue) = queued(Log::default());
    let scripted = Scripted::new().reply_with(|request| request.messages[0].text());
    let model = Model::new(scripted, "any");
    let topics = ["a magical forest", "a futuristic city", "an underwater civilization"];
    let stories = scope(Settings::new().observe(queue.clone()), async {
        futures_util::future::try_join_all(topics.map(|topic| {
            let model = model.clone();
            chain(topic, async move { model.call::<String>(topic).await })
        }))
        .await
    });
    assert_eq!(stories.await.unwrap(), topics);
    queue.flush().await;
    let contexts = log.contexts.lock().unwrap();
    let lines = log.lines();
    for topic in topics {
        let root = contexts.iter().find(|context| context.name() == topic).unwrap().run_id();
        let of_topic = contexts.iter().zip(&lines).filter(|(c, _)| c.run.root() == root);
        let tokens: String =
            of_topic.filter_map(|(_, line)| line.strip_prefix("token scripted/any ")).collect();
        assert_eq!(tokens, topic);
    }
}

/// Wants starts and ends only.
#[derive(Default)]
struct Quiet(AtomicU64);

#[async_trait]
impl AsyncObserver for Quiet {
    async fn on_event(&self, _: &CallbackContext, _: &Event) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn on_chain_end(&self, _: &CallbackContext) {
        self.0.fetch_add(1000, Ordering::Relaxed);
    }

    fn wants_events(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_observer_that_wants_no_events_gets_none() {
    let (quiet, queue) = queued(Quiet::default());
    greet(&queue).await;
    queue.flush().await;
    assert_eq!(quiet.0.load(Ordering::Relaxed), 1000);
}

#[tokio::test]
async fn clones_of_a_queue_are_one_observer() {
    let (log, queue) = queued(Log::default());
    let around = Settings::new().observe(queue.clone());
    scope(around, async { greet(&queue).await }).await;
    queue.flush().await;
    assert_eq!(log.lines().iter().filter(|line| line.starts_with("chain start")).count(), 1);
}
