//! [`gather`] and [`map_concurrent`]: many calls at once, and [`Gather`], the ways to have their results.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures_core::Stream;
use meanwhile_core::{Result, Scope};

use crate::pool::{Options, Pool};

/// Makes many calls at once; their results come in the order of the calls.
///
/// Takes anything that can be awaited for a [`Result`]: calls of prompt functions, whichever provider
/// answers them, and other futures. Awaiting the gather fails with the first error and cancels the
/// calls that still run; [`settle`](Gather::settle) waits for all and keeps every result;
/// [`as_completed`](Gather::as_completed) hands each on as it comes. Without a
/// [`limit`](Gather::limit) all calls run at once. Nothing is sent before the first poll.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_concurrency::gather;
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("one").reply("two"), "any");
/// let calls = ["1", "2"].map(|text| model.call::<String>(text));
/// assert_eq!(gather(calls).limit(1).await?, ["one", "two"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[doc(alias = "try_gather")]
#[doc(alias = "join_all")]
pub fn gather<I>(calls: I) -> Gather<vec::IntoIter<I::Item>>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    let calls: Vec<I::Item> = calls.into_iter().collect();
    Gather { calls: calls.into_iter(), options: Options::default() }
}

/// Makes a call of every item, at most `limit` at the same time; 0 counts as 1.
///
/// An item is taken, and its call made, only when a place comes free: a million items cost no more
/// memory than `limit` calls, beside the results that are kept. The calls are made in the scope of the
/// task that called this function. Everything else is as with [`gather`]; a long list is best read as a
/// stream, [ordered](Gather::ordered) or [as completed](Gather::as_completed).
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_concurrency::map_concurrent;
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply_with(|asked| asked.messages[0].text()), "any");
/// let prompts = (0..100).map(|number| format!("prompt {number}"));
/// let answers = map_concurrent(prompts, 5, |prompt| model.call::<String>(prompt)).await?;
/// assert_eq!(answers[99], "prompt 99");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn map_concurrent<I, F, C>(items: I, limit: usize, call: F) -> Gather<Mapped<I::IntoIter, F>>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> C,
    C: IntoFuture,
{
    let calls = Mapped { items: items.into_iter(), call, scope: Scope::current() };
    Gather { calls, options: Options::default() }.limited(limit)
}

/// Items that become calls when they are taken. See [`map_concurrent`].
#[derive(Clone)]
pub struct Mapped<I, F> {
    items: I,
    call: F,
    scope: Scope,
}

impl<I, F, C> Iterator for Mapped<I, F>
where
    I: Iterator,
    F: FnMut(I::Item) -> C,
{
    type Item = C;

    fn next(&mut self) -> Option<C> {
        let Self { items, call, scope } = self;
        scope.enter(|| items.next().map(call))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I, F> std::fmt::Debug for Mapped<I, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapped").finish_non_exhaustive()
    }
}

/// Many calls, ready to be made. See [`gather`] and [`map_concurrent`].
#[derive(Debug, Clone)]
#[must_use = "a gather does nothing unless it is awaited"]
pub struct Gather<I> {
    calls: I,
    options: Options,
}

impl<I> Gather<I> {
    fn limited(mut self, limit: usize) -> Self {
        self.options.limit = limit.max(1);
        self
    }
}

