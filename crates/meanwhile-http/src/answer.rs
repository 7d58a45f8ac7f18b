//! [`Answer`]: from the chunks of one body to events, without I/O, a clock or `async`.
//!
//! What must hold: exactly one item is terminal, a finish or an error; it comes last; everything
//! that was read before it comes before it. An error that a server writes between or behind the events of
//! a stream counts without the form of an event like one that has it: no answer ends well behind it.

use std::collections::VecDeque;

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Result};

#[cfg(feature = "aws-event-stream")]
use crate::frame::AwsEventStream;
use crate::frame::{FRAME_LIMIT, JsonLines, Sse, is_body, too_large, without_mark};
use crate::redact::shown;
use crate::told::{broke_off, failure, named};
use crate::{Decoder, Frame, Framing};

/// The decoding of one answer: chunks go in, events come out.
///
/// The exchange drives it from a connection, a test or a replay from recorded bytes:
///
/// ```
/// # use meanwhile_core::{Event, Finish, FinishReason, Result};
/// # use meanwhile_http::{Answer, Decoder, Frame, Framing};
/// # use std::collections::VecDeque;
/// # struct MyDecoder;
/// # impl Decoder for MyDecoder {
/// #     fn frame(&mut self, _: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
/// #         events.push_back(Event::finish(Finish::new(FinishReason::Stop)));
/// #         Ok(())
/// #     }
/// #     fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> { Ok(()) }
/// # }
/// let mut answer = Answer::new(MyDecoder, Framing::ServerSentEvents);
/// let mut events = Vec::new();
/// for chunk in ["data: {\"te", "xt\": \"hi\"}\n\n"] {
///     answer.push(chunk.into());
///     events.extend(std::iter::from_fn(|| answer.next()));
/// }
/// answer.end();
/// events.extend(std::iter::from_fn(|| answer.next()));
/// assert!(matches!(events.last(), Some(Ok(Event::Finish(_)))));
/// ```
#[derive(Debug)]
pub struct Answer<D> {
    decoder: D,
    frames: Frames,
    events: VecDeque<Event>,
    // Comes when the events before it are gone.
    error: Option<Error>,
    input: Input,
    finished: bool,
    frame_count: u64,
    // The decoder holds nothing back any more.
    flushed: bool,
    // Whether frames are handed on as they came, too.
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
    // The frames and the decoder have seen the end.
    Read,
}

#[derive(Debug)]
enum Frames {
    Whole {
        first: Bytes,
        all: Vec<u8>,
        limit: usize,
    },
    Sse(Sse),
    JsonLines(JsonLines),
    #[cfg(feature = "aws-event-stream")]
    Aws(AwsEventStream),
}

impl<D: Decoder> Answer<D> {
    /// Starts decoding a body that is cut as `framing` says, with the usual limit for one frame.
    #[must_use]
    pub fn new(decoder: D, framing: Framing) -> Self {
        Self::with_limit(decoder, framing, FRAME_LIMIT)
    }

    /// Starts decoding a body whose frames hold at most `limit` bytes each.
    #[must_use]
    pub fn with_limit(decoder: D, framing: Framing, limit: usize) -> Self {
        let frames = match framing {
            Framing::Whole => Frames::Whole { first: Bytes::new(), all: Vec::new(), limit },
            Framing::ServerSentEvents => Frames::Sse(Sse::new(limit)),
            Framing::JsonLines => Frames::JsonLines(JsonLines::new(limit)),
            #[cfg(feature = "aws-event-stream")]
            Framing::AwsEventStream => Frames::Aws(AwsEventStream::new(limit)),
        };
        Self {
            decoder,
            frames,
            // Most whole answers fit.
            events: VecDeque::with_capacity(8),
            error: None,
            input: Input::Open,
            finished: false,
            frame_count: 0,
            flushed: false,
            raw: false,
        }
    }

