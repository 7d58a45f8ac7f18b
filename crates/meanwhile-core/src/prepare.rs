//! From settings and messages to a [`Request`] for a known model. Pure, but for connecting a provider.

use std::sync::Arc;

use crate::observe::Origin;
use crate::pricing;
use crate::reading::OUTPUT_TOOL;
use crate::run::{OutputMode, RunLimits, RunSettings};
use crate::scope::Scope;
use crate::tool::{ToolChoice, ToolSpec, Toolbox};
use crate::{
    AnyProvider, Capabilities, Delivery, Error, ErrorKind, Extract, Message, Model, ModelId,
    ModelRef, OutputFormat, OutputSchema, OutputSupport, Part, Provider as _, Reading, Registry,
    Request, Result, Role, Settings, Warning,
};

/// A request together with what is needed to send it and to go on from its answer.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) provider: AnyProvider,
    /// What is asked; the schema of the answer is still in it as the type wants it.
    pub(crate) request: Request,
    pub(crate) tools: Toolbox,
    /// What a run with tools is configured with.
    pub(crate) run: RunSettings,
    /// What the value is read with.
    pub(crate) reading: Reading,
    /// Who observes the requests and tools.
    pub(crate) origin: Origin,
    /// Where the tools run.
    pub(crate) scope: Scope,
}

