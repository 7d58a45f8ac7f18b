//! [`ResponsesOptions`] and [`BuiltInTool`]: the vendor options of this dialect, with types.

use std::borrow::Cow;

use meanwhile_core::{Params, Part};
use serde_json::{Map, Value, json};

/// Settings that only this dialect has. They become vendor options of [`Params`].
///
/// Vendor options replace the fields that are written from settings, with four exceptions: `tools` and
/// `include` add to them, and the fields of `reasoning` and `text` are merged one by one.
///
/// The fields are those of [the API reference](https://platform.openai.com/docs/api-reference/responses/create).
///
/// ```
/// use meanwhile_core::Params;
/// use meanwhile_openai_responses::{BuiltInTool, ResponsesOptions};
///
/// let params = ResponsesOptions::new()
///     .reasoning_summary("auto")
///     .tool(BuiltInTool::web_search().with("search_context_size", "low"))
///     .apply(Params::new());
/// assert_eq!(params.options["openai"]["tools"][0]["type"], "web_search");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "options do nothing until they are applied to params"]
pub struct ResponsesOptions {
    provider: Cow<'static, str>,
    fields: Map<String, Value>,
}

impl Default for ResponsesOptions {
    fn default() -> Self {
        Self { provider: Cow::Borrowed("openai"), fields: Map::new() }
    }
}

impl ResponsesOptions {
    /// Makes options of the provider `openai` that set nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues a response that the vendor stored. The request then carries only what is new, and
    /// what it leads to is stored as well.
    pub fn previous_response_id(self, id: impl Into<String>) -> Self {
        self.with("previous_response_id", id.into())
    }

    /// Adds to a conversation that the vendor keeps.
    pub fn conversation(self, id: impl Into<String>) -> Self {
        self.with("conversation", id.into())
    }

    /// Sets whether the vendor stores the response. Without it nothing is stored, and thinking
    /// comes in encrypted form instead.
    pub fn store(self, store: bool) -> Self {
        self.with("store", store)
    }

    /// Lets the vendor answer later. The answer is then an unfinished response, to be asked for
    /// again by its id.
    pub fn background(self, background: bool) -> Self {
        self.with("background", background)
    }

    /// Sets instructions that stand before the input and are not kept with the conversation.
    pub fn instructions(self, instructions: impl Into<String>) -> Self {
        self.with("instructions", instructions.into())
    }

    /// Asks for a summary of the thinking: `auto`, `concise` or `detailed`.
    pub fn reasoning_summary(self, summary: impl Into<String>) -> Self {
        self.within("reasoning", "summary", summary.into())
    }

    /// Sets how long-winded the answer is: `low`, `medium` or `high`.
    pub fn verbosity(self, verbosity: impl Into<String>) -> Self {
        self.within("text", "verbosity", verbosity.into())
    }

    /// Asks for more in the answer, such as `file_search_call.results`.
    pub fn include(self, what: impl Into<String>) -> Self {
        self.push("include", what.into())
    }

    /// Offers the model a tool of the vendor's own, or one that takes free text.
    pub fn tool(self, tool: BuiltInTool) -> Self {
        self.push("tools", tool.0)
    }

    /// Limits how often the model may use the vendor's own tools.
    pub fn max_tool_calls(self, calls: u32) -> Self {
        self.with("max_tool_calls", calls)
    }

    /// Sets what happens to a conversation that is too long: `auto` cuts it, `disabled` is an error.
    pub fn truncation(self, truncation: impl Into<String>) -> Self {
        self.with("truncation", truncation.into())
    }

    /// Names the end user for abuse detection, by a stable hash.
    pub fn safety_identifier(self, identifier: impl Into<String>) -> Self {
        self.with("safety_identifier", identifier.into())
    }

    /// Sets how long prompts stay cached: `in_memory` or `24h`.
    pub fn prompt_cache_retention(self, retention: impl Into<String>) -> Self {
        self.with("prompt_cache_retention", retention.into())
    }

