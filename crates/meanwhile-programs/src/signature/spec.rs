//! [`SignatureSpec`]: what a predictor is given and what it is to answer, as a value.

use meanwhile_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{FieldSpec, FieldType};

/// What a predictor is given and what it is to answer.
///
/// ```
/// use meanwhile_programs::SignatureSpec;
///
/// let signature: SignatureSpec = "question, k: int -> answer, score: float".parse()?;
/// assert_eq!(signature.inputs.len(), 2);
/// assert_eq!(
///     signature.instructions,
///     "Given the fields `question`, `k`, produce the fields `answer`, `score`."
/// );
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignatureSpec {
    /// The name, for observers and errors; the model does not see it.
    pub name: String,
    /// What the model is to do.
    pub instructions: String,
    /// What it is given, in order.
    pub inputs: Vec<FieldSpec>,
    /// What it is to answer, in order.
    pub outputs: Vec<FieldSpec>,
}

impl SignatureSpec {
    /// Makes a signature of these fields, with instructions that only name them.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        inputs: impl IntoIterator<Item = FieldSpec>,
        outputs: impl IntoIterator<Item = FieldSpec>,
    ) -> Self {
        let (inputs, outputs) = (inputs.into_iter().collect(), outputs.into_iter().collect());
        let mut spec = Self { name: name.into(), instructions: String::new(), inputs, outputs };
        spec.instructions = spec.default_instructions();
        spec
    }

    /// The instructions of a signature that has none of its own.
    #[must_use]
    pub fn default_instructions(&self) -> String {
        let names = |fields: &[FieldSpec]| {
            fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ")
        };
        format!(
            "Given the fields {}, produce the fields {}.",
            names(&self.inputs),
            names(&self.outputs)
        )
    }

    /// Names the signature.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Replaces the instructions.
    #[must_use]
    pub fn with_instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = instructions.into();
        self
    }

    /// Adds a paragraph to the instructions.
    #[must_use]
    pub fn append_instructions(mut self, more: impl AsRef<str>) -> Self {
        if !self.instructions.is_empty() {
            self.instructions.push_str("\n\n");
        }
        self.instructions.push_str(more.as_ref());
        self
    }

    /// Adds an input in front, as [`insert_input`](Self::insert_input) does.
    #[must_use]
    pub fn prepend_input(self, field: FieldSpec) -> Self {
        self.insert_input(0, field)
    }

    /// Adds an input at the end, as [`insert_input`](Self::insert_input) does.
    #[must_use]
    pub fn append_input(self, field: FieldSpec) -> Self {
        self.insert_input(usize::MAX, field)
    }

    /// Adds an input at a place, the end where the place is beyond it; an input of this name is replaced.
    /// An output of this name stays: what is asked with such a signature is an error that says so.
    #[must_use]
    pub fn insert_input(mut self, at: usize, field: FieldSpec) -> Self {
        self.inputs.retain(|known| known.name != field.name);
        self.inputs.insert(at.min(self.inputs.len()), field);
        self
    }

    /// Adds an output in front, as [`insert_output`](Self::insert_output) does.
    #[must_use]
    pub fn prepend_output(self, field: FieldSpec) -> Self {
        self.insert_output(0, field)
    }

    /// Adds an output at the end, as [`insert_output`](Self::insert_output) does.
    #[must_use]
    pub fn append_output(self, field: FieldSpec) -> Self {
        self.insert_output(usize::MAX, field)
    }

    /// Adds an output at a place, the end where the place is beyond it; an output of this name is
    /// replaced. An input of this name stays: what is asked with such a signature is an error that says
    /// so.
    #[must_use]
    pub fn insert_output(mut self, at: usize, field: FieldSpec) -> Self {
        self.outputs.retain(|known| known.name != field.name);
        self.outputs.insert(at.min(self.outputs.len()), field);
        self
    }

    /// Takes a field out; one that is not there changes nothing.
    #[must_use]
    pub fn delete(mut self, name: &str) -> Self {
        self.inputs.retain(|field| field.name != name);
        self.outputs.retain(|field| field.name != name);
        self
    }

    /// Changes a field by a function. Its name stays.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when there is no such field.
    pub fn with_field(
        mut self,
        name: &str,
        change: impl FnOnce(FieldSpec) -> FieldSpec,
    ) -> Result<Self> {
        let mut fields = self.inputs.iter_mut().chain(&mut self.outputs);
        let Some(field) = fields.find(|field| field.name == name) else {
            let message = format!("the signature `{}` has no field `{name}`", self.name);
            return Err(Error::new(ErrorKind::Config, message));
        };
        *field = FieldSpec { name: name.to_owned(), ..change(field.clone()) };
        Ok(self)
    }

    /// The inputs and the outputs, in order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldSpec> {
        self.inputs.iter().chain(&self.outputs)
    }

    /// Finds an input or an output.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.fields().find(|field| field.name == name)
    }

    /// Finds an input.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&FieldSpec> {
        self.inputs.iter().find(|field| field.name == name)
    }

    /// Finds an output.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&FieldSpec> {
        self.outputs.iter().find(|field| field.name == name)
    }

    /// The input that is the conversation so far, where there is one.
    #[must_use]
    pub fn history(&self) -> Option<&FieldSpec> {
        self.inputs.iter().find(|field| field.ty == FieldType::History)
    }
}
