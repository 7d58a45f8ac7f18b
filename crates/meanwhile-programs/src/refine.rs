//! [`Refine`]: attempts of a program, each with advice from the one before.

use std::collections::BTreeMap;
use std::fmt;

use meanwhile_core::{ModelRef, Result, Settings};
use serde_json::json;

use crate::best_of_n::{Attempts, Reward, attempt};
use crate::module::each;
use crate::{
    Best, FieldSpec, FieldType, Fields, Forward, Module, Overlay, Prediction, Predictor,
    PredictorCall, SignatureSpec,
};

/// Runs a program until its output is good enough, with advice from each attempt for the next.
///
/// As [`BestOfN`](crate::BestOfN); after an attempt below the threshold a model is shown what each
/// predictor was given and answered, and how good that was, and writes advice for each, which the next
/// attempt has in its instructions. The program itself is not changed.
///
/// What counts as good is told by [`rewards`](Self::rewards): a few words on what the reward looks at.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Fields, Forward as _, Predict, Prediction, Refine, fields};
///
/// # futures::executor::block_on(async {
/// let reply = |answer: &str| format!("[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]");
/// let advice = "[[ ## discussion ## ]]\nToo long.\n\n[[ ## advice ## ]]\n{\"self\": \"One word.\"}\n\n\
///               [[ ## completed ## ]]";
/// let scripted = Scripted::new()
///     .reply(reply("It is Brussels"))
///     .reply(advice)
///     .reply(reply("Brussels"));
/// let model = Model::new(scripted.clone(), "any");
/// let predict = Predict::parse("question -> answer")?.model(model.clone());
///
/// let short = |_: &Fields, out: &Prediction| {
///     if out.text("answer").is_some_and(|answer| !answer.contains(' ')) { 1.0 } else { 0.0 }
/// };
/// let refine = Refine::new(predict, 3, 1.0, short).rewards("answers of one word").advisor(model);
/// let answer = refine.forward(fields! { question: "What is the capital of Belgium?" }).await?;
///
/// assert_eq!(answer.text("answer"), Some("Brussels"));
/// assert!(scripted.requests()[2].messages[0].text().contains("One word."));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Refine<M, R> {
    /// The program.
    pub module: M,
    attempts: usize,
    threshold: f64,
    max_errors: Option<usize>,
    reward: R,
    rewards: String,
    advisor: Predictor,
}

impl<M: Forward, R> Refine<M, R> {
    /// Runs the program up to so many times, until an output's reward is at least the threshold.
    pub fn new(module: M, attempts: usize, threshold: f64, reward: R) -> Self
    where
        R: Reward<M::In, M::Out>,
    {
        Self {
            module,
            attempts: attempts.max(1),
            threshold,
            max_errors: None,
            reward,
            rewards: String::new(),
            advisor: Predictor::new(advice()),
        }
    }

    /// Says in words what the reward looks at, for the model that advises.
    #[must_use]
    pub fn rewards(mut self, what: impl Into<String>) -> Self {
        self.rewards = what.into();
        self
    }

    /// Sets the model that advises; without it, it is the one of the scope.
    #[must_use]
    pub fn advisor(mut self, model: impl Into<ModelRef>) -> Self {
        self.advisor.set_settings(Settings::new().model(model));
        self
    }

    /// Bears so many attempts that fail, and gives up at one more. Without it, it gives up when all have
    /// failed.
    #[must_use]
    pub fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = Some(errors);
        self
    }
}

/// The signature of the advice.
fn advice() -> SignatureSpec {
    let text = |name: &str, description: &str| FieldSpec::text(name).description(description);
    SignatureSpec::new(
        "Advice",
        [
            text("predictors", "the steps of a program, with what each is to do"),
            text("program_inputs", "what the program was given"),
            text("trajectory", "what each step was given and answered, in order"),
            text("rewarded", "what makes an output good"),
            FieldSpec::new("reward", FieldType::Float).description("how good the output was"),
            FieldSpec::new("threshold", FieldType::Float).description("how good it should be"),
        ],
        [
            text("discussion", "which steps are to blame for the output, and why"),
            FieldSpec::new("advice", FieldType::Map(Box::new(FieldType::String)))
                .description("advice by the name of the step; nothing for steps that did well"),
        ],
    )
    .with_instructions(
        "A program of several steps was run, and its output is not good enough. Find the steps that are to \
         blame. For each of them write concrete advice: in which situation it went wrong, and what to do \
         then instead. A step will see its advice and new inputs like these, but not what it did before.",
    )
}

