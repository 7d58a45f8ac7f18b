//! The measured client: the same request through `#[call]` and through the plain API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meanwhile::layers::{Concurrency, RateLimit, Timeout};
use meanwhile::prelude::*;
use meanwhile::{Moment, Observer, PartStart, Registry, Run, RunKind};

use crate::Mode;
use crate::sink::Sink;

const MODEL: &str = "gpt-4o";
const SYSTEM: &str = "You are a helpful assistant.";
const QUESTION: &str = "Tell me about the weather in Paris.";

#[call(model = "openai/gpt-4o")]
async fn weather(place: &str) -> Result<Response> {
    "SYSTEM: You are a helpful assistant.
     USER: Tell me about the weather in {place}."
}

/// Get the current weather for a location
#[tool]
fn get_weather(location: String, notes: String) -> String {
    format!("{location}: {notes}")
}

/// Counts the requests that have ended, and wants to hear of no token.
#[derive(Debug, Default)]
struct Requests(AtomicU64);

impl Observer for Requests {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        if run.kind() == RunKind::Model && moment.is_end() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wants_events(&self) -> bool {
        false
    }
}

/// Asks the benchmark server.
pub(crate) struct Client {
    provider: AnyProvider,
    plain_api: bool,
    // Only with all layers.
    observer: Option<Arc<Requests>>,
}

impl Client {
    pub(crate) fn new(base_url: &str, variant: &str) -> meanwhile::Result<Self> {
        let provider = meanwhile::provider::openai::OpenAi::builder()
            .base_url(base_url)
            .api_key("sk-x")
            .build()?;
        let layered = variant == "layers";
        let provider = if layered { with_layers(provider) } else { provider };
        // As products have it: in the default layers of the registry.
        let provider = registry().insert(provider).provider("openai")?;
        let observer = layered.then(Arc::<Requests>::default);
        Ok(Self { provider, plain_api: variant == "api", observer })
    }

    fn call(&self, mode: Mode) -> Call<'static, Response> {
        let call = if self.plain_api {
            let prompt = Prompt::new().system(SYSTEM).user(QUESTION);
            Call::new("weather", &Registry::new(), Ok(prompt))
                .model(Model::of(self.provider.clone(), MODEL))
        } else {
            weather("Paris").client(self.provider.clone())
        };
        let call = match &self.observer {
            Some(observer) => call.observe(observer.clone()),
            None => call,
        };
        if mode == Mode::Tools { call.tool::<GetWeather>() } else { call }
    }

    /// Makes one request and hands on everything that it delivers, as it comes.
    pub(crate) async fn run(&self, mode: Mode, sink: &mut Sink) -> Result<(), String> {
        self.ask(mode, sink).await.map_err(|error| match error.retry_after() {
            Some(wait) => format!("{error} (retry-after: {} s)", wait.as_secs_f64()),
            None => error.to_string(),
        })
    }

    async fn ask(&self, mode: Mode, sink: &mut Sink) -> meanwhile::Result<()> {
        if mode == Mode::Plain {
            let response = self.call(mode).await?;
            sink.text(&response.text());
            sink.finish = response.finish.as_ref().and_then(|finish| finish.raw.clone());
            sink.usage = response.usage.total();
            return Ok(());
        }
        let mut stream = self.call(mode).stream().await?;
        // The part index of each tool call, in the order of their starts.
        let mut calls: Vec<u32> = Vec::new();
        while let Some(event) = stream.next().await {
            match event? {
                Event::TextDelta { text, .. } => sink.text(&text),
                Event::PartStart { index, part: PartStart::ToolCall { id, name } } => {
                    calls.push(index);
                    sink.tool_start(&id, &name);
                }
                Event::ToolCallDelta { index, arguments } => {
                    if let Some(call) = calls.iter().position(|known| *known == index) {
                        sink.tool_delta(call, &arguments);
                    }
                }
                Event::Usage(usage) => sink.usage = usage.total(),
                Event::Finish(finish) => sink.finish.clone_from(&finish.raw),
                _ => {}
            }
            if sink.is_full() {
                break;
            }
        }
        Ok(())
    }
}

/// What a careful product adds to the default layers. No limit is reached.
fn with_layers(provider: AnyProvider) -> AnyProvider {
    let timeout = Timeout::new()
        .first_event(Duration::from_secs(30))
        .idle(Duration::from_secs(30))
        .whole(Duration::from_secs(300));
    let rate =
        RateLimit::new().requests_per_minute(1_000_000_000).tokens_per_minute(1_000_000_000_000);
    provider.layer(&timeout).layer(&rate).layer(&Concurrency::new(20_000))
}
