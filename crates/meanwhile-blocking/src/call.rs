//! [`Blocking`] and [`BlockingCall`]: waiting for a call, or reading its answer, without `async`.

use std::future::IntoFuture;

use meanwhile_core::{Call, Extract, Result};

use crate::{BlockingStream, block_on};

/// Waits for anything that is awaited for a [`Result`]: a call, a gather, a race.
pub trait Blocking {
    /// What waiting gives.
    type Value;

    /// Waits on this thread.
    ///
    /// ```
    /// use meanwhile_blocking::Blocking as _;
    /// # use meanwhile_core::{Model, Scripted};
    /// # let model = Model::new(Scripted::new().reply("42"), "any");
    /// let answer: u8 = model.call("What is six times seven?").blocking()?;
    /// assert_eq!(answer, 42);
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the call; [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) in an async task,
    /// where nothing is sent.
    fn blocking(self) -> Result<Self::Value>;
}

impl<C, T> Blocking for C
where
    C: IntoFuture<Output = Result<T>>,
{
    type Value = T;

    fn blocking(self) -> Result<T> {
        block_on(self)?
    }
}

/// Reads the answer of a call as it is written, without `async`.
pub trait BlockingCall<T> {
    /// Sends the request and returns its answer as an iterator of events.
    ///
    /// ```
    /// use meanwhile_blocking::BlockingCall as _;
    /// # use meanwhile_core::{Call, Model, Scripted};
    /// # let model = Model::new(Scripted::new().reply("one two three"), "any");
    /// let call: Call<String> = model.call("Count");
    /// let words: Vec<String> = call.blocking_stream()?.text().collect::<Result<_, _>>()?;
    /// assert_eq!(words, ["one ", "two ", "three"]);
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Call::stream`]; [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) in an async task.
    fn blocking_stream(self) -> Result<BlockingStream<T>>;
}

impl<T: Extract> BlockingCall<T> for Call<'_, T> {
    fn blocking_stream(self) -> Result<BlockingStream<T>> {
        Ok(BlockingStream::new(block_on(self.stream())??))
    }
}