/// Resolves the model and merges all settings into one request.
pub(crate) fn prepare<T: Extract>(
    name: &'static str,
    registry: &Registry,
    messages: Vec<Message>,
    settings: Settings,
    defaults: Option<Arc<Settings>>,
    scope: Scope,
    delivery: Delivery,
) -> Result<Prepared> {
    let settings = match defaults {
        Some(defaults) => settings.or(Arc::unwrap_or_clone(defaults)),
        None => settings,
    };
    let Settings {
        model,
        client,
        params,
        tools,
        tool_choice,
        timeouts,
        unsupported,
        raw,
        tags,
        layers,
        observers,
        run,
    } = settings;
    let mut model = resolve(registry, model, client)?;
    for layer in layers {
        model.provider = layer.wrap(model.provider);
    }
    if messages.is_empty() {
        let message = "the prompt has no messages; return some text or a message from its body";
        return Err(Error::new(ErrorKind::Prompt, message));
    }

    let tools = tools.with_all(T::toolbox());
    let mut run = run.map(|run| *run).unwrap_or_default();
    check_host(&tools, &run)?;
    let mut request = Request::new(model.id, messages);
    request.tool_choice = tool_choice.unwrap_or_default();
    if let ToolChoice::Tool(name) = &request.tool_choice
        && tools.get(name).is_none()
    {
        let message = format!("the tool choice names `{name}`, which is not one of the tools");
        return Err(Error::new(ErrorKind::Config, message));
    }
    request.tools = tools.specs().cloned().collect();
    request.merge_params(params, &model.params, registry.params());
    request.delivery = delivery;
    request.timeouts = timeouts;
    request.unsupported = unsupported.unwrap_or_default();
    request.raw = raw;
    request.operation = name.into();
    request.output = T::output();
    let mut reading = Reading::new();
    let typed = matches!(request.output, OutputFormat::Schema(_));
    if typed {
        reading.reader = run.reader.take().or_else(|| registry.reader());
        reading.by_tool = run.output_mode == Some(OutputMode::Tool);
        if reading.by_tool && tools.get(OUTPUT_TOOL).is_some() {
            let message = format!(
                "the tool `{OUTPUT_TOOL}` is how the answer is given; name yours otherwise"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
    }
    if !tools.is_empty() || run.limits != RunLimits::new() || !run.each_turn.is_empty() {
        run.timer = run.timer.or_else(|| registry.timer());
    }
    if run.limits.cost.is_some() {
        run.prices = run.prices.or_else(|| registry.prices());
        check_price(model.provider.id(), &request.model, &run)?;
    }
    let parent = scope.parent().cloned();
    let origin = if observers.is_empty() {
        Origin::default()
    } else {
        Origin { observers, parent, tags: tags.clone() }
    };
    request.tags = tags;
    Ok(Prepared { provider: model.provider, request, tools, run, reading, origin, scope })
}

/// Fails before anything is sent when a tool lacks what it cannot run without.
fn check_host(tools: &Toolbox, run: &RunSettings) -> Result<()> {
    for tool in tools.iter() {
        for need in tool.needs() {
            if !run.host.has(need) {
                let message = format!(
                    "the tool `{}` needs a `{}`; give the call one with `.host(value)`",
                    tool.spec().name,
                    need.name()
                );
                return Err(Error::new(ErrorKind::Config, message));
            }
        }
    }
    Ok(())
}

/// Fails before anything is sent when a limit on the cost could not be kept.
fn check_price(provider: &str, model: &str, run: &RunSettings) -> Result<()> {
    let Some(prices) = &run.prices else {
        let message = "a limit on the cost needs prices: set them with `.prices(…)`; the registry of the \
                       `meanwhile` facade has some with the feature `layers`";
        return Err(Error::new(ErrorKind::Config, message));
    };
    if pricing::is_known(&**prices, provider, model) {
        return Ok(());
    }
    let message = format!(
        "the price of `{provider}/{model}` is not known, and the cost of the run is limited; give the call \
         prices that hold it with `.prices(…)`"
    );
    Err(Error::new(ErrorKind::Budget, message))
}

fn resolve(
    registry: &Registry,
    model: Option<ModelRef>,
    client: Option<AnyProvider>,
) -> Result<Model> {
    match (model, client) {
        (Some(ModelRef::Model(model)), None) => Ok(*model),
        (Some(ModelRef::Named(name)), None) => registry.model(&name),
        (Some(ModelRef::Model(model)), Some(client)) => Ok(Model { provider: client, ..*model }),
        (Some(ModelRef::Named(name)), Some(client)) => {
            let id: ModelId = name.parse()?;
            Ok(Model::of(client, id.model))
        }
        (None, _) => Err(Error::new(
            ErrorKind::Config,
            "no model was chosen; name one in the attribute or with `.model(\"provider/model\")`",
        )),
    }
}

impl Request {
    /// Asks in the prompt for what a provider of these capabilities cannot guarantee: the schema of
    /// the answer. Says so in a warning of the request; does nothing where nothing is to be done.
    ///
    /// Calls do this for the provider that they ask. A layer that asks another one does it again.
    pub fn adapt_output(&mut self, capabilities: Capabilities) {
        match capabilities.output {
            OutputSupport::Schema => {}
            OutputSupport::Json => self.prompt_output(
                OutputFormat::Json,
                Some("the provider guarantees JSON only; its shape is asked for in the prompt"),
            ),
            OutputSupport::Prompted => self.prompt_output(
                OutputFormat::Text,
                Some("the provider guarantees no shape; JSON is asked for in the prompt"),
            ),
        }
    }

    /// Asks for the value in the way that was chosen.
    pub(crate) fn choose_output(&mut self, mode: OutputMode, provider: &AnyProvider) {
        if !matches!(self.output, OutputFormat::Schema(_)) {
            return;
        }
        match mode {
            OutputMode::Auto => self.adapt_output(provider.capabilities(&self.model)),
            OutputMode::Native => {}
            OutputMode::Json => self.prompt_output(OutputFormat::Json, None),
            OutputMode::Prompted => self.prompt_output(OutputFormat::Text, None),
            OutputMode::Tool => {
                let output = std::mem::replace(&mut self.output, OutputFormat::Text);
                let OutputFormat::Schema(OutputSchema { schema, .. }) = output else { return };
                let description = "Gives the final answer. Call it once, when the answer is known.";
                // Whoever has to answer may use other tools before.
                match self.tool_choice {
                    ToolChoice::Auto if !self.tools.is_empty() => {
                        self.tool_choice = ToolChoice::Required;
                    }
                    ToolChoice::Auto | ToolChoice::None => {
                        self.tool_choice = ToolChoice::Tool(OUTPUT_TOOL.to_owned());
                    }
                    ToolChoice::Required | ToolChoice::Tool(_) => {}
                }
                self.tools.push(ToolSpec::new(OUTPUT_TOOL, description, schema));
            }
        }
    }

    fn prompt_output(&mut self, format: OutputFormat, warning: Option<&'static str>) {
        let OutputFormat::Schema(output) = &self.output else { return };
        let instruction = format!(
            "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{}",
            output.schema.as_value()
        );
        self.output = format;
        if let Some(message) = warning {
            self.warnings.push(Warning::changed("output schema", message));
        }
        match self.messages.first_mut() {
            Some(first) if first.role == Role::System => {
                first.parts.push(Part::text(format!("\n\n{instruction}")));
            }
            _ => self.messages.insert(0, Message::system(instruction)),
        }
    }
}