    /// Attaches a pair to a stored response.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.within("metadata", key, value.into())
    }

    /// Sets any other field of the body.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Makes them options of the provider with this id instead of `openai`.
    pub fn of(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.provider = provider.into();
        self
    }

    /// Adds the options to `params`, key by key.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(self.provider.into_owned()).or_default().extend(self.fields);
        params
    }

    fn within(mut self, field: &str, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let fields = self.fields.entry(field).or_insert_with(|| json!({}));
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(name.into(), value.into());
        }
        self
    }

    fn push(mut self, field: &str, value: impl Into<Value>) -> Self {
        let values = self.fields.entry(field).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(value.into());
        }
        self
    }
}

/// A tool that the vendor runs itself, or one whose calls are items of its own kind.
///
/// What such a tool does arrives as [`Part::Opaque`] and goes back verbatim. Items that ask the
/// program for something (`computer_call`, `local_shell_call`, `apply_patch_call`,
/// `mcp_approval_request`) are answered with an [opaque part](item) in a user message.
///
/// The kinds are those of [the API reference](https://platform.openai.com/docs/guides/tools).
///
/// ```
/// use meanwhile_core::Params;
/// use meanwhile_openai_responses::{BuiltInTool, ResponsesOptions};
///
/// let search = BuiltInTool::file_search(["vs_1"]).with("max_num_results", 4);
/// let params = ResponsesOptions::new().tool(search).apply(Params::new());
/// let tool = &params.options["openai"]["tools"][0];
/// assert_eq!(tool["type"], "file_search");
/// assert_eq!((&tool["vector_store_ids"][0], &tool["max_num_results"]), (&"vs_1".into(), &4.into()));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a tool does nothing until it is offered"]
pub struct BuiltInTool(Value);

impl BuiltInTool {
    /// Makes a tool of any kind, such as `apply_patch`.
    pub fn new(kind: impl Into<String>) -> Self {
        Self(json!({ "type": kind.into() }))
    }

    /// Searches the web. Sources arrive as citations.
    pub fn web_search() -> Self {
        Self::new("web_search")
    }

    /// Searches stored files.
    pub fn file_search(stores: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let stores: Vec<String> = stores.into_iter().map(Into::into).collect();
        Self::new("file_search").with("vector_store_ids", stores)
    }

    /// Runs Python in a container that is made for it.
    pub fn code_interpreter() -> Self {
        Self::new("code_interpreter").with("container", json!({ "type": "auto" }))
    }

    /// Makes pictures, which arrive as [`Part::Image`].
    pub fn image_generation() -> Self {
        Self::new("image_generation")
    }

    /// Calls the tools of a remote MCP server without asking for approval.
    ///
    /// A token that the server wants is set [with](Self::with) `authorization`; it is then part of
    /// the params, and visible where they are printed.
    pub fn mcp(label: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new("mcp")
            .with("server_label", label.into())
            .with("server_url", url.into())
            .with("require_approval", "never")
    }

    /// Operates a computer, by calls that the program carries out.
    pub fn computer(environment: impl Into<String>, width: u32, height: u32) -> Self {
        Self::new("computer_use_preview")
            .with("environment", environment.into())
            .with("display_width", width)
            .with("display_height", height)
    }

    /// Runs commands in the program's own shell, by calls that the program carries out.
    pub fn local_shell() -> Self {
        Self::new("local_shell")
    }

    /// Declares a tool whose argument is free text. Its calls are
    /// [tool calls](meanwhile_core::ToolCall) whose arguments are one JSON string.
    pub fn custom(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new("custom").with("name", name.into()).with("description", description.into())
    }

    /// Sets a field of the tool.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        if let Some(fields) = self.0.as_object_mut() {
            fields.insert(name.into(), value.into());
        }
        self
    }
}

/// Makes a part of an item as the API reference describes it, for the provider with this id: what a
/// program answers to a call of a [built-in tool](BuiltInTool), or an `item_reference`.
///
/// ```
/// use meanwhile_core::Message;
/// use meanwhile_openai_responses::item;
/// use serde_json::json;
///
/// let approved = json!({
///     "type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": true,
/// });
/// let message = Message::user(item("openai", approved));
/// ```
#[must_use]
pub fn item(provider: &str, item: Value) -> Part {
    Part::opaque(crate::label(provider), item)
}
