//! [`Request`]: everything a provider is asked, in one value.

use std::borrow::Cow;

use crate::tool::{ToolChoice, ToolSpec};
use crate::{Message, Params, Run, Schema, Timeouts, Warning};

/// One question to a model.
///
/// ```
/// # use meanwhile_core::{Message, Provider, Request, Response, ResponseStream, Scripted};
/// # futures::executor::block_on(async {
/// let provider = Scripted::new().reply("hello");
/// let request = Request::new("any", vec![Message::user("Say hello")]).streamed();
/// let events = provider.send(request).await?;
/// let response = ResponseStream::<Response>::new(events, provider.id(), "any").finish().await?;
/// assert_eq!(response.text(), "hello");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// The model's id, without the provider.
    pub model: String,
    /// The conversation, oldest message first.
    pub messages: Vec<Message>,
    /// The tools the model may call, in order.
    pub tools: Vec<ToolSpec>,
    /// Whether it may, must or must not call one.
    pub tool_choice: ToolChoice,
    /// The shape of the answer.
    pub output: OutputFormat,
    /// Settings.
    pub params: Params,
    /// Whether the answer should come whole or as it is written.
    pub delivery: Delivery,
    /// The clocks of this request.
    pub timeouts: Timeouts,
    /// What to do with a setting that the provider cannot carry.
    pub unsupported: OnUnsupported,
    /// Whether the answer's frames are kept as the provider sends them ([`Event::Raw`](crate::Event)).
    pub raw: bool,
    /// What was dropped or changed before the provider saw the request; it repeats them as events.
    pub warnings: Vec<Warning>,
    /// The name of the prompt function that asks, for layers and observers; it is not sent.
    pub operation: Cow<'static, str>,
    /// Labels of the call, for layers and observers; they are not sent.
    pub tags: Vec<(String, String)>,
    /// The observed run that this request is, where somebody observes.
    pub run: Option<Run>,
    // Where the params are more than what the call itself set.
    origins: Option<Box<Origins>>,
}

/// What the params of a request were merged from, apart from the model's own.
#[derive(Debug, Clone, PartialEq)]
struct Origins {
    call: Params,
    registry: Params,
}

impl Request {
    /// Asks `model` to continue a conversation.
    #[must_use]
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            output: OutputFormat::Text,
            params: Params::default(),
            delivery: Delivery::Whole,
            timeouts: Timeouts::default(),
            unsupported: OnUnsupported::Warn,
            raw: false,
            warnings: Vec::new(),
            operation: Cow::Borrowed(""),
            tags: Vec::new(),
            run: None,
            origins: None,
        }
    }

    /// Sets the params: what the call set, then the model's defaults, then the registry's.
    pub(crate) fn merge_params(&mut self, call: Params, model: &Params, registry: Params) {
        let none = Params::default();
        if *model == none && registry == none {
            self.params = call;
            return;
        }
        self.params = call.clone().or(model.clone()).or(registry.clone());
        self.origins = Some(Box::new(Origins { call, registry }));
    }

    /// The params with which another model is asked the same: what the call set, then `defaults`,
    /// which are that model's, then the registry's. The defaults of the model that the request was
    /// made for stay behind.
    #[must_use]
    pub fn params_for(&self, defaults: &Params) -> Params {
        match &self.origins {
            Some(origins) => origins.call.clone().or(defaults.clone()).or(origins.registry.clone()),
            None => self.params.clone().or(defaults.clone()),
        }
    }

    /// Asks for the answer as it is written.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.delivery = Delivery::Streamed;
        self
    }

    /// Whether the answer should come as it is written.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.delivery == Delivery::Streamed
    }
}

/// How the answer should come.
///
/// ```
/// use meanwhile_core::{Delivery, Message, Request};
///
/// let whole = Request::new("any", vec![Message::user("Hello")]);
/// assert_eq!(whole.delivery, Delivery::Whole);
/// assert_eq!(whole.streamed().delivery, Delivery::Streamed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// In one piece.
    #[default]
    Whole,
    /// As it is written.
    Streamed,
}

/// The shape of the answer.
///
/// ```
/// # use meanwhile_core::{Model, OutputFormat, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new(), "any");
/// // The type that a call returns says what is asked for.
/// let text = model.call::<String>("Say hello").request().await?;
/// assert_eq!(text.output, OutputFormat::Text);
/// let number = model.call::<u8>("What is six times seven?").request().await?;
/// assert!(matches!(number.output, OutputFormat::Schema(output) if output.name == "uint8"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum OutputFormat {
    /// Free text.
    #[default]
    Text,
    /// Any JSON.
    Json,
    /// JSON that fits a schema.
    Schema(OutputSchema),
}

/// A named schema of an answer.
///
/// ```
/// use meanwhile_core::{Message, OutputFormat, OutputSchema, Request, Schema};
/// use serde_json::json;
///
/// let schema = Schema::from(json!({
///     "type": "object",
///     "properties": {"title": {"type": "string"}},
///     "required": ["title"],
/// }));
/// let mut request = Request::new("any", vec![Message::user("Recommend a book")]);
/// request.output = OutputFormat::Schema(OutputSchema::new("book", schema));
/// assert!(matches!(&request.output, OutputFormat::Schema(output) if output.schema.is_object()));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OutputSchema {
    /// The name that the model is told.
    pub name: String,
    /// What the value means, where that is known.
    pub description: Option<String>,
    /// The JSON Schema.
    pub schema: Schema,
}

impl OutputSchema {
    /// Names a schema.
    #[must_use]
    pub fn new(name: impl Into<String>, schema: Schema) -> Self {
        Self { name: name.into(), description: None, schema }
    }
}

/// What to do with a setting that the provider cannot carry.
///
/// ```
/// # use meanwhile_core::{Model, OnUnsupported, Scripted};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new(), "any");
/// let request = model.call::<String>("Hello").seed(7).request().await?;
/// assert_eq!(request.unsupported, OnUnsupported::Warn);
/// let strict = model.call::<String>("Hello").seed(7).strict().request().await?;
/// assert_eq!(strict.unsupported, OnUnsupported::Error);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnUnsupported {
    /// Leave it out and say so in a warning on the response.
    #[default]
    Warn,
    /// Fail before anything is sent.
    Error,
}
