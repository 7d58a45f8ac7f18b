//! One call of a [`Predictor`]: what it is made with, the requests, and what is read from the answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::future::BoxFuture;
use meanwhile_core::{
    Attempt, Call, Error, ErrorKind, Event, FinishReason, Host, OutputFormat, Part, Prompt,
    Registry, Response, Result, Scope, Settings, Usage, chain,
};

use super::shape::Shape;
use super::{Predictor, inputs};
use crate::adapter::default_adapter;
use crate::streaming::{Listener, Listeners, News, Telling, within};
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
        let answer = self.ask(inputs, settings, &mut spent, &mut |_| Ok(())).await?;
        Ok(spent.prediction(answer))
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
        self.asking(inputs, settings, &Scope::current().host())?.run(spent, check).await
    }

    /// Makes a call ready, with all who are told of it.
    pub(super) fn asking(&self, inputs: Fields, settings: Settings, host: &Host) -> Result<Asking> {
        let recorder = Recorder::current(host);
        let given = recorder.as_ref().map(|_| inputs.clone());
        let mut plan = self.plan(inputs, settings, host)?;
        plan.listeners = Telling::listeners(host, self.id(), &plan.spec.name);
        let record = recorder.zip(given).map(|(recorder, inputs)| {
            let call = PredictorCall {
                predictor: self.id(),
                spec: plan.spec.clone(),
                inputs,
                outcome: Ok(Fields::new()),
                usage: Usage::default(),
                requests: 0,
            };
            (recorder, call)
        });
        Ok(Asking { plan, record })
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
        Ok(Plan {
            spec,
            reading,
            demos,
            settings,
            adapter,
            history,
            inputs,
            registry: self.lookup(),
            completions: self.completions,
            listeners: Listeners::default(),
        })
    }
}

/// A call that is ready to be made.
pub(super) struct Asking {
    plan: Plan,
    /// Where it is recorded, and what is known of it before.
    record: Option<(Arc<Recorder>, PredictorCall)>,
}

impl Asking {
    /// Adds one who is told of the call.
    pub(super) fn tell(&mut self, listener: Arc<dyn Listener>) {
        self.plan.listeners.add(listener);
    }

    /// Makes the call.
    pub(super) async fn run(self, spent: &mut Spent, check: &mut Check<'_>) -> Result<Answer> {
        let plan = &self.plan;
        let outcome = match plan.listeners.is_empty() && plan.completions < 2 {
            true => chain(plan.spec.name.clone(), plan.ask(spent, check)).await,
            false => plan.rarely(spent, check).await,
        };
        let outcome = outcome.map_err(|error| spent.charge(error));
        if let Some((recorder, call)) = self.record {
            recorder.record(PredictorCall {
                outcome: match &outcome {
                    Ok(answer) => Ok(answer.parsed.fields.clone()),
                    Err(error) => Err(error.clone()),
                },
                usage: spent.usage.clone(),
                requests: spent.requests,
                ..call
            });
        }
        outcome
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
#[derive(Clone)]
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
    /// How many answers are asked for.
    pub(super) completions: usize,
    /// Who is told of the answer while it is written.
    pub(crate) listeners: Listeners,
}

/// The answer that counts, and what was read from it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) parsed: Parsed,
    response: Response,
    /// What was read from the other completions.
    pub(super) others: Vec<Fields>,
}

/// What a call has taken so far.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    pub(crate) usage: Usage,
    pub(crate) requests: u32,
    pub(super) failed: Vec<Attempt>,
}

impl Spent {
    pub(crate) fn add(&mut self, response: &Response) {
        self.requests = self.requests.saturating_add(1);
        // Nothing is paid again for an answer of a cache.
        if !response.cached {
            self.usage.add(&response.usage);
        }
        self.add_attempts(&response.attempts);
    }

