//! Observers: every start has one end or error, with the right parent, however a run ends.

mod chains;

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures::StreamExt as _;
use meanwhile_core::{
    AnyProvider, AnyTool, Attempt, Call, Capabilities, Error, ErrorKind, Event, EventStream,
    Extract, Layer, Model, Moment, Observer, Observers, Prompt, Provider, Reading, Registry,
    Request, Response, Result, Run, RunId, RunKind, Schema, Scope, Scripted, Settings, Tool,
    ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox, chain, configure, scope,
};

use crate::{model, wait};

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Entry>>);

#[derive(Debug, Clone)]
struct Entry {
    run: Run,
    what: &'static str,
    detail: String,
    start: bool,
    end: bool,
}

impl Observer for Log {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let (what, detail) = match moment {
            Moment::ChainStart | Moment::ChainEnd => ("chain", String::new()),
            Moment::ModelStart { request, .. } => ("model", request.messages[0].text()),
            Moment::ModelEnd { response } => ("model", response.text()),
            Moment::ToolStart { call } => ("tool", call.arguments.clone()),
            Moment::ToolEnd { result } => ("tool", result.text()),
            Moment::Event(Event::TextDelta { text, .. }) => ("text", text.clone()),
            Moment::Event(event) if event.is_terminal() => ("finish", String::new()),
            Moment::Retry(attempt) => ("retry", attempt.message.clone()),
            Moment::Error(error) => ("error", describe(error)),
            _ => ("event", String::new()),
        };
        let start = matches!(
            moment,
            Moment::ChainStart | Moment::ModelStart { .. } | Moment::ToolStart { .. }
        );
        let entry = Entry { run: run.clone(), what, detail, start, end: moment.is_end() };
        self.0.lock().unwrap().push(entry);
    }
}

/// The kind, and the text and thinking that had arrived.
fn describe(error: &Error) -> String {
    let partial = error.partial().map(|partial| format!(" after `{}`", partial.text()));
    format!("{:?}{}", error.kind(), partial.unwrap_or_default())
}

impl Log {
    fn shared() -> Arc<Self> {
        Arc::default()
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap().clone()
    }

    fn name(&self, id: RunId) -> String {
        let entries = self.entries();
        let entry = entries.iter().find(|entry| entry.run.id() == id);
        entry.map_or("?".to_owned(), |entry| entry.run.name().to_owned())
    }

    /// Starts and ends, a line each: which run, how, what, and in which run.
    fn lines(&self) -> Vec<String> {
        let line = |entry: &Entry| {
            let how = if entry.start { "+" } else { "-" };
            let run = &entry.run;
            let name = if run.kind() == RunKind::Model { "model" } else { run.name() };
            let parent = run.parent().map(|id| format!(" < {}", self.name(id)));
            let what = if entry.what == "error" { entry.detail.as_str() } else { "" };
            format!(
                "{how}{name}{}{what}{}",
                if what.is_empty() { "" } else { " " },
                parent.unwrap_or_default()
            )
        };
        let entries = self.entries();
        entries.iter().filter(|entry| entry.start || entry.end).map(line).collect()
    }

    /// Every start has exactly one end of the same run, with nothing of it before or after; a part
    /// ends before the whole, and has its root.
    fn check(&self) {
        let entries = self.entries();
        for (at, entry) in entries.iter().enumerate() {
            let id = entry.run.id();
            let of_run = || entries.iter().enumerate().filter(|(_, other)| other.run.id() == id);
            let starts: Vec<usize> = of_run().filter(|(_, e)| e.start).map(|(at, _)| at).collect();
            let ends: Vec<usize> = of_run().filter(|(_, e)| e.end).map(|(at, _)| at).collect();
            assert_eq!((starts.len(), ends.len()), (1, 1), "{:?}: {:#?}", entry.run, self.lines());
            assert!(starts[0] <= at && at <= ends[0], "{:#?}", self.lines());
            let parent = entry.run.parent().and_then(|parent| {
                entries.iter().rposition(|other| other.run.id() == parent).map(|end| (parent, end))
            });
            match parent {
                Some((parent, end)) => {
                    assert!(ends[0] < end, "outlives its whole: {:#?}", self.lines());
                    let parent = entries.iter().find(|e| e.run.id() == parent).unwrap();
                    assert_eq!(entry.run.root(), parent.run.root());
                }
                None if entry.run.parent().is_none() => assert_eq!(entry.run.root(), id),
                None => {}
            }
        }
    }

