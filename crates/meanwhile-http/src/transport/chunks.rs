//! [`Chunks`]: the body of an answer while it arrives.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::uri::Authority;
use meanwhile_core::{Error, ErrorKind, Result};

/// The data of a body. Dropping it closes the connection unless it was read to its end.
pub(super) struct Chunks<B> {
    pub(super) body: B,
    pub(super) host: Authority,
}

impl<B> Stream for Chunks<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: StdError + Send + Sync + 'static,
{
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing that matters here.
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Some(Err(error)) => {
                    let message = format!(
                        "the connection to {} broke in the middle of the answer; send the request again",
                        self.host
                    );
                    let error =
                        Error::new(ErrorKind::StreamInterrupted, message).with_source(error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}
