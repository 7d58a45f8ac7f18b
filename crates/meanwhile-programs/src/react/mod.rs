//! [`ReAct`]: an agent that uses tools until it can submit the outputs of a signature.

mod compose;
mod native;
mod output;
mod submit;
mod text;
mod told;
mod transcript;

use std::fmt;
use std::marker::PhantomData;

use meanwhile_core::{
    Error, ErrorKind, ModelRef, Result, RunState, Scope, Settings, ToolSet, Toolbox,
};

use crate::module::{visit_part, visit_part_mut};
use crate::{
    ChainOfThought, Dynamic, Fields, Forward, Module, Overlay, Predictor, Signature, SignatureSpec,
};

use submit::SUBMIT;

pub use output::{ForcedBy, ReActOutput, ReActStop};
pub use transcript::{ToolStep, Transcript, Turn as ReActTurn};

/// The name of an agent's calls of models, within the chain that has the name of its signature.
pub(crate) const CALL: &str = "react";

/// How an agent and its model speak of tools.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Protocol, ReAct, fields};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().tool_call("1", "submit", r#"{"answer": "Lima"}"#);
/// let agent = ReAct::parse("question -> answer")?
///     .protocol(Protocol::Native)
///     .model(Model::new(scripted.clone(), "any"));
/// let run = agent.call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!(run.text("answer"), Some("Lima"));
/// // The provider was given the tools as such.
/// assert_eq!(scripted.requests()[0].tools[0].name, "submit");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// By the provider's own tool calls, several a turn.
    #[default]
    Native,
    /// In the text of prompts and answers, several calls a turn: for models without tool calls of their
    /// own.
    Text,
    /// In text, one call a turn, in the words of DSPy's `ReAct` up to 3.4, whose saved programs it takes
    /// over. The tools are named in the instructions, as they are there: a state that is loaded, and what
    /// an optimiser writes, must name them.
    Dspy,
}

/// An agent that uses tools until it can submit the outputs of a signature.
///
/// The model calls tools, several of a turn at the same time, and ends with a call of `submit`, whose
/// arguments are the outputs. A tool that fails, is unknown, or gets arguments that do not fit is told to
/// the model, outputs that do not fit are too. When the turns are used up, or the model answers without a
/// call, it is asked once more, for `submit` alone; [`ReActOutput::stop`] says which it was.
///
/// The [limits](meanwhile_core::RunLimits) of its settings hold for the whole run. An error of a run says
/// what was done until then: [`Transcript::of_error`].
///
/// ```
/// use meanwhile_core::{Model, Scripted, ToolCall};
/// use meanwhile_programs::{ReAct, ReActStop, fields};
/// # use async_trait::async_trait;
/// # use meanwhile_core::{AnyTool, Result, Schema, Tool, ToolContext, ToolOutput, ToolSpec, Toolbox};
/// # #[derive(Debug)]
/// # struct Double;
/// # #[async_trait]
/// # impl Tool for Double {
/// #     fn spec(&self) -> ToolSpec {
/// #         ToolSpec::new("double", "Doubles a number.", Schema::of::<u32>())
/// #     }
/// #     async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
/// #         ToolOutput::json(&(call.parse::<u32>()? * 2))
/// #     }
/// # }
/// # futures::executor::block_on(async {
/// # let double = Toolbox::new().with(AnyTool::new(Double));
/// let scripted = Scripted::new()
///     .tool_calls([ToolCall::new("1", "double", "4"), ToolCall::new("2", "double", "5")])
///     .tool_call("3", "submit", r#"{"sum": 18}"#);
/// let agent = ReAct::parse("question -> sum: int")?
///     .tools(double)
///     .model(Model::new(scripted, "any"));
///
/// let run = agent.call(fields! { question: "What is 4*2 + 5*2?" }).await?;
///
/// assert_eq!(run.get::<i64>("sum")?, 18);
/// assert_eq!(run.stop, ReActStop::Submitted);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub struct ReAct<S = Dynamic> {
    /// The predictor that decides what to do next.
    pub react: Predictor,
    /// What reads the outputs out of what was done, where the protocol is one of text.
    pub extract: Option<ChainOfThought>,
    spec: SignatureSpec,
    tools: Toolbox,
    max_turns: Option<u32>,
    tool_concurrency: Option<usize>,
    protocol: Protocol,
    signature: PhantomData<fn() -> S>,
}

