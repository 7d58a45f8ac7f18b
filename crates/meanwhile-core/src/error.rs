//! [`Error`], the one error type of the workspace: what went wrong, where, and what was already received.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Response, RunState};

/// The result of everything in this workspace that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call, configuration or extraction.
///
/// The kind says which class of thing went wrong ([`Error::kind`]), the accessors carry what is
/// known about it. Text, tool calls and usage that arrived before the failure ride along in
/// [`Error::partial`]. `Display` prints no secret and does not repeat [`source`](std::error::Error::source).
/// A clone shares the source, so that one failure can be told to several who wait for it.
///
/// ```
/// # use std::time::Duration;
/// # use meanwhile_core::{Error, ErrorKind, Model, Scripted};
/// # futures::executor::block_on(async {
/// # let refused = Error::new(ErrorKind::RateLimit, "too many requests")
/// #     .with_retry_after(Duration::from_secs(20));
/// # let model = Model::new(Scripted::new().error(refused), "any");
/// let error = model.call::<String>("Hello").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::RateLimit);
/// assert_eq!((error.provider(), error.model()), (Some("scripted"), Some("any")));
/// assert!(error.is_retryable());
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    provider: Option<Cow<'static, str>>,
    model: Option<String>,
    operation: Option<Cow<'static, str>>,
    index: Option<usize>,
    request_id: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    error_type: Option<String>,
    param: Option<String>,
    body: Option<String>,
    retry_after: Option<Duration>,
    retryable: Option<bool>,
    attempts: Vec<Attempt>,
    partial: Option<Box<Response>>,
    run: Option<Box<RunState>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Which class of failure an [`Error`] is.
///
/// ```
/// use meanwhile_core::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::MissingCredential | ErrorKind::Authentication => "look at the key",
///         ErrorKind::ContextLength => "say less",
///         _ if error.is_retryable() => "try again",
///         _ => "give up",
///     }
/// }
/// assert_eq!(advice(&Error::new(ErrorKind::Overloaded, "at capacity")), "try again");
/// assert_eq!(advice(&Error::new(ErrorKind::ContextLength, "too long")), "say less");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing or contradicts another; nothing was sent.
    Config,
    /// No API key was found; the message names the environment variables that were looked at.
    MissingCredential,
    /// The part before `/` of a model string names no registered provider.
    UnknownProvider,
    /// The prompt could not be built: the body of the prompt function failed, or a value does not fit.
    Prompt,
    /// The provider or model cannot do what the request asks; nothing was sent.
    Unsupported,
    /// The provider says the request is malformed.
    InvalidRequest,
    /// The credential was refused.
    Authentication,
    /// The credential is valid but not allowed to do this.
    PermissionDenied,
    /// The account has no credit or quota left. Waiting does not help.
    InsufficientFunds,
    /// A budget that this program has set is used up. Nothing was sent.
    Budget,
    /// The provider does not know the model.
    ModelNotFound,
    /// The provider does not know some other resource.
    NotFound,
    /// The provider reports a conflict with another request.
    Conflict,
    /// The request is larger than the provider accepts, in bytes.
    RequestTooLarge,
    /// Prompt and requested output do not fit the context window of the model, in tokens.
    ContextLength,
    /// The provider's content policy stopped the prompt or the answer.
    ContentFilter,
    /// Too many requests or tokens per unit of time.
    RateLimit,
    /// The provider is temporarily out of capacity.
    Overloaded,
    /// The provider failed.
    Server,
    /// A clock ran out; the phase says which.
    Timeout(TimeoutPhase),
    /// The connection could not be made or broke before the answer began.
    Connection,
    /// The stream ended or broke before its terminal event.
    StreamInterrupted,
    /// The provider's answer could not be understood.
    Decode,
    /// The answer is complete but the declared output type cannot be read from it.
    Output,
    /// A tool failed in a way that the model cannot be told about.
    Tool,
    /// The tool loop reached its turn limit.
    TurnLimit,
    /// A tool call waits for a decision; the error carries the run's state, from which it is gone on
    /// with.
    Paused,
    /// The call was cancelled from outside.
    Cancelled,
    /// Anything else.
    Other,
}