impl<M, R> Refine<M, R>
where
    M: Forward,
{
    /// Asks for advice about an attempt.
    async fn advise(
        &self,
        input: &str,
        calls: &[PredictorCall],
        reward: f64,
    ) -> Result<Prediction> {
        let mut predictors = String::new();
        let mut paths = BTreeMap::new();
        each(&self.module, |path, predictor| {
            paths.insert(predictor.id(), path.to_owned());
            predictors.push_str(&format!("{path}: {}\n", predictor.spec().instructions));
        });
        let steps: Vec<_> = calls
            .iter()
            .filter_map(|call| {
                let outputs = match &call.outcome {
                    Ok(fields) => json!(fields),
                    Err(error) => json!({ "error": error.message() }),
                };
                let step = paths.get(&call.predictor)?;
                Some(json!({ "step": step, "inputs": call.inputs, "outputs": outputs }))
            })
            .collect();
        let inputs = Fields::new()
            .with("predictors", predictors.trim_end())
            .with("program_inputs", input)
            .with("trajectory", json!(steps).to_string())
            .with("rewarded", self.rewards.as_str())
            .with("reward", reward)
            .with("threshold", self.threshold);
        self.advisor.predict(inputs).await
    }

    /// The program with advice in the instructions of its predictors.
    fn advised(&self, advice: &Prediction) -> Overlay {
        let mut overlay = Overlay::new();
        let Some(advice) = advice.value("advice").and_then(|advice| advice.as_object()) else {
            return overlay;
        };
        each(&self.module, |path, predictor| {
            let Some(words) = advice.get(path).and_then(|words| words.as_str()) else { return };
            if words.trim().is_empty() || words.trim().eq_ignore_ascii_case("n/a") {
                return;
            }
            let around = Overlay::current(&meanwhile_core::Scope::current().host());
            let spec = around.and_then(|around| around.spec_of(predictor.id()).cloned());
            let spec = spec.as_deref().unwrap_or(predictor.spec()).clone();
            let spec = spec.append_instructions(format!("Advice from an earlier run: {words}"));
            overlay = std::mem::take(&mut overlay).spec(predictor.id(), spec);
        });
        overlay
    }
}

impl<M, R> Forward for Refine<M, R>
where
    M: Forward,
    M::In: Clone + Sync + fmt::Debug,
    M::Out: Sync,
    R: Reward<M::In, M::Out>,
{
    type In = M::In;
    type Out = Best<M::Out>;

    async fn forward(&self, input: M::In) -> Result<Best<M::Out>> {
        let mut attempts = Attempts::new(Some(self.threshold), self.max_errors);
        let traces = attempts.traces();
        let mut overlay = Overlay::new();
        for number in 0..self.attempts {
            let (module, reward) = (&self.module, &self.reward);
            let attempted =
                attempt(&traces, module, reward, input.clone(), number, overlay.clone()).await;
            let calls = attempted.calls();
            let reward = attempted.outcome.as_ref().ok().map(|(_, reward)| *reward);
            if attempts.add(attempted)? || number + 1 == self.attempts {
                break;
            }
            let Some(reward) = reward else { continue };
            // Advice that cannot be had leaves the next attempt as it would be without.
            match self.advise(&format!("{input:?}"), &calls, reward).await {
                Ok(advice) => {
                    attempts.charge(&advice.usage);
                    overlay = self.advised(&advice);
                }
                Err(error) if error.kind() == meanwhile_core::ErrorKind::Output => {
                    if let Some(partial) = error.partial() {
                        attempts.charge(&partial.usage);
                    }
                    error.attempts().iter().for_each(|tried| attempts.charge(&tried.usage));
                }
                Err(error) => return Err(error),
            }
        }
        attempts.best()
    }
}

impl<M: Module, R> Module for Refine<M, R> {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        crate::module::visit_part(&self.module, "module", visit);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        crate::module::visit_part_mut(&mut self.module, "module", visit);
    }
}

impl<M: fmt::Debug, R> fmt::Debug for Refine<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refine")
            .field("module", &self.module)
            .field("attempts", &self.attempts)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}
