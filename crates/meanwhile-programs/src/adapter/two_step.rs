//! [`TwoStepAdapter`]: one model answers in prose, a second one reads the fields out of it.

use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, ModelRef, OutputFormat, Result, Settings};

use serde_json::Value;

use super::render::{self, Content, Wording, Writer};
use super::{Adapter, ChatAdapter, Extraction, FieldChange, FieldReader, Parsed, dspy};
use crate::{FieldSpec, Fields, SignatureSpec};

/// Lets the model answer in prose, and a second one read the fields out of it: for models that reason
/// well and keep to no form.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Dynamic, Predict, TwoStepAdapter, fields};
/// # futures::executor::block_on(async {
/// let thinker = Model::new(Scripted::new().reply("Well, that is Lima, I am sure."), "large");
/// let reader = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "small");
/// let ask = Predict::<Dynamic>::parse("question -> answer")?
///     .adapter(TwoStepAdapter::new(reader))
///     .model(thinker);
/// let out = ask.call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!((out.text("answer"), out.requests), (Some("Lima"), 2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TwoStepAdapter {
    wording: Wording,
    extractor: Settings,
}

impl TwoStepAdapter {
    /// Has `model` read the fields.
    #[must_use]
    pub fn new(model: impl Into<ModelRef>) -> Self {
        Self::with_settings(Settings::new().model(model))
    }

    /// Has the fields read under these settings, on top of those of the predictor.
    #[must_use]
    pub fn with_settings(extractor: Settings) -> Self {
        Self { wording: Wording::Neutral, extractor }
    }

    /// Writes prompts that equal those of DSPy 3.4.1.
    #[must_use]
    pub fn dspy_compatible(mut self) -> Self {
        self.wording = Wording::Dspy;
        self
    }
}

impl Adapter for TwoStepAdapter {
    fn name(&self) -> &str {
        "two-step"
    }

    render::prompt_of_writer!();

    fn output_format(&self, _: &SignatureSpec) -> OutputFormat {
        OutputFormat::Text
    }

    fn reader(&self, _: &Arc<SignatureSpec>) -> Box<dyn FieldReader> {
        Box::new(Prose)
    }

    fn extraction(&self, spec: &SignatureSpec) -> Option<Extraction> {
        let is_taken = |name: &str| spec.output(name).is_some();
        let text = FieldSpec::text(if is_taken("text") { "whole_text" } else { "text" });
        let chat = ChatAdapter::new();
        let (adapter, instructions) = match self.wording {
            Wording::Neutral => {
                (chat, "Take the fields of the answer out of the text. Change nothing.".to_owned())
            }
            Wording::Dspy => {
                let names: Vec<String> =
                    spec.outputs.iter().map(|field| format!("`{}`", field.name)).collect();
                let names = names.join(", ");
                let instructions = format!(
                    // The row of spaces is DSPy's.
                    "The input is a text that should contain all the necessary information to produce \
                     the fields {names}. {:12}Your job is to extract the fields from the text verbatim. \
                     Extract precisely the appropriate value (content) for each field.",
                    ""
                );
                (chat.dspy_compatible(), instructions)
            }
        };
        let spec = SignatureSpec::new(spec.name.clone(), [text], spec.outputs.iter().cloned());
        Some(Extraction {
            spec: Arc::new(spec.with_instructions(instructions)),
            adapter: Arc::new(adapter),
            settings: self.extractor.clone(),
        })
    }
}

impl Writer for TwoStepAdapter {
    fn wording(&self) -> Wording {
        self.wording
    }

    fn system(&self, spec: &SignatureSpec) -> String {
        match self.wording {
            Wording::Neutral => format!(
                "{}\n\nYou are given:\n{}\n\nYour answer must say all of this, in your own words:\n{}",
                spec.instructions,
                render::describe(&spec.inputs),
                render::describe(&spec.outputs)
            ),
            Wording::Dspy => {
                let mut text = format!(
                    "You are a helpful assistant that can solve tasks based on user input.\n\
                     As input, you will be provided with:\n{}\n\
                     Your outputs must contain:\n{}\n\
                     You should lay out your outputs in detail so that your answer can be understood by \
                     another agent",
                    dspy::describe(&spec.inputs),
                    dspy::describe(&spec.outputs)
                );
                if !spec.instructions.is_empty() {
                    text.push_str("\nSpecific instructions: ");
                    text.push_str(&spec.instructions);
                }
                text
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        for field in &spec.inputs {
            if let Some(value) = fields.value(&field.name) {
                content.block(&format!("{}: ", field.name));
                match (self.wording, value) {
                    (Wording::Dspy, Value::Array(_) | Value::Object(_)) if !field.ty.is_media() => {
                        content.push(&dspy::repr(value));
                    }
                    _ => content.value(field, value, self.wording)?,
                }
            }
        }
        Ok(())
    }

    fn reminder(&self, _: &SignatureSpec) -> Option<String> {
        None
    }

    fn outputs(&self, spec: &SignatureSpec, fields: &Fields, _: Option<&str>) -> String {
        let line = |field: &FieldSpec| {
            let value = fields.value(&field.name)?;
            let value = match self.wording {
                Wording::Neutral => render::value_text(&field.ty, value, self.wording),
                Wording::Dspy => match value {
                    Value::Array(_) | Value::Object(_) => dspy::repr(value),
                    other => dspy::text(other),
                },
            };
            Some(format!("{}: {value}", field.name))
        };
        let lines: Vec<String> = spec.outputs.iter().filter_map(line).collect();
        lines.join("\n\n").trim().to_owned()
    }
}

/// Prose holds no field that could be told: the second step reads it.
#[derive(Debug)]
struct Prose;

impl FieldReader for Prose {
    fn push(&mut self, _: &str, _: &mut dyn FnMut(FieldChange<'_>)) {}

    fn finish(self: Box<Self>, _: &mut dyn FnMut(FieldChange<'_>)) -> Result<Parsed> {
        let message = "prose is read by a second model; ask for it with the adapter's extraction";
        Err(Error::new(ErrorKind::Output, message))
    }
}