/// Which clock ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Making the connection.
    Connect,
    /// Waiting for the first event of the answer.
    FirstEvent,
    /// Silence between two events.
    Idle,
    /// The whole call.
    Whole,
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::FirstEvent => "first event",
            Self::Idle => "idle",
            Self::Whole => "whole call",
        })
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Config => "configuration error",
            Self::MissingCredential => "missing credential",
            Self::UnknownProvider => "unknown provider",
            Self::Prompt => "prompt error",
            Self::Unsupported => "unsupported",
            Self::InvalidRequest => "invalid request",
            Self::Authentication => "authentication failed",
            Self::PermissionDenied => "permission denied",
            Self::InsufficientFunds => "insufficient funds",
            Self::Budget => "budget used up",
            Self::ModelNotFound => "model not found",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::RequestTooLarge => "request too large",
            Self::ContextLength => "context length exceeded",
            Self::ContentFilter => "content filtered",
            Self::RateLimit => "rate limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server error",
            Self::Timeout(phase) => return write!(f, "timeout ({phase})"),
            Self::Connection => "connection failed",
            Self::StreamInterrupted => "stream interrupted",
            Self::Decode => "answer not understood",
            Self::Output => "output not usable",
            Self::Tool => "tool failed",
            Self::TurnLimit => "turn limit reached",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Other => "error",
        };
        f.write_str(text)
    }
}

