//! One call of a [`Predictor`]: what it is made with, the requests, and what is read from the answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use meanwhile_core::{
    Attempt, Call, Error, ErrorKind, FinishReason, Host, OutputFormat, Prompt, Registry, Response,
    Result, Scope, Settings, Usage, chain,
};

use super::shape::Shape;
use super::{Predictor, inputs};
use crate::adapter::default_adapter;
use crate::trace::Recorder;
use crate::{
    Adapter, Demo, FieldType, Fields, Overlay, Parsed, Prediction, PredictorCall, SignatureSpec,
};

impl Predictor {
    /// Asks the model, and reads its outputs.
    ///
    /// An answer that the adapter cannot read is asked for once more through the adapter's
    /// [`fallback`](Adapter::fallback), which observers see as a retry and which is charged; an answer
    /// that was cut, refused or filtered is not. Nothing is sent before the first poll; dropping the
    /// future cancels.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Prompt`] when an input is missing, unknown or no value of its type, before anything
    /// is sent; [`ErrorKind::Output`] when the outputs cannot be read, with the answer; what the call of
    /// the model fails with.
    pub async fn predict(&self, inputs: Fields) -> Result<Prediction> {
        self.predict_with(inputs, Settings::new()).await
    }

    /// Asks the model with settings of this call, which win against all others.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub async fn predict_with(&self, inputs: Fields, settings: Settings) -> Result<Prediction> {
        let mut spent = Spent::default();
        let Answer { parsed, response } =
            self.ask(inputs, settings, &mut spent, &mut |_| Ok(())).await?;
        Ok(spent.prediction(parsed, response))
    }

    /// Asks the model, and says what that took whatever comes of it. An answer whose outputs `check`
    /// refuses is one that cannot be read.
    pub(crate) async fn ask(
        &self,
        inputs: Fields,
        settings: Settings,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        let host = Scope::current().host();
        let recorder = Recorder::current(&host);
        let given = recorder.as_ref().map(|_| inputs.clone());
        let plan = self.plan(inputs, settings, &host)?;
        let spec = plan.spec.clone();
        let outcome = chain(spec.name.clone(), plan.ask(spent, check)).await;
        let outcome = outcome.map_err(|error| spent.charge(error));
        if let (Some(recorder), Some(inputs)) = (recorder, given) {
            recorder.record(PredictorCall {
                predictor: self.id(),
                spec,
                inputs,
                outcome: match &outcome {
                    Ok(answer) => Ok(answer.parsed.fields.clone()),
                    Err(error) => Err(error.clone()),
                },
                usage: spent.usage.clone(),
                requests: spent.requests,
            });
        }
        outcome
    }

    /// Writes the messages that a call would send.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict), as far as it is before anything is sent.
    pub fn prompt(&self, inputs: Fields) -> Result<Prompt> {
        let plan = self.plan(inputs, Settings::new(), &Scope::current().host())?;
        plan.adapter.prompt(&plan.spec, &plan.demos, &plan.history, &plan.inputs)
    }

    /// Gathers all that one call is made with.
    pub(crate) fn plan(&self, inputs: Fields, settings: Settings, host: &Host) -> Result<Plan> {
        let overlay = Overlay::current(host);
        if overlay.is_none() && self.overlay_required.load(Ordering::Acquire) > 0 {
            let message = format!(
                "the predictor `{}` is being optimised and was called outside of any candidate; carry \
                 the scope into spawned tasks with `Scope::current().run(..)`, or call a clone of the \
                 program",
                self.name()
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let change = overlay.as_ref().and_then(|overlay| overlay.of(self.id()));
        let spec = change.and_then(|change| change.spec.as_ref()).unwrap_or(&self.spec).clone();
        let demos = change.and_then(|change| change.demos.as_ref()).unwrap_or(&self.demos).clone();
        let upper = match overlay.as_ref().and_then(|overlay| overlay.settings_of(self.id())) {
            Some(above) => settings.or(above),
            None => settings,
        };
        let settings = upper.or(self.settings.clone());
        let adapter = self.adapter.clone().unwrap_or_else(|| default_adapter(host));
        let spec = match &self.appendix {
            Some(more) => Arc::new(SignatureSpec::clone(&spec).append_instructions(more)),
            None => spec,
        };
        let reading = match self.open_choice {
            Some(name) => Arc::new(read_as_text(SignatureSpec::clone(&spec), name)),
            None => spec.clone(),
        };
        let (inputs, history) = inputs::check(&spec, inputs)?;
        let registry = self.lookup();
        Ok(Plan { spec, reading, demos, settings, adapter, history, inputs, registry })
    }
}

/// The signature by which the answer is read, with one output as it is written.
fn read_as_text(mut spec: SignatureSpec, name: &str) -> SignatureSpec {
    if let Some(field) = spec.outputs.iter_mut().find(|field| field.name == name) {
        field.ty = FieldType::String;
    }
    spec
}

/// What looks at outputs that were read, as far as their types do not say what must hold.
pub(crate) type Check<'a> = dyn FnMut(&Fields) -> Result<()> + Send + 'a;

/// The name of a predictor's calls of models, within the chain that has the name of its signature.
pub(crate) const CALL: &str = "predict";

/// All that one call is made with.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The signature that is asked.
    pub(crate) spec: Arc<SignatureSpec>,
    /// The signature by which the answer is read: the same, but for a choice that is open.
    pub(super) reading: Arc<SignatureSpec>,
    pub(crate) demos: Arc<[Demo]>,
    pub(crate) settings: Settings,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(crate) history: Vec<Fields>,
    pub(crate) inputs: Fields,
    pub(crate) registry: Registry,
}

