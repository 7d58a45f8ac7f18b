//! [`RetrieverTool`], a retriever that a model may ask.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{
    AnyTool, Error, ErrorKind, Result, Schema, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec,
};
use serde::Deserialize;
use serde_json::json;

use super::{IndexRetriever, Steps, steps};
use crate::synthesis::sources;
use crate::{Index, RetrievalQuery, Retriever};

/// Lets a model search: a tool with one argument, `query`. It answers with numbered texts and where they come
/// from.
///
/// The condition and the number of chunks are the program's; the model can neither see nor change them.
///
/// ```
/// use meanwhile_core::Toolbox;
/// # use meanwhile_rag::{Index, RetrieverTool};
/// # fn example(index: Index) -> Toolbox {
/// let search = RetrieverTool::new(index.retriever(), "search", "Searches the handbook.").top_k(4);
/// Toolbox::new().with(search.into())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RetrieverTool {
    retriever: Arc<dyn Retriever>,
    query: RetrievalQuery,
    steps: Steps,
    name: String,
    description: String,
}

steps!(RetrieverTool);

impl RetrieverTool {
    /// Makes a tool of a retriever; the description tells the model what it searches, and when to.
    #[must_use]
    pub fn new(
        retriever: impl Retriever,
        name: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            retriever: Arc::new(retriever),
            query: RetrievalQuery::new(""),
            steps: Steps::default(),
            name: name.into(),
            description: description.into(),
        }
    }
}

impl IndexRetriever {
    /// Makes a tool of the retriever; the description tells the model what it searches, and when to.
    #[must_use]
    pub fn tool(self, name: impl Into<String>, description: impl Into<String>) -> RetrieverTool {
        RetrieverTool::new(self, name, description)
    }
}

impl From<RetrieverTool> for AnyTool {
    fn from(tool: RetrieverTool) -> Self {
        Self::new(tool)
    }
}

/// What the model writes.
#[derive(Deserialize)]
struct Arguments {
    query: String,
}

/// The one argument of a tool that answers questions.
pub(crate) fn parameters(description: &str) -> Schema {
    Schema::from(json!({
        "type": "object",
        "properties": {"query": {"type": "string", "description": description}},
        "required": ["query"],
        "additionalProperties": false,
    }))
}

/// Reads that argument.
pub(crate) fn question(call: &ToolCall) -> Result<String> {
    let Arguments { query } = call.parse()?;
    if query.trim().is_empty() {
        let message = "the `query` is empty; write what to look for";
        return Err(Error::new(ErrorKind::Output, message));
    }
    Ok(query)
}

#[async_trait]
impl Tool for RetrieverTool {
    fn spec(&self) -> ToolSpec {
        let parameters = parameters("What to look for, in a few words or as a question.");
        ToolSpec::new(self.name.clone(), self.description.clone(), parameters)
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let mut query = self.query.clone();
        query.text = question(call)?;
        let found = self.steps.run(&self.retriever, &query).await?;
        Ok(ToolOutput::new(sources::listing(&found, 1)))
    }
}

impl Index {
    /// Makes a tool that searches the index; see [`RetrieverTool`].
    #[must_use]
    pub fn tool(&self, name: impl Into<String>, description: impl Into<String>) -> RetrieverTool {
        self.retriever().tool(name, description)
    }
}
