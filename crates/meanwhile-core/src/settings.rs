//! [`Settings`]: what one call is configured with, and the one rule by which settings are merged.

use std::sync::Arc;
use std::time::Duration;

use crate::run::{RunSettings, merge};
use crate::tool::{ToolChoice, ToolSet, Toolbox};
use crate::{
    AnyProvider, IntoObserver, Layer, ModelRef, Observers, OnUnsupported, Params, Timeouts,
};

/// Everything that can be configured for a call, all of it optional.
///
/// The same settings can be given at the call site, in the body of a prompt function (on its
/// [`Prompt`](crate::Prompt)), for a task ([`scope`](crate::scope)), in the attribute, and for the
/// process ([`configure`](crate::configure)), and win in that order. Merging is field by field
/// ([`Settings::or`]): a call site that sets the temperature keeps the attribute's model. Tools,
/// tags, layers and observers add up; of two tools with one name the upper wins. A
/// [`Model`](crate::Model) brings its provider, so that it also wins against clients set below it; a
/// `provider/model` string leaves the client as it is.
///
/// ```
/// use meanwhile_core::Settings;
///
/// let house = Settings::new().temperature(0.7).max_tokens(800).tag("team", "search");
/// let here = Settings::new().temperature(0.0).tag("experiment", "b");
/// let merged = here.or(house);
/// assert_eq!(merged.params.temperature, Some(0.0));
/// assert_eq!(merged.params.max_tokens, Some(800));
/// assert_eq!(merged.tags.len(), 2);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The model to ask.
    pub model: Option<ModelRef>,
    /// The provider to ask instead of the one that the model string names.
    pub client: Option<AnyProvider>,
    /// Params of the request.
    pub params: Params,
    /// The tools the model may call.
    pub tools: Toolbox,
    /// Whether it may, must or must not call one.
    pub tool_choice: Option<ToolChoice>,
    /// The clocks of each request.
    pub timeouts: Timeouts,
    /// What to do with a setting that the provider cannot carry.
    pub unsupported: Option<OnUnsupported>,
    /// Whether the answer's frames are kept as the provider sends them.
    pub raw: bool,
    /// Labels for observation, in order; they are not sent.
    pub tags: Vec<(String, String)>,
    /// Layers around the provider, on top of those it has. The last one is the outermost.
    pub layers: Vec<Arc<dyn Layer>>,
    /// Who is told what happens.
    pub observers: Observers,
    /// What a run with tools, and the reading of the value, are configured with.
    pub run: Option<Box<RunSettings>>,
}

impl Settings {
    /// Makes empty settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills what is not set from `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        // A model by value brings its provider, and is not asked through a client from below.
        let brings_provider = matches!(self.model, Some(ModelRef::Model(_)));
        let client = self.client.or(if brings_provider { None } else { lower.client });
        let mut layers = lower.layers;
        layers.extend(self.layers);
        Self {
            model: self.model.or(lower.model),
            client,
            params: self.params.or(lower.params),
            tools: if lower.tools.is_empty() {
                self.tools
            } else {
                lower.tools.with_all(self.tools)
            },
            tool_choice: self.tool_choice.or(lower.tool_choice),
            timeouts: self.timeouts.or(lower.timeouts),
            unsupported: self.unsupported.or(lower.unsupported),
            raw: self.raw || lower.raw,
            tags: merge_tags(lower.tags, &self.tags),
            layers,
            observers: lower.observers.with_all(self.observers),
            run: merge(self.run, lower.run),
        }
    }
}

/// Adds labels to others; of two with one name the upper wins.
pub(crate) fn merge_tags(
    mut lower: Vec<(String, String)>,
    upper: &[(String, String)],
) -> Vec<(String, String)> {
    for (name, value) in upper {
        match lower.iter_mut().find(|(known, _)| known == name) {
            Some(tag) => tag.1.clone_from(value),
            None => lower.push((name.clone(), value.clone())),
        }
    }
    lower
}

