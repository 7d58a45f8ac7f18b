//! [`Shape`]: the layer that asks the provider for the shape of an adapter's answers.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use meanwhile_core::{
    AnyProvider, Attempt, Capabilities, Event, EventStream, Layer, Moment, OutputFormat,
    OutputSupport, Provider, Request, Result,
};

/// Asks the provider for a shape, as far as it can hold to one: the prompt says the rest already. Hands a
/// failed attempt on to observers and to the answer.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    format: OutputFormat,
    failed: Option<Attempt>,
}

impl Shape {
    pub(super) fn new(format: OutputFormat, failed: Option<Attempt>) -> Self {
        Self { format, failed }
    }
}

impl Layer for Shape {
    fn wrap(&self, inner: AnyProvider) -> AnyProvider {
        AnyProvider::new(Shaped { shape: self.clone(), inner })
    }
}

#[derive(Debug)]
struct Shaped {
    shape: Shape,
    inner: AnyProvider,
}

#[async_trait]
impl Provider for Shaped {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn capabilities(&self, model: &str) -> Capabilities {
        self.inner.capabilities(model)
    }

    async fn send(&self, mut request: Request) -> Result<EventStream> {
        request.output = match (&self.shape.format, self.capabilities(&request.model).output) {
            (OutputFormat::Text, _) | (_, OutputSupport::Prompted) => OutputFormat::Text,
            (OutputFormat::Schema(_), OutputSupport::Json) => OutputFormat::Json,
            (format, _) => format.clone(),
        };
        let Some(failed) = self.shape.failed.clone() else {
            return self.inner.send(request).await;
        };
        if let Some(run) = &request.run {
            run.observe(&Moment::Retry(&failed));
        }
        let events = self.inner.send(request).await?;
        let first = futures_util::stream::iter([Ok(Event::attempt(failed))]);
        Ok(EventStream::new(first.chain(events)))
    }
}
