//! [`compare`]: the same question to several models, side by side.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use meanwhile_core::{
    Error, ErrorKind, ModelRef, Provider as _, Result, Scope, Settings, Usage, Usd,
};
use meanwhile_layers::Prices;

use crate::gather::{Gather, Settle, gather};
use crate::probe::{Probe, Probed};

/// Makes the same call for several models at once and says of each what came of it: the answer or the
/// error, how long it took, the time to its first token, the tokens it used and what they cost.
///
/// `call` makes the call for a model, usually a prompt function with `.model(model)`. The models are
/// `provider/model` strings or [`Model`](meanwhile_core::Model)s. Awaiting it gives an [`Outcome`] a
/// model, in the order of the models; it never fails itself. Dropping it cancels the calls.
///
/// So that the first token can be timed, answers are streamed where the provider can; see
/// [`whole`](Compare::whole).
///
/// ```
/// # use meanwhile_core::{Error, ErrorKind, Model, Registry, Scripted, Call, Prompt};
/// # use meanwhile_concurrency::compare;
/// # futures::executor::block_on(async {
/// # let registry = Registry::new();
/// registry.insert_as("fast", Scripted::new().reply("Dune").into());
/// registry.insert_as("down", Scripted::new().error(Error::new(ErrorKind::Server, "down")).into());
/// # let recommend = |genre: &str| Call::<String>::new("recommend", &registry, Ok(Prompt::from(genre)));
///
/// let outcomes = compare(["fast/a", "down/b"], |model| recommend("fantasy").model(model)).await;
///
/// assert_eq!((outcomes[0].model.as_str(), outcomes[0].answer()), ("fast/a", Some(&"Dune".into())));
/// assert_eq!(outcomes[1].result.as_ref().unwrap_err().kind(), ErrorKind::Server);
/// # });
/// ```
pub fn compare<I, C, T>(models: I, mut call: impl FnMut(ModelRef) -> C) -> Compare<C>
where
    I: IntoIterator,
    I::Item: Into<ModelRef>,
    C: IntoFuture<Output = Result<T>>,
{
    let around = Scope::current();
    let entries = models.into_iter().map(|model| {
        let model = model.into();
        let label = label(&model);
        let probe = Probe::default();
        let scope = around.clone().with(Settings::new().layer(probe.clone()));
        let call = scope.enter(|| call(model));
        (Entry { label, probe: probe.clone() }, Probed { call, scope, probe })
    });
    let (entries, calls): (Vec<_>, Vec<_>) = entries.unzip();
    Compare { entries, calls: gather(calls), prices: None }
}

/// A model by its `provider/model` string.
fn label(model: &ModelRef) -> String {
    match model {
        ModelRef::Named(name) => name.clone().into_owned(),
        ModelRef::Model(model) => format!("{}/{}", model.provider.id(), model.id),
        other => format!("{other:?}"),
    }
}

/// The same call for several models. See [`compare`].
#[derive(Debug)]
#[must_use = "a comparison does nothing unless it is awaited"]
pub struct Compare<C> {
    entries: Vec<Entry>,
    calls: Gather<vec::IntoIter<Probed<C>>>,
    prices: Option<Prices>,
}

/// What is known of a call beside its result.
#[derive(Debug)]
struct Entry {
    label: String,
    probe: Probe,
}

impl<C, T> Compare<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    /// Asks at most `limit` models at the same time; 0 counts as 1.
    pub fn limit(mut self, limit: usize) -> Self {
        self.calls = self.calls.limit(limit);
        self
    }

    /// Marks every model as timed out that takes longer than `limit`; the others are not touched.
    /// Needs a tokio runtime with its time enabled.
    pub fn each_within(mut self, limit: Duration) -> Self {
        self.calls = self.calls.each_within(limit);
        self
    }

    /// Ends the comparison when `limit` is over: what had finished is kept, the rest is marked as
    /// timed out. Needs a tokio runtime with its time enabled.
    pub fn within(mut self, limit: Duration) -> Self {
        self.calls = self.calls.within(limit);
        self
    }

    /// Takes the cost from these prices instead of [`Prices::bundled`].
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Asks for each answer as the call itself does, whole when it is awaited. The time to the first
    /// token is then the time to the answer.
    pub fn whole(self) -> Self {
        self.entries.iter().for_each(|entry| entry.probe.ask_whole());
        self
    }
}

impl<C, T> IntoFuture for Compare<C>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Vec<Outcome<T>>;
    type IntoFuture = CompareAll<C, T>;

    fn into_future(self) -> Self::IntoFuture {
        let prices = self.prices.unwrap_or_else(Prices::bundled);
        CompareAll { entries: self.entries, calls: self.calls.settle(), prices }
    }
}

/// The future of a [`Compare`]. Dropping it cancels the calls.
#[must_use = "futures do nothing unless polled"]
pub struct CompareAll<C, T>
where
    C: IntoFuture<Output = Result<T>>,
{
    entries: Vec<Entry>,
    calls: Settle<vec::IntoIter<Probed<C>>, T>,
    prices: Prices,
}

impl<C, T> Future for CompareAll<C, T>
where
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Vec<Outcome<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let results = ready!(Pin::new(&mut this.calls).poll(cx));
        let outcomes = this.entries.drain(..).zip(results).map(|(entry, result)| Outcome {
            model: entry.label,
            result,
            latency: entry.probe.latency(),
            time_to_first_token: entry.probe.time_to_first_token(),
            usage: entry.probe.usage(),
            cost: entry.probe.cost(&this.prices),
        });
        Poll::Ready(outcomes.collect())
    }
}

impl<C, T> fmt::Debug for CompareAll<C, T>
where
    C: IntoFuture<Output = Result<T>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompareAll").field("entries", &self.entries).finish_non_exhaustive()
    }
}

/// What came of one model in a comparison. Prints as one line, without the answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The model that was asked, as `provider/model`.
    pub model: String,
    /// Its answer, or why there is none.
    pub result: Result<T>,
    /// How long the call took; zero when it never began.
    pub latency: Duration,
    /// From the start of the call to the first piece of the answer; `None` where none came.
    pub time_to_first_token: Option<Duration>,
    /// What all requests of the call used, tool loops and tries that failed included.
    pub usage: Usage,
    /// What that cost; `None` where a price or a count is not known.
    pub cost: Option<Usd>,
}

impl<T> Outcome<T> {
    /// The answer, where there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&T> {
        self.result.as_ref().ok()
    }

    /// Whether a clock ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.result.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Timeout(_)))
    }
}

impl<T> fmt::Display for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Duration| format!("{:.2}s", time.as_secs_f64());
        write!(f, "{}: ", self.model)?;
        match &self.result {
            Ok(_) => write!(f, "answered in {}", time(self.latency))?,
            Err(_) if self.is_timeout() => write!(f, "timed out after {}", time(self.latency))?,
            Err(error) => write!(f, "failed after {}: {}", time(self.latency), Plain(error))?,
        }
        if let Some(first) = self.time_to_first_token {
            write!(f, ", first token after {}", time(first))?;
        }
        if let (Some(read), Some(written)) = (self.usage.input.total, self.usage.output.total) {
            write!(f, ", {read} tokens in, {written} out")?;
        }
        if let Some(cost) = self.cost {
            write!(f, ", {cost}")?;
        }
        Ok(())
    }
}

/// An error without its provider and model, which the line names already.
struct Plain<'a>(&'a Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind(), self.0.message())
    }
}