    /// Hands every frame on as it came, too, in front of its events.
    pub fn keep_raw(&mut self) {
        self.raw = true;
    }

    /// Adds an event in front of what the decoder makes of the chunks to come.
    pub fn announce(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Adds the next chunk of the body. Has no effect behind the end.
    pub fn push(&mut self, chunk: Bytes) {
        if self.input != Input::Open {
            return;
        }
        match &mut self.frames {
            Frames::Sse(frames) => frames.push(chunk),
            Frames::JsonLines(frames) => frames.push(chunk),
            #[cfg(feature = "aws-event-stream")]
            Frames::Aws(frames) => frames.push(chunk),
            Frames::Whole { first, all, limit } => {
                let size = first.len() + all.len() + chunk.len();
                if size > *limit {
                    let error = too_large(*limit);
                    self.fail(error);
                } else if first.is_empty() && all.is_empty() {
                    *first = chunk;
                } else {
                    // The first chunk is kept as it is, in case it stays the only one.
                    all.extend_from_slice(&std::mem::take(first));
                    all.extend_from_slice(&chunk);
                }
            }
        }
    }

    /// Says that the body is complete.
    pub fn end(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Ended;
        }
    }

    /// Says that no more of the body can be had. What was read so far still comes, then `error`, or the
    /// error that the server wrote last.
    pub fn fail(&mut self, error: Error) {
        if self.input != Input::Read {
            self.input = Input::Read;
            self.drain();
            if self.error.is_none() && !self.events.iter().any(Event::is_terminal) {
                // The last line may lack its end; what is left of an event is of no use.
                if let Frames::Sse(frames) = &mut self.frames {
                    drop(frames.end());
                }
                self.flush();
                self.error = Some(self.unframed_error(true).unwrap_or(error));
            }
        }
    }

