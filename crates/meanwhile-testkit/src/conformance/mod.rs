//! [`Conformance`]: what every provider must do, as cases that one runs on itself.
//!
//! Nothing here knows a wire: a provider is made against a transport in memory or a server on the
//! loopback interface, is given the answers of its vendor in good and in bad shape, and is judged
//! by its events alone.

mod decoding;
mod encoding;
mod errors;
mod exchange;
mod loopback;
mod memory;
mod mutate;
mod report;
mod seen;

use std::fmt;
use std::time::Duration;

use meanwhile_core::{AnyProvider, Capabilities, Provider as _, Result};
use meanwhile_http::Client;

pub use exchange::{Exchange, Refusal};
use memory::Memory;
use report::Verdict;
pub use report::{Case, Outcome, Report};

/// The longest that one case may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The key that must never be seen.
const KEY: &str = "planted-secret-3f9ad1c07be84652";

/// Where and how the provider under test is to be reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// The base URL to use instead of the vendor's.
    pub base_url: String,
    /// The API key to use.
    pub key: String,
    /// The HTTP client to use instead of the shared one.
    pub http_client: Client,
}

/// Makes the provider under test.
type Connect = Box<dyn Fn(&Target) -> Result<AnyProvider> + Send + Sync>;

/// The conformance suite of one provider.
///
/// Cases are chosen by what the provider [declares](meanwhile_core::Provider::capabilities) for the
/// model: streaming, tools, images and so on. A capability without an [`Exchange`] that shows it is
/// a failed case, so that nothing is taken on trust.
///
/// ```
/// # use meanwhile_core::{Capabilities, FinishReason};
/// # use meanwhile_openai_compatible::OpenAiCompatible;
/// use meanwhile_testkit::{Conformance, Exchange};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let whole = r#"{"id": "1", "model": "large", "choices": [{"index": 0, "finish_reason": "stop",
/// #     "message": {"role": "assistant", "content": "Hello"}}],
/// #     "usage": {"prompt_tokens": 9, "completion_tokens": 2}}"#;
/// let suite = Conformance::new("large", |target| {
///     OpenAiCompatible::builder("acme", &target.base_url)
///         .api_key(&*target.key)
///         .http_client(target.http_client.clone())
///         .capabilities(|_| Capabilities::none())
///         .build()
/// });
/// let greeting = Exchange::new("a text").whole(whole).text("Hello").usage(9, 2);
/// let report = suite
///     .exchange(greeting.finish(FinishReason::Stop))
///     .except("the setting `parallel_tool_calls`", "there are no tools")
///     .run()
///     .await;
/// assert!(report.is_passed() && report.cases.len() > 50, "{report}");
/// # }
/// ```
pub struct Conformance {
    connect: Connect,
    model: String,
    exchanges: Vec<Exchange>,
    refusals: Vec<Refusal>,
    except: Vec<(String, String)>,
}

impl Conformance {
    /// Begins a suite that asks for `model` and makes the provider with `connect`, which must use
    /// the base URL, the key and the HTTP client that it is given.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        connect: impl Fn(&Target) -> Result<AnyProvider> + Send + Sync + 'static,
    ) -> Self {
        Self {
            connect: Box::new(connect),
            model: model.into(),
            exchanges: Vec::new(),
            refusals: Vec::new(),
            except: Vec::new(),
        }
    }

    /// Adds a question, the wire's answers to it, and what they say.
    #[must_use]
    pub fn exchange(mut self, exchange: Exchange) -> Self {
        self.exchanges.push(exchange);
        self
    }

    /// Adds an answer with which the vendor refuses a request, beside the usual ones that every
    /// provider is tried with.
    #[must_use]
    pub fn refusal(mut self, refusal: Refusal) -> Self {
        self.refusals.push(refusal);
        self
    }

    /// Leaves out the cases whose names begin with `case`. The report says why.
    #[must_use]
    pub fn except(mut self, case: &str, reason: &str) -> Self {
        self.except.push((case.to_owned(), reason.to_owned()));
        self
    }

    /// Runs every case, one after the other. Takes a second or two.
    ///
    /// Must be polled inside a tokio runtime with its timers and I/O enabled. Dropping the future
    /// ends the suite. Failures are in the report; nothing panics before [`Report::assert`].
    pub async fn run(&self) -> Report {
        let mut report = Report::new(self);
        match self.in_memory() {
            Ok((provider, _)) => {
                let capabilities = provider.capabilities(&self.model);
                decoding::run(self, capabilities, &mut report).await;
                encoding::run(self, capabilities, &mut report).await;
                errors::run(self, &mut report).await;
                loopback::run(self, &mut report).await;
            }
            Err(error) => report.add("connect", Verdict::Failed(error)),
        }
        report
    }

    /// Makes the provider with a transport in memory.
    fn in_memory(&self) -> Result<(AnyProvider, Memory), String> {
        let memory = Memory::new();
        let provider = self.connect("http://127.0.0.1:9", Client::new(memory.clone()))?;
        Ok((provider, memory))
    }

    fn connect(&self, base_url: &str, client: Client) -> Result<AnyProvider, String> {
        let target =
            Target { base_url: base_url.to_owned(), key: KEY.to_owned(), http_client: client };
        (self.connect)(&target).map_err(|error| format!("the provider cannot be made: {error}"))
    }

    /// The first exchange that has an answer of this delivery.
    fn first(&self, streamed: bool) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.answer(streamed).is_some())
    }

    /// Every exchange that has tool calls.
    fn with_tools(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| !exchange.expected.tool_calls.is_empty())
    }

    /// What must be shown by an exchange, because it is declared.
    fn missing(&self, capabilities: Capabilities) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.exchanges.is_empty() {
            missing.push("no exchange at all");
        }
        if capabilities.streaming && self.first(true).is_none() {
            missing.push("streaming is declared, but no exchange has a streamed answer");
        }
        if capabilities.tools && self.with_tools().next().is_none() {
            missing.push("tools are declared, but no exchange has a tool call");
        }
        let thinks = |exchange: &Exchange| exchange.expected.thinking.is_some();
        if capabilities.reasoning && !self.exchanges.iter().any(thinks) {
            missing.push("reasoning is declared, but no exchange has thinking");
        }
        if !self.exchanges.iter().any(|exchange| exchange.expected.usage.is_some()) {
            missing.push("no exchange tells its usage");
        }
        missing
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conformance")
            .field("model", &self.model)
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}
