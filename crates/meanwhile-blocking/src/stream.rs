//! [`BlockingStream`]: a streamed answer as an iterator.

use std::iter;

use meanwhile_core::{Event, Extract, Response, ResponseStream, Result};

use crate::block_on;

/// A streamed answer: an iterator of [`Event`]s that folds itself while it is read.
///
/// An error is its last item, and carries everything received before it. Each step waits on the
/// thread that takes it. Dropping it cancels the request.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is read"]
pub struct BlockingStream<T = Response> {
    stream: ResponseStream<T>,
    // After a step in an async task, which is an error like any other.
    refused: bool,
}

impl<T: Extract> BlockingStream<T> {
    pub(crate) fn new(stream: ResponseStream<T>) -> Self {
        Self { stream, refused: false }
    }

    /// Keeps only the visible text, piece by piece.
    pub fn text(mut self) -> impl Iterator<Item = Result<String>> {
        iter::from_fn(move || {
            loop {
                match self.next()? {
                    Ok(Event::TextDelta { text, .. }) => return Some(Ok(text)),
                    Ok(_) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    /// Reads the rest and returns the typed value of the whole answer.
    ///
    /// # Errors
    ///
    /// As [`ResponseStream::finish`]; in an async task as [`block_on`].
    pub fn finish(self) -> Result<T> {
        block_on(self.stream.finish())?
    }

    /// Reads the rest and returns the whole answer.
    ///
    /// # Errors
    ///
    /// As [`ResponseStream::response`]; in an async task as [`block_on`].
    pub fn response(self) -> Result<Response> {
        block_on(self.stream.response())?
    }
}

impl<T: Extract> Iterator for BlockingStream<T> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.refused {
            return None;
        }
        match block_on(self.stream.next()) {
            Ok(item) => item,
            Err(error) => {
                self.refused = true;
                Some(Err(error))
            }
        }
    }
}
