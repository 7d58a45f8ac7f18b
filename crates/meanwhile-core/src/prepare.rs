//! From settings and messages to a [`Request`] for a known model. Pure, but for connecting a provider.

use std::sync::Arc;

use crate::observe::Origin;
use crate::scope::Scope;
use crate::tool::{ToolChoice, Toolbox};
use crate::{
    AnyProvider, Capabilities, Delivery, Error, ErrorKind, Extract, Message, Model, ModelId,
    ModelRef, OutputFormat, OutputSupport, Part, Provider as _, Registry, Request, Result, Role,
    Settings, Warning,
};

/// Requests of one tool loop, where the call does not say.
const DEFAULT_MAX_TURNS: u32 = 10;

/// A request together with what is needed to send it and to go on from its answer.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) provider: AnyProvider,
    pub(crate) request: Request,
    pub(crate) tools: Toolbox,
    pub(crate) max_turns: u32,
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
        max_turns,
        timeouts,
        unsupported,
        raw,
        tags,
        layers,
        observers,
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
    let mut request = Request::new(model.id, messages);
    request.tools = tools.specs().cloned().collect();
    request.tool_choice = tool_choice.unwrap_or_default();
    if let ToolChoice::Tool(name) = &request.tool_choice
        && tools.get(name).is_none()
    {
        let message = format!("the tool choice names `{name}`, which is not one of the tools");
        return Err(Error::new(ErrorKind::Config, message));
    }
    request.merge_params(params, &model.params, registry.params());
    request.delivery = delivery;
    request.timeouts = timeouts;
    request.unsupported = unsupported.unwrap_or_default();
    request.raw = raw;
    request.operation = name.into();
    request.output = T::output();
    if matches!(request.output, OutputFormat::Schema(_)) {
        request.adapt_output(model.provider.capabilities(&request.model));
    }
    let max_turns = max_turns.unwrap_or(DEFAULT_MAX_TURNS).max(1);
    let parent = scope.parent().cloned();
    let origin = if observers.is_empty() {
        Origin::default()
    } else {
        Origin { observers, parent, tags: tags.clone() }
    };
    request.tags = tags;
    Ok(Prepared { provider: model.provider, request, tools, max_turns, origin, scope })
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
        let OutputFormat::Schema(output) = &self.output else { return };
        let (format, message) = match capabilities.output {
            OutputSupport::Schema => return,
            OutputSupport::Json => (
                OutputFormat::Json,
                "the provider guarantees JSON only; its shape is asked for in the prompt",
            ),
            OutputSupport::Prompted => (
                OutputFormat::Text,
                "the provider guarantees no shape; JSON is asked for in the prompt",
            ),
        };
        let instruction = format!(
            "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{}",
            output.schema.as_value()
        );
        self.output = format;
        self.warnings.push(Warning::changed("output schema", message));
        match self.messages.first_mut() {
            Some(first) if first.role == Role::System => {
                first.parts.push(Part::text(format!("\n\n{instruction}")));
            }
            _ => self.messages.insert(0, Message::system(instruction)),
        }
    }
}
