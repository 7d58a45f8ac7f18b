//! [`History`]: keeps the last runs in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use meanwhile_core::{
    Attempt, Error, ErrorKind, FinishReason, IntoObserver, Moment, Observer, Request, Response,
    Run, RunId, RunKind, ToolCall, ToolResult, Usage,
};
use tokio::time::Instant;

use crate::failure;

/// Keeps the last runs, for tests and for looking into. Clones share what they keep.
///
/// What is said is not kept, messages of errors included, which may quote it, unless the history is
/// made [with content](Self::with_content). When it is full, the run that has ended and started longest ago goes first.
///
/// ```
/// use meanwhile_core::{ErrorKind, Model, Scripted};
/// use meanwhile_observe::History;
/// # futures_util::FutureExt::now_or_never(async {
/// let history = History::new(100);
/// let model = Model::new(Scripted::new().reply("no number"), "any");
///
/// model.call::<u8>("How many?").observe(history.clone()).await.unwrap_err();
///
/// let [call, asked] = &history.runs()[..] else { panic!("two runs") };
/// assert_eq!(call.error.as_ref().map(|(kind, _)| *kind), Some(ErrorKind::Output));
/// assert_eq!((asked.parent, asked.usage.output.total), (Some(call.id), Some(2)));
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct History(Arc<Shared>);

/// What is known about one run.
///
/// ```
/// use meanwhile_core::{Model, RunKind, Scripted};
/// use meanwhile_observe::{History, RunRecord};
/// # futures_util::FutureExt::now_or_never(async {
/// let history = History::new(100);
/// let model = Model::new(Scripted::new().reply("Dune").reply("Emma"), "any");
/// for topic in ["sand", "love"] {
///     model.call::<String>(topic).tag("topic", topic).observe(history.clone()).await?;
/// }
///
/// let is_asked = |run: &RunRecord| run.kind == RunKind::Model && run.error.is_none();
/// assert_eq!(history.runs().iter().filter(|run| is_asked(run)).count(), 2);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRecord {
    /// Names the run.
    pub id: RunId,
    /// The run that this one is a part of.
    pub parent: Option<RunId>,
    /// The outermost run that this one is a part of; its own id where there is none.
    pub root: RunId,
    /// What it is a run of.
    pub kind: RunKind,
    /// The name of the prompt function, the `provider/model` or the tool.
    pub name: String,
    /// The labels of the call, in order.
    pub tags: Vec<(String, String)>,
    /// When it started, by the calendar.
    pub time: SystemTime,
    /// When it started, by the clock that durations are taken from.
    pub started: Instant,
    /// How long it took; `None` while it runs.
    pub duration: Option<Duration>,
    /// How long the first piece of the answer took; `None` for what is no model, and before it came.
    pub first_token: Option<Duration>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// Why the model stopped.
    pub finish: Option<FinishReason>,
    /// The tokens it took; those of a broken answer too.
    pub usage: Usage,
    /// The tries that failed on the way, oldest first; their messages as that of the error.
    pub attempts: Vec<Attempt>,
    /// Why it failed, and in words: the message of the error where what is said is kept, else its
    /// kind, status and code.
    pub error: Option<(ErrorKind, String)>,
    /// What was said, where the history keeps it.
    pub content: RunContent,
}

/// What was said in a run; empty where the history does not keep it.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::History;
/// # futures_util::FutureExt::now_or_never(async {
/// let history = History::new(100).with_content();
/// let model = Model::new(Scripted::new().reply("Dune"), "any");
/// model.call::<String>("Recommend a book").observe(history.clone()).await?;
///
/// let answers = history.runs().into_iter().filter_map(|run| run.content.response);
/// assert_eq!(answers.map(|answer| answer.text()).collect::<Vec<_>>(), ["Dune"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunContent {
    /// What a model was asked.
    pub request: Option<Arc<Request>>,
    /// What it answered, or what had arrived when it broke.
    pub response: Option<Arc<Response>>,
    /// The call of a tool.
    pub call: Option<Arc<ToolCall>>,
    /// What the tool answered.
    pub result: Option<Arc<ToolResult>>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    keeps_content: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their starts.
    order: VecDeque<RunId>,
    runs: HashMap<RunId, RunRecord>,
}

