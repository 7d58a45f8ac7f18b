//! GEPA: what it proposes, accepts and merges under models that answer as told; logs that go on.

use std::path::Path;
use std::sync::{Arc, Mutex};

use meanwhile_core::{Error, ErrorKind, Model, Request, Result, Scripted};
use meanwhile_programs::{
    Budget, Components, Example, Forward, Gepa, GepaOutcome, GepaStep, Module, Optimized, Predict,
    Prediction, Predictor, Rollout, Score, StopReason, fields,
};

use crate::classify::{answer, field_of};

/// The first step asks for one thing, the second for another: each is right only when its instructions
/// say its word.
struct Pipeline {
    first: Predict,
    second: Predict,
}

impl Module for Pipeline {
    fn predictors(&self, visit: &mut dyn FnMut(&str, &Predictor)) {
        visit("first", &self.first.predictor);
        visit("second", &self.second.predictor);
    }

    fn predictors_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Predictor)) {
        visit("first", &mut self.first.predictor);
        visit("second", &mut self.second.predictor);
    }
}

impl Forward for Pipeline {
    type In = String;
    type Out = Prediction;

    async fn forward(&self, text: String) -> Result<Prediction> {
        let draft = self.first.call(fields! { text: text }).await?;
        self.second.call(fields! { draft: draft.get::<String>("draft")? }).await
    }
}

fn pipeline(model: &Scripted) -> Pipeline {
    let predict =
        |signature| Predict::parse(signature).unwrap().model(Model::new(model.clone(), "any"));
    Pipeline { first: predict("text -> draft"), second: predict("draft -> label") }
}

/// Marks a draft with `+` where the instructions say PLUS, and a label with `!` where they say BANG.
fn worker() -> Scripted {
    Scripted::new().reply_with(work)
}

fn work(request: &Request) -> String {
    let told = request.messages[0].text();
    let has = |word| told.contains(word);
    if request.messages.last().unwrap().text().contains("[[ ## text ## ]]") {
        let text = field_of(request, "text");
        answer("draft", &if has("PLUS") { format!("{text}+") } else { text })
    } else {
        let draft = field_of(request, "draft");
        answer("label", &if has("BANG") { format!("{draft}!") } else { draft })
    }
}

/// Does so as often as it is paid for.
fn paid(requests: usize) -> Scripted {
    let left = Mutex::new(requests);
    Scripted::new().reply_later(move |request| {
        let mut left = left.lock().unwrap();
        let reply = match left.checked_sub(1) {
            Some(less) => {
                *left = less;
                Ok(work(request))
            }
            None => Err(Error::new(ErrorKind::Budget, "nothing is left")),
        };
        async move { reply }
    })
}

/// Half a point for each mark; texts with an `a` count for the first alone, those with a `b` for the
/// second alone.
async fn marks(rollout: Rollout<Prediction>) -> Result<Score> {
    let text: String = rollout.example.get("text")?;
    let label: String = rollout.output.get("label")?;
    let (plus, bang) = (label.contains('+'), label.contains('!'));
    let value = match text.chars().next() {
        Some('a') => f64::from(u8::from(plus)),
        Some('b') => f64::from(u8::from(bang)),
        _ => f64::from(u8::from(plus)) / 2.0 + f64::from(u8::from(bang)) / 2.0,
    };
    let score =
        Score::new(value).feedback_for("first", "Say PLUS.").feedback_for("second", "Say BANG.");
    Ok(score)
}

/// Writes what the feedback asks for.
fn reflection() -> Scripted {
    Scripted::new().reply_with(|request| {
        let text = request.messages[0].text();
        let word = if text.contains("Say PLUS.") { "PLUS" } else { "BANG" };
        format!("Here it is:\n```\nDo as before, and {word}.\n```")
    })
}

fn examples(texts: &[&str]) -> Vec<Example> {
    texts.iter().map(|text| Example::new(fields! { text: *text }, ["text"])).collect()
}

fn gepa(budget: usize, reflection: &Scripted) -> Gepa {
    Gepa::new(Budget::Rollouts(budget)).reflect_with(Model::new(reflection.clone(), "strong"))
}

fn instructions(best: &Optimized) -> Vec<&str> {
    let predictors = best.state.predictors.iter();
    predictors.map(|(_, predictor)| predictor.instructions.as_deref().unwrap()).collect()
}

/// Keeps what it is told.
fn steps() -> (Arc<Mutex<Vec<GepaStep>>>, impl Fn(&GepaStep) + Send + Sync + 'static) {
    let steps: Arc<Mutex<Vec<GepaStep>>> = Arc::default();
    let told = steps.clone();
    (steps, move |step: &GepaStep| told.lock().unwrap().push(step.clone()))
}

const TEXTS: [&str; 6] = ["a1", "b1", "c1", "a2", "b2", "c2"];

