//! [`Paced`]: a provider that takes its time, and knows how many of its answers are still alive.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, Capabilities, Error, ErrorKind, Event, EventStream, Finish, FinishReason, Model,
    Provider, Request, Result, Usage,
};

/// One step of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Milliseconds.
    Wait(u64),
    /// The request is accepted; what comes before happens in `send`.
    Accept,
    Event(Event),
    Fail(ErrorKind),
}

#[derive(Debug, Clone)]
pub(crate) struct Paced {
    id: &'static str,
    answers: Arc<Mutex<VecDeque<Vec<Step>>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    live: Arc<AtomicUsize>,
    capabilities: Capabilities,
}

struct Live(Arc<AtomicUsize>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Paced {
    pub(crate) fn new(id: &'static str) -> Self {
        Self {
            id,
            answers: Arc::default(),
            requests: Arc::default(),
            live: Arc::default(),
            capabilities: Capabilities::text(),
        }
    }

    /// Adds an answer. The last one is given again and again.
    pub(crate) fn answer(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.answers.lock().unwrap().push_back(steps.into_iter().collect());
        self
    }

    pub(crate) fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Requests and answers that are neither over nor dropped.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(crate) fn provider(&self) -> AnyProvider {
        AnyProvider::new(self.clone())
    }

    pub(crate) fn model(&self, id: &str) -> Model {
        Model::of(self.provider(), id)
    }
}

/// An answer of text, a word every `pace` milliseconds, the first of them after `first`.
pub(crate) fn words(first: u64, pace: u64, text: &str) -> Vec<Step> {
    let mut steps = vec![Step::Wait(first), Step::Event(Event::text_start(0))];
    for word in text.split_inclusive(' ') {
        steps.push(Step::Event(Event::text_delta(0, word)));
        steps.push(Step::Wait(pace));
    }
    let count = text.split_whitespace().count() as u64;
    steps.push(Step::Event(Event::part_end(0)));
    steps.push(Step::Event(Event::usage(Usage::totals(10, count))));
    steps.push(Step::Event(Event::finish(Finish::new(FinishReason::Stop))));
    steps
}

async fn take(steps: &mut VecDeque<Step>) -> Option<Result<Event>> {
    loop {
        match steps.pop_front()? {
            Step::Wait(0) | Step::Accept => {}
            Step::Wait(time) => tokio::time::sleep(Duration::from_millis(time)).await,
            Step::Event(event) => return Some(Ok(event)),
            Step::Fail(kind) => return Some(Err(Error::new(kind, "as the test says"))),
        }
    }
}

#[async_trait]
impl Provider for Paced {
    fn id(&self) -> &str {
        self.id
    }

    fn capabilities(&self, _model: &str) -> Capabilities {
        self.capabilities
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let warnings: Vec<_> = request.warnings.iter().cloned().map(Event::warning).collect();
        self.requests.lock().unwrap().push(request);
        let mut steps: VecDeque<Step> = {
            let mut answers = self.answers.lock().unwrap();
            let last = answers.len() == 1;
            let next = if last { answers.front().cloned() } else { answers.pop_front() };
            next.expect("an answer is left").into()
        };
        self.live.fetch_add(1, Ordering::SeqCst);
        let live = Live(Arc::clone(&self.live));
        if let Some(accepted) = steps.iter().position(|step| matches!(step, Step::Accept)) {
            let mut before: VecDeque<Step> = steps.drain(..=accepted).collect();
            if let Some(Err(error)) = take(&mut before).await {
                return Err(error);
            }
        }
        for warning in warnings.into_iter().rev() {
            steps.push_front(Step::Event(warning));
        }
        let stream = futures_util::stream::unfold((steps, live), |(mut steps, live)| async move {
            let item = take(&mut steps).await?;
            Some((item, (steps, live)))
        });
        Ok(EventStream::new(stream))
    }
}