impl Error {
    /// Makes an error of `kind`; the message is lower-case and says what to do.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            provider: None,
            model: None,
            operation: None,
            index: None,
            request_id: None,
            status: None,
            code: None,
            error_type: None,
            param: None,
            body: None,
            retry_after: None,
            retryable: None,
            attempts: Vec::new(),
            partial: None,
            run: None,
            source: None,
        }))
    }

    /// Wraps any error; one that already is (or boxes) an [`Error`] comes back unchanged.
    #[must_use]
    pub fn from_boxed(kind: ErrorKind, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match source.downcast::<Self>() {
            Ok(error) => *error,
            Err(source) => {
                let mut error = Self::new(kind, source.to_string());
                // The message is the source's own text, so the chain continues below it.
                error.0.source = Some(source.into());
                error
            }
        }
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened and what to do, without the context that the other accessors carry.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The id of the provider that failed.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// The model id that was asked.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// The name of the prompt function or operation that failed.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The place, counted from 0, of the call among those that were made together.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The provider's own id of the request, to quote to its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status, where one was received.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The vendor's own error code, verbatim.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The vendor's own error type, verbatim.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.0.error_type.as_deref()
    }

    /// The request parameter that the vendor complains about.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// The beginning of the answer's body, bounded in size and free of secrets.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// How long the provider asks to wait before the next attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The tries that failed before this error, oldest first; this error is the last one.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// What had arrived before the failure: content, usage and warnings so far.
    #[must_use]
    pub fn partial(&self) -> Option<&Response> {
        self.0.partial.as_deref()
    }

    /// Takes what had arrived before the failure.
    #[must_use]
    pub fn take_partial(&mut self) -> Option<Response> {
        self.0.partial.take().map(|partial| *partial)
    }

    /// How far the run with tools had come that failed or was paused: the conversation with all
    /// answers and results so far. [`Call::resume`](crate::Call::resume) goes on from it.
    #[must_use]
    pub fn run_state(&self) -> Option<&RunState> {
        self.0.run.as_deref()
    }

    /// Takes the state of the run out of the error.
    pub fn take_run_state(&mut self) -> Option<RunState> {
        self.0.run.take().map(|run| *run)
    }

    /// Whether the same request may succeed when it is sent again.
    ///
    /// A provider's explicit word decides; otherwise the kind does. An interrupted stream counts
    /// only while nothing of it had been received.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable.unwrap_or(match self.0.kind {
            ErrorKind::RateLimit
            | ErrorKind::Overloaded
            | ErrorKind::Server
            | ErrorKind::Conflict
            | ErrorKind::Connection => true,
            ErrorKind::Timeout(phase) => phase != TimeoutPhase::Whole,
            ErrorKind::StreamInterrupted => {
                self.partial().is_none_or(|partial| partial.message.parts.is_empty())
            }
            _ => false,
        })
    }

    /// What the provider has said explicitly about sending the same request again, whatever the kind;
    /// `None` where it has said nothing.
    #[must_use]
    pub fn told_to_retry(&self) -> Option<bool> {
        self.0.retryable
    }

    /// Names the provider, unless one is named already.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.0.provider.get_or_insert_with(|| provider.into());
        self
    }

    /// Names the provider, whatever was named before: a codec knows its wire, not under which id its
    /// provider goes.
    #[must_use]
    pub fn attributed_to(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.0.provider = Some(provider.into());
        self
    }

    /// Names the model, unless one is named already.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.0.model.get_or_insert_with(|| model.into());
        self
    }

    /// Names the operation, unless one is named already.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        self.0.operation.get_or_insert_with(|| operation.into());
        self
    }

    /// Sets the place of the call among those that were made together; the outermost list counts.
    #[must_use]
    pub fn with_index(mut self, index: usize) -> Self {
        self.0.index = Some(index);
        self
    }

    /// Sets the provider's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Sets the vendor's error code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Sets the vendor's error type.
    #[must_use]
    pub fn with_error_type(mut self, error_type: impl Into<String>) -> Self {
        self.0.error_type = Some(error_type.into());
        self
    }

    /// Sets the parameter that the vendor complains about.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Keeps the beginning of the answer's body. The caller has removed secrets and bounded it.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        self.0.body = Some(body.into());
        self
    }

    /// Sets how long the provider asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Overrides what the kind says about retrying.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// Replaces the message; everything else stays.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Rewrites every text about the failure, those of earlier attempts included. What had arrived of
    /// an answer, and the source, stay as they are.
    #[must_use]
    pub fn map_text(mut self, rewrite: impl Fn(&str) -> String) -> Self {
        // Named one by one, so that a new field is looked at here.
        let Inner {
            kind: _,
            message,
            provider,
            model,
            operation,
            index: _,
            request_id,
            status: _,
            code,
            error_type,
            param,
            body,
            retry_after: _,
            retryable: _,
            attempts,
            // What models and tools said, not the provider's words about the request.
            partial: _,
            run: _,
            source: _,
        } = &mut *self.0;
        *message = rewrite(message).into();
        for text in [provider, operation].into_iter().flatten() {
            *text = rewrite(text).into();
        }
        for text in [model, request_id, code, error_type, param, body].into_iter().flatten() {
            *text = rewrite(text);
        }
        for attempt in attempts {
            attempt.message = rewrite(&attempt.message);
            attempt.model = rewrite(&attempt.model);
            for text in [&mut attempt.provider, &mut attempt.code, &mut attempt.request_id] {
                *text = text.as_deref().map(&rewrite);
            }
        }
        self
    }

    /// Lets the underlying error go.
    #[must_use]
    pub fn without_source(mut self) -> Self {
        self.0.source = None;
        self
    }

    /// Adds to the message, after a semicolon: what a layer has to say about a failure that it hands on.
    #[must_use]
    pub fn with_note(mut self, note: impl fmt::Display) -> Self {
        self.0.message = format!("{}; {note}", self.0.message).into();
        self
    }

    /// Puts earlier tries in front of those that are listed already; give the oldest first.
    #[must_use]
    pub fn with_attempts(mut self, attempts: impl IntoIterator<Item = Attempt>) -> Self {
        self.0.attempts.splice(0..0, attempts);
        self
    }

    /// Says how far the run had come; one that is known already stays.
    #[must_use]
    pub fn with_run_state(mut self, state: RunState) -> Self {
        self.0.run.get_or_insert_with(|| Box::new(state));
        self
    }

    /// Attaches what had arrived before the failure, unless something is attached already.
    #[must_use]
    pub fn with_partial(mut self, partial: Response) -> Self {
        self.0.partial.get_or_insert_with(|| Box::new(partial));
        self
    }

    /// Attaches the underlying error.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match (&inner.provider, &inner.model) {
            (Some(provider), Some(model)) => write!(f, "{provider}/{model}: ")?,
            (Some(provider), None) => write!(f, "{provider}: ")?,
            _ => {}
        }
        write!(f, "{}: {}", inner.kind, inner.message)?;
        let mut separator = " (";
        let mut detail = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            let written = write!(f, "{separator}{name} {value}");
            separator = ", ";
            written
        };
        if let Some(index) = inner.index {
            detail(f, "index", &index)?;
        }
        if let Some(status) = inner.status {
            detail(f, "status", &status)?;
        }
        if let Some(code) = &inner.code {
            detail(f, "code", code)?;
        }
        if let Some(wait) = inner.retry_after {
            detail(f, "retry after", &format_args!("{wait:?}"))?;
        }
        if let Some(id) = &inner.request_id {
            detail(f, "request id", id)?;
        }
        if !inner.attempts.is_empty() {
            detail(f, "attempts", &(inner.attempts.len() + 1))?;
        }
        if separator == ", " { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &inner.message);
        macro_rules! known {
            ($($field:ident),*) => {$(
                if let Some(value) = &inner.$field {
                    out.field(stringify!($field), value);
                }
            )*};
        }
        known!(provider, model, operation, index, request_id, status, code, error_type, param);
        known!(retry_after, body, partial, run, source);
        if !inner.attempts.is_empty() {
            out.field("attempts", &inner.attempts);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
