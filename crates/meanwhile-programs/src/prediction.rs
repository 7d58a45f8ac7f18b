//! [`Prediction`]: what a predictor answers, and what that took.

use std::ops::{Deref, DerefMut};

use meanwhile_core::{Attempt, Repair, Response, Result, Usage};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::Fields;

/// What a predictor answers. Dereferences to the value: the output type of the signature, or [`Fields`].
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Dynamic, Predict, Prediction, fields};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("[[ ## answer ## ]]\nLima"), "any");
/// let ask = Predict::<Dynamic>::parse("question -> answer")?.model(model);
/// let out: Prediction = ask.call(fields! { question: "The capital of Peru?" }).await?;
/// assert_eq!((out.text("answer"), out.requests), (Some("Lima"), 1));
/// // A module that knows the answer itself says so.
/// let known = Prediction::new(fields! { answer: "Lima" });
/// assert_eq!((known.text("answer"), known.requests), (Some("Lima"), 0));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Prediction<T = Fields> {
    /// The value.
    pub value: T,
    /// The outputs as they were read: of this value, and of others where several were asked for
    /// ([`Predict::completions`](crate::Predict::completions)).
    pub completions: Vec<Fields>,
    /// The tokens of all requests that it took, those that led to nothing included.
    pub usage: Usage,
    /// How many requests it took.
    pub requests: u32,
    /// The answer that the value was read from; `None` for one that no model was asked for.
    pub response: Option<Response>,
    /// What was mended to read it, in order.
    pub repairs: Vec<Repair>,
    /// Answers that could not be read, and were asked for again in another form; of several completions,
    /// those that have failed.
    pub failed: Vec<Attempt>,
}

impl<T> Prediction<T> {
    /// Makes a prediction that took no request.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            value,
            completions: Vec::new(),
            usage: Usage::default(),
            requests: 0,
            response: None,
            repairs: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Takes the value out.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Changes the value; what it took stays.
    ///
    /// # Errors
    ///
    /// Those of the function.
    pub fn try_map<U>(self, change: impl FnOnce(T) -> Result<U>) -> Result<Prediction<U>> {
        let Self { value, completions, usage, requests, response, repairs, failed } = self;
        let value = change(value)?;
        Ok(Prediction { value, completions, usage, requests, response, repairs, failed })
    }

    /// Changes the value; what it took stays.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Prediction<U> {
        let Self { value, completions, usage, requests, response, repairs, failed } = self;
        Prediction { value: change(value), completions, usage, requests, response, repairs, failed }
    }

    /// Adds what another prediction took, for modules that make several.
    pub fn charge<U>(&mut self, other: &Prediction<U>) {
        self.usage.add(&other.usage);
        self.requests = self.requests.saturating_add(other.requests);
    }
}

impl<T: DeserializeOwned> Prediction<T> {
    /// Reads all completions as the type of the value, the value's own first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](meanwhile_core::ErrorKind::Output) when one does not fit, as those of other
    /// modules may.
    pub fn typed_completions(&self) -> Result<Vec<T>> {
        self.completions.iter().map(Fields::as_typed).collect()
    }
}

impl Prediction {
    /// Reads the outputs as `T`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`](meanwhile_core::ErrorKind::Output) with the answer when they do not fit.
    pub fn typed<T: DeserializeOwned>(self) -> Result<Prediction<T>> {
        let response = self.response.clone();
        let fitted = self.try_map(Fields::into_typed);
        fitted.map_err(|error| match response {
            Some(response) => error.with_partial(response),
            None => error,
        })
    }
}

/// Writes the value alone.
impl<T: Serialize> Serialize for Prediction<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T> Deref for Prediction<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Prediction<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
