//! [`Extract`]: what a call may return, and how that is asked for and read.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tool::{ToolCall, ToolResult, ToolSet, Toolbox, TypedCall};
use crate::{
    Checked, Checks, Error, ErrorKind, FinishReason, Message, OutputFormat, OutputSchema, Reading,
    Repair, Response, Result, Schema,
};

/// A type that a call can return.
///
/// `Response`, `String`, numbers, `bool`, `Vec<U>`, `Option<U>`, [`Json<U>`](Json), [`Turn`], and
/// every `#[derive(Extract)]` type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a call",
    label = "not an output type",
    note = "use `Response`, `String`, a number, `bool`, `Vec<_>`, `Option<_>`, `Json<_>`, `Turn<_, _>`, or put `#[derive(Extract, Deserialize, JsonSchema)]` on the type"
)]
pub trait Extract: Sized + Send + 'static {
    /// Whether the call runs the tools that the model asks for, until it answers without.
    const RUNS_TOOLS: bool;

    /// The shape of the answer that is asked for.
    fn output() -> OutputFormat;

    /// The tools that come with the type, beside those of the call.
    fn toolbox() -> Toolbox;

    /// Reads the value from a complete answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when the answer does not hold the value: not JSON, not of the shape,
    /// against its checks, cut off, refused; [`ErrorKind::ContentFilter`] when a filter stopped it. The error carries
    /// the response.
    fn extract(response: Response, reading: &mut Reading) -> Result<Self>;
}

impl Extract for Response {
    const RUNS_TOOLS: bool = false;

    fn output() -> OutputFormat {
        OutputFormat::Text
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    fn extract(response: Response, _: &mut Reading) -> Result<Self> {
        Ok(response)
    }
}

impl Extract for String {
    const RUNS_TOOLS: bool = true;

    fn output() -> OutputFormat {
        OutputFormat::Text
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    fn extract(response: Response, _: &mut Reading) -> Result<Self> {
        let text = response.text();
        if text.is_empty() { unusable(response, None, false) } else { Ok(text) }
    }
}

/// Any `Deserialize + JsonSchema` type as the output of a call, without a derive of ours, and without
/// checks.
///
/// ```
/// # use meanwhile_core::{Json, Model, Scripted};
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
/// #[derive(Deserialize, JsonSchema)]
/// struct Book {
///     title: String,
///     pages: u32,
/// }
///
/// # futures::executor::block_on(async {
/// # let reply = r#"{"title": "A Wizard of Earthsea", "pages": 205}"#;
/// # let model = Model::new(Scripted::new().reply(reply), "any");
/// let Json(book) = model.call::<Json<Book>>("Recommend a book").await?;
/// assert_eq!(book.title, "A Wizard of Earthsea");
/// assert_eq!(book.pages, 205);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Json<T> {
    const RUNS_TOOLS: bool = true;

    fn output() -> OutputFormat {
        value_output::<T>()
    }

    fn toolbox() -> Toolbox {
        Toolbox::new()
    }

    fn extract(response: Response, reading: &mut Reading) -> Result<Self> {
        read(response, reading, |_| Checks::default()).map(Self)
    }
}

/// A value together with the answer that it was read from, and what that took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Extracted<T> {
    /// The value.
    pub value: T,
    /// The answer, with the usage of all answers of the call.
    pub response: Response,
    /// How many answers before it did not hold the value; see
    /// [`Call::attempts`](crate::Call::attempts).
    pub failed: u32,
    /// What was mended to read it, in order.
    pub repairs: Vec<Repair>,
}

impl<T: Extract> Extract for Extracted<T> {
    const RUNS_TOOLS: bool = T::RUNS_TOOLS;

    fn output() -> OutputFormat {
        T::output()
    }

    fn toolbox() -> Toolbox {
        T::toolbox()
    }

    fn extract(response: Response, reading: &mut Reading) -> Result<Self> {
        let value = T::extract(response.clone(), reading)?;
        let repairs = std::mem::take(&mut reading.repairs);
        Ok(Self { value, response, failed: reading.failed, repairs })
    }
}