#[tokio::test]
async fn instructions_are_rewritten_in_turn_until_every_example_is_perfect() {
    let (worker, reflection) = (worker(), reflection());
    let (seen, told) = steps();
    let program = pipeline(&worker);
    let train = examples(&TEXTS);
    let best = gepa(200, &reflection)
        .on_step(told)
        .compile(&program, &train, &train, marks)
        .await
        .unwrap();

    assert_eq!(best.score, Some(1.0));
    assert!(matches!(best.stop, StopReason::Score), "{:?}", best.stop);
    let [first, second] = instructions(&best)[..] else { panic!("two predictors") };
    assert!(first.contains("PLUS") && second.contains("BANG"), "{first} / {second}");
    assert_eq!(best.candidates[0].mean(), 0.0);
    assert_eq!(best.candidates[0].parents, [0_usize; 0]);
    // Nothing was changed in the program.
    assert!(!program.first.predictor.spec().instructions.contains("PLUS"));
    // Each run is two requests, and each is counted.
    assert_eq!(worker.requests().len(), best.rollouts * 2);
    let reflected = reflection.requests();
    assert_eq!(best.usage.input.total, Some((worker.requests().len() + reflected.len()) as u64));
    // What the reflecting model was shown.
    let shown = reflected[0].messages[0].text();
    assert!(shown.contains("Given the fields `text`, produce the fields `draft`."), "{shown}");
    assert!(shown.contains("# Example 3") && !shown.contains("# Example 4"), "{shown}");
    assert!(shown.contains("Say PLUS.") && !shown.contains("Say BANG."), "{shown}");
    // Every accepted step did strictly better on its minibatch.
    let seen = seen.lock().unwrap();
    assert!(seen.iter().enumerate().all(|(at, step)| step.iteration == at));
    assert_eq!(seen.last().unwrap().rollouts, best.rollouts);
    for step in seen.iter() {
        match &step.outcome {
            GepaOutcome::Accepted { change, scores } => {
                let sum = |scores: &[f64]| scores.iter().sum::<f64>();
                assert!(sum(&change.after) > sum(&change.before));
                assert_eq!((change.minibatch.len(), scores.len()), (3, 6));
            }
            GepaOutcome::Rejected(change) => assert!(change.after <= change.before),
            _ => {}
        }
    }
}

/// A text with an `a` needs the first mark, one with a `b` the second, one with a `c` must not have the
/// first: what improves on `a` is no better everywhere, so that the program as it was stays in the front.
async fn mixed(rollout: Rollout<Prediction>) -> Result<Score> {
    let text: String = rollout.example.get("text")?;
    let label: String = rollout.output.get("label")?;
    let right = match text.chars().next() {
        Some('a') => label.contains('+'),
        Some('b') => label.contains('!'),
        _ => !label.contains('+'),
    };
    let score = Score::new(f64::from(u8::from(right)));
    Ok(score.feedback_for("first", "Say PLUS.").feedback_for("second", "Say BANG."))
}

#[tokio::test]
async fn candidates_that_improved_different_predictors_are_merged() {
    let (worker, reflection) = (worker(), reflection());
    let train = examples(&["a1", "b1", "b2", "a2", "b3", "c1"]);
    let sum = |scores: &[f64]| scores.iter().sum::<f64>();
    let mut merged = 0;
    for seed in 0..12 {
        let (seen, told) = steps();
        let best = gepa(120, &reflection)
            .minibatch(1)
            .seed(seed)
            .on_step(told)
            .compile(&pipeline(&worker), &train, &train, mixed)
            .await
            .unwrap();
        let seen = seen.lock().unwrap();
        let mut place = 0;
        for step in seen.iter() {
            place += match &step.outcome {
                GepaOutcome::Accepted { .. } => 1,
                GepaOutcome::MergeAccepted { merge, scores } => {
                    merged += 1;
                    // The first predictor of the one, the second of the other.
                    assert_eq!(scores, &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
                    assert_eq!((merge.examples.len(), merge.sources.len()), (5, 2));
                    assert_ne!(merge.sources[0], merge.sources[1]);
                    assert!(merge.before.iter().all(|before| sum(&merge.after) >= sum(before)));
                    assert_eq!(best.candidates[place + 1].parents, merge.parents);
                    assert_eq!(best.score, Some(5.0 / 6.0));
                    1
                }
                _ => 0,
            };
        }
        assert_eq!(best.candidates.len(), place + 1, "seed {seed}");
    }
    assert!(merged > 0, "no seed led to a merge");
    // Without merges there are none.
    let (seen, told) = steps();
    let none = gepa(120, &reflection).minibatch(1).merges(0).on_step(told);
    none.compile(&pipeline(&worker), &train, &train, mixed).await.unwrap();
    let is_merge = |step: &GepaStep| {
        matches!(step.outcome, GepaOutcome::MergeAccepted { .. } | GepaOutcome::MergeRejected(_))
    };
    assert!(!seen.lock().unwrap().iter().any(is_merge));
}

/// Runs with a log in `folder` up to a budget.
async fn logged(folder: &Path, budget: usize) -> Result<(Optimized, usize)> {
    let worker = worker();
    let train = examples(&TEXTS);
    let run = gepa(budget, &reflection()).seed(3).minibatch(2).perfect_score(2.0).log(folder);
    let best = run.compile(&pipeline(&worker), &train, &train, marks).await?;
    Ok((best, worker.requests().len() / 2))
}

#[tokio::test]
async fn a_run_in_several_pieces_is_the_run_in_one() {
    let (one, several) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, ran) = logged(one.path(), 120).await.unwrap();
    assert!(matches!(whole.stop, StopReason::Budget));
    assert_eq!(whole.rollouts, ran);
    let mut runs = 0;
    for budget in [1, 20, 55, 90, 120] {
        let (best, ran) = logged(several.path(), budget).await.unwrap();
        runs += ran;
        assert_eq!(best.rollouts, runs, "what the log knows is not run again");
    }
    let read = |folder: &Path| std::fs::read_to_string(folder.join("gepa.jsonl")).unwrap();
    assert_eq!(read(one.path()), read(several.path()));
    let (again, ran) = logged(several.path(), 120).await.unwrap();
    assert_eq!((again.candidates, ran), (whole.candidates, 0));
}

