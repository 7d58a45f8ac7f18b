//! [`JsonReader`]: the tolerant reader as what calls read their values with.

use meanwhile_core::{OutputReader, ReadValue, Repair, Schema};
use meanwhile_json::{Policy, read};

/// Reads answers that are not JSON of their schema as they stand: wrapped in words or fences, cut off,
/// with the mistakes that models make. Every mend is on [`Extracted`](meanwhile_core::Extracted).
///
/// ```
/// use meanwhile_core::{Extracted, Json, Model, Scripted};
/// use meanwhile_output::JsonReader;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Book {
///     title: String,
///     pages: u32,
/// }
///
/// # futures::executor::block_on(async {
/// let model = Model::new(Scripted::new().reply("Sure! {title: 'Dune', pages: \"612\",}"), "any");
/// let call = model.call::<Extracted<Json<Book>>>("Recommend a book").reader(JsonReader::new());
/// let book = call.await?;
/// assert_eq!((&*book.value.0.title, book.value.0.pages), ("Dune", 612));
/// assert!(!book.repairs.is_empty());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct JsonReader {
    policy: Policy,
}

impl JsonReader {
    /// Mends syntax, and types by the schema ([`Policy::Coerce`]).
    #[must_use]
    pub fn new() -> Self {
        Self { policy: Policy::Coerce }
    }

    /// Reads by another policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

impl Default for JsonReader {
    fn default() -> Self {
        Self::new()
    }
}

impl OutputReader for JsonReader {
    fn read(&self, text: &str, schema: &Schema) -> Result<ReadValue, String> {
        let found =
            read(text, Some(schema.as_value()), self.policy).map_err(|error| error.to_string())?;
        let repairs = found
            .repairs
            .into_iter()
            .map(|repair| Repair::new(repair.kind.to_string(), repair.offset, repair.path));
        Ok(ReadValue::new(found.value, repairs.collect()))
    }
}
