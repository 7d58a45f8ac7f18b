//! [`Partials`]: the value of a streamed answer while it fills; and [`PartialReader`], the same for text
//! from anywhere.

use std::fmt;

use async_trait::async_trait;
use meanwhile_core::tool::OUTPUT_TOOL;
use meanwhile_core::{
    Call, Error, ErrorKind, Event, Extract, OutputFormat, Part, PartStart, ResponseStream, Result,
};
use meanwhile_json::{Change, JsonError, Policy, Reader, Step};

use crate::{Growing, HasPartial, Partial};

/// Fills a value from JSON text that comes in pieces: from an answer, or from the arguments of a tool
/// call ([`Event::ToolCallDelta`]).
///
/// The time is linear in the whole text, however it is cut; the value is never copied.
///
/// ```
/// use meanwhile_output::{Growing, Partial, PartialReader};
///
/// let mut reader = PartialReader::<Vec<String>>::new();
/// reader.push(r#"["Dune", "The Disp"#);
/// let titles: &Partial<Vec<String>> = reader.value();
/// assert_eq!((titles[0].as_str(), titles[1].as_str()), ("Dune", "The Disp"));
/// assert!(titles[0].is_done() && !titles[1].is_done() && !titles.is_done());
/// ```
pub struct PartialReader<T: HasPartial> {
    // Taken at the end.
    reader: Option<Reader>,
    value: Partial<T>,
    wrapped: Wrapping,
    error: Option<JsonError>,
}

/// Whether the value is in an object of its own: `{"value": …}`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrapping {
    /// It is the whole text.
    None,
    /// It may be; what comes first tells.
    Maybe,
    /// It is.
    Value,
}

impl<T: HasPartial> PartialReader<T> {
    /// Reads tolerantly, without a schema.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Reader::new(None, Policy::Repair), false)
    }

    /// Reads by the JSON Schema of the whole text. A type that is no object is read with or without the
    /// object `{"value": …}` that it travels in, and then tolerantly only.
    #[must_use]
    pub fn by_schema(schema: &serde_json::Value) -> Self {
        if T::IS_OBJECT {
            Self::with(Reader::new(Some(schema), Policy::Coerce), false)
        } else {
            // The schema is that of the object, which would be made of a value without one.
            Self::with(Reader::new(None, Policy::Repair), true)
        }
    }

    fn with(reader: Reader, wrapped: bool) -> Self {
        let wrapped = if wrapped { Wrapping::Maybe } else { Wrapping::None };
        Self { reader: Some(reader), value: Partial::<T>::default(), wrapped, error: None }
    }

    /// Reads on. Returns whether the value has changed.
    pub fn push(&mut self, text: &str) -> bool {
        let Self { reader: Some(reader), value, wrapped, .. } = self else { return false };
        let mut changed = false;
        reader.push_with(text, &mut |change| {
            changed = true;
            apply(value, wrapped, &change);
        });
        changed
    }

    /// Reads what the end of the text tells: that a last number, or a last quote, is complete. Returns
    /// whether the value has changed. What is pushed afterwards is not read.
    pub fn end(&mut self) -> bool {
        let Self { reader, value, wrapped, error } = self;
        let Some(reader) = reader.take() else { return false };
        let mut changed = false;
        let outcome = reader.finish_with(&mut |change| {
            changed = true;
            apply(value, wrapped, &change);
        });
        *error = outcome.err();
        changed
    }

    /// The value so far.
    #[must_use]
    pub fn value(&self) -> &Partial<T> {
        &self.value
    }

    /// What is wrong with the text, once something is; the value grows no further.
    #[must_use]
    pub fn error(&self) -> Option<&JsonError> {
        self.error.as_ref().or_else(|| self.reader.as_ref()?.error())
    }
}

fn apply<P: Growing>(value: &mut P, wrapped: &mut Wrapping, change: &Change<'_>) {
    if *wrapped == Wrapping::Maybe {
        match change.path().step(0) {
            None if matches!(
                change,
                Change::Started { kind: meanwhile_json::Kind::Object, .. }
            ) =>
            {
                return;
            }
            Some(Step::Key("value")) => *wrapped = Wrapping::Value,
            _ => *wrapped = Wrapping::None,
        }
    }
    if *wrapped == Wrapping::None {
        value.change(0, change);
    } else if change.path().step(0) == Some(Step::Key("value")) {
        value.change(1, change);
    }
}