macro_rules! values {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Extract for $type {
            const RUNS_TOOLS: bool = true;

            fn output() -> OutputFormat {
                value_output::<Self>()
            }

            fn toolbox() -> Toolbox {
                Toolbox::new()
            }

            fn extract(response: Response, reading: &mut Reading) -> Result<Self> {
                read_value(response, reading)
            }
        }
    )*};
}

values! {
    [] bool, [] i8, [] i16, [] i32, [] i64, [] u8, [] u16, [] u32, [] u64, [] f32, [] f64,
    [T: DeserializeOwned + JsonSchema + Checked + Send + 'static] Vec<T>,
    [T: DeserializeOwned + JsonSchema + Checked + Send + 'static] Option<T>,
}

/// Providers want an object at the root, so everything else travels in one.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(bound = "T: Deserialize<'de>")]
struct Wrapped<T> {
    // A missing value is no value, not even for an `Option`.
    #[serde(deserialize_with = "present")]
    value: T,
}

fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

/// The output format of `T`, wrapped in an object where it is not one itself.
#[doc(hidden)]
#[must_use]
pub fn value_output<T: JsonSchema>() -> OutputFormat {
    let schema = Schema::of::<T>();
    let schema = if schema.is_object() { schema } else { Schema::of::<Wrapped<T>>() };
    let name: String = T::schema_name()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .take(64)
        .collect();
    OutputFormat::Schema(OutputSchema::new(name, schema))
}

/// Reads a `T` from the JSON of an answer, from inside its wrapping object where it has one, and checks
/// it.
///
/// # Errors
///
/// As [`Extract::extract`].
#[doc(hidden)]
pub fn read_value<T: DeserializeOwned + JsonSchema + Checked>(
    response: Response,
    reading: &mut Reading,
) -> Result<T> {
    read(response, reading, Checks::of)
}

fn read<T: DeserializeOwned + JsonSchema>(
    response: Response,
    reading: &mut Reading,
    check: fn(&T) -> Checks,
) -> Result<T> {
    let text = reading.text(&response);
    let by_tool = reading.output_call(&response).is_some();
    let json = strip_fence(&text);
    if json.is_empty() {
        return unusable(response, None, by_tool);
    }
    let wrapped = !Schema::of::<T>().is_object();
    let strict = match from_json(wrapped, json) {
        Ok(value) => return checked(value, check, response),
        Err(strict) => strict,
    };
    // An answer that was cut is not the whole value, however well it can be closed.
    let cut = response.is_cut();
    let Some(reader) = reading.reader.as_ref().filter(|_| !cut) else {
        return unusable(response, Some(strict), by_tool);
    };
    let schema = if wrapped { Schema::of::<Wrapped<T>>() } else { Schema::of::<T>() };
    let bare = |why| {
        let bare = wrapped.then(|| reader.read(&text, &Schema::of::<T>()).ok()).flatten();
        bare.ok_or(why)
    };
    let found = match reader.read(&text, &schema).or_else(bare) {
        Ok(found) => found,
        Err(why) => {
            return unusable(
                response,
                Some(<serde_json::Error as serde::de::Error>::custom(why)),
                by_tool,
            );
        }
    };
    match from_value(wrapped, found.value) {
        Ok(value) => {
            reading.repairs.extend(found.repairs);
            checked(value, check, response)
        }
        Err(source) => unusable(response, Some(source), by_tool),
    }
}

/// The value, where its checks find nothing wrong with it.
fn checked<T>(value: T, check: fn(&T) -> Checks, response: Response) -> Result<T> {
    let checks = check(&value);
    if checks.failed() == 0 {
        return Ok(value);
    }
    let message = format!("the answer does not pass its checks: {checks}");
    Err(about(response, ErrorKind::Output, message))
}

// A wrapped type is tried wrapped first: `Option<T>` would read any object it does not know.
fn from_json<T: DeserializeOwned>(wrapped: bool, json: &str) -> serde_json::Result<T> {
    if !wrapped || !json.starts_with('{') {
        return serde_json::from_str(json);
    }
    serde_json::from_str(json)
        .map(|Wrapped { value }| value)
        .or_else(|wrapped| serde_json::from_str(json).map_err(|_| wrapped))
}

fn from_value<T: DeserializeOwned>(
    wrapped: bool,
    value: serde_json::Value,
) -> serde_json::Result<T> {
    if !wrapped || !value.is_object() {
        return T::deserialize(value);
    }
    match Wrapped::deserialize(&value) {
        Ok(Wrapped { value }) => Ok(value),
        Err(wrapped) => T::deserialize(value).map_err(|_| wrapped),
    }
}

/// The text between the first code fence and its end; the whole text where there is none.
fn strip_fence(text: &str) -> &str {
    let text = text.trim();
    let Some(inside) = text.strip_prefix("```") else { return text };
    let Some((_language, inside)) = inside.split_once('\n') else { return text };
    inside.rsplit_once("```").map_or(inside, |(inside, _)| inside).trim()
}

/// Says why an answer does not hold the value, with the answer attached.
fn unusable<T>(response: Response, source: Option<serde_json::Error>, by_tool: bool) -> Result<T> {
    let finish = response.finish_reason();
    let (kind, message) = if let Some(refusal) = response.refusal() {
        (ErrorKind::Output, format!("the model refused: {refusal}"))
    } else if finish == Some(FinishReason::ContentFilter) {
        (ErrorKind::ContentFilter, "a content filter stopped the answer".to_owned())
    } else if finish == Some(FinishReason::Length) {
        let message = "the token limit cut the answer; raise `max_tokens`";
        (ErrorKind::Output, message.to_owned())
    } else if !by_tool && response.tool_calls().next().is_some() {
        let message =
            "the model asked for a tool; return `Turn<_, _>` or `Response` to handle tool calls";
        (ErrorKind::Output, message.to_owned())
    } else if let Some(source) = &source {
        (ErrorKind::Output, format!("the answer does not fit the output type: {source}"))
    } else {
        (ErrorKind::Output, "the answer is empty".to_owned())
    };
    let error = about(response, kind, message);
    Err(match source {
        Some(source) => error.with_source(source),
        None => error,
    })
}

/// An error about an answer, which rides on it.
fn about(response: Response, kind: ErrorKind, message: String) -> Error {
    Error::new(kind, message)
        .with_provider(response.provider.clone())
        .with_model(response.model.clone())
        .with_partial(response)
}

/// One turn of a conversation with tools: either the final value, or tool calls to be answered.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a turn, and matched right away: a box would be in the way"
)]
pub enum Turn<T, S> {
    /// The model answered.
    Final(T),
    /// The model asks for tools.
    ToolCalls(ToolTurn<S>),
}

