//! [`Exchange`] and [`Refusal`]: the wire's answers to a question, and what they say.

use bytes::Bytes;
use meanwhile_core::{ErrorKind, FinishReason, Message, Request, Schema, ToolSpec};
use serde_json::{Value, json};

/// A question, the wire's answer to it whole and streamed, and what both say.
///
/// Recorded bodies are best; hand-made ones must look like the vendor's. What is not told is not
/// checked, except that whole and streamed answers must say the same.
///
/// ```
/// # use meanwhile_core::Capabilities;
/// # use meanwhile_openai_compatible::OpenAiCompatible;
/// # use meanwhile_testkit::{Conformance, Exchange};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let suite = Conformance::new("large", |target| {
/// #     OpenAiCompatible::builder("acme", &target.base_url)
/// #         .api_key(&*target.key)
/// #         .http_client(target.http_client.clone())
/// #         .capabilities(|_| Capabilities::none())
/// #         .build()
/// # });
/// let whole = r#"{"id": "1", "model": "large", "choices": [{"index": 0, "finish_reason": "stop",
///     "message": {"role": "assistant", "content": "Hello"}}]}"#;
/// // What the wire says and what is expected of it are told apart.
/// let wrong = Exchange::new("a text").whole(whole).text("Goodbye");
/// let report = suite.exchange(wrong).run().await;
/// assert!(report.failed().any(|case| case.name.contains("a text")), "{report}");
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Exchange {
    pub(super) name: String,
    request: Option<Request>,
    whole: Option<Body>,
    streamed: Option<Body>,
    pub(super) expected: Expected,
}

/// A body and what its header says it is.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) tool_calls: Vec<(String, Value)>,
    pub(super) finish: Option<FinishReason>,
    pub(super) usage: Option<(u64, u64)>,
}

impl Exchange {
    /// Begins an exchange that is called `name` in reports.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            request: None,
            whole: None,
            streamed: None,
            expected: Expected::default(),
        }
    }

    /// Asks this, instead of a greeting with a tool for each tool call that is expected. The model
    /// and the delivery are those of the suite.
    pub fn request(mut self, request: Request) -> Self {
        self.request = Some(request);
        self
    }

    /// The body of the answer that is not streamed, of type `application/json`.
    pub fn whole(mut self, body: impl Into<Bytes>) -> Self {
        let content_type = "application/json".to_owned();
        self.whole = Some(Body { content_type, bytes: body.into() });
        self
    }

    /// The body of the streamed answer. Its type is that of its framing: an AWS event stream, lines of
    /// JSON, or else server-sent events.
    pub fn streamed(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let content_type = match body.first() {
            Some(0) => "application/vnd.amazon.eventstream",
            Some(b'{') => "application/x-ndjson",
            _ => "text/event-stream",
        };
        self.streamed_as(content_type, body)
    }

    /// The body of the streamed answer, of another type.
    pub fn streamed_as(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let content_type = content_type.to_owned();
        self.streamed = Some(Body { content_type, bytes: body.into() });
        self
    }

    /// The text of the answer.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.expected.text = Some(text.into());
        self
    }

    /// What the model thought.
    pub fn thinking(mut self, text: impl Into<String>) -> Self {
        self.expected.thinking = Some(text.into());
        self
    }

    /// The next tool call, with its arguments.
    pub fn tool_call(mut self, name: impl Into<String>, arguments: Value) -> Self {
        self.expected.tool_calls.push((name.into(), arguments));
        self
    }

    /// Why the model stopped.
    pub fn finish(mut self, reason: FinishReason) -> Self {
        self.expected.finish = Some(reason);
        self
    }

    /// All tokens of the prompt and all of the answer.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.expected.usage = Some((input, output));
        self
    }

    pub(super) fn answer(&self, streamed: bool) -> Option<&Body> {
        if streamed { self.streamed.as_ref() } else { self.whole.as_ref() }
    }

    pub(super) fn ask(&self, model: &str, streamed: bool) -> Request {
        let mut request = self.request.clone().unwrap_or_else(|| {
            let mut request = greeting(model);
            for (name, _) in &self.expected.tool_calls {
                if !request.tools.iter().any(|tool| tool.name == *name) {
                    request.tools.push(tool(name));
                }
            }
            request
        });
        model.clone_into(&mut request.model);
        if streamed { request.streamed() } else { request }
    }
}

/// The smallest question.
pub(super) fn greeting(model: &str) -> Request {
    Request::new(model, vec![Message::user("Hello")])
}

/// A tool that takes anything.
fn tool(name: &str) -> ToolSpec {
    let parameters = json!({ "type": "object", "properties": {} });
    ToolSpec::new(name, "A tool of the suite", Schema::from(parameters))
}

/// An answer with which a vendor refuses a request.
///
/// ```
/// # use meanwhile_core::{Capabilities, ErrorKind};
/// # use meanwhile_openai_compatible::OpenAiCompatible;
/// use meanwhile_testkit::{Conformance, Exchange, Outcome, Refusal};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let whole = r#"{"id": "1", "model": "large", "choices": [{"index": 0, "finish_reason": "stop",
/// #     "message": {"role": "assistant", "content": "Hello"}}]}"#;
/// # let suite = Conformance::new("large", |target| {
/// #     OpenAiCompatible::builder("acme", &target.base_url)
/// #         .api_key(&*target.key)
/// #         .http_client(target.http_client.clone())
/// #         .capabilities(|_| Capabilities::none())
/// #         .build()
/// # })
/// # .exchange(Exchange::new("a text").whole(whole).text("Hello"));
/// let broke = r#"{"error": {"message": "You have no credit", "code": "insufficient_quota"}}"#;
/// let refusal = Refusal::new(429, broke, ErrorKind::InsufficientFunds);
/// let report = suite.refusal(refusal).run().await;
/// let case = report.cases.iter().find(|case| case.name.contains("429 is insufficient funds"));
/// assert_eq!(case.unwrap().outcome, Outcome::Passed);
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Refusal {
    pub(super) name: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) kinds: Vec<ErrorKind>,
}

impl Refusal {
    /// An answer with a JSON body, and the kind of error it is.
    pub fn new(status: u16, body: impl Into<Bytes>, kind: ErrorKind) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            name: format!("{status} is {kind}"),
            status,
            headers,
            body: body.into(),
            kinds: vec![kind],
        }
    }

    /// Adds a header, or replaces it.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Allows another kind, too.
    pub(super) fn or(mut self, kind: ErrorKind) -> Self {
        self.kinds.push(kind);
        self
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}
