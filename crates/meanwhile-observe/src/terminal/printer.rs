//! [`StreamPrinter`]: writes an answer for people while it comes.

use std::collections::BTreeMap;
use std::io::{self, Stdout, Write};

use meanwhile_core::{
    Error, ErrorKind, Event, Extract, FinishReason, Part, PartStart, ResponseStream, Result,
    ToolCall,
};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{DIM, TOOL, WARNING, paint, shows_colors};

/// Writes an answer while it comes: text as it is, thinking dimmed, calls of tools when they are
/// complete, warnings and failed tries on lines of their own.
///
/// Control characters of the answer, which could steer a terminal, are not passed on.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::terminal::StreamPrinter;
/// # futures_util::FutureExt::now_or_never(async {
/// let model = Model::new(Scripted::new().reply("The Name of the Wind"), "any");
/// let mut stream = model.call::<String>("Recommend a book").stream().await?;
///
/// // `StreamPrinter::stdout()` writes to the terminal.
/// let mut printer = StreamPrinter::new(Vec::new());
/// printer.print(&mut stream).await?;
///
/// assert_eq!(printer.into_inner(), b"The Name of the Wind\n");
/// assert_eq!(stream.finish().await?, "The Name of the Wind");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct StreamPrinter<W> {
    writer: W,
    text: EventText,
}

impl StreamPrinter<Stdout> {
    /// Writes to the standard output, in colours where it shows them.
    #[must_use]
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let colors = shows_colors(&stdout);
        Self::new(stdout).colors(colors)
    }
}