impl<I, C, T> Gather<I>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    /// Runs at most `limit` calls at the same time; 0 counts as 1.
    ///
    /// A limit that several gathers and other calls share, also across tasks, is the layer
    /// [`Concurrency`](meanwhile_layers::Concurrency): give a clone of one to each call.
    pub fn limit(self, limit: usize) -> Self {
        self.limited(limit)
    }

    /// Fails every call that takes longer than `limit`, counted from its own start, with
    /// [`ErrorKind::Timeout`](meanwhile_core::ErrorKind::Timeout). The others are not touched. Needs a
    /// tokio runtime with its time enabled.
    ///
    /// The call is dropped from outside: its error has its place in the list, but neither the operation
    /// nor what had arrived of the answer. The layer [`Timeout`](meanwhile_layers::Timeout), given to
    /// the calls, fails with both.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use meanwhile_core::{Error, ErrorKind, TimeoutPhase};
    /// # use meanwhile_concurrency::gather;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let calls = [1, 60_000].map(|wait| async move {
    ///     tokio::time::sleep(Duration::from_millis(wait)).await;
    ///     Ok::<_, Error>(wait)
    /// });
    /// let results = gather(calls).each_within(Duration::from_millis(20)).settle().await;
    /// assert_eq!(*results[0].as_ref().unwrap(), 1);
    /// let late = results[1].as_ref().unwrap_err();
    /// assert_eq!(late.kind(), ErrorKind::Timeout(TimeoutPhase::Whole));
    /// # }
    /// ```
    pub fn each_within(mut self, limit: Duration) -> Self {
        self.options.each = Some(limit);
        self
    }

    /// Ends all calls when `limit` is over, counted from the first poll: what had finished is kept,
    /// the rest fails with [`ErrorKind::Timeout`](meanwhile_core::ErrorKind::Timeout), what had not
    /// begun included. Needs a tokio runtime with its time enabled.
    ///
    /// Of items that do not say how many they are at most, and may be endless, only the first that had
    /// not begun fails, and the list ends with it. The errors have their place in the list, but neither
    /// an operation nor what had arrived of an answer; with the layer
    /// [`Timeout`](meanwhile_layers::Timeout), given to the calls, late ones have both.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use meanwhile_core::Error;
    /// # use meanwhile_concurrency::gather;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let calls = [1, 60_000].map(|wait| async move {
    ///     tokio::time::sleep(Duration::from_millis(wait)).await;
    ///     Ok::<_, Error>(wait)
    /// });
    /// let results = gather(calls).within(Duration::from_millis(20)).settle().await;
    /// assert!(results[0].is_ok() && results[1].is_err());
    /// # }
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.options.whole = Some(limit);
        self
    }

    /// Tells `report` after every outcome how many calls are done, failed ones included, and how many
    /// there are. Where the items do not say how many they are, the second number is those known of.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use meanwhile_core::{Model, Scripted};
    /// # use meanwhile_concurrency::gather;
    /// # futures::executor::block_on(async {
    /// let model = Model::new(Scripted::new().reply_with(|_| "hello".to_owned()), "any");
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&seen);
    /// gather([(); 3].map(|()| model.call::<String>("hi")))
    ///     .progress(move |done, total| log.lock().unwrap().push(format!("{done} of {total}")))
    ///     .await?;
    /// assert_eq!(*seen.lock().unwrap(), ["1 of 3", "2 of 3", "3 of 3"]);
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    pub fn progress(mut self, report: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.options.progress = Some(Arc::new(report));
        self
    }

    /// Tells `report` when no call is left.
    #[cfg(feature = "progress")]
    pub(crate) fn finished(mut self, report: impl Fn() + Send + Sync + 'static) -> Self {
        self.options.finished = Some(Arc::new(report));
        self
    }

    /// Waits for all calls and returns every result, in the order of the calls. Each error names its
    /// [place](meanwhile_core::Error::index) in the list, beside operation and provider; those of
    /// [`each_within`](Self::each_within) and [`within`](Self::within) have the place only.
    ///
    /// ```
    /// # use meanwhile_core::{Error, ErrorKind, Model, Scripted};
    /// # use meanwhile_concurrency::gather;
    /// # futures::executor::block_on(async {
    /// let down = Error::new(ErrorKind::Server, "down");
    /// let model = Model::new(Scripted::new().reply("one").error(down).reply("three"), "any");
    /// let results = gather([(); 3].map(|()| model.call::<String>("hi"))).limit(1).settle().await;
    /// assert_eq!(results[2].as_ref().unwrap(), "three");
    /// assert_eq!(results[1].as_ref().unwrap_err().index(), Some(1));
    /// # });
    /// ```
    #[doc(alias = "gather_settled")]
    #[doc(alias = "return_exceptions")]
    pub fn settle(self) -> Settle<I, T> {
        Settle { pool: Pool::new(self.calls, self.options), results: Vec::new() }
    }

    /// Hands each result on as it comes, with its place in the list. Dropping the stream cancels the
    /// calls that run; an error does not.
    ///
    /// ```
    /// # use futures::StreamExt as _;
    /// # use meanwhile_core::{Model, Scripted};
    /// # use meanwhile_concurrency::gather;
    /// # futures::executor::block_on(async {
    /// let model = Model::new(Scripted::new().reply("one").reply("two"), "any");
    /// let mut done = gather(["1", "2"].map(|text| model.call::<String>(text))).as_completed();
    /// while let Some((index, result)) = done.next().await {
    ///     println!("{index}: {}", result?);
    /// }
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    pub fn as_completed(self) -> AsCompleted<I> {
        AsCompleted { pool: Pool::new(self.calls, self.options) }
    }

    /// Hands the results on in the order of the calls, each as soon as those before it have come.
    /// Holds at most `limit` calls and results at a time, so that one slow call holds up the calls
    /// `limit` places after it. Dropping the stream cancels the calls that run; an error does not.
    ///
    /// ```
    /// # use futures::TryStreamExt as _;
    /// # use meanwhile_core::{Model, Scripted};
    /// # use meanwhile_concurrency::map_concurrent;
    /// # futures::executor::block_on(async {
    /// let model = Model::new(Scripted::new().reply_with(|asked| asked.messages[0].text()), "any");
    /// let lines = ["one", "two", "three"];
    /// let mut answers = map_concurrent(lines, 2, |line| model.call::<String>(line)).ordered();
    /// while let Some(answer) = answers.try_next().await? {
    ///     println!("{answer}");
    /// }
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    pub fn ordered(self) -> Ordered<I, T> {
        let pool = Pool::new(self.calls, self.options);
        Ordered { pool, held: VecDeque::new(), handed: 0 }
    }
}