    /// Takes the next item; `None` when another chunk is needed, and behind the terminal item.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) when a frame cannot be read,
    /// [`StreamInterrupted`](ErrorKind::StreamInterrupted) when the body ends too early, whatever
    /// the answer itself reports as a failure, and what [`fail`](Self::fail) was told. Nothing comes
    /// after an error.
    #[expect(clippy::should_implement_trait, reason = "`None` may be followed by more")]
    pub fn next(&mut self) -> Option<Result<Event>> {
        if self.finished {
            return None;
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                self.finished = event.is_terminal();
                return Some(Ok(event));
            }
            if let Some(error) = self.error.take() {
                self.finished = true;
                return Some(Err(error));
            }
            if !self.read_frame() {
                return None;
            }
        }
    }

    /// Whether the terminal item was taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// How many frames were decoded. Comments and keep-alives without data are none.
    #[must_use]
    pub fn frame_count(&self) -> u64 {
        self.frame_count
    }

    /// Decodes one frame, or the end. Returns whether there was anything to read.
    fn read_frame(&mut self) -> bool {
        if self.input == Input::Read {
            return false;
        }
        let frame = match &mut self.frames {
            Frames::Whole { .. } => Ok(None),
            Frames::Sse(frames) => frames.next(),
            Frames::JsonLines(frames) => frames.next(),
            #[cfg(feature = "aws-event-stream")]
            Frames::Aws(frames) => frames.next(),
        };
        let read = match frame {
            Ok(Some(frame)) => {
                self.frame_count += 1;
                if self.raw {
                    self.events.push_back(raw(frame));
                }
                let known = self.events.len();
                let read = self.decoder.frame(frame, &mut self.events);
                let read = read.and_then(|()| unless_error(frame)).map_err(|error| {
                    self.flushed |= take_back_finish(&mut self.events, known);
                    explain(error, frame)
                });
                self.unless_failed(read)
            }
            Ok(None) if self.input == Input::Ended => {
                self.input = Input::Read;
                self.read_end()
            }
            Ok(None) => return false,
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            self.input = Input::Read;
            self.flush();
            self.error = Some(error);
        }
        true
    }

    /// Decodes what is left behind the last complete frame, and the end.
    fn read_end(&mut self) -> Result<()> {
        let last = match &mut self.frames {
            Frames::Whole { first, all, .. } => {
                Some(Frame::Body(without_mark(if all.is_empty() { first } else { all })))
            }
            Frames::Sse(frames) => match frames.end()? {
                Some(frame) => Some(frame),
                // In the place of all events, JSON is the whole answer, and a page is none.
                None => Some(frames.other())
                    .filter(|other| self.frame_count == 0 && is_body(other))
                    .filter(|_| !frames.has_failed())
                    .map(Frame::Body),
            },
            Frames::JsonLines(frames) => frames.end()?,
            #[cfg(feature = "aws-event-stream")]
            Frames::Aws(frames) => frames.end()?,
        };
        let is_empty =
            |frame: &Frame<'_>| matches!(frame, Frame::Body(body) if body.trim_ascii().is_empty());
        if let Some(frame) = last.filter(|frame| !is_empty(frame)) {
            self.frame_count += 1;
            if self.raw {
                self.events.push_back(raw(frame));
            }
            let read = self.decoder.frame(frame, &mut self.events);
            let read = read.and_then(|()| unless_error(frame)).map_err(|error| match frame {
                Frame::Body(body) if error.kind() == ErrorKind::Decode && breaks_off(body) => {
                    let message = "the answer broke off in the middle; send the request again";
                    let broken = Error::new(ErrorKind::StreamInterrupted, message);
                    broken.with_body(shown(body)).with_source(error)
                }
                Frame::Body(_) => explain(error, frame),
                _ if error.kind() == ErrorKind::Decode => {
                    let message =
                        "the answer broke off in the middle of an event; send the request again";
                    Error::new(ErrorKind::StreamInterrupted, message).with_source(error)
                }
                _ => error,
            });
            match frame {
                // It may be what came in the place of events.
                Frame::Body(_) => read?,
                _ => self.unless_failed(read)?,
            }
        }
        let finished = |events: &VecDeque<Event>| events.iter().any(Event::is_terminal);
        if self.frame_count == 0 && !finished(&self.events) {
            let message = "the answer ended before it began; send the request again";
            return self.unless_failed(Err(Error::new(ErrorKind::StreamInterrupted, message)));
        }
        if !finished(&self.events) {
            self.flushed = true;
            let ended = self.decoder.end(&mut self.events);
            let ended = ended.and_then(|()| match finished(&self.events) {
                true => Ok(()),
                false => {
                    let message = "the answer ended before its finish; send the request again";
                    Err(Error::new(ErrorKind::StreamInterrupted, message))
                }
            });
            self.unless_failed(ended)?;
        }
        Ok(())
    }

    /// How an event or the end was read, unless the server said in front of it, without the form of an
    /// event, that it failed.
    fn unless_failed(&mut self, read: Result<()>) -> Result<()> {
        let text = self.unframed();
        if text.is_empty() || read.as_ref().is_err_and(|error| !is_vague(error)) {
            return read;
        }
        let finish = self.events.back().and_then(|event| match event {
            Event::Finish(finish) => Some(finish),
            _ => None,
        });
        let unexplained =
            |finish: &Finish| finish.reason == FinishReason::Other && finish.raw.is_none();
        // Nobody said why the answer ended.
        let is_cut = read.is_err() || finish.is_some_and(|finish| unexplained(finish));
        // A complete answer stays one, unless the server says that it failed.
        let is_over = finish.is_some() && memchr::memmem::find(text, b"\"error\"").is_some();
        let read = match (self.unframed_error(is_cut || is_over), read) {
            (Some(error), _) => Err(error),
            (None, Ok(())) if is_cut => {
                let message = "the answer ended without a reason; send the request again";
                Err(Error::new(ErrorKind::StreamInterrupted, message))
            }
            (None, read) => read,
        };
        read.map_err(|error| {
            // No more is held back behind a finish.
            self.flushed |= self.events.iter().any(Event::is_terminal);
            self.events.retain(|event| !event.is_terminal());
            broke_off(error, self.unframed())
        })
    }

    /// What the server wrote behind the last event without the form of one.
    fn unframed(&self) -> &[u8] {
        match &self.frames {
            Frames::Sse(frames) => frames.other().trim_ascii(),
            _ => &[],
        }
    }

    /// The error that the server wrote behind the last event without the form of one. JSON of which only the
    /// decoder knows whether it is one counts where the answer `is_over`.
    fn unframed_error(&mut self, is_over: bool) -> Option<Error> {
        let Frames::Sse(frames) = &self.frames else { return None };
        let text = frames.other().trim_ascii().to_vec();
        let named = named(&text);
        let is_json = matches!(text.first(), Some(b'{' | b'['));
        let is_certain = !text.is_empty() && (frames.has_failed() || named.is_some());
        if is_certain {
            self.flush();
        } else if !(is_over && is_json) {
            return None;
        }
        let mut events = VecDeque::new();
        let asked = self.decoder.frame(Frame::Body(named.unwrap_or(&text)), &mut events);
        // Nothing but a failure that the decoder knows says more than that the answer is not complete.
        let error = match asked {
            Err(error) if !is_vague(&error) => error,
            _ if is_certain => failure(&text),
            _ => return None,
        };
        if self.raw {
            self.events.push_back(raw(Frame::Body(&text)));
        }
        let is_kept = |event: &Event| matches!(event, Event::Metadata(_) | Event::Usage(_));
        self.events.extend(events.into_iter().filter(is_kept));
        Some(error)
    }

    /// Takes what the decoder held back until it knew more, which was said as well.
    fn flush(&mut self) {
        let is_complete = self.events.iter().any(Event::is_terminal);
        if !std::mem::replace(&mut self.flushed, true) && !is_complete {
            let mut held = VecDeque::new();
            drop(self.decoder.end(&mut held));
            self.events.extend(held.into_iter().filter(|event| !event.is_terminal()));
        }
    }

    /// Decodes every complete frame at once.
    fn drain(&mut self) {
        let input = std::mem::replace(&mut self.input, Input::Open);
        while self.error.is_none() && self.read_frame() {}
        self.input = input;
    }
}

