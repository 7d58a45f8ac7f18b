//! [`Codec`] and [`Decoder`]: one wire format, without I/O, a clock or `async`. A recorded body is the whole test.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use meanwhile_core::{Error, Event, Request, Result, Warning};

/// Translates between [`Request`]s, [`Event`]s and one wire format.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// The decoding state of one answer.
    type Decoder: Decoder;

    /// Writes `request`. The same request always gives the same bytes.
    ///
    /// A setting that the wire cannot carry becomes a warning in [`Wire::warnings`], or an error of
    /// kind [`Unsupported`](meanwhile_core::ErrorKind::Unsupported) where the request asks for
    /// that; never silence.
    ///
    /// # Errors
    ///
    /// When the request cannot be written at all.
    fn encode(&self, request: &Request) -> Result<Wire>;

    /// Starts decoding the answer to `request`.
    fn decoder(&self, request: &Request) -> Self::Decoder;

    /// Reads an answer whose status is not a success.
    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error;
}

/// Turns the frames of one answer into events.
pub trait Decoder: Send + 'static {
    /// Reads one frame and appends its events.
    ///
    /// Pushes [`Event::Finish`] only when nothing more is to come: counters that follow the finish
    /// reason on the wire belong before it.
    ///
    /// # Errors
    ///
    /// When the frame cannot be read, or reports a failure. The stream ends with the error.
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()>;

    /// Reads the end of the body, where no finish was pushed yet: pushes it if the answer is
    /// complete.
    ///
    /// Called once, also where the answer broke off or failed: what was held back until more was known
    /// comes then, and nothing else counts. Where the server wrote something that has not the form of an
    /// event, [`frame`](Self::frame) is asked once more, with a [`Frame::Body`], which error it is.
    ///
    /// # Errors
    ///
    /// [`StreamInterrupted`](meanwhile_core::ErrorKind::StreamInterrupted) when the answer is not
    /// complete.
    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()>;
}

/// One piece of an answer's body.
///
/// ```
/// # use std::collections::VecDeque;
/// # use meanwhile_core::{Error, ErrorKind, Event, Part, Result};
/// # use meanwhile_http::{Answer, Decoder, Frame, Framing};
/// /// Makes a part of each line.
/// struct Lines(u32);
///
/// impl Decoder for Lines {
///     fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
///         let Frame::Line(line) = frame else {
///             return Err(Error::new(ErrorKind::Decode, "this wire has lines only"));
///         };
///         events.push_back(Event::part(self.0, Part::text(String::from_utf8_lossy(line))));
///         self.0 += 1;
///         Ok(())
///     }
/// #     fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
/// #         Ok(())
/// #     }
/// }
///
/// let mut answer = Answer::new(Lines(0), Framing::JsonLines);
/// answer.push("\"one\"\n\"two\"\n".into());
/// assert_eq!(answer.next().unwrap()?, Event::part(0, Part::text("\"one\"")));
/// assert_eq!(answer.next().unwrap()?, Event::part(1, Part::text("\"two\"")));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// The whole body, for answers that are not streamed.
    Body(&'a [u8]),
    /// One server-sent event.
    Event {
        /// The event's name; `None` where it has none.
        name: Option<&'a [u8]>,
        /// The data lines, joined with newlines.
        data: &'a [u8],
    },
    /// One line of newline-delimited JSON, without its line end.
    Line(&'a [u8]),
    /// One message of an AWS event stream.
    #[cfg(feature = "aws-event-stream")]
    Message {
        /// What the message is.
        headers: crate::frame::MessageHeaders<'a>,
        /// The payload.
        data: &'a [u8],
    },
}

/// An encoded request, complete but for the base URL and the credential.
///
/// ```
/// use http::Method;
/// use meanwhile_http::{Framing, Wire};
///
/// let ask = Wire::post("/chat", r#"{"model":"small","stream":true}"#, Framing::ServerSentEvents);
/// assert_eq!((ask.method, ask.path.as_str()), (Method::POST, "/chat"));
/// let list = Wire::get("/models?limit=100");
/// assert_eq!((list.method, list.framing), (Method::GET, Framing::Whole));
/// assert!(list.body.is_empty());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Wire {
    /// The HTTP method.
    pub method: Method,
    /// The path below the base URL, beginning with `/`; may carry a query.
    pub path: String,
    /// Headers of this request, beside those of the provider.
    pub headers: HeaderMap,
    /// The body, JSON unless the headers say otherwise.
    pub body: Bytes,
    /// How a streamed answer is cut into frames.
    pub framing: Framing,
    /// What was dropped or changed.
    pub warnings: Vec<Warning>,
}

impl Wire {
    /// Makes a `GET` with one whole answer.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, ..Self::post(path, Bytes::new(), Framing::Whole) }
    }

    /// Makes a `POST` of a JSON body.
    #[must_use]
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>, framing: Framing) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            headers: HeaderMap::new(),
            body: body.into(),
            framing,
            warnings: Vec::new(),
        }
    }
}

/// How the body of an answer is cut into frames.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::{Framing, Wire};
///
/// // What a codec says about the answer that it asks for.
/// fn encode(request: &Request) -> Wire {
///     let framing = if request.is_streamed() { Framing::ServerSentEvents } else { Framing::Whole };
///     Wire::post("/chat", request.messages[0].text(), framing)
/// }
///
/// let request = Request::new("any", vec![Message::user("Hello")]);
/// assert_eq!(encode(&request).framing, Framing::Whole);
/// assert_eq!(encode(&request.streamed()).framing, Framing::ServerSentEvents);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// One frame: the whole body.
    Whole,
    /// Server-sent events.
    ServerSentEvents,
    /// A JSON value a line.
    JsonLines,
    /// The messages of an AWS event stream.
    #[cfg(feature = "aws-event-stream")]
    AwsEventStream,
}