    #[track_caller]
    fn expect(&self, lines: &[&str]) {
        self.check();
        assert_eq!(self.lines(), lines);
    }
}

/// Makes everything wait once: the request, and each event.
#[derive(Debug)]
struct Waiting;

#[derive(Debug)]
struct WaitingProvider(AnyProvider);

impl Layer for Waiting {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(WaitingProvider(inner))
    }
}

#[async_trait]
impl Provider for WaitingProvider {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        once().await;
        let events = self.0.send(request).await?;
        Ok(EventStream::new(events.then(|event| async {
            once().await;
            event
        })))
    }
}

fn waiting(scripted: Scripted) -> Model {
    Model::of(AnyProvider::new(scripted).layer(&Waiting), "x")
}

/// Is pending once.
async fn once() {
    let mut polled = false;
    std::future::poll_fn(move |context| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Polls at most `times`; whether it came to its end.
fn poll<F: Future>(future: Pin<&mut F>, times: usize) -> Option<F::Output> {
    let mut future = future;
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// A tool that does one thing.
#[derive(Debug)]
struct Does(&'static str, What);

#[derive(Debug)]
enum What {
    Answers,
    Fails,
    Waits,
    Asks(Box<Model>),
}

#[async_trait]
impl Tool for Does {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(self.0, "Works.", Schema::from(serde_json::json!({"type": "object"})))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        match &self.1 {
            What::Answers => {}
            What::Fails => return Err(Error::new(ErrorKind::Tool, "out of order")),
            What::Waits => once().await,
            What::Asks(model) => return Ok(ToolOutput::new(model.call::<String>("nested").await?)),
        }
        Ok(ToolOutput::new(format!("{} did", call.name)))
    }
}

fn tools(tools: impl IntoIterator<Item = Does>) -> Toolbox {
    tools.into_iter().fold(Toolbox::new(), |all, tool| all.with(AnyTool::new(tool)))
}

fn named(name: &'static str, model: Model, prompt: &str) -> Call<'static, String> {
    Call::new(name, &Registry::new(), Ok(Prompt::from(prompt))).model(model)
}

#[test]
fn a_call_is_a_chain_with_a_model_in_it() {
    let log = Log::shared();
    let call = named("greet", model(&Scripted::new().reply("hello you")), "hi");
    assert_eq!(wait(call.observe(Arc::clone(&log))).unwrap(), "hello you");
    log.expect(&["+greet", "+model < greet", "-model < greet", "-greet"]);
    let entries = log.entries();
    let text: Vec<&str> = entries.iter().filter(|e| e.what == "text").map(|e| &*e.detail).collect();
    assert_eq!(text, ["hello ", "you"]);
    assert_eq!(entries[1].run.name(), "scripted/test-model");
    assert_eq!((entries[1].detail.as_str(), entries[0].run.kind()), ("hi", RunKind::Chain));
    let finish = entries.iter().position(|e| e.what == "finish").unwrap();
    assert_eq!(entries[finish + 1].detail, "hello you", "the end follows the finish");
}

#[test]
fn a_streamed_call_ends_with_its_stream() {
    let log = Log::shared();
    let call = named("greet", model(&Scripted::new().reply("a b")), "hi");
    let mut stream = wait(call.observe(Arc::clone(&log)).stream()).unwrap();
    assert_eq!(log.lines(), ["+greet", "+model < greet"]);
    while wait(stream.next()).is_some() {}
    log.expect(&["+greet", "+model < greet", "-model < greet", "-greet"]);
    assert_eq!(wait(stream.finish()).unwrap(), "a b");
    assert_eq!(log.lines().len(), 4);
}

#[test]
fn tools_run_in_the_chain_side_by_side_and_may_fail() {
    let log = Log::shared();
    let scripted = Scripted::new()
        .tool_calls([
            ToolCall::new("1", "slow", "{}"),
            ToolCall::new("2", "fast", "{}"),
            ToolCall::new("3", "broken", "{}"),
            ToolCall::new("4", "unknown", "{}"),
        ])
        .reply("done");
    let call = named("work", model(&scripted), "go")
        .tools(tools([
            Does("slow", What::Waits),
            Does("fast", What::Answers),
            Does("broken", What::Fails),
        ]))
        .tag("user", "7")
        .observe(Arc::clone(&log));
    let mut future = pin!(call.into_future());
    assert_eq!(poll(future.as_mut(), 9).unwrap().unwrap(), "done");
    log.expect(&[
        "+work",
        "+model < work",
        "-model < work",
        "+slow < work",
        "+fast < work",
        "-fast < work",
        "+broken < work",
        "-broken Tool < work",
        "+unknown < work",
        "-unknown Output < work",
        "-slow < work",
        "+model < work",
        "-model < work",
        "-work",
    ]);
    for entry in log.entries() {
        assert_eq!(entry.run.tags(), [("user".to_owned(), "7".to_owned())], "{entry:?}");
    }
}

#[test]
fn calls_in_a_body_and_in_a_tool_are_parts_of_it() {
    let log = Log::shared();
    let inner = model(&Scripted::new().reply("small").reply("from the tool"));
    let outer = Scripted::new().tool_call("1", "ask", "{}").reply("large");
    let body = inner.clone();
    let call = Call::<String>::lazy("outer", &Registry::new(), async move {
        let first: String = named("inner", body, "first").await?;
        Ok(Prompt::from(first))
    });
    let call = call.model(model(&outer)).tools(tools([Does("ask", What::Asks(Box::new(inner)))]));
    assert_eq!(wait(call.observe(Arc::clone(&log))).unwrap(), "large");
    log.expect(&[
        "+outer",
        "+inner < outer",
        "+model < inner",
        "-model < inner",
        "-inner < outer",
        "+model < outer",
        "-model < outer",
        "+ask < outer",
        "+call < ask",
        "+model < call",
        "-model < call",
        "-call < ask",
        "-ask < outer",
        "+model < outer",
        "-model < outer",
        "-outer",
    ]);
    let roots: Vec<RunId> = log.entries().iter().map(|entry| entry.run.root()).collect();
    assert!(roots.iter().all(|root| *root == roots[0]));
}

#[test]
fn errors_end_what_had_begun() {
    let check = |scripted: Scripted, prepare: fn(Call<'_, u8>) -> Call<'_, u8>, lines: &[&str]| {
        for streamed in [false, true] {
            let log = Log::shared();
            let call = Call::<u8>::new("count", &Registry::new(), Ok(Prompt::from("hi")));
            let call = prepare(call.model(model(&scripted)).observe(Arc::clone(&log)));
            let outcome = wait(async {
                match streamed {
                    true => call.stream().await?.finish().await,
                    false => call.await,
                }
            });
            assert!(outcome.is_err());
            log.expect(lines);
        }
    };
    let bad = || Error::new(ErrorKind::RateLimit, "slow down");
    // Before anything is sent.
    check(Scripted::new(), |call| call.model("nobody"), &["+count", "-count Config"]);
    // Instead of an answer.
    let lines = ["+count", "+model < count", "-modelRateLimit < count", "-countRateLimit"];
    let lines = lines.map(|line| line.replace("RateLimit", " RateLimit"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(Scripted::new().error(bad()).error(bad()), |call| call, &lines);
    // In the middle of one.
    let broken = || [Ok(Event::text_start(0)), Ok(Event::text_delta(0, "4")), Err(bad())];
    let lines = [
        "+count",
        "+model < count",
        "-model RateLimit after `4` < count",
        "-count RateLimit after `4`",
    ];
    check(Scripted::new().events(broken()).events(broken()), |call| call, &lines);
    // A stream that ends early, and one that breaks the grammar.
    let cut = || [Ok(Event::text_start(0)), Ok(Event::text_delta(0, "4"))];
    let lines = lines.map(|line| line.replace("RateLimit", "StreamInterrupted"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(Scripted::new().events(cut()).events(cut()), |call| call, &lines);
    // When the value is read: the model has answered well, the chain fails.
    let lines = ["+count", "+model < count", "-model < count", "-count Output after `no number`"];
    let wrong = Scripted::new().reply("no number").reply("no number");
    check(wrong, |call| call, &lines);
}

#[test]
fn a_body_that_fails_and_a_loop_without_end_fail_their_chain() {
    let log = Log::shared();
    let failed = async { Err(Error::new(ErrorKind::Prompt, "no such file")) };
    let call = Call::<String>::lazy("read", &Registry::new(), failed);
    assert!(wait(call.observe(Arc::clone(&log))).is_err());
    log.expect(&["+read", "-read Prompt"]);

    let log = Log::shared();
    let scripted = Scripted::new().tool_call("1", "fast", "{}");
    let call = named("loop", model(&scripted), "go").tools(tools([Does("fast", What::Answers)]));
    assert!(wait(call.max_turns(1).observe(Arc::clone(&log))).is_err());
    let last = log.lines().pop().unwrap();
    assert!(last.starts_with("-loop TurnLimit"), "{last}");
    log.check();
}

#[test]
fn dropping_anywhere_ends_everything_as_cancelled() {
    let make = |log: &Arc<Log>| {
        let scripted = Scripted::new()
            .tool_calls([ToolCall::new("1", "ask", "{}"), ToolCall::new("2", "slow", "{}")]);
        let nested = waiting(scripted.reply("one two three"));
        let asked = waiting(Scripted::new().reply("in the tool"));
        let body = waiting(Scripted::new().reply("in the body"));
        let call = Call::<String>::lazy("outer", &Registry::new(), async move {
            let text = named("inner", body, "first").await?;
            once().await;
            Ok(Prompt::from(text))
        });
        call.model(nested)
            .tools(tools([Does("ask", What::Asks(Box::new(asked))), Does("slow", What::Waits)]))
            .observe(Arc::clone(log))
    };
    let mut cancelled = Vec::new();
    for polls in 0.. {
        assert!(polls < 200, "it never ends");
        let log = Log::shared();
        let done = {
            let mut future = Box::pin(make(&log).into_future());
            poll(future.as_mut(), polls).is_some()
        };
        log.check();
        let lines = log.lines();
        let open = lines.iter().filter(|line| line.contains("Cancelled")).count();
        assert_eq!((polls == 0, done), (lines.is_empty(), done && open == 0), "{lines:#?}");
        assert!(done || polls == 0 || lines.last().unwrap().starts_with("-outer Cancelled"));
        cancelled.push(open);
        if done {
            break;
        }
    }
    // The outer call, its tools, a call in one of them, and its model.
    assert_eq!(cancelled.iter().max(), Some(&5), "{cancelled:?}");
}

#[test]
fn a_dropped_stream_tells_what_had_arrived() {
    for read in 0..8 {
        let log = Log::shared();
        let call = named("greet", model(&Scripted::new().reply("one two three")), "hi");
        let mut stream = wait(call.observe(Arc::clone(&log)).stream()).unwrap();
        for _ in 0..read {
            wait(stream.next()).unwrap().unwrap();
        }
        // Metadata and the start of the text come first.
        let arrived =
            "one two three".split_inclusive(' ').take(read.max(2) - 2).collect::<String>();
        drop(stream);
        log.expect(&[
            "+greet",
            "+model < greet",
            &format!("-model Cancelled after `{arrived}` < greet"),
            &format!("-greet Cancelled after `{arrived}`"),
        ]);
    }
}

#[test]
fn a_stream_that_is_dropped_while_its_value_is_read_is_cancelled_once() {
    let log = Log::shared();
    let scripted = Scripted::new().reply("one two");
    let call = named("greet", waiting(scripted), "hi").observe(Arc::clone(&log));
    let mut stream = pin!(call.stream());
    let stream = poll(stream.as_mut(), 5).unwrap().unwrap();
    let mut finish = Box::pin(stream.finish());
    assert!(poll(finish.as_mut(), 4).is_none());
    drop(finish);
    log.expect(&[
        "+greet",
        "+model < greet",
        "-model Cancelled after `one ` < greet",
        "-greet Cancelled after `one `",
    ]);
}

/// Panics at every moment.
#[derive(Debug)]
struct Panics;

impl Observer for Panics {
    fn observe(&self, _: &Run, _: &Moment<'_>) {
        std::panic::panic_any("an observer that fails");
    }
}

#[test]
fn an_observer_that_panics_fails_no_run_and_hides_nothing_from_others() {
    let log = Log::shared();
    let scripted = Scripted::new().tool_call("1", "fast", "{}").reply("done").reply("more");
    let call = named("work", model(&scripted), "go").tools(tools([Does("fast", What::Answers)]));
    assert_eq!(wait(call.observe(Panics).observe(Arc::clone(&log))).unwrap(), "done");
    log.check();
    assert_eq!(log.lines().len(), 8);

    let call = named("work", model(&scripted), "go").observe(Panics).observe(Arc::clone(&log));
    drop(wait(call.stream()).unwrap());
    log.check();
    assert!(log.lines().last().unwrap().starts_with("-work Cancelled"));
}

#[test]
fn a_call_that_panics_ends_as_cancelled() {
    let log = Log::shared();
    let body = async { panic!("the body fails") };
    let call = Call::<String>::lazy("bad", &Registry::new(), body).observe(Arc::clone(&log));
    let call = call.observe(Panics);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(call)));
    assert!(caught.is_err());
    log.expect(&["+bad", "-bad Cancelled"]);
}

#[test]
fn an_observer_that_is_given_in_many_places_is_told_once() {
    let log = Log::shared();
    let erased: Arc<dyn Observer> = Arc::clone(&log) as _;
    let attribute = Settings::new().observe(Arc::clone(&erased));
    let prompt = Prompt::from("hi").observe(Arc::clone(&log));
    let around = Settings::new().observe(erased).observe(Arc::clone(&log));
    let text = wait(scope(around, async {
        let call = Call::<String>::new("greet", &Registry::new(), Ok(prompt));
        let call = call.model(model(&Scripted::new().reply("a")));
        call.with_attribute(attribute).observe(Arc::clone(&log)).await
    }));
    assert_eq!(text.unwrap(), "a");
    log.expect(&["+greet", "+model < greet", "-model < greet", "-greet"]);
}

#[test]
fn each_place_reaches_the_calls_it_is_meant_for() {
    let logs = ["call", "attribute", "scope", "body"].map(|_| Log::shared());
    let [at_call, attribute, around, body] = &logs;
    let prompt = Prompt::from("hi").observe(Arc::clone(body));
    wait(scope(Settings::new().observe(Arc::clone(around)).tag("a", "scope"), async {
        let call = Call::<String>::new("greet", &Registry::new(), Ok(prompt));
        let call = call.model(model(&Scripted::new().reply("a"))).tag("b", "call");
        let attribute = Settings::new().observe(Arc::clone(attribute)).tag("a", "attribute");
        call.with_attribute(attribute).observe(Arc::clone(at_call)).await.unwrap();
        // Another call: only the scope's observer is told.
        named("other", model(&Scripted::new().reply("b")), "hi").await.unwrap();
    }));
    let lines = ["+greet", "+model < greet", "-model < greet", "-greet"];
    at_call.expect(&lines);
    attribute.expect(&lines);
    assert_eq!(around.lines()[..4], lines);
    assert_eq!(around.lines()[4], "+other");
    // The body runs in the chain, so that it is too late for its start.
    body.expect(&["+model < ?", "-model < ?"]);
    let tags = &[("a".to_owned(), "scope".to_owned()), ("b".to_owned(), "call".to_owned())];
    assert!(at_call.entries().iter().all(|entry| entry.run.tags() == tags));
}

#[test]
fn a_scope_reaches_spawned_work_only_when_it_is_carried_over() {
    let log = Log::shared();
    let ask = || named("spawned", model(&Scripted::new().reply("a")), "hi");
    wait(scope(
        Settings::new().observe(Arc::clone(&log)),
        chain("outer", async {
            let here = Scope::current();
            std::thread::scope(|threads| {
                threads.spawn(|| wait(async { ask().await }).unwrap());
                threads.spawn(|| wait(here.run(async { ask().await })).unwrap());
            });
            Ok(())
        }),
    ))
    .unwrap();
    log.expect(&[
        "+outer",
        "+spawned < outer",
        "+model < spawned",
        "-model < spawned",
        "-spawned < outer",
        "-outer",
    ]);
}

/// Set in the process that a test starts for what holds in a whole process.
const INSIDE: &str = "MEANWHILE_TEST_PROCESS_DEFAULTS";

#[test]
fn observers_of_the_process_are_told_of_calls_made_after() {
    if std::env::var_os(INSIDE).is_none() {
        // Other tests must not be told.
        let test = "observe::observers_of_the_process_are_told_of_calls_made_after";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
        return;
    }
    let log = Log::shared();
    let before = named("before", model(&Scripted::new().reply("a")), "hi");
    configure(Settings::new().observe(Arc::clone(&log)).tag("app", "test"));
    configure(Settings::new().temperature(0.5));
    assert_eq!(wait(before).unwrap(), "a");
    assert!(log.lines().is_empty(), "made before");
    let after = || named("after", model(&Scripted::new().reply("a")), "hi");
    wait(async { after().observe(Arc::clone(&log)).await }).unwrap();
    wait(chain("around", async { after().await })).unwrap();
    log.expect(&[
        "+after",
        "+model < after",
        "-model < after",
        "-after",
        "+around",
        "+after < around",
        "+model < after",
        "-model < after",
        "-after < around",
        "-around",
    ]);
    let tags = [("app".to_owned(), "test".to_owned())];
    assert!(log.entries().iter().all(|entry| entry.run.tags() == tags));
}

/// Retries once by hand, as a layer would.
#[derive(Debug)]
struct Retrying(AnyProvider);

#[async_trait]
impl Provider for Retrying {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let run = request.run.clone();
        match self.0.send(request.clone()).await {
            Ok(events) => Ok(events),
            Err(error) => {
                let attempt = Attempt::new(&error, "x", std::time::Duration::ZERO);
                run.inspect(|run| run.observe(&Moment::Retry(&attempt)));
                self.0.send(request).await
            }
        }
    }
}

#[test]
fn a_layer_tells_of_its_retries_in_the_run() {
    let log = Log::shared();
    let scripted = Scripted::new().error(Error::new(ErrorKind::Overloaded, "busy")).reply("a");
    let model = Model::new(Retrying(AnyProvider::new(scripted)), "x");
    assert_eq!(wait(named("greet", model, "hi").observe(Arc::clone(&log))).unwrap(), "a");
    log.expect(&["+greet", "+model < greet", "-model < greet", "-greet"]);
    let entries = log.entries();
    assert_eq!((entries[2].what, entries[2].detail.as_str()), ("retry", "busy"));
}

/// Wants no events.
#[derive(Debug, Default)]
struct Quiet(Log);

impl Observer for Quiet {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        self.0.observe(run, moment);
    }

    fn wants_events(&self) -> bool {
        false
    }
}

#[test]
fn an_observer_that_wants_no_events_is_told_none() {
    let (quiet, log) = (Arc::new(Quiet::default()), Log::shared());
    let call = named("greet", model(&Scripted::new().reply("a b c")), "hi");
    wait(call.observe(Arc::clone(&quiet)).observe(Arc::clone(&log))).unwrap();
    quiet.0.check();
    assert_eq!(quiet.0.entries().len(), 4);
    assert!(log.entries().len() > 8);
}

#[test]
fn observers_keep_their_order_and_their_number() {
    let (one, two) = (Log::shared(), Log::shared());
    let both = Observers::default().with(Arc::clone(&one)).with(Arc::clone(&two));
    let again = both.clone().with_all(both.clone()).with(Arc::clone(&one));
    assert_eq!(format!("{again:?}"), format!("{both:?}"));
    assert!(Observers::default().is_empty() && !again.is_empty());
}

#[test]
fn run_ids_are_unique_and_shown() {
    let log = Log::shared();
    let model = model(&Scripted::new().reply_with(|_| "a".to_owned()));
    let calls = (0..50).map(|_| named("call", model.clone(), "x").observe(Arc::clone(&log)));
    wait(futures::future::try_join_all(calls.map(IntoFuture::into_future))).unwrap();
    log.check();
    let ids: std::collections::BTreeSet<u128> =
        log.entries().iter().map(|entry| entry.run.id().as_u128()).collect();
    assert_eq!(ids.len(), 100);
    let shown = log.entries()[0].run.id().to_string();
    assert_eq!(shown.split('-').next().unwrap().len(), 16, "{shown}");
}

/// A value that cannot be read.
#[derive(Debug)]
struct Unreadable;

impl Extract for Unreadable {
    fn extract(_: Response, _: &mut Reading) -> Result<Self> {
        Err(Error::new(ErrorKind::Output, "not readable"))
    }

    fn output() -> meanwhile_core::OutputFormat {
        meanwhile_core::OutputFormat::Text
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    const RUNS_TOOLS: bool = false;
}

#[test]
fn a_stream_whose_value_is_not_read_has_ended_well() {
    let log = Log::shared();
    let make = |log: &Arc<Log>| {
        let call = Call::<Unreadable>::new("x", &Registry::new(), Ok(Prompt::from("hi")));
        let call = call.model(model(&Scripted::new().reply("a"))).observe(Arc::clone(log));
        wait(call.stream()).unwrap()
    };
    assert_eq!(wait(make(&log).response()).unwrap().text(), "a");
    log.expect(&["+x", "+model < x", "-model < x", "-x"]);
    let log = Log::shared();
    assert!(wait(make(&log).finish()).is_err());
    log.expect(&["+x", "+model < x", "-model < x", "-x Output"]);
}
