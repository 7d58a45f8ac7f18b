//! [`AnthropicOptions`]: what only Anthropic's API can be told, typed.

use meanwhile_core::Params;
use serde_json::{Map, Value, json};

use crate::DIALECT;

/// Vendor options under which something other than a field of the body is kept.
pub(crate) const BETAS: &str = "betas";
pub(crate) const CITATIONS: &str = "citations";
pub(crate) const STRICT_TOOLS: &str = "strict_tools";
pub(crate) const TOOL_OPTIONS: &str = "tool_options";

/// Options of one call that only Anthropic's API has, on whichever host.
///
/// They become the vendor options `anthropic` of [`Params`]; a field that is not here can be set
/// with [`Params::option`] as it is in the API. Lists of tools and of beta features add to what
/// the request has, objects are merged field by field, and everything else replaces.
///
/// ```
/// use meanwhile_anthropic::AnthropicOptions;
/// use meanwhile_core::Params;
/// use serde_json::json;
///
/// let params = AnthropicOptions::new()
///     .tool(json!({ "type": "web_search_20250305", "name": "web_search", "max_uses": 3 }))
///     .citations(true)
///     .apply(Params::new().max_tokens(1024));
/// assert_eq!(params.options["anthropic"]["citations"], true);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnthropicOptions {
    fields: Map<String, Value>,
}

impl AnthropicOptions {
    /// Begins without any option.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a beta feature, by the name that the `anthropic-beta` header takes.
    /// See <https://docs.anthropic.com/en/api/beta-headers>.
    #[must_use]
    pub fn beta(self, name: impl Into<String>) -> Self {
        self.add(BETAS, name.into().into())
    }

    /// Offers a tool that Anthropic defines or runs, as the API writes it: web search, code
    /// execution, text editor. See <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use>.
    #[must_use]
    pub fn tool(self, tool: Value) -> Self {
        self.add("tools", tool)
    }

    /// Sets a field of one of the request's own tools: `strict`, `cache_control`, `defer_loading`,
    /// `allowed_callers`, `eager_input_streaming`.
    #[must_use]
    pub fn tool_option(
        mut self,
        tool: impl Into<String>,
        field: impl Into<String>,
        value: impl Into<Value>,
    ) -> Self {
        let tools = self.fields.entry(TOOL_OPTIONS).or_insert_with(|| json!({}));
        if let Some(tools) = tools.as_object_mut() {
            let fields = tools.entry(tool).or_insert_with(|| json!({}));
            if let Some(fields) = fields.as_object_mut() {
                fields.insert(field.into(), value.into());
            }
        }
        self
    }

    /// Has the arguments of all tools held to their schemas. A tool whose schema is outside of what
    /// the API can guarantee is sent without, with a warning.
    /// See <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>.
    #[must_use]
    pub fn strict_tools(self, strict: bool) -> Self {
        self.set(STRICT_TOOLS, strict.into())
    }

    /// Has the answer cite the documents of the conversation; the API wants it for all or none.
    /// See <https://docs.anthropic.com/en/docs/build-with-claude/citations>.
    #[must_use]
    pub fn citations(self, enabled: bool) -> Self {
        self.set(CITATIONS, enabled.into())
    }

    /// Sets how thinking is shown: `summarized` or `omitted`. Has no effect without thinking.
    /// See <https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking>.
    #[must_use]
    pub fn thinking_display(self, display: impl Into<String>) -> Self {
        self.set("thinking", json!({ "display": display.into() }))
    }

    /// Caches up to the last block that can be cached, for `ttl` (`5m`, `1h`) or the default time,
    /// without a mark in the conversation.
    /// See <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>.
    #[must_use]
    pub fn cache(self, ttl: Option<&str>) -> Self {
        let mut control = json!({ "type": "ephemeral" });
        if let Some(ttl) = ttl {
            control = json!({ "type": "ephemeral", "ttl": ttl });
        }
        self.set("cache_control", control)
    }

    /// Lets the model use the tools of a remote MCP server, as the API describes one, and asks for
    /// the beta feature that this needs.
    /// See <https://docs.anthropic.com/en/docs/agents-and-tools/mcp-connector>.
    #[must_use]
    pub fn mcp_server(self, server: Value) -> Self {
        self.add("mcp_servers", server).beta("mcp-client-2025-11-20")
    }

    /// Sets how the API shortens a long conversation, and asks for the beta feature that this needs.
    /// See <https://docs.anthropic.com/en/docs/build-with-claude/context-editing>.
    #[must_use]
    pub fn context_management(self, config: Value) -> Self {
        self.set("context_management", config).beta("context-management-2025-06-27")
    }

    /// Runs code in this container. Without it, that of the conversation's last answer is used.
    /// See <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/code-execution-tool>.
    #[must_use]
    pub fn container(self, container: impl Into<Value>) -> Self {
        self.set("container", container.into())
    }

    /// Sets any other field of the request body.
    #[must_use]
    pub fn field(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.set(&name, value.into())
    }

    /// Adds the options to `params`, key by key.
    #[must_use]
    pub fn apply(self, mut params: Params) -> Params {
        params.options.entry(DIALECT.to_owned()).or_default().extend(self.fields);
        params
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    fn add(mut self, name: &str, value: Value) -> Self {
        match self.fields.get_mut(name).and_then(Value::as_array_mut) {
            Some(list) if list.contains(&value) => {}
            Some(list) => list.push(value),
            None => {
                self.fields.insert(name.to_owned(), Value::Array(vec![value]));
            }
        }
        self
    }
}

/// Whether vendor options hold this field and it is not off.
pub(crate) fn is_on(options: &Map<String, Value>, name: &str) -> bool {
    options.get(name).is_some_and(|value| {
        !matches!(value, Value::Null | Value::Bool(false))
            && value.get("enabled") != Some(&Value::Bool(false))
    })
}
