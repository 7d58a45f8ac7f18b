//! A chain with a tool, and a provider that takes its time.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use meanwhile_core::{
    AnyProvider, AnyTool, Attempt, Call, Capabilities, Error, ErrorKind, EventStream, Message,
    Model, Moment, Prompt, Provider, Registry, Request, Result, Schema, Scripted, Tool, ToolCall,
    ToolContext, ToolOutput, ToolSpec, Toolbox,
};

/// Waits before it accepts a request, and before each event.
#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) inner: AnyProvider,
    pub(crate) accepts: Duration,
    pub(crate) event: Duration,
}

impl Slow {
    pub(crate) fn model(scripted: Scripted, accepts: u64, event: u64) -> Model {
        let (accepts, event) = (Duration::from_millis(accepts), Duration::from_millis(event));
        Model::new(Self { inner: AnyProvider::new(scripted), accepts, event }, "slow-1")
    }
}

#[async_trait]
impl Provider for Slow {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        tokio::time::sleep(self.accepts).await;
        let events = self.inner.send(request).await?;
        let wait = self.event;
        Ok(EventStream::new(events.then(move |event| async move {
            tokio::time::sleep(wait).await;
            event
        })))
    }
}

/// Tries again once, as a layer does.
#[derive(Debug)]
pub(crate) struct Again(pub(crate) AnyProvider);

#[async_trait]
impl Provider for Again {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.0.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        let run = request.run.clone();
        match self.0.send(request.clone()).await {
            Ok(events) => Ok(events),
            Err(error) => {
                let attempt = Attempt::new(&error, &request.model, Duration::from_millis(20));
                let attempt = attempt.with_wait(Duration::from_millis(500));
                if let Some(run) = &run {
                    run.observe(&Moment::Retry(&attempt));
                }
                self.0.send(request).await
            }
        }
    }
}

/// Says that each try goes to another port of a server, as a provider that asks over a network does.
#[derive(Debug)]
pub(crate) struct Located {
    inner: AnyProvider,
    next: AtomicU16,
}

impl Located {
    pub(crate) fn new(scripted: Scripted) -> Self {
        Self { inner: AnyProvider::new(scripted), next: AtomicU16::new(8001) }
    }
}

#[async_trait]
impl Provider for Located {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, request: Request) -> Result<EventStream> {
        if let Some(run) = &request.run {
            let port = self.next.fetch_add(1, Ordering::Relaxed);
            run.observe(&Moment::Sending { address: "models.example", port });
        }
        self.inner.send(request).await
    }
}

/// Doubles a number; a text fails.
#[derive(Debug)]
pub(crate) struct Double;

#[async_trait]
impl Tool for Double {
    fn spec(&self) -> ToolSpec {
        let schema =
            serde_json::json!({"type": "object", "properties": {"x": {"type": "integer"}}});
        ToolSpec::new("double", "Doubles a number.", Schema::from(schema))
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        match call.json()?["x"].as_i64() {
            Some(x) => Ok(ToolOutput::new((2 * x).to_string())),
            None => Err(Error::new(ErrorKind::Tool, "no number")),
        }
    }
}

/// Asks for the tool once, well or badly, then answers.
pub(crate) fn with_tool(arguments: &str) -> Scripted {
    Scripted::new().tool_call("call_1", "double", arguments).reply("It is four.")
}

/// A call by the name of `ask`, which may run the tool.
pub(crate) fn ask(model: Model) -> Call<'static, String> {
    let prompt = Prompt::from([Message::system("Be brief."), Message::user("Twice two?")]);
    Call::new("ask", &Registry::new(), Ok(prompt))
        .model(model)
        .tools(Toolbox::new().with(AnyTool::new(Double)))
        .temperature(0.5)
        .tag("user", "7")
}

/// Asks a model itself.
#[derive(Debug)]
pub(crate) struct Asking(pub(crate) Model);

#[async_trait]
impl Tool for Asking {
    fn spec(&self) -> ToolSpec {
        let schema = serde_json::json!({"type": "object", "properties": {}});
        ToolSpec::new("asking", "Asks.", Schema::from(schema))
    }

    async fn call(&self, _: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        Ok(ToolOutput::new(self.0.call::<String>("x").await?))
    }
}

/// What an error quotes of an answer.
pub(crate) const SECRET: &str = "the patient has the flu";
