//! [`merge`]: several streams read as one, each item with the label of its stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;

/// Reads several streams as one: items as they come, each with the label of its stream.
///
/// Items of one stream keep their order. No stream is read ahead of the reader, and none is
/// preferred. A stream that ends, or fails, leaves the others running; its error is its last item.
/// Dropping the merged stream drops, and so cancels, all of them.
///
/// ```
/// # use futures::StreamExt as _;
/// # use meanwhile_core::{Event, Model, Scripted};
/// # use meanwhile_concurrency::{gather, merge};
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("one two").reply("three four"), "any");
/// let calls = ["a", "b"].map(|text| model.call::<String>(text).stream());
/// let streams = gather(calls).await?;
/// let mut texts = [String::new(), String::new()];
/// let mut events = merge(streams.into_iter().enumerate());
/// while let Some((index, event)) = events.next().await {
///     if let Event::TextDelta { text, .. } = event? {
///         texts[index].push_str(&text);
///     }
/// }
/// assert_eq!(texts, ["one two", "three four"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub fn merge<L, S>(streams: impl IntoIterator<Item = (L, S)>) -> Merge<L, S>
where
    L: Clone + Unpin,
    S: Stream + Unpin,
{
    let streams = streams.into_iter().map(|(label, stream)| Labelled { label, stream });
    Merge { streams: streams.collect() }
}

/// Several streams read as one. See [`merge`].
#[must_use = "a stream does nothing unless polled"]
pub struct Merge<L, S> {
    streams: SelectAll<Labelled<L, S>>,
}

impl<L, S> Merge<L, S>
where
    L: Clone + Unpin,
    S: Stream + Unpin,
{
    /// Adds a stream; the merged stream may have ended already, and goes on with it.
    pub fn push(&mut self, label: L, stream: S) {
        self.streams.push(Labelled { label, stream });
    }

    /// How many streams have not ended yet, as far as has been read.
    #[must_use]
    pub fn open(&self) -> usize {
        self.streams.len()
    }
}

impl<L, S> Stream for Merge<L, S>
where
    L: Clone + Unpin,
    S: Stream + Unpin,
{
    type Item = (L, S::Item);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.streams.poll_next_unpin(cx)
    }
}

impl<L, S> fmt::Debug for Merge<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge").finish_non_exhaustive()
    }
}

/// A stream with its label.
struct Labelled<L, S> {
    label: L,
    stream: S,
}

impl<L, S> Stream for Labelled<L, S>
where
    L: Clone + Unpin,
    S: Stream + Unpin,
{
    type Item = (L, S::Item);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.stream.poll_next_unpin(cx);
        item.map(|item| item.map(|item| (self.label.clone(), item)))
    }
}