/// The answer that counts, and what was read from it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) parsed: Parsed,
    pub(super) response: Response,
}

/// What a call has taken so far.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    pub(crate) usage: Usage,
    pub(crate) requests: u32,
    pub(super) failed: Vec<Attempt>,
}

impl Spent {
    pub(super) fn add(&mut self, response: &Response) {
        self.requests = self.requests.saturating_add(1);
        // Nothing is paid again for an answer of a cache.
        if !response.cached {
            self.usage.add(&response.usage);
        }
        self.add_attempts(&response.attempts);
    }

    /// Adds what a request took that has failed.
    pub(super) fn add_failed(&mut self, error: &Error) {
        self.requests = self.requests.saturating_add(1);
        if let Some(partial) = error.partial() {
            self.usage.add(&partial.usage);
        }
        self.add_attempts(error.attempts());
    }

    /// Adds what layers have tried. What was handed on to them is charged already.
    fn add_attempts(&mut self, attempts: &[Attempt]) {
        for attempt in attempts.iter().filter(|attempt| !self.failed.contains(attempt)) {
            self.usage.add(&attempt.usage);
        }
    }

    /// Puts the tries before on the error.
    pub(super) fn charge(&self, error: Error) -> Error {
        let known = error.attempts();
        let new: Vec<Attempt> =
            self.failed.iter().filter(|attempt| !known.contains(attempt)).cloned().collect();
        error.with_attempts(new)
    }

    pub(super) fn prediction(self, parsed: Parsed, response: Response) -> Prediction {
        let mut prediction = Prediction::new(parsed.fields.clone());
        prediction.completions = vec![parsed.fields];
        prediction.repairs = parsed.repairs;
        prediction.usage = self.usage;
        prediction.requests = self.requests;
        prediction.failed = self.failed;
        prediction.response = Some(response);
        prediction
    }
}

impl Plan {
    /// Asks, reads, and asks once more in another form where that is of use.
    async fn ask(self, spent: &mut Spent, check: &mut Check<'_>) -> Result<Answer> {
        let started = Instant::now();
        let error = match self.once(None, spent, check).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(again) = self.fallback_for(&error) else { return Err(error) };
        let attempt = Attempt::new(&error, error.model().unwrap_or_default(), started.elapsed());
        spent.failed.push(attempt.clone());
        again.once(Some(attempt), spent, check).await
    }