    /// Adds what a request took that has failed.
    pub(crate) fn add_failed(&mut self, error: &Error) {
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
    fn charge(&self, error: Error) -> Error {
        let known = error.attempts();
        let new: Vec<Attempt> =
            self.failed.iter().filter(|attempt| !known.contains(attempt)).cloned().collect();
        error.with_attempts(new)
    }

    /// Adds what one of several completions took.
    pub(super) fn merge(&mut self, other: Self) {
        self.usage.add(&other.usage);
        self.requests = self.requests.saturating_add(other.requests);
        self.failed.extend(other.failed);
    }

    pub(super) fn prediction(self, answer: Answer) -> Prediction {
        let Answer { parsed, response, others } = answer;
        let mut prediction = Prediction::new(parsed.fields.clone());
        prediction.completions = vec![parsed.fields];
        prediction.completions.extend(others);
        prediction.repairs = parsed.repairs;
        prediction.usage = self.usage;
        prediction.requests = self.requests;
        prediction.failed = self.failed;
        prediction.response = Some(response);
        prediction
    }
}

impl Plan {
    /// Asks, where somebody is told of it or several completions are wanted: in a box, so that the future of
    /// other calls has no room for it.
    fn rarely<'a>(
        &'a self,
        spent: &'a mut Spent,
        check: &'a mut Check<'_>,
    ) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let (name, listeners) = (self.spec.name.clone(), &self.listeners);
            listeners.tell(News::Start);
            listeners.taken().await;
            let asked = async {
                match self.completions {
                    0 | 1 => self.ask(spent, check).await,
                    _ => self.complete(spent, check).await,
                }
            };
            let outcome = within(None, chain(name, asked)).await;
            listeners.tell(News::End(outcome.as_ref().map(|answer| &answer.parsed.fields)));
            listeners.taken().await;
            outcome
        })
    }

    /// Asks, reads, and asks once more in another form where that is of use.
    pub(super) async fn ask(&self, spent: &mut Spent, check: &mut Check<'_>) -> Result<Answer> {
        let started = Instant::now();
        let error = match self.once(None, spent, check).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(again) = self.fallback_for(&error) else { return Err(error) };
        let attempt = Attempt::new(&error, error.model().unwrap_or_default(), started.elapsed());
        spent.failed.push(attempt.clone());
        self.listeners.tell(News::Again(&attempt));
        self.listeners.taken().await;
        // Rare, and in a box for that.
        Box::pin(again.once(Some(attempt), spent, check)).await
    }

    /// The same plan with the other adapter, where an error is one of reading.
    fn fallback_for(&self, error: &Error) -> Option<Self> {
        let adapter = self.adapter.fallback().filter(|_| is_unreadable(error))?;
        Some(Self { adapter, ..self.clone() })
    }

    async fn once(
        &self,
        failed: Option<Attempt>,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        let call = self.call(failed)?;
        let answered = match self.listeners.is_empty() {
            true => call.await.map(|response| (response, None)),
            false => Box::pin(self.told(call)).await,
        };
        let (response, parsed) = match answered {
            Ok(answered) => answered,
            Err(error) => {
                spent.add_failed(&error);
                return Err(error);
            }
        };
        spent.add(&response);
        self.read(response, parsed, spent, check).await
    }

    /// Makes the call, and tells of the fields while they are written. Prose that a second model reads is
    /// not the value of any field.
    async fn told(
        &self,
        call: Call<'static, Response>,
    ) -> Result<(Response, Option<Result<Parsed>>)> {
        let mut stream = call.stream().await?;
        let mut reader = self.adapter.reader(&self.reading);
        while let Some(event) = stream.next().await {
            let piece = match event? {
                Event::TextDelta { text, .. } => text,
                Event::Part { part, .. } => match *part {
                    Part::Text(text) => text.text,
                    _ => continue,
                },
                _ => continue,
            };
            reader.push(&piece, &mut |change| self.listeners.change(change));
            self.listeners.taken().await;
        }
        let response = stream.response().await?;
        let parsed = reader.finish(&mut |change| self.listeners.change(change));
        self.listeners.taken().await;
        Ok((response, Some(parsed)))
    }

    /// Reads the outputs of a whole answer, where that is not done, and through a second model where the
    /// adapter has one.
    async fn read(
        &self,
        response: Response,
        parsed: Option<Result<Parsed>>,
        spent: &mut Spent,
        check: &mut Check<'_>,
    ) -> Result<Answer> {
        if let Some(extraction) = self.adapter.extraction(&self.reading) {
            usable(&response)?;
            let inputs = extraction_inputs(&extraction.spec, response.text());
            let second = Self {
                reading: extraction.spec.clone(),
                spec: extraction.spec,
                demos: Arc::default(),
                settings: extraction.settings.or(self.settings.clone()),
                adapter: extraction.adapter,
                history: Vec::new(),
                inputs,
                registry: self.registry.clone(),
                completions: 1,
                listeners: self.listeners.clone(),
            };
            return Box::pin(second.ask(spent, check)).await;
        }
        let parsed = parsed.unwrap_or_else(|| self.adapter.parse(&self.reading, &response.text()));
        let checked = parsed.and_then(|parsed| check(&parsed.fields).map(|()| parsed));
        match checked {
            Ok(parsed) => Ok(Answer { parsed, response, others: Vec::new() }),
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
fn unreadable(error: Error, response: Response) -> Error {
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
