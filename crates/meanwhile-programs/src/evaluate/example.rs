//! [`Example`]: a record of a data set, and which of its fields a program is given.

use std::fmt;
use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Demo, Fields};

/// A record of a data set: its fields, and which of them are inputs. The others are labels: what the
/// answer should be, or what a metric needs to judge it. Cheap to clone.
///
/// ```
/// use meanwhile_programs::{Example, fields};
///
/// let example = Example::new(fields! { text: "Lovely!", label: "positive" }, ["text"]);
/// assert_eq!(example.inputs(), fields! { text: "Lovely!" });
/// assert_eq!(example.get::<String>("label")?, "positive");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Example(Arc<Record>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    fields: Fields,
    inputs: Vec<String>,
}

impl Example {
    /// Makes an example of fields, of which these are the inputs.
    #[must_use]
    pub fn new<I>(fields: Fields, inputs: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let inputs = inputs.into_iter().map(Into::into).collect();
        Self(Arc::new(Record { fields, inputs }))
    }

    /// Makes an example of an input and of what its answer should be. Of two fields with one name the
    /// input's counts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when one of them is no struct or map.
    pub fn of<I: Serialize + ?Sized, O: Serialize + ?Sized>(input: &I, output: &O) -> Result<Self> {
        let mut fields = Fields::of(input)?;
        let inputs: Vec<String> = fields.names().map(str::to_owned).collect();
        for (name, value) in Fields::of(output)? {
            if !fields.contains(&name) {
                fields.insert(name, value);
            }
        }
        Ok(Self::new(fields, inputs))
    }

    /// All fields.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.0.fields
    }

    /// The fields that a program is given.
    #[must_use]
    pub fn inputs(&self) -> Fields {
        self.select(true)
    }

    /// The fields that it is not given.
    #[must_use]
    pub fn labels(&self) -> Fields {
        self.select(false)
    }

    /// Whether a program is given the field.
    #[must_use]
    pub fn is_input(&self, name: &str) -> bool {
        self.0.inputs.iter().any(|input| input == name)
    }

    /// Reads a field as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when there is no such field, or it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.0.fields.get(name)
    }

    /// Reads what a program is given: all inputs as the fields of `T`, or the only one as `T` itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when they do not fit `T`.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T> {
        let inputs = self.inputs();
        let only = match inputs.len() {
            1 => inputs.iter().next().map(|(_, value)| value.clone()),
            _ => None,
        };
        let wrong = match T::deserialize(Value::from(inputs)) {
            Ok(input) => return Ok(input),
            Err(wrong) => wrong,
        };
        if let Some(Ok(input)) = only.map(T::deserialize) {
            return Ok(input);
        }
        let message = format!("the inputs of an example do not fit the program: {wrong}");
        Err(Error::new(ErrorKind::Prompt, message).with_source(wrong))
    }

    /// The example as a demonstration of how it is done.
    #[must_use]
    pub fn demo(&self) -> Demo {
        Demo::new(self.0.fields.clone())
    }

    fn select(&self, inputs: bool) -> Fields {
        let of = |(name, _): &(&str, &Value)| self.is_input(name) == inputs;
        self.0.fields.iter().filter(of).map(|(name, value)| (name, value.clone())).collect()
    }
}

impl From<Record> for Example {
    fn from(record: Record) -> Self {
        Self(Arc::new(record))
    }
}

impl From<Example> for Record {
    fn from(example: Example) -> Self {
        Arc::unwrap_or_clone(example.0)
    }
}

impl fmt::Debug for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Example")
            .field("fields", &self.0.fields)
            .field("inputs", &self.0.inputs)
            .finish()
    }
}