impl<T: HasPartial> Default for PartialReader<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: HasPartial> fmt::Debug for PartialReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialReader").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The value of a streamed answer while it fills.
///
/// Lends the same value each time, a little fuller, so that a long answer costs no copies. Dropping it
/// cancels the request.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// use meanwhile_output::{CallPartials as _, Growing as _};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply(r#"["Dune", "The Dispossessed"]"#), "any");
/// let call = model.call::<Vec<String>>("Name two novels");
/// let mut titles = call.partials().await?;
/// let mut most = 0;
/// while let Some(so_far) = titles.next().await {
///     most = most.max(so_far?.len());
/// }
/// assert_eq!(most, 2);
/// assert!(titles.value().is_done());
/// assert_eq!(titles.finish().await?, ["Dune", "The Dispossessed"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[must_use = "nothing is read unless `next` is awaited"]
pub struct Partials<T: HasPartial> {
    stream: ResponseStream<T>,
    reader: PartialReader<T>,
    // The call by which the answer is given, where it is given by one.
    call: Option<u32>,
}

impl<T: Extract + HasPartial> Partials<T> {
    /// Fills the value from an answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the output of `T` is no JSON; a text is streamed by
    /// [`ResponseStream::text`].
    pub fn new(stream: ResponseStream<T>) -> Result<Self> {
        let OutputFormat::Schema(output) = T::output() else {
            let message = "this output type is no JSON, and has no partial values; stream its text";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let reader = PartialReader::by_schema(output.schema.as_value());
        Ok(Self { stream, reader, call: None })
    }

    /// Waits until the value has changed, and lends it; `None` when the answer is complete. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Whatever ended the stream. An answer that is no JSON is no error here: it ends without a change,
    /// and [`finish`](Self::finish) says what is wrong.
    pub async fn next(&mut self) -> Option<Result<&Partial<T>>> {
        loop {
            let changed = match self.stream.next().await? {
                Ok(event) => self.read(&event),
                Err(error) => return Some(Err(error)),
            };
            if changed {
                return Some(Ok(self.reader.value()));
            }
        }
    }

    fn read(&mut self, event: &Event) -> bool {
        match event {
            Event::TextDelta { text, .. } if self.call.is_none() => self.reader.push(text),
            Event::ToolCallDelta { index, arguments } if self.call == Some(*index) => {
                self.reader.push(arguments)
            }
            Event::PartStart { index, part: PartStart::ToolCall { name, .. } }
                if name == OUTPUT_TOOL =>
            {
                self.call = Some(*index);
                false
            }
            Event::Part { part, .. } => match &**part {
                Part::Text(part) => self.reader.push(&part.text),
                Part::ToolCall(call) if call.name == OUTPUT_TOOL => {
                    self.reader.push(&call.arguments)
                }
                _ => false,
            },
            Event::Finish(_) => self.reader.end(),
            _ => false,
        }
    }

    /// The value so far.
    #[must_use]
    pub fn value(&self) -> &Partial<T> {
        self.reader.value()
    }

    /// Reads the rest and returns the whole value.
    ///
    /// # Errors
    ///
    /// As [`ResponseStream::finish`].
    pub async fn finish(self) -> Result<T> {
        self.stream.finish().await
    }
}

impl<T: HasPartial> fmt::Debug for Partials<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partials").field("value", self.reader.value()).finish_non_exhaustive()
    }
}

/// Streams the values of calls.
#[async_trait]
pub trait CallPartials<T: Extract + HasPartial> {
    /// Sends the request and returns its value while it fills, once the provider has accepted it.
    ///
    /// # Errors
    ///
    /// As [`Call::stream`] and [`Partials::new`].
    async fn partials(self) -> Result<Partials<T>>;
}

#[async_trait]
impl<T: Extract + HasPartial> CallPartials<T> for Call<'_, T> {
    async fn partials(self) -> Result<Partials<T>> {
        Partials::new(self.stream().await?)
    }
}