#[tokio::test]
async fn a_line_that_was_cut_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    logged(folder.path(), 60).await.unwrap();
    let file = folder.path().join("gepa.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for cut in [last, last + 1, whole.len() - 1] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let (_, ran) = logged(folder.path(), 60).await.unwrap();
        assert!(ran > 0);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), whole, "cut at {cut}");
    }
    // Something else is no log, and not overwritten.
    std::fs::write(&file, "{}\nhello\n").unwrap();
    let error = logged(folder.path(), 60).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}\nhello\n");
}

#[tokio::test]
async fn a_log_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    logged(folder.path(), 30).await.unwrap();
    let train = examples(&TEXTS);
    let run = gepa(30, &reflection()).seed(4).minibatch(2).perfect_score(2.0).log(folder.path());
    let error = run.compile(&pipeline(&worker()), &train, &train, marks).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("another run"), "{error}");
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_what_is_reflected_on() {
    // Answers in form only when it is told to; the second attempt of an adapter does not help.
    let worker = Scripted::new().reply_with(|request| {
        let told = request.messages[0].text().contains("with headers");
        if told { answer("label", "yes") } else { "I say yes".to_owned() }
    });
    let program = Predict::parse("text -> label").unwrap().model(Model::new(worker, "any"));
    let reflection = Scripted::new().reply_with(|_| "```\nAnswer with headers.\n```".to_owned());
    let train = examples(&["x", "y"]);
    let right =
        |rollout: Rollout<Prediction>| async move { rollout.output.text("label") == Some("yes") };
    let best = gepa(20, &reflection).compile(&program, &train, &train, right).await.unwrap();
    assert_eq!((best.candidates[0].mean(), best.score), (0.0, Some(1.0)));
    assert!(best.failures.iter().all(|error| error.kind() == ErrorKind::Output));
    let shown = reflection.requests()[0].messages[0].text();
    assert!(shown.contains("I say yes") && shown.contains("could not be read"), "{shown}");
}

#[tokio::test]
async fn a_reflection_that_fails_costs_its_iteration_and_the_third_ends_the_run() {
    let reflection = Scripted::new()
        .reply_later(|_| async { Err::<String, _>(Error::new(ErrorKind::Server, "overloaded")) });
    let train = examples(&TEXTS);
    let (seen, told) = steps();
    let best = gepa(500, &reflection)
        .on_step(told)
        .compile(&pipeline(&worker()), &train, &train, marks)
        .await
        .unwrap();
    assert!(
        matches!(&best.stop, StopReason::Reflection(error) if error.kind() == ErrorKind::Server)
    );
    assert_eq!((best.candidates.len(), best.rollouts), (1, 6 + 3 * 3));
    assert_eq!(seen.lock().unwrap().len(), 3);

    let refused = Scripted::new().reply_later(|_| async {
        Err::<String, _>(Error::new(ErrorKind::Authentication, "no such key"))
    });
    let refused = gepa(500, &refused);
    let best = refused.compile(&pipeline(&worker()), &train, &train, marks).await.unwrap();
    assert!(
        matches!(&best.stop, StopReason::Failed(error) if error.kind() == ErrorKind::Authentication)
    );
    assert_eq!((best.candidates.len(), best.rollouts), (1, 6 + 3));
}