impl<I, C, T> IntoFuture for Gather<I>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<Vec<T>>;
    type IntoFuture = GatherAll<I, T>;

    fn into_future(self) -> Self::IntoFuture {
        GatherAll { pool: Pool::new(self.calls, self.options), values: Vec::new() }
    }
}

/// Puts a value at its place.
fn put<T>(slots: &mut Vec<Option<T>>, index: usize, value: T) {
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    if let Some(slot) = slots.get_mut(index) {
        *slot = Some(value);
    }
}

/// The future of a [`Gather`]: all values, or the first error. Dropping it cancels the calls.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct GatherAll<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    pool: Pool<I>,
    values: Vec<Option<T>>,
}

// The values are handed out by value, never pinned.
impl<I, T> Unpin for GatherAll<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
}

impl<I, C, T> Future for GatherAll<I, T>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Result<Vec<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match ready!(this.pool.poll_next(cx, usize::MAX)) {
                Some((index, Ok(value))) => put(&mut this.values, index, value),
                Some((_, Err(error))) => {
                    this.pool.cancel();
                    return Poll::Ready(Err(error));
                }
                None => return Poll::Ready(Ok(this.values.drain(..).flatten().collect())),
            }
        }
    }
}

/// The future of [`Gather::settle`]: every result. Dropping it cancels the calls.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Settle<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    pool: Pool<I>,
    results: Vec<Option<Result<T>>>,
}

// The results are handed out by value, never pinned.
impl<I, T> Unpin for Settle<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
}

impl<I, C, T> Future for Settle<I, T>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    type Output = Vec<Result<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some((index, result)) = ready!(this.pool.poll_next(cx, usize::MAX)) {
            put(&mut this.results, index, result);
        }
        Poll::Ready(this.results.drain(..).flatten().collect())
    }
}

/// The stream of [`Gather::as_completed`]. Dropping it cancels the calls.
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct AsCompleted<I>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    pool: Pool<I>,
}

impl<I, C, T> Stream for AsCompleted<I>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    type Item = (usize, Result<T>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().pool.poll_next(cx, usize::MAX)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pool.remaining()
    }
}

/// The stream of [`Gather::ordered`]. Dropping it cancels the calls.
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct Ordered<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
    pool: Pool<I>,
    /// The results from place `handed` on that have come already.
    held: VecDeque<Option<Result<T>>>,
    handed: usize,
}

// The results are handed out by value, never pinned.
impl<I, T> Unpin for Ordered<I, T>
where
    I: Iterator,
    I::Item: IntoFuture,
{
}

impl<I, C, T> Stream for Ordered<I, T>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(result) = this.held.front_mut().and_then(Option::take) {
                this.held.pop_front();
                this.handed += 1;
                return Poll::Ready(Some(result));
            }
            let end = this.handed.saturating_add(this.pool.limit());
            let Some((index, result)) = ready!(this.pool.poll_next(cx, end)) else {
                return Poll::Ready(None);
            };
            let place = index - this.handed;
            if this.held.len() <= place {
                this.held.resize_with(place + 1, || None);
            }
            if let Some(slot) = this.held.get_mut(place) {
                *slot = Some(result);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.pool.remaining();
        let held = self.held.iter().flatten().count();
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}