/// A turn in which the model asked for tools.
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolTurn<S> {
    /// The calls with typed arguments, in order.
    pub calls: Vec<TypedCall<S>>,
    /// The answer that holds the calls.
    pub response: Response,
}

impl<S> ToolTurn<S> {
    /// The messages to append to the conversation: the model's calls and their results.
    #[must_use]
    pub fn messages(&self, results: impl IntoIterator<Item = ToolResult>) -> [Message; 2] {
        [self.response.message.clone(), Message::tool_results(results)]
    }
}

impl<T: Extract, S: ToolSet> Extract for Turn<T, S> {
    const RUNS_TOOLS: bool = false;

    fn output() -> OutputFormat {
        T::output()
    }

    fn toolbox() -> Toolbox {
        T::toolbox().with_all(S::toolbox())
    }

    fn extract(response: Response, reading: &mut Reading) -> Result<Self> {
        // A call that the token limit cut must not run.
        let cut = response.is_cut();
        let given = reading.output_call(&response).is_some();
        if cut || given || response.tool_calls().next().is_none() {
            return T::extract(response, reading).map(Self::Final);
        }
        let calls = response.tool_calls().cloned().map(|call: ToolCall| TypedCall::new(call));
        Ok(Self::ToolCalls(ToolTurn { calls: calls.collect(), response }))
    }
}