/// Writes the same configuration methods for everything that carries [`Settings`].
macro_rules! configure {
    (impl[$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> $type {
            /// Sets the model: a [`Model`](crate::Model) or a `provider/model` string.
            #[must_use = "settings are set on the value that is returned"]
            pub fn model(mut self, model: impl Into<ModelRef>) -> Self {
                self.settings_mut().model = Some(model.into());
                self
            }

            /// Asks this provider instead of the one that the model string names.
            #[must_use = "settings are set on the value that is returned"]
            pub fn client(mut self, client: impl Into<AnyProvider>) -> Self {
                self.settings_mut().client = Some(client.into());
                self
            }

            /// Sets params through a function, on top of those already set here.
            #[must_use = "settings are set on the value that is returned"]
            pub fn params(mut self, set: impl FnOnce(Params) -> Params) -> Self {
                let params = std::mem::take(&mut self.settings_mut().params);
                self.settings_mut().params = set(params);
                self
            }

            /// Sets the randomness of the choice of words.
            #[must_use = "settings are set on the value that is returned"]
            pub fn temperature(self, temperature: f64) -> Self {
                self.params(|params| params.temperature(temperature))
            }

            /// Sets the most tokens to write.
            #[must_use = "settings are set on the value that is returned"]
            pub fn max_tokens(self, tokens: u32) -> Self {
                self.params(|params| params.max_tokens(tokens))
            }

            /// Makes the choice of words repeatable.
            #[must_use = "settings are set on the value that is returned"]
            pub fn seed(self, seed: u64) -> Self {
                self.params(|params| params.seed(seed))
            }

            /// Adds tools that the model may call.
            #[must_use = "settings are set on the value that is returned"]
            pub fn tools(mut self, tools: Toolbox) -> Self {
                let all = std::mem::take(&mut self.settings_mut().tools).with_all(tools);
                self.settings_mut().tools = all;
                self
            }

            /// Adds a tool, or a set of tools, by type.
            #[must_use = "settings are set on the value that is returned"]
            pub fn tool<S: ToolSet>(self) -> Self {
                self.tools(S::toolbox())
            }

            /// Sets whether the model may, must or must not call a tool.
            #[must_use = "settings are set on the value that is returned"]
            pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
                self.settings_mut().tool_choice = Some(choice);
                self
            }

            /// Sets the most answers of one run with tools. Without it the limit is 10.
            #[must_use = "settings are set on the value that is returned"]
            pub fn max_turns(self, turns: u32) -> Self {
                self.limits($crate::RunLimits::new().turns(turns))
            }

            /// Sets how far a run with tools may go, on top of what is already set here.
            #[must_use = "settings are set on the value that is returned"]
            pub fn limits(self, limits: $crate::RunLimits) -> Self {
                self.run_settings(|run| run.limits = limits.or(run.limits))
            }

            /// Gives the tools a value of the program. They find it by its type; the model never sees
            /// it.
            #[must_use = "settings are set on the value that is returned"]
            pub fn host<H: Send + Sync + 'static>(self, value: H) -> Self {
                self.run_settings(|run| run.host = std::mem::take(&mut run.host).with(value))
            }

            /// Asks before a tool runs; see [`Approve`](crate::Approve) and
            /// [`approval`](crate::approval).
            #[must_use = "settings are set on the value that is returned"]
            pub fn approve(self, approve: impl $crate::IntoApprove) -> Self {
                self.run_settings(|run| run.approve.push(approve.into_approve()))
            }

            /// Stops the run after a turn, once its tools have run, when `condition` holds. The value
            /// is then read from the newest answer.
            #[must_use = "settings are set on the value that is returned"]
            pub fn stop_when(
                self,
                condition: impl Fn(&$crate::RunState) -> bool + Send + Sync + 'static,
            ) -> Self {
                self.run_settings(|run| run.stop_when.push($crate::StopWhen::new(condition)))
            }

            /// Changes each turn of a run with tools before it is sent: its tools, its tool choice,
            /// the conversation.
            #[must_use = "settings are set on the value that is returned"]
            pub fn each_turn(
                self,
                change: impl Fn(&mut $crate::NextTurn) + Send + Sync + 'static,
            ) -> Self {
                self.run_settings(|run| run.each_turn.push($crate::EachTurn::new(change)))
            }

            /// Sets how many answers may be asked for until one holds the value: an answer that does
            /// not is sent back with what is wrong with it. Without it the first one counts.
            #[must_use = "settings are set on the value that is returned"]
            pub fn attempts(self, attempts: u32) -> Self {
                self.run_settings(|run| run.attempts = Some(attempts))
            }

            /// Sets how a typed value is asked for.
            #[must_use = "settings are set on the value that is returned"]
            pub fn output_mode(self, mode: $crate::OutputMode) -> Self {
                self.run_settings(|run| run.output_mode = Some(mode))
            }

            /// Sets what reads an answer that is not JSON of its schema as it stands.
            #[must_use = "settings are set on the value that is returned"]
            pub fn reader(self, reader: impl $crate::OutputReader) -> Self {
                self.run_settings(|run| run.reader = Some(Arc::new(reader)))
            }

            /// Sets what measures the time of runs and tools.
            #[must_use = "settings are set on the value that is returned"]
            pub fn timer(self, timer: impl $crate::Timer) -> Self {
                self.run_settings(|run| run.timer = Some(Arc::new(timer)))
            }

            /// Sets what knows the cost of answers; see
            /// [`RunLimits::cost`](crate::RunLimits::cost).
            #[must_use = "settings are set on the value that is returned"]
            pub fn prices(self, prices: impl $crate::Pricing) -> Self {
                self.run_settings(|run| run.prices = Some(Arc::new(prices)))
            }

            fn run_settings(mut self, set: impl FnOnce(&mut $crate::RunSettings)) -> Self {
                set(self.settings_mut().run.get_or_insert_default());
                self
            }

            /// Sets the longest time for one request from start to finish.
            #[must_use = "settings are set on the value that is returned"]
            pub fn timeout(self, limit: Duration) -> Self {
                self.timeouts(Timeouts::default().whole(limit))
            }

            /// Sets the clocks of each request.
            #[must_use = "settings are set on the value that is returned"]
            pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
                let settings = self.settings_mut();
                settings.timeouts = timeouts.or(settings.timeouts);
                self
            }

            /// Makes a setting that the provider cannot carry an error instead of a warning.
            #[must_use = "settings are set on the value that is returned"]
            pub fn strict(mut self) -> Self {
                self.settings_mut().unsupported = Some(OnUnsupported::Error);
                self
            }

            /// Keeps the frames of the answer as the provider sends them, in
            /// [`Response::raw`](crate::Response::raw).
            #[must_use = "settings are set on the value that is returned"]
            pub fn raw(mut self) -> Self {
                self.settings_mut().raw = true;
                self
            }

            /// Adds a label for observation; it is not sent.
            #[must_use = "settings are set on the value that is returned"]
            pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.settings_mut().tags.push((name.into(), value.into()));
                self
            }

            /// Puts a layer around the provider, outside of those it already has. What calls share
            /// (a limit, a cache, a budget) lives in the layer: give clones of one layer to each.
            #[must_use = "settings are set on the value that is returned"]
            pub fn layer(mut self, layer: impl Layer) -> Self {
                self.settings_mut().layers.push(Arc::new(layer));
                self
            }

            /// Tells `observer` what happens in this call, and in the calls that its body and its tools
            /// make. One that is given in several places is told once: see
            /// [`IntoObserver`](crate::IntoObserver).
            #[must_use = "settings are set on the value that is returned"]
            pub fn observe(mut self, observer: impl IntoObserver) -> Self {
                let settings = self.settings_mut();
                settings.observers = std::mem::take(&mut settings.observers).with(observer);
                self
            }
        }
    };
}
pub(crate) use configure;

configure!(impl[] Settings);

impl Settings {
    fn settings_mut(&mut self) -> &mut Self {
        self
    }
}
