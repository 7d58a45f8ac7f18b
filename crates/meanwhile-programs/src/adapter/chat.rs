//! [`ChatAdapter`]: fields in sections under headers, `[[ ## name ## ]]`. Works with every model.

use std::sync::Arc;

use meanwhile_core::{OutputFormat, Prompt, Result};

use super::render::{self, Content, Wording, Writer};
use super::sections::SectionReader;
use super::{Adapter, FieldReader, JsonAdapter, dspy};
use crate::{Demo, FieldSpec, Fields, SignatureSpec};

/// Writes fields in sections under headers, `[[ ## name ## ]]`, and reads answers of the same form. The
/// adapter of predictors that were given none; works with every model.
///
/// An answer that cannot be read is asked for once more as JSON, unless
/// [`without_fallback`](Self::without_fallback) says otherwise.
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

    fn prompt(
        &self,
        spec: &SignatureSpec,
        demos: &[Demo],
        history: &[Fields],
        inputs: &Fields,
    ) -> Result<Prompt> {
        render::prompt(self, spec, demos, history, inputs)
    }

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
        Some(Arc::new(match self.wording {
            Wording::Neutral => JsonAdapter::new(),
            Wording::Dspy => JsonAdapter::new().dspy_compatible(),
        }))
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
                format!(
                    "{}\n\nYou are given:\n{}\n\nAnswer with:\n{}\n\nWrite nothing but the answer, in \
                     this form, with the value in place of each {{…}}:\n\n{}\n\n[[ ## completed ## ]]",
                    spec.instructions,
                    render::describe(&spec.inputs),
                    render::describe(&spec.outputs),
                    form.join("\n\n")
                )
            }
            Wording::Dspy => {
                let sections = |fields: &[FieldSpec], is_output| {
                    let section = |field| named(field, &dspy::placeholder(field, is_output));
                    fields.iter().map(section).collect::<Vec<String>>().join("\n\n")
                };
                let structure = format!(
                    "All interactions will be structured in the following way, with the appropriate \
                     values filled in.\n\n{}\n\n{}\n\n[[ ## completed ## ]]",
                    sections(&spec.inputs, false).trim(),
                    sections(&spec.outputs, true).trim(),
                );
                format!(
                    "{}\n{structure}\n{}",
                    dspy::descriptions(&spec.inputs, &spec.outputs),
                    dspy::task(&spec.instructions)
                )
            }
        }
    }

    fn inputs(&self, spec: &SignatureSpec, fields: &Fields, content: &mut Content) -> Result<()> {
        sections(spec, fields, content, self.wording)
    }

    fn reminder(&self, spec: &SignatureSpec) -> Option<String> {
        let header = |field: &FieldSpec| match self.wording {
            Wording::Neutral => match render::form(&field.ty) {
                Some(form) if !field.ty.is_text() => {
                    format!("`[[ ## {} ## ]]` ({form})", field.name)
                }
                _ => format!("`[[ ## {} ## ]]`", field.name),
            },
            Wording::Dspy => format!("`[[ ## {} ## ]]`{}", field.name, dspy::type_info(field)),
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