impl ReAct {
    /// Makes an agent of a signature that is written as text.
    ///
    /// # Errors
    ///
    /// As reading a [`SignatureSpec`].
    pub fn parse(signature: &str) -> Result<Self> {
        Ok(Self::of(signature.parse()?))
    }

    /// Makes an agent of a signature that was built at run time.
    #[must_use]
    pub fn of(spec: SignatureSpec) -> Self {
        Self::with_spec(spec)
    }
}

impl<S: Signature> ReAct<S> {
    /// Makes an agent without tools.
    #[must_use]
    pub fn new() -> Self {
        Self::with_spec(S::spec())
    }
}

impl<S> ReAct<S> {
    fn with_spec(spec: SignatureSpec) -> Self {
        let react = Predictor::new(compose::native(&spec));
        Self {
            react,
            extract: None,
            spec,
            tools: Toolbox::new(),
            max_turns: None,
            tool_concurrency: None,
            protocol: Protocol::Native,
            signature: PhantomData,
        }
    }

    /// Adds tools. Under [`Protocol::Dspy`] this writes the instructions anew: add them before
    /// instructions are changed or a state is loaded.
    #[must_use]
    pub fn tools(mut self, tools: Toolbox) -> Self {
        self.tools = self.tools.with_all(tools);
        match self.protocol {
            Protocol::Dspy => self.written_anew(),
            Protocol::Native | Protocol::Text => self.listed_anew(),
        }
    }

    /// Adds a tool, or a set of tools, by type.
    #[must_use]
    pub fn tool<T: ToolSet>(self) -> Self {
        self.tools(T::toolbox())
    }

    /// Sets how agent and model speak of tools, and writes the instructions anew.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self.written_anew()
    }

    /// Sets the most answers of the model, before it is made to submit. Where it is not set, those of the
    /// [limits](meanwhile_core::RunLimits::turns) of the settings or the scope count, and else 20.
    #[must_use]
    pub fn max_turns(mut self, turns: u32) -> Self {
        self.max_turns = Some(turns);
        self
    }

    /// Sets the most tools of one turn that run at the same time; 8 where nothing is set.
    #[must_use]
    pub fn tool_concurrency(mut self, tools: usize) -> Self {
        self.tool_concurrency = Some(tools);
        self
    }

    /// Sets the model: a [`Model`](meanwhile_core::Model) or a `provider/model` string.
    #[must_use]
    pub fn model(self, model: impl Into<ModelRef>) -> Self {
        self.settings(Settings::new().model(model))
    }

    /// Sets settings, on top of those already set here: values for tools, approval, observers and all
    /// else. They win against those of a scope.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.react.set_settings(settings.clone());
        if let Some(extract) = self.extract.take() {
            self.extract = Some(extract.settings(settings));
        }
        self
    }

    /// The settings that hold for a run.
    fn run_settings(&self) -> Settings {
        settings_here(&self.react)
    }

    /// The most answers of the model, before it is made to submit.
    fn most_turns(&self) -> u32 {
        let limits = || self.run_settings().or(Scope::current().settings()).run?.limits.turns;
        self.max_turns.or_else(limits).unwrap_or(20)
    }

    fn written_anew(mut self) -> Self {
        let spec = match self.protocol {
            Protocol::Native => compose::native(&self.spec),
            Protocol::Text => compose::text(&self.spec),
            Protocol::Dspy => compose::dspy(&self.spec, &self.tools),
        };
        self.react.set_spec(spec);
        // A tool that is unknown is told to the model, and no answer that cannot be read.
        self.react.open_choice = (self.protocol == Protocol::Dspy).then_some(compose::TOOL_NAME);
        self.extract = (self.protocol != Protocol::Native).then(|| {
            let extract = ChainOfThought::of(compose::extraction(&self.spec));
            extract.settings(self.react.settings().clone())
        });
        self.listed_anew()
    }

    /// Names the tools beside the instructions, where the model is told of them in text.
    fn listed_anew(mut self) -> Self {
        let list = || compose::tool_list(&self.spec, &self.tools).into();
        self.react.appendix = (self.protocol == Protocol::Text).then(list);
        self
    }

    /// Whether tools and fields leave the agent the names that it needs itself.
    fn check_names(&self) -> Result<()> {
        let taken = |name: &str| self.tools.specs().any(|spec| spec.name == name);
        let ends = match self.protocol {
            Protocol::Native | Protocol::Text => SUBMIT,
            Protocol::Dspy => compose::FINISH,
        };
        let message = if taken(ends) {
            format!("a tool is called `{ends}`, by which the agent ends; give it another name")
        } else if self.protocol != Protocol::Native
            && self.spec.field(compose::TRAJECTORY).is_some()
        {
            let name = compose::TRAJECTORY;
            format!("`{name}` is what the agent has done so far; give the field another name")
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Config, message))
    }
}