/// Removes a finish that was added behind the first `known` events; whether there was one.
fn take_back_finish(events: &mut VecDeque<Event>, known: usize) -> bool {
    let count = events.len();
    let mut at = 0;
    events.retain(|event| {
        at += 1;
        at <= known || !event.is_terminal()
    });
    events.len() != count
}

/// An event called `error` is one, whatever the decoder makes of it.
fn unless_error(frame: Frame<'_>) -> Result<()> {
    match frame {
        Frame::Event { name: Some(b"error"), data } => Err(failure(data)),
        _ => Ok(()),
    }
}

/// Whether an error says no more than that the answer is not complete.
fn is_vague(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Decode | ErrorKind::StreamInterrupted)
}

/// Whether a body is the beginning of JSON, and no more.
fn breaks_off(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// Shows the beginning of what could not be decoded.
fn explain(error: Error, frame: Frame<'_>) -> Error {
    if error.kind() != ErrorKind::Decode || error.body().is_some() {
        return error;
    }
    error.with_body(shown(data(frame)))
}

fn data(frame: Frame<'_>) -> &[u8] {
    match frame {
        Frame::Body(data) | Frame::Line(data) | Frame::Event { data, .. } => data,
        #[cfg(feature = "aws-event-stream")]
        Frame::Message { data, .. } => data,
    }
}

fn raw(frame: Frame<'_>) -> Event {
    Event::Raw(String::from_utf8_lossy(data(frame)).into())
}