impl<W: Write> StreamPrinter<W> {
    /// Writes plain text to `writer`.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self { writer, text: EventText::default() }
    }

    /// Sets whether colours are written.
    #[must_use]
    pub fn colors(mut self, colors: bool) -> Self {
        self.text.colors = colors;
        self
    }

    /// Writes one event, and flushes.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let text = self.text.of(event);
        if text.is_empty() {
            return Ok(());
        }
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }

    /// Reads a stream to its end and writes it. The stream can still give its value.
    ///
    /// # Errors
    ///
    /// Whatever ends the stream, after what had arrived was written; and those of the writer.
    pub async fn print<T: Extract>(&mut self, stream: &mut ResponseStream<T>) -> Result<()> {
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => self.event(&event).map_err(unwritable)?,
                Err(error) => {
                    let text = self.text.line_end();
                    self.writer.write_all(text.as_bytes()).map_err(unwritable)?;
                    self.writer.flush().map_err(unwritable)?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

/// A [`StreamPrinter`] for writers that are async.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::terminal::AsyncStreamPrinter;
/// # futures_util::FutureExt::now_or_never(async {
/// let model = Model::new(Scripted::new().reply("The Name of the Wind"), "any");
/// let mut stream = model.call::<String>("Recommend a book").stream().await?;
///
/// // A connection, for one.
/// let mut printer = AsyncStreamPrinter::new(Vec::new());
/// printer.print(&mut stream).await?;
///
/// assert_eq!(printer.into_inner(), b"The Name of the Wind\n");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct AsyncStreamPrinter<W> {
    writer: W,
    text: EventText,
}

impl<W: AsyncWrite + Unpin> AsyncStreamPrinter<W> {
    /// Writes plain text to `writer`.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self { writer, text: EventText::default() }
    }

    /// Sets whether colours are written.
    #[must_use]
    pub fn colors(mut self, colors: bool) -> Self {
        self.text.colors = colors;
        self
    }

    /// Writes one event, and flushes. Not cancel-safe: a part of the event may have been written.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub async fn event(&mut self, event: &Event) -> io::Result<()> {
        let text = self.text.of(event);
        if text.is_empty() {
            return Ok(());
        }
        self.writer.write_all(text.as_bytes()).await?;
        self.writer.flush().await
    }

    /// Reads a stream to its end and writes it. The stream can still give its value.
    ///
    /// # Errors
    ///
    /// Whatever ends the stream, after what had arrived was written; and those of the writer.
    pub async fn print<T: Extract>(&mut self, stream: &mut ResponseStream<T>) -> Result<()> {
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => self.event(&event).await.map_err(unwritable)?,
                Err(error) => {
                    let text = self.text.line_end();
                    self.writer.write_all(text.as_bytes()).await.map_err(unwritable)?;
                    self.writer.flush().await.map_err(unwritable)?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

fn unwritable(source: io::Error) -> Error {
    let message = format!("the answer cannot be written: {source}");
    Error::new(ErrorKind::Other, message).with_source(source)
}

/// What is written for each event.
#[derive(Debug, Default)]
struct EventText {
    colors: bool,
    /// The part whose text was written last.
    part: Option<u32>,
    /// Whether the last thing written did not end its line.
    open: bool,
    /// Calls that are not complete: parallel ones may arrive in turns.
    calls: BTreeMap<u32, ToolCall>,
}

impl EventText {
    fn of(&mut self, event: &Event) -> String {
        let mut out = String::new();
        match event {
            Event::TextDelta { index, text } => self.text(&mut out, *index, None, text),
            Event::ThinkingDelta { index, text } => self.text(&mut out, *index, Some(DIM), text),
            Event::RefusalDelta { index, text } => {
                self.text(&mut out, *index, Some(WARNING), text);
            }
            Event::PartStart { index, part: PartStart::ToolCall { id, name } } => {
                self.calls.insert(*index, ToolCall::new(id, name, ""));
            }
            Event::ToolCallDelta { index, arguments } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.arguments.push_str(arguments);
                }
            }
            Event::PartEnd { index, .. } => {
                if let Some(call) = self.calls.remove(index) {
                    self.call(&mut out, &call);
                }
            }
            Event::Part { index, part } => self.whole(&mut out, *index, part),
            Event::Warning(warning) => {
                let text = format!("warning: {}: {}", warning.subject, warning.message);
                self.line(&mut out, WARNING, &text);
            }
            Event::Attempt(attempt) => {
                let text =
                    format!("retry: {}: {}: {}", attempt.model, attempt.kind, attempt.message);
                self.line(&mut out, WARNING, &text);
            }
            Event::Finish(finish) => {
                out.push_str(&self.line_end());
                let note = match finish.reason {
                    FinishReason::Length => "the answer was cut at its token limit",
                    FinishReason::ContentFilter => "a content filter stopped the answer",
                    FinishReason::Paused => "the provider paused the answer",
                    FinishReason::Error => "the provider failed while it answered",
                    _ => return out,
                };
                self.line(&mut out, WARNING, note);
            }
            _ => {}
        }
        out
    }

    /// Ends the line, where one is open.
    fn line_end(&mut self) -> String {
        self.part = None;
        if std::mem::take(&mut self.open) { "\n".to_owned() } else { String::new() }
    }

    fn text(&mut self, out: &mut String, part: u32, style: Option<anstyle::Style>, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.part.is_some_and(|last| last != part) {
            out.push_str(&self.line_end());
        }
        self.part = Some(part);
        paint(out, self.colors && style.is_some(), style.unwrap_or_default(), text);
        self.open = !text.ends_with('\n');
    }

    fn line(&mut self, out: &mut String, style: anstyle::Style, text: &str) {
        out.push_str(&self.line_end());
        paint(out, self.colors, style, text);
        out.push('\n');
    }

    fn call(&mut self, out: &mut String, call: &ToolCall) {
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
        self.line(out, TOOL, &format!("→ {}({arguments})", call.name));
    }

    fn whole(&mut self, out: &mut String, index: u32, part: &Part) {
        match part {
            Part::Text(text) => self.text(out, index, None, &text.text),
            Part::Thinking(thinking) => self.text(out, index, Some(DIM), &thinking.text),
            Part::Refusal(refusal) => self.text(out, index, Some(WARNING), &refusal.text),
            Part::ToolCall(call) => self.call(out, call),
            Part::Image(_) => self.line(out, DIM, "[image]"),
            Part::Audio(_) => self.line(out, DIM, "[audio]"),
            Part::Document(_) => self.line(out, DIM, "[document]"),
            _ => {}
        }
    }
}
