//! [`ResourceInfo`] and [`PromptInfo`], and reading a list to its last page.

use std::collections::HashSet;

use meanwhile_core::{Error, ErrorKind, Result};
use rmcp::ServiceError;
use rmcp::model::{PaginatedRequestParams, Prompt, Resource};

use crate::connection::Connection;

/// A resource that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceInfo {
    /// Its address, to read it by.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Its media type, where the server knows.
    pub media_type: Option<String>,
    /// Its size in bytes, where the server knows.
    pub size: Option<u64>,
}

impl From<Resource> for ResourceInfo {
    fn from(resource: Resource) -> Self {
        let Resource { uri, name, description, mime_type, size, .. } = resource;
        Self { uri, name, description, media_type: mime_type, size }
    }
}

/// A prompt that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptInfo {
    /// Its name, to get it by.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its arguments, in order.
    pub arguments: Vec<PromptArgument>,
}

/// An argument of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
}

impl From<Prompt> for PromptInfo {
    fn from(prompt: Prompt) -> Self {
        let arguments = prompt.arguments.unwrap_or_default().into_iter().map(|argument| {
            let required = argument.required.unwrap_or(false);
            PromptArgument { name: argument.name, description: argument.description, required }
        });
        let arguments = arguments.collect();
        Self { name: prompt.name, description: prompt.description, arguments }
    }
}

/// So many pages are no list that anybody made.
const MOST_PAGES: usize = 1000;

/// Asks for page after page. A cursor that comes again is an error, because the list would never end.
pub(crate) async fn all<T, F>(
    connection: &Connection,
    operation: &'static str,
    mut page: impl FnMut(Option<PaginatedRequestParams>) -> F,
) -> Result<Vec<T>>
where
    F: Future<Output = std::result::Result<(Vec<T>, Option<String>), ServiceError>>,
{
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut asked = None;
    loop {
        let (more, next) = connection.ask(operation, page(asked)).await?;
        items.extend(more);
        let Some(next) = next else { return Ok(items) };
        if seen.len() >= MOST_PAGES {
            let message = format!(
                "the list of the MCP server does not end within {MOST_PAGES} pages; report it to who keeps the server"
            );
            return Err(Error::new(ErrorKind::Decode, message).with_operation(operation));
        }
        if !seen.insert(next.clone()) {
            let message = "the MCP server begins its list again in place of ending it; report it to who keeps the server";
            return Err(Error::new(ErrorKind::Decode, message).with_operation(operation));
        }
        asked = Some(PaginatedRequestParams::default().with_cursor(Some(next)));
    }
}