#[tokio::test]
async fn what_was_found_before_the_money_ran_out_is_kept() {
    let train = examples(&TEXTS);
    let run = |requests| {
        let program = pipeline(&paid(requests));
        async move {
            gepa(500, &reflection())
                .compile(&program, &examples(&TEXTS), &examples(&TEXTS), marks)
                .await
        }
    };
    // The program as it is takes 12 requests, a candidate that is accepted 24.
    let best = run(50).await.unwrap();
    assert!(matches!(&best.stop, StopReason::Failed(error) if error.kind() == ErrorKind::Budget));
    assert_eq!((best.candidates.len(), train.len()), (2, best.candidates[1].scores.len()));
    assert!(best.score.unwrap() > 0.0);
    // Before anything is known, there is nothing to keep.
    assert_eq!(run(0).await.unwrap_err().kind(), ErrorKind::Budget);
}

#[tokio::test]
async fn a_log_that_two_runs_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    logged(folder.path(), 60).await.unwrap();
    let file = folder.path().join("gepa.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    let first = whole.lines().nth(1).unwrap();
    std::fs::write(&file, format!("{whole}{first}\n")).unwrap();
    let error = logged(folder.path(), 60).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("two runs"), "{error}");
}

#[tokio::test]
async fn a_run_that_ended_for_its_reflections_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let train = examples(&TEXTS);
    let down = Scripted::new()
        .reply_later(|_| async { Err::<String, _>(Error::new(ErrorKind::Server, "overloaded")) });
    let run = |reflection: &Scripted| gepa(200, reflection).log(folder.path());
    for _ in 0..2 {
        let best = run(&down).compile(&pipeline(&worker()), &train, &train, marks).await.unwrap();
        assert!(
            matches!(&best.stop, StopReason::Reflection(error) if error.kind() == ErrorKind::Server),
            "{:?}",
            best.stop
        );
    }
    let best =
        run(&reflection()).compile(&pipeline(&worker()), &train, &train, marks).await.unwrap();
    assert_eq!(best.score, Some(1.0));
    assert!(matches!(best.stop, StopReason::Score), "{:?}", best.stop);
}

#[tokio::test]
async fn scores_that_are_no_numbers_fail_their_rows_and_leave_the_log_readable() {
    let folder = tempfile::tempdir().unwrap();
    let train = examples(&TEXTS);
    // What nothing is divided by nothing is.
    let odd = |rollout: Rollout<Prediction>| async move {
        let score = marks(rollout).await?;
        Ok(Score::new(score.value / score.value).feedback("Say PLUS."))
    };
    for _ in 0..2 {
        let run = gepa(40, &reflection()).log(folder.path());
        let best = run.compile(&pipeline(&worker()), &train, &train, odd).await.unwrap();
        assert!(best.score.unwrap().is_finite());
        assert!(best.candidates.iter().flat_map(|one| &one.scores).all(|score| score.is_finite()));
    }
}

#[tokio::test]
async fn all_predictors_may_be_rewritten_at_once() {
    let train = examples(&TEXTS);
    let reflection = reflection();
    let best = gepa(100, &reflection)
        .components(Components::All)
        .compile(&pipeline(&worker()), &train, &train, marks)
        .await
        .unwrap();
    assert_eq!((best.score, best.candidates.len()), (Some(1.0), 2));
    assert_eq!(reflection.requests().len(), 2);
    assert_eq!(best.rollouts, 6 + 3 + 3 + 6);
}

#[tokio::test]
async fn what_a_run_needs_is_checked_first() {
    let program = pipeline(&worker());
    let train = examples(&TEXTS);
    async fn check(run: impl Future<Output = Result<Optimized>>, says: &str) {
        let error = run.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(says), "{error}");
    }
    let gepa = || gepa(10, &reflection());
    check(gepa().compile(&program, &[], &train, marks), "examples").await;
    check(gepa().compile(&program, &train, &[], marks), "examples").await;
    let lacking = gepa().reflection_prompt("Only {instructions}");
    check(lacking.compile(&program, &train, &train, marks), "{examples}").await;
}

#[test]
fn budgets_are_those_of_dspy() {
    // What `dspy.GEPA.auto_budget` of DSPy 3.4.1 computes for these.
    for (budget, predictors, validation, runs) in [
        (Budget::Light, 1, 20, 460),
        (Budget::Medium, 2, 50, 1_390),
        (Budget::Heavy, 5, 100, 4_795),
    ] {
        assert_eq!(budget.rollouts(predictors, 7, validation), runs, "{budget:?}");
    }
    assert_eq!(Budget::FullEvaluations(3).rollouts(1, 10, 5), 45);
    assert_eq!(Budget::Rollouts(12).rollouts(1, 10, 5), 12);
}
