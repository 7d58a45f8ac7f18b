//! [`Method`]: a method of a toolkit as a tool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use meanwhile_core::{HostType, Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec};
use serde::de::DeserializeOwned;

/// A tool that is a method: its value is shared with the other tools of the toolkit.
pub struct Method<S, A> {
    /// What the method is called on.
    pub value: Arc<S>,
    /// How it is described to the model.
    pub spec: &'static ToolSpec,
    /// Whether the method is `async`.
    pub is_async: bool,
    /// The longest that one run may take.
    pub timeout: Option<Duration>,
    /// The values of the program that it cannot run without.
    pub needs: fn() -> Vec<HostType>,
    /// Calls the method.
    pub run: Run<S, A>,
}

type Run<S, A> = for<'a> fn(&'a Arc<S>, A, &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput>>;

impl<S, A> fmt::Debug for Method<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.spec.name).finish()
    }
}

impl<S, A> Tool for Method<S, A>
where
    S: Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn is_async(&self) -> bool {
        self.is_async
    }

    fn needs(&self) -> Vec<HostType> {
        (self.needs)()
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    // Written out, so that the future of the method is boxed once.
    fn call<'life0, 'life1, 'life2, 'async_trait>(
        &'life0 self,
        call: &'life1 ToolCall,
        context: &'life2 ToolContext,
    ) -> BoxFuture<'async_trait, Result<ToolOutput>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        Self: 'async_trait,
    {
        match call.parse::<A>() {
            Ok(arguments) => (self.run)(&self.value, arguments, context),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
