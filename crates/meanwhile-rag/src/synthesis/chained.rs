//! [`chained`], a stream of an answer that observers see as one chain, from its question to its last piece.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use meanwhile_core::{Error, ErrorKind, Result, chain};

use super::{AnswerStream, Step};
use crate::Scored;

/// Runs `begin` and the stream that it gives inside one chain. Nothing runs between polls: the chain is polled
/// with the stream, and dropped with it.
pub(crate) async fn chained(
    name: &'static str,
    begin: impl Future<Output = Result<AnswerStream>> + Send + 'static,
) -> Result<AnswerStream> {
    let given = Given::default();
    let giving = given.clone();
    let work = chain(name, async move {
        let (sources, mut steps) = begin.await?.into_parts();
        giving.give(Piece::Begun(sources)).await;
        while let Some(step) = future::poll_fn(|cx| steps.as_mut().poll_next(cx)).await {
            match step? {
                // The chain has ended when its answer is given out: nobody asks for more after it.
                done @ Step::Done(_) => return Ok(Some(done)),
                step => giving.give(Piece::Step(step)).await,
            }
        }
        Ok(None)
    });
    let mut chained = Chained { work: Box::pin(work), given, is_over: false };
    match future::poll_fn(|cx| chained.poll_piece(cx)).await {
        Some(Ok(Piece::Begun(sources))) => Ok(AnswerStream::new(sources, chained)),
        Some(Err(error)) => Err(error),
        _ => Err(Error::new(ErrorKind::Other, "the answer ended before it began")),
    }
}

/// What the chain hands to whoever polls it.
enum Piece {
    Begun(Vec<Scored>),
    Step(Step),
}

/// Where the one puts it and the other takes it, in the same poll.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<Option<Piece>>>);

impl Given {
    async fn give(&self, piece: Piece) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(piece);
        // Taken before the next poll.
        future::poll_fn(|_| {
            let given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if given.is_some() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn take(&self) -> Option<Piece> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Chained {
    work: Pin<Box<dyn Future<Output = Result<Option<Step>>> + Send>>,
    given: Given,
    is_over: bool,
}

impl Chained {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        match self.work.as_mut().poll(cx) {
            Poll::Pending => match self.given.take() {
                Some(piece) => Poll::Ready(Some(Ok(piece))),
                None => Poll::Pending,
            },
            Poll::Ready(outcome) => {
                self.is_over = true;
                Poll::Ready(outcome.transpose().map(|last| last.map(Piece::Step)))
            }
        }
    }
}

impl Stream for Chained {
    type Item = Result<Step>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(self.poll_piece(cx)) {
                Some(Ok(Piece::Step(step))) => return Poll::Ready(Some(Ok(step))),
                // Said once, before the stream was there.
                Some(Ok(Piece::Begun(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
