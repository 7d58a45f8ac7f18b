//! [`ChatAdapter`]: fields in sections under headers, `[[ ## name ## ]]`. Works with every model.

use std::sync::Arc;

use meanwhile_core::{OutputFormat, Result};

use super::render::{self, Content, Wording, Writer};
use super::sections::SectionReader;
use super::{Adapter, FieldReader, JsonAdapter, dspy};
use crate::{FieldSpec, Fields, SignatureSpec};

/// Writes fields in sections under headers, `[[ ## name ## ]]`, and reads answers of the same form. The
/// adapter of predictors that were given none; works with every model.
///
/// An answer that cannot be read is asked for once more as JSON, unless
/// [`without_fallback`](Self::without_fallback) says otherwise.
///
/// ```
/// use meanwhile_core::{ErrorKind, Model, Scripted};
/// use meanwhile_programs::{ChatAdapter, Dynamic, Predict, fields};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima").reply("Lima!"), "any");
/// let ask = Predict::<Dynamic>::parse("question -> answer")?.model(model);
/// // What cannot be read is an error, and is not asked for again as JSON.
/// let ask = ask.adapter(ChatAdapter::new().without_fallback());
/// let out = ask.call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!(out.text("answer"), Some("Lima"));
/// let error = ask.call(fields! { question: "Once more?" }).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Output);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ChatAdapter {
    wording: Wording,
    falls_back: bool,
}

impl ChatAdapter {
    /// Writes prompts in our words.
    #[must_use]
    pub fn new() -> Self {
        Self { wording: Wording::Neutral, falls_back: true }
    }

    /// Writes prompts that equal those of DSPy 3.4.1, for programs that were optimised with it.
    #[must_use]
    pub fn dspy_compatible(mut self) -> Self {
        self.wording = Wording::Dspy;
        self
    }

    /// Makes an answer that cannot be read an error at once.
    #[must_use]
    pub fn without_fallback(mut self) -> Self {
        self.falls_back = false;
        self
    }
}

impl Default for ChatAdapter {
    fn default() -> Self {
        Self::new()
    }
}

impl Adapter for ChatAdapter {
    fn name(&self) -> &str {
        "chat"
    }

    render::prompt_of_writer!();

    fn output_format(&self, _: &SignatureSpec) -> OutputFormat {
        OutputFormat::Text
    }

    fn reader(&self, spec: &Arc<SignatureSpec>) -> Box<dyn FieldReader> {
        Box::new(SectionReader::new(spec.clone(), self.wording))
    }

    fn fallback(&self) -> Option<Arc<dyn Adapter>> {
        if !self.falls_back {
            return None;
        }
        Some(JsonAdapter::shared(self.wording))
    }
}

impl Writer for ChatAdapter {
    fn wording(&self) -> Wording {
        self.wording
    }

    fn system(&self, spec: &SignatureSpec) -> String {
        match self.wording {
            Wording::Neutral => {
                let form: Vec<String> = spec
                    .outputs
                    .iter()
                    .map(|field| section(&field.name, &render::placeholder(field)))
                    .collect();
                let form = format!(
                    "in this form, with the value in place of each {{…}}:\n\n{}\n\n[[ ## completed ## ]]",
                    form.join("\n\n")
                );
                render::task(spec, &form)
            }
            Wording::Dspy => {
                let sections = |fields: &[FieldSpec], is_output| {
                    let section = |field| named(field, &dspy::placeholder(field, is_output));
                    fields.iter().map(section).collect::<Vec<String>>().join("\n\n")
                };
                let structure = format!(
                    "{}\n\n{}\n\n[[ ## completed ## ]]",
                    sections(&spec.inputs, false).trim(),
                    sections(&spec.outputs, true).trim(),
                );
                dspy::system(spec, &structure)
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        sections(spec, fields, content, self.wording)
    }

    fn reminder(&self, spec: &SignatureSpec) -> Option<String> {
        let header = |field: &FieldSpec| {
            render::named_form(field, &format!("[[ ## {} ## ]]", field.name), self.wording)
        };
        let headers: Vec<String> = spec.outputs.iter().map(header).collect();
        let headers = headers.join(", then ");
        Some(match self.wording {
            Wording::Neutral => {
                format!("Answer with {headers}, and end with `[[ ## completed ## ]]`.")
            }
            Wording::Dspy => format!(
                "Respond with the corresponding output fields, starting with the field {headers}, and \
                 then ending with the marker for `[[ ## completed ## ]]`."
            ),
        })
    }

    fn outputs(&self, spec: &SignatureSpec, fields: &Fields, missing: Option<&str>) -> String {
        let written = render::written(spec, fields, missing, self.wording);
        let sections: Vec<String> = written
            .iter()
            .map(|(field, value)| named(field, &render::value_text(&field.ty, value, self.wording)))
            .collect();
        // The white space behind the marker is DSPy's.
        let end = match self.wording {
            Wording::Neutral => "",
            Wording::Dspy => "\n",
        };
        format!("{}\n\n[[ ## completed ## ]]{end}", sections.join("\n\n").trim())
    }
}

fn named(field: &FieldSpec, value: &str) -> String {
    section(&field.name, value)
}

fn section(name: &str, value: &str) -> String {
    format!("[[ ## {name} ## ]]\n{value}")
}

/// The inputs that are there, a section each.
pub(super) fn sections(
    spec: &SignatureSpec,
    fields: &Fields,
    content: &mut Content,
    wording: Wording,
) -> Result<()> {
    for field in &spec.inputs {
        if let Some(value) = fields.value(&field.name) {
            content.block(&section(&field.name, ""));
            content.value(field, value, wording)?;
        }
    }
    Ok(())
}