impl History {
    /// Keeps the last `limit` runs without what was said in them.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::make(limit, false)
    }

    /// Makes a history of the same length, empty, that also keeps what was said in the runs.
    #[must_use]
    pub fn with_content(self) -> Self {
        Self::make(self.0.limit, true)
    }

    fn make(limit: usize, keeps_content: bool) -> Self {
        Self(Arc::new(Shared { limit: limit.max(1), keeps_content, kept: Mutex::default() }))
    }

    /// The runs, in the order in which they started.
    #[must_use]
    pub fn runs(&self) -> Vec<RunRecord> {
        let kept = self.0.lock();
        kept.order.iter().filter_map(|id| kept.runs.get(id)).cloned().collect()
    }

    /// One run; `None` where it is not kept, or not any more.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<RunRecord> {
        self.0.lock().runs.get(&id).cloned()
    }

    /// Forgets all runs.
    pub fn clear(&self) {
        *self.0.lock() = Kept::default();
    }
}

impl IntoObserver for History {
    fn into_observer(self) -> Arc<dyn Observer> {
        self.0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Shared {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let now = Instant::now();
        let mut kept = self.lock();
        if matches!(
            moment,
            Moment::ChainStart | Moment::ModelStart { .. } | Moment::ToolStart { .. }
        ) {
            kept.insert(RunRecord::new(run, now), self.limit);
        }
        // A run that was forgotten already, or that started before it was observed, is left out.
        if let Some(record) = kept.runs.get_mut(&run.id()) {
            record.update(moment, now, self.keeps_content);
            if self.keeps_content {
                record.content.update(moment);
            }
        }
    }
}

impl Kept {
    fn insert(&mut self, record: RunRecord, limit: usize) {
        if self.order.len() >= limit {
            let ended = |id: &RunId| self.runs.get(id).is_none_or(|run| run.duration.is_some());
            // Where all still run, the oldest goes.
            let at = self.order.iter().position(ended).unwrap_or(0);
            if let Some(id) = self.order.remove(at) {
                self.runs.remove(&id);
            }
        }
        self.order.push_back(record.id);
        self.runs.insert(record.id, record);
    }
}

impl RunRecord {
    fn new(run: &Run, started: Instant) -> Self {
        Self {
            id: run.id(),
            parent: run.parent(),
            root: run.root(),
            kind: run.kind(),
            name: run.name().to_owned(),
            tags: run.tags().to_vec(),
            time: SystemTime::now(),
            started,
            duration: None,
            first_token: None,
            model: None,
            finish: None,
            usage: Usage::default(),
            attempts: Vec::new(),
            error: None,
            content: RunContent::default(),
        }
    }

    fn update(&mut self, moment: &Moment<'_>, now: Instant, content: bool) {
        let elapsed = now.saturating_duration_since(self.started);
        if moment.is_end() {
            self.duration = Some(elapsed);
        }
        match moment {
            Moment::Event(event) if event.is_answer() => {
                self.first_token.get_or_insert(elapsed);
            }
            Moment::Retry(attempt) => self.attempts.push(kept(attempt, content)),
            Moment::ModelEnd { response } => {
                self.answered(response);
                self.attempted(&response.attempts, content);
            }
            Moment::Error(error) => self.failed(error, content),
            _ => {}
        }
    }

    fn answered(&mut self, response: &Response) {
        self.model = Some(response.model.clone());
        self.finish = response.finish_reason();
        self.usage = response.usage.clone();
    }

    fn failed(&mut self, error: &Error, content: bool) {
        self.error = Some((error.kind(), failure::of_error(error, content).into_owned()));
        if self.kind == RunKind::Model {
            if let Some(partial) = error.partial() {
                self.answered(partial);
            }
            self.attempted(error.attempts(), content);
        }
    }

    /// The end knows all tries, those that nobody told of included.
    fn attempted(&mut self, attempts: &[Attempt], content: bool) {
        if !attempts.is_empty() {
            self.attempts = attempts.iter().map(|attempt| kept(attempt, content)).collect();
        }
    }
}

/// A try as it is kept.
fn kept(attempt: &Attempt, content: bool) -> Attempt {
    let mut kept = attempt.clone();
    if !content {
        kept.message = failure::of_attempt(attempt, content).into_owned();
    }
    kept
}

impl RunContent {
    fn update(&mut self, moment: &Moment<'_>) {
        match *moment {
            Moment::ModelStart { request, .. } => {
                let mut request = request.clone();
                // The run holds its observers, and this history among them.
                request.run = None;
                self.request = Some(Arc::new(request));
            }
            Moment::ModelEnd { response } => self.response = Some(Arc::new(response.clone())),
            Moment::ToolStart { call } => self.call = Some(Arc::new(call.clone())),
            Moment::ToolEnd { result } => self.result = Some(Arc::new(result.clone())),
            Moment::Error(error) => self.response = error.partial().cloned().map(Arc::new),
            _ => {}
        }
    }
}
