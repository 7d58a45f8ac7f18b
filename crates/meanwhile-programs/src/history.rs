//! [`CallHistory`]: the last prompts and answers of a program, to be read by people, and its tokens by
//! model.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meanwhile_core::{
    Attempt, ErrorKind, IntoObserver, Message, Moment, Observer, Part, Request, Response, Run,
    RunId, RunKind, Usage,
};

use crate::{predict, react};

/// Keeps the last requests of what it observes with their answers, and sums the tokens by model. Clones
/// share what they keep.
///
/// Nothing is kept unless it is given to something as an observer: a call, a predictor's settings, a
/// [`scope`](meanwhile_core::scope), the process ([`configure`](meanwhile_core::configure)). What is said
/// is kept as it is: do not give it to calls whose texts must not lie about in memory. It prints as a
/// transcript.
///
/// ```
/// use meanwhile_core::{Model, Scripted, Settings, scope};
/// use meanwhile_programs::{CallHistory, Predict, fields};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "any");
/// let predict = Predict::parse("question -> answer")?.model(model);
/// let history = CallHistory::new(10);
///
/// let asked = predict.call(fields! { question: "The capital of Peru?" });
/// scope(Settings::new().observe(history.clone()), asked).await?;
///
/// assert!(history.to_string().contains("The capital of Peru?"));
/// assert_eq!(history.usage()["scripted/any"].input.total, Some(1));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct CallHistory(Arc<Shared>);

/// One request, and what came of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallRecord {
    /// What asked: the name of the signature, prompt function or chain around; empty where there is none.
    /// A signature that is text is called `StringSignature`; name it with
    /// [`SignatureSpec::with_name`](crate::SignatureSpec::with_name).
    pub caller: String,
    /// Who was asked, as `provider/model`.
    pub model: String,
    /// What was asked.
    pub request: Arc<Request>,
    /// The answer, or what had arrived of it; `None` while there is none.
    pub response: Option<Arc<Response>>,
    /// Why it failed.
    pub error: Option<String>,
    id: RunId,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    calls: VecDeque<CallRecord>,
    usage: BTreeMap<String, Usage>,
    /// The chains that are under way, each with the one around.
    chains: HashMap<RunId, (String, Option<RunId>)>,
}

impl CallHistory {
    /// Keeps the last `limit` requests.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared { limit, kept: Mutex::default() }))
    }

    /// The requests that are kept, in the order in which they started.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.0.lock().calls.iter().cloned().collect()
    }

    /// The tokens of all requests so far by `provider/model`, those of requests included that are not kept
    /// any more, and those of tries that failed. An answer out of a cache took none.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<String, Usage> {
        self.0.lock().usage.clone()
    }

    /// Forgets all requests and tokens.
    pub fn clear(&self) {
        let mut kept = self.0.lock();
        kept.calls.clear();
        kept.usage.clear();
    }
}

impl IntoObserver for CallHistory {
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
        let mut kept = self.lock();
        match (run.kind(), moment) {
            (RunKind::Chain, Moment::ChainStart) => {
                kept.chains.insert(run.id(), (run.name().to_owned(), run.parent()));
            }
            (RunKind::Chain, ended) if ended.is_end() => {
                kept.chains.remove(&run.id());
            }
            (RunKind::Model, Moment::ModelStart { request, .. }) => {
                let record = CallRecord {
                    caller: kept.caller(run.parent()),
                    model: run.name().to_owned(),
                    request: Arc::new((*request).clone()),
                    response: None,
                    error: None,
                    id: run.id(),
                };
                kept.calls.push_back(record);
                while kept.calls.len() > self.limit {
                    kept.calls.pop_front();
                }
            }
            (RunKind::Model, Moment::ModelEnd { response }) => {
                kept.charge(run, &response.attempts);
                kept.answer(run, response);
            }
            (RunKind::Model, Moment::Error(error)) => {
                kept.charge(run, error.attempts());
                if let Some(partial) = error.partial() {
                    kept.answer(run, partial);
                }
                if let Some(call) = kept.call(run.id()) {
                    call.error = Some(error.to_string());
                }
            }
            _ => {}
        }
    }

    fn wants_events(&self) -> bool {
        false
    }
}

impl Kept {
    /// Who asks in a chain: the signature around the calls of a predictor or agent.
    fn caller(&self, chain: Option<RunId>) -> String {
        let chain = chain.and_then(|id| self.chains.get(&id));
        let signature =
            chain.filter(|(name, _)| [predict::CALL, react::CALL].contains(&name.as_str()));
        let around = signature.and_then(|(_, around)| self.chains.get(&(*around)?));
        around.or(chain).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Adds what tries took that led to nothing. One whose answer could not be read was answered, and
    /// counted when it was.
    fn charge(&mut self, run: &Run, attempts: &[Attempt]) {
        let is_new = |attempt: &&Attempt| {
            attempt.kind != ErrorKind::Output && attempt.usage != Usage::default()
        };
        for attempt in attempts.iter().filter(is_new) {
            let model = match &attempt.provider {
                Some(provider) if !attempt.model.is_empty() => {
                    format!("{provider}/{}", attempt.model)
                }
                _ => run.name().to_owned(),
            };
            self.usage.entry(model).or_default().add(&attempt.usage);
        }
    }

    fn call(&mut self, id: RunId) -> Option<&mut CallRecord> {
        // The newest are those under way.
        self.calls.iter_mut().rev().find(|call| call.id == id)
    }

    fn answer(&mut self, run: &Run, response: &Response) {
        if !response.cached {
            self.usage.entry(run.name().to_owned()).or_default().add(&response.usage);
        }
        if let Some(call) = self.call(run.id()) {
            call.response = Some(Arc::new(response.clone()));
        }
    }
}

/// Writes the requests one after the other, what was said in full.
impl fmt::Display for CallHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for call in self.calls() {
            writeln!(f, "{call}")?;
        }
        Ok(())
    }
}

/// Writes the messages and the answer, each under who said it.
impl fmt::Display for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "=== {} asks {}", self.caller, self.model)?;
        self.request.messages.iter().try_for_each(|message| write_message(f, message))?;
        if let Some(response) = &self.response {
            write_message(f, &response.message)?;
        }
        match &self.error {
            Some(error) => writeln!(f, "\nfailed: {error}"),
            None => Ok(()),
        }
    }
}

fn write_message(f: &mut fmt::Formatter<'_>, message: &Message) -> fmt::Result {
    writeln!(f, "\n{}:\n\n{}", message.role.as_str(), message.text())?;
    let others = message.parts.iter().filter(|part| !matches!(part, Part::Text(_))).count();
    if others > 0 { writeln!(f, "({others} parts that are no text)") } else { Ok(()) }
}