impl<S: Signature> ReAct<S> {
    /// Runs the agent. Nothing is sent before the first poll; dropping the future cancels, tools included.
    ///
    /// # Errors
    ///
    /// What a call of the model fails with; [`ErrorKind::Prompt`](meanwhile_core::ErrorKind::Prompt) when
    /// the inputs do not fit; [`ErrorKind::Output`](meanwhile_core::ErrorKind::Output) when the model
    /// submits nothing that fits, asked for it alone too; what a tool ends the run with.
    /// [`ErrorKind::Paused`](meanwhile_core::ErrorKind::Paused), with the state for
    /// [`resume`](Self::resume), when a tool call waits for a decision;
    /// [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) when a tool has the name by which the agent
    /// ends, or when the cost of a run in text is limited, which is not counted.
    pub async fn call(&self, input: S::Input) -> Result<ReActOutput<S::Output>> {
        self.continue_with(&Transcript::default(), input).await
    }

    /// Runs the agent on new inputs, with what was said and done in an earlier run before its eyes.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) when native tool
    /// calls are to go on from a run in text, which has no conversation.
    pub async fn continue_with(
        &self,
        transcript: &Transcript,
        input: S::Input,
    ) -> Result<ReActOutput<S::Output>> {
        let fields = Fields::of(&input)?;
        drop(input);
        self.check_names()?;
        let check = |fields: &Fields| fields.clone().into_typed::<S::Output>().map(drop);
        let output = match self.protocol {
            Protocol::Native => self.run_native(transcript, fields, check).await,
            Protocol::Text | Protocol::Dspy => self.run_text(transcript, fields, check).await,
        };
        output?.typed()
    }

    /// Goes on with a run of native tool calls that was paused or has failed, from its
    /// [`Error::run_state`](meanwhile_core::Error::run_state).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`ErrorKind::Config`](meanwhile_core::ErrorKind::Config) under the
    /// protocols of text, which have no such state.
    pub async fn resume(&self, state: RunState) -> Result<ReActOutput<S::Output>> {
        self.check_names()?;
        let check = |fields: &Fields| fields.clone().into_typed::<S::Output>().map(drop);
        self.resume_native(state, check).await?.typed()
    }
}

/// The settings of a predictor, with what an overlay lays over them.
fn settings_here(predictor: &Predictor) -> Settings {
    let overlay = Overlay::current(&Scope::current().host());
    let above = overlay.and_then(|overlay| overlay.settings_of(predictor.id()));
    above.unwrap_or_default().or(predictor.settings().clone())
}

impl<S: Signature> Default for ReAct<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for ReAct<S> {
    fn clone(&self) -> Self {
        Self {
            react: self.react.clone(),
            extract: self.extract.clone(),
            spec: self.spec.clone(),
            tools: self.tools.clone(),
            max_turns: self.max_turns,
            tool_concurrency: self.tool_concurrency,
            protocol: self.protocol,
            signature: PhantomData,
        }
    }
}

impl<S> Module for ReAct<S> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit_part(&self.react, "react", visit);
        visit_part(&self.extract, "extract", visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        visit_part_mut(&mut self.react, "react", visit);
        visit_part_mut(&mut self.extract, "extract", visit);
    }
}

impl<S: Signature> Forward for ReAct<S> {
    type In = S::Input;
    type Out = ReActOutput<S::Output>;

    fn forward(&self, input: Self::In) -> impl Future<Output = Result<Self::Out>> + Send {
        self.call(input)
    }
}

impl<S> fmt::Debug for ReAct<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tools: Vec<&str> = self.tools.specs().map(|spec| spec.name.as_str()).collect();
        f.debug_struct("ReAct")
            .field("react", &self.react)
            .field("tools", &tools)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