    /// The same plan with the other adapter, where an error is one of reading.
    pub(super) fn fallback_for(&self, error: &Error) -> Option<Self> {
        let adapter = self.adapter.fallback().filter(|_| is_unreadable(error))?;
        Some(Self {
            adapter,
            spec: self.spec.clone(),
            reading: self.reading.clone(),
            demos: self.demos.clone(),
            settings: self.settings.clone(),
            history: self.history.clone(),
            inputs: self.inputs.clone(),
            registry: self.registry.clone(),
        })
    }

    async fn once(
        &self,
        failed: Option<Attempt>,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        let response = match self.call(failed)?.await {
            Ok(response) => response,
            Err(error) => {
                spent.add_failed(&error);
                return Err(error);
            }
        };
        spent.add(&response);
        let text = response.text();
        self.read(response, text, spent, check).await
    }

    /// Reads the outputs of a whole answer, through a second model where the adapter has one.
    pub(super) async fn read(
        &self,
        response: Response,
        text: String,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        if let Some(extraction) = self.adapter.extraction(&self.reading) {
            usable(&response)?;
            let inputs = extraction_inputs(&extraction.spec, text);
            let second = Self {
                reading: extraction.spec.clone(),
                spec: extraction.spec,
                demos: Arc::default(),
                settings: extraction.settings.or(self.settings.clone()),
                adapter: extraction.adapter,
                history: Vec::new(),
                inputs,
                registry: self.registry.clone(),
            };
            return Box::pin(second.ask(spent, check)).await;
        }
        let parsed = self.adapter.parse(&self.reading, &text);
        let checked = parsed.and_then(|parsed| check(&parsed.fields).map(|()| parsed));
        match checked {
            Ok(parsed) => Ok(Answer { parsed, response }),
            Err(error) => Err(unreadable(error, response)),
        }
    }

    /// Makes the call of the model.
    pub(super) fn call(&self, failed: Option<Attempt>) -> Result<Call<'static, Response>> {
        if self.spec.outputs.is_empty() {
            let message = "the signature has no outputs; make the predictor of one that has";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if let Some(twice) =
            self.spec.outputs.iter().find(|out| self.spec.input(&out.name).is_some())
        {
            let message = format!(
                "`{}` is an input and an output of the signature `{}`; give the input another name",
                twice.name, self.spec.name
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut prompt =
            self.adapter.prompt(&self.spec, &self.demos, &self.history, &self.inputs)?;
        let format = self.adapter.output_format(&self.spec);
        prompt.settings = self.settings.clone().or(prompt.settings);
        if format != OutputFormat::Text || failed.is_some() {
            // Outside of the layers of the predictor, so that these see what is asked for.
            prompt.settings.layers.push(Arc::new(Shape::new(format, failed)));
        }
        Ok(Call::new(CALL, &self.registry, Ok(prompt)))
    }
}

fn extraction_inputs(spec: &SignatureSpec, text: String) -> Fields {
    spec.inputs.iter().take(1).map(|field| (field.name.clone(), text.clone())).collect()
}

/// Whether the answer is whole, and would only have to be written in another form.
fn is_unreadable(error: &Error) -> bool {
    error.kind() == ErrorKind::Output
        && error.partial().is_some_and(|response| usable(response).is_ok())
}

/// Says why an answer is none, whatever is in it.
fn usable(response: &Response) -> Result<()> {
    let (kind, message) = if let Some(refusal) = response.refusal() {
        (ErrorKind::Output, format!("the model refused: {refusal}"))
    } else {
        match response.finish_reason() {
            Some(FinishReason::ContentFilter) => {
                (ErrorKind::ContentFilter, "a content filter stopped the answer".to_owned())
            }
            Some(FinishReason::Length) => {
                let message = "the token limit cut the answer; raise `max_tokens`";
                (ErrorKind::Output, message.to_owned())
            }
            _ => return Ok(()),
        }
    };
    Err(attach(Error::new(kind, message), response.clone()))
}

/// Why the outputs cannot be read, with the answer.
pub(super) fn unreadable(error: Error, response: Response) -> Error {
    match usable(&response) {
        Ok(()) => attach(error, response),
        Err(reason) => reason.with_source(error),
    }
}

fn attach(error: Error, response: Response) -> Error {
    error
        .with_provider(response.provider.clone())
        .with_model(response.model.clone())
        .with_operation(CALL)
        .with_partial(response)
}
