//! [`AsyncObserver`]: async callbacks on the starts, tokens, ends and errors of runs.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use meanwhile_core::{Attempt, Error, Event, Request, Response, Run, RunId, ToolCall, ToolResult};

/// Is called, in order, with what happens in the runs it observes; see
/// [`CallbackQueue`](crate::CallbackQueue), which calls it.
///
/// Every callback does nothing unless it is written. Each start is followed by exactly one end or
/// error of the same run; a run that is dropped ends with an error of the kind `Cancelled`. What is
/// handed in is shared: a callback that wants to keep it clones the `Arc`. Callbacks run beside the
/// call they are about, which does not wait for them: nothing they do delays or fails it.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::{AsyncObserver, CallbackContext, CallbackQueue};
///
/// #[derive(Default)]
/// struct Tokens(AtomicUsize);
///
/// #[async_trait::async_trait]
/// impl AsyncObserver for Tokens {
///     async fn on_token(&self, _: &CallbackContext, text: &str) {
///         self.0.fetch_add(text.len(), Ordering::Relaxed);
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let tokens = std::sync::Arc::new(Tokens::default());
/// let queue = CallbackQueue::of(tokens.clone());
/// let model = Model::new(Scripted::new().reply("one two"), "any");
/// model.call::<String>("Count").observe(queue.clone()).await?;
/// queue.flush().await;
/// assert_eq!(tokens.0.load(Ordering::Relaxed), 7);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[async_trait]
#[allow(unused_variables, reason = "callbacks that are not written use nothing")]
pub trait AsyncObserver: Send + Sync + 'static {
    /// A chain begins: a prompt function with everything it does, or a named piece of the program.
    async fn on_chain_start(&self, context: &CallbackContext) {}

    /// A chain has ended well.
    async fn on_chain_end(&self, context: &CallbackContext) {}

    /// A chain failed or was dropped.
    async fn on_chain_error(&self, context: &CallbackContext, error: &Arc<Error>) {}

    /// A request is sent to a model.
    async fn on_model_start(&self, context: &CallbackContext, request: &Arc<Request>) {}

    /// More text of an answer has arrived.
    async fn on_token(&self, context: &CallbackContext, text: &str) {}

    /// Any step of an answer has arrived; text among them, which is told to
    /// [`on_token`](Self::on_token) too, right after.
    async fn on_event(&self, context: &CallbackContext, event: &Event) {}

    /// An answer is complete.
    async fn on_model_end(&self, context: &CallbackContext, response: &Arc<Response>) {}

    /// A request failed or was dropped; what had arrived is on the error.
    async fn on_model_error(&self, context: &CallbackContext, error: &Arc<Error>) {}

    /// A try of a request failed and another one follows.
    async fn on_retry(&self, context: &CallbackContext, attempt: &Arc<Attempt>) {}

    /// A tool is called.
    async fn on_tool_start(&self, context: &CallbackContext, call: &Arc<ToolCall>) {}

    /// A tool has answered.
    async fn on_tool_end(&self, context: &CallbackContext, result: &Arc<ToolResult>) {}

    /// A tool failed or was dropped. The model is told of a failure and may go on.
    async fn on_tool_error(&self, context: &CallbackContext, error: &Arc<Error>) {}

    /// So many observations were left out here: single events because the queue was full, or what was
    /// lost when the runtime of the callbacks ended.
    async fn on_dropped(&self, count: u64) {}

    /// Whether single events of answers, tokens among them, are wanted.
    fn wants_events(&self) -> bool {
        true
    }
}

/// The run that a callback is about, and when it happened.
///
/// A run keeps its observers alive, the queue that calls back among them: an observer that remembers
/// runs keeps their ids and names.
///
/// ```
/// use meanwhile_observe::CallbackContext;
///
/// fn line(context: &CallbackContext) -> String {
///     let parent = context.parent_run_id().map(|id| format!(" in {id}")).unwrap_or_default();
///     format!("{} {}{parent} {:?}", context.run_id(), context.name(), context.tags())
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallbackContext {
    /// The run.
    pub run: Run,
    /// When it happened; the callback itself may run later.
    pub time: SystemTime,
}

impl CallbackContext {
    /// Names the run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run.id()
    }

    /// The run that this one is a part of.
    #[must_use]
    pub fn parent_run_id(&self) -> Option<RunId> {
        self.run.parent()
    }

    /// The name of the prompt function, the `provider/model` or the tool.
    #[must_use]
    pub fn name(&self) -> &str {
        self.run.name()
    }

    /// The labels of the call, in order.
    #[must_use]
    pub fn tags(&self) -> &[(String, String)] {
        self.run.tags()
    }
}
