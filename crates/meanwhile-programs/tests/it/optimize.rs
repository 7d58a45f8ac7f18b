//! Few-shot optimisers: which demonstrations they find, exactly, and what they ask for it.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile_core::{
    EmbedRequest, Embedder, EmbeddingModel, Embeddings, Error, ErrorKind, Message, Model, Result,
    Scripted, Settings, Usage,
};
use meanwhile_programs::{
    BootstrapFewShot, BootstrapRandomSearch, Demo, Evaluate, Example, Forward as _, LabeledFewShot,
    NearestFewShot, Predict, ProgramState, StopReason, exact_match, fields, with_overlay,
};

use crate::classify::{answer, demos_of, example, numbers, parity, program, text_of};

fn demos(state: &ProgramState) -> &[Demo] {
    state.predictors[0].1.demos.as_deref().unwrap()
}

fn texts(demos: &[Demo]) -> Vec<&str> {
    demos.iter().map(|demo| demo.fields.text("text").unwrap()).collect()
}

/// Right for the numbers that `knows` approves of.
fn model(knows: impl Fn(u32) -> bool + Send + Sync + 'static) -> Scripted {
    Scripted::new().reply_with(move |request| {
        let number: u32 = text_of(request).parse().unwrap();
        answer("label", if knows(number) { parity(number) } else { "neither" })
    })
}

#[test]
fn labelled_demonstrations_are_a_choice_that_the_seed_makes() {
    let program = program(&Scripted::new());
    let train = numbers(0..30);
    let few = LabeledFewShot::new(4);
    let chosen = few.compile(&program, &train);
    assert_eq!(demos(&chosen).len(), 4);
    assert_eq!(chosen, few.compile(&program, &train));
    assert_ne!(chosen, few.clone().seed(1).compile(&program, &train));
    assert_eq!(texts(demos(&few.clone().first().compile(&program, &train))), ["0", "1", "2", "3"]);
    assert_eq!(demos(&LabeledFewShot::default().compile(&program, &train[..3])).len(), 3);
    assert!(demos(&few.compile(&program, &[])).is_empty());
    // The program is as it was.
    assert!(program.predictor.demos().is_empty());
}

#[tokio::test]
async fn bootstrapping_keeps_what_the_metric_approves_in_the_order_of_the_examples() {
    async fn check(concurrency: usize) -> (Vec<String>, usize) {
        let model = model(|number| number % 3 == 0);
        let bootstrap = BootstrapFewShot::new().bootstrapped(3).labeled(5).concurrency(concurrency);
        let train = numbers(0..12);
        let best = bootstrap.compile(&program(&model), &train, exact_match("label")).await.unwrap();
        let found = demos(&best.state);
        assert_eq!(texts(&found[..3]), ["0", "3", "6"]);
        assert_eq!(found.len(), 5);
        assert!(found[..3].iter().all(|demo| demo.augmented));
        for demo in &found[3..] {
            assert!(
                !demo.augmented && !["0", "3", "6"].contains(&demo.fields.text("text").unwrap())
            );
        }
        for request in model.requests() {
            let shown = demos_of(&request);
            assert!(!shown.contains(&text_of(&request)), "it is shown its own answer");
            assert!(!shown.is_empty(), "the teacher has labelled demonstrations");
        }
        assert_eq!(best.rollouts, model.requests().len());
        assert_eq!(best.usage.input.total, Some(best.rollouts as u64));
        (found.iter().map(|demo| demo.fields.to_string()).collect(), best.rollouts)
    }
    // As many at once as are still wanted: never more runs than one after the other.
    assert_eq!(check(1).await, check(8).await);
    assert_eq!(check(1).await.1, 7);
}

#[tokio::test]
async fn later_rounds_ask_anew() {
    let model = Scripted::new().reply_with(|request| {
        let hot = request.params.temperature == Some(1.0);
        answer("label", if hot { parity(text_of(request).parse().unwrap()) } else { "neither" })
    });
    let bootstrap = BootstrapFewShot::new().bootstrapped(1).labeled(0).rounds(3);
    let train = numbers(4..6);
    let best = bootstrap.compile(&program(&model), &train, exact_match("label")).await.unwrap();
    assert_eq!(texts(demos(&best.state)), ["4"]);
    assert_eq!(best.rollouts, 2);
    let [first, second] = &model.requests()[..] else { panic!("two requests") };
    assert_eq!((first.params.temperature, second.params.temperature), (None, Some(1.0)));
    let bypass = ("meanwhile.cache".to_owned(), "bypass".to_owned());
    assert!(second.tags.contains(&bypass) && !first.tags.contains(&bypass));
}

#[tokio::test]
async fn a_teacher_may_be_another_model_in_another_state() {
    let (student, teacher) = (model(|_| false), model(|_| true));
    let program = program(&student);
    let state = LabeledFewShot::new(2).first().compile(&program, &numbers(90..92));
    let bootstrap = BootstrapFewShot::new()
        .bootstrapped(2)
        .teacher(state)
        .teacher_settings(Settings::new().model(Model::new(teacher.clone(), "strong")));
    let train = numbers(0..2);
    let best = bootstrap.compile(&program, &train, exact_match("label")).await.unwrap();
    assert_eq!(texts(demos(&best.state)), ["0", "1"]);
    assert_eq!((student.requests().len(), teacher.requests().len()), (0, 2));
    assert_eq!(demos_of(&teacher.requests()[0]), ["90", "91"]);
}

#[tokio::test]
async fn errors_of_runs_are_kept_until_there_are_too_many() {
    fn failing(kind: ErrorKind) -> Scripted {
        Scripted::new().reply_later(move |request| {
            let number: u32 = text_of(request).parse().unwrap();
            async move {
                let error = Error::new(kind, "no");
                if number < 3 { Err(error) } else { Ok(answer("label", parity(number))) }
            }
        })
    }
    let train = numbers(0..8);
    let bootstrap = BootstrapFewShot::new().bootstrapped(1).labeled(0).concurrency(1);
    let metric = exact_match("label");
    let server = failing(ErrorKind::Server);
    let best = bootstrap.compile(&program(&server), &train, metric.clone()).await.unwrap();
    assert_eq!((texts(demos(&best.state)), best.failures.len()), (vec!["3"], 3));
    assert_eq!(best.failures[2].index(), Some(2));

    for borne in [0, 1] {
        let server = failing(ErrorKind::Server);
        let few = bootstrap.clone().max_errors(borne);
        let error = few.compile(&program(&server), &train, metric.clone()).await.unwrap_err();
        assert_eq!((error.kind(), server.requests().len()), (ErrorKind::Server, borne + 1));
    }

    // A refused key is refused for all.
    let server = failing(ErrorKind::Authentication);
    let error = bootstrap.compile(&program(&server), &train, metric).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::Authentication, 1));
}

#[tokio::test]
async fn a_random_search_keeps_what_does_best_on_the_validation_examples() {
    // Right for numbers that have the last digit of a demonstration.
    let model = Scripted::new().reply_with(|request| {
        let (text, shown) = (text_of(request), demos_of(request));
        let last = |text: &str| text.chars().last().unwrap();
        let known = shown.iter().any(|shown| last(shown) == last(&text));
        answer("label", if known { parity(text.parse().unwrap()) } else { "neither" })
    });
    let program = program(&model);
    let (train, validation) = (numbers(0..10), numbers(10..20));
    let bootstrap = BootstrapFewShot::new().bootstrapped(4).labeled(4).seed(7);
    let search = BootstrapRandomSearch::new().bootstrap(bootstrap).candidates(3);
    let best = search.compile(&program, &train, &validation, exact_match("label")).await.unwrap();

    let names: Vec<&str> = best.candidates.iter().map(|tried| tried.name.as_str()).collect();
    let plain = ["zero-shot", "labeled", "bootstrap"];
    assert_eq!(names, [&plain[..], &["bootstrap 1", "bootstrap 2", "bootstrap 3"]].concat());
    // Nothing is known without demonstrations, four digits with four.
    assert_eq!(best.candidates[0].mean(), 0.0);
    assert!((best.candidates[1].mean() - 0.4).abs() < 1e-9);
    assert_eq!(best.score, Some(0.4));
    // Of equals the earlier wins.
    assert_eq!(best.state, best.candidates[1].state);
    assert_eq!(best.rollouts, model.requests().len());
    let again = search.compile(&program, &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!(again.candidates, best.candidates);

    let early = search.stop_at(0.4);
    let best = early.compile(&program, &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!(best.candidates.len(), 2);
    assert!(matches!(best.stop, StopReason::Score));
    // The state does outside what it did inside.
    let overlay = best.state.overlay(&program).unwrap();
    let evaluate = Evaluate::new();
    let run = evaluate.run(&program, &validation, exact_match("label"));
    assert_eq!(with_overlay(overlay, run).await.unwrap().percent(), 40.0);
}

/// Answers to the teacher, which has demonstrations, fail; those without do not.
fn without_teacher(kind: ErrorKind) -> Scripted {
    Scripted::new().reply_later(move |request| {
        let number: u32 = text_of(request).parse().unwrap();
        // The training examples are asked of the teacher alone.
        let fails = number < 20;
        async move {
            if fails { Err(Error::new(kind, "no")) } else { Ok(answer("label", parity(number))) }
        }
    })
}

#[tokio::test]
async fn a_set_that_cannot_be_made_costs_that_set() {
    let model = without_teacher(ErrorKind::Server);
    let (train, validation) = (numbers(0..20), numbers(20..24));
    let search = BootstrapRandomSearch::new().candidates(1);
    let program = program(&model);
    let best = search.compile(&program, &train, &validation, exact_match("label")).await.unwrap();
    let names: Vec<&str> = best.candidates.iter().map(|tried| tried.name.as_str()).collect();
    assert_eq!((names, best.score), (vec!["zero-shot", "labeled"], Some(1.0)));
    assert!(matches!(best.stop, StopReason::Complete));
    // Two sets, each with the errors until it was given up, and what they took.
    assert_eq!(best.failures.len(), 20);
    assert_eq!(best.rollouts, model.requests().len());
}

#[tokio::test]
async fn an_error_of_all_runs_ends_a_search_with_what_was_found() {
    let model = without_teacher(ErrorKind::Budget);
    let (train, validation) = (numbers(0..20), numbers(20..24));
    let search = BootstrapRandomSearch::new().candidates(4);
    let best =
        search.compile(&program(&model), &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!((best.candidates.len(), best.score), (2, Some(1.0)));
    assert!(matches!(&best.stop, StopReason::Failed(error) if error.kind() == ErrorKind::Budget));
    assert_eq!(best.rollouts, model.requests().len());

    // Where nothing was found there is nothing to hand back.
    let search = BootstrapRandomSearch::new();
    let error =
        search.compile(&program(&model), &train, &train, exact_match("label")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget);
}

#[tokio::test]
async fn a_search_in_several_pieces_is_the_search_in_one() {
    let model = || model(|number| number % 3 == 0);
    let (train, validation) = (numbers(0..12), numbers(12..24));
    let search = |candidates: usize| {
        let bootstrap = BootstrapFewShot::new().bootstrapped(2).labeled(3).seed(5);
        BootstrapRandomSearch::new().bootstrap(bootstrap).candidates(candidates)
    };
    let whole = search(3)
        .compile(&program(&model()), &train, &validation, exact_match("label"))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for candidates in [0, 1, 3, 3] {
        let model = model();
        let best = search(candidates)
            .log(folder.path())
            .compile(&program(&model), &train, &validation, exact_match("label"))
            .await
            .unwrap();
        ran += model.requests().len();
        assert_eq!((best.candidates.len(), best.rollouts), (3 + candidates, ran));
        if candidates == 3 {
            assert_eq!((&best.candidates, best.score), (&whole.candidates, whole.score));
            assert_eq!((&best.state, best.rollouts), (&whole.state, whole.rollouts));
            assert_eq!(best.usage.total(), whole.usage.total());
        }
    }

    // A line that was cut is run again; another search has another log.
    let file = folder.path().join("random-search.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 9]).unwrap();
    let again = search(3).log(folder.path());
    let best =
        again.compile(&program(&model()), &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!(best.candidates, whole.candidates);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let other = BootstrapRandomSearch::new().log(folder.path());
    let error = other
        .compile(&program(&model()), &train, &validation, exact_match("label"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("another run"), "{error}");
}

#[tokio::test]
async fn a_set_that_could_not_be_made_is_made_when_the_search_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (train, validation) = (numbers(0..20), numbers(20..24));
    let search = || BootstrapRandomSearch::new().candidates(0).log(folder.path());
    let down = without_teacher(ErrorKind::Server);
    let best =
        search().compile(&program(&down), &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!(best.candidates.len(), 2);
    let up = model(|_| true);
    let best =
        search().compile(&program(&up), &train, &validation, exact_match("label")).await.unwrap();
    assert_eq!(best.candidates.len(), 3);
    assert_eq!(best.rollouts, down.requests().len() + up.requests().len());
}

#[tokio::test]
async fn a_demonstration_with_the_inputs_of_the_example_is_not_shown_for_it() {
    let teacher = model(|_| true);
    let program = program(&teacher);
    // As an earlier bootstrapping left it: the answer of a model, under the same input.
    let augmented = |number: u32| {
        Demo::augmented(fields! { text: number.to_string(), label: "odd", reasoning: "So." })
    };
    let mut state = ProgramState::of(&program);
    state.predictors[0].1.demos = Some(vec![augmented(0), augmented(1)]);
    let bootstrap = BootstrapFewShot::new().bootstrapped(2).teacher(state);
    bootstrap.compile(&program, &numbers(0..2), exact_match("label")).await.unwrap();
    for request in teacher.requests() {
        assert_eq!(demos_of(&request).len(), 1);
        assert!(!demos_of(&request).contains(&text_of(&request)));
    }
}

#[tokio::test]
async fn a_clone_answers_while_a_program_is_optimised() {
    let model = Scripted::new().reply_later(|request| {
        let number: u32 = text_of(request).parse().unwrap();
        async move {
            tokio::task::yield_now().await;
            Ok(answer("label", parity(number)))
        }
    });
    let program = program(&model);
    let server = program.clone();
    let train = numbers(0..4);
    let bootstrap = BootstrapFewShot::new();
    let mut compiling = Box::pin(bootstrap.compile(&program, &train, exact_match("label")));
    assert!(futures::poll!(&mut compiling).is_pending());
    let error = program.call(fields! { text: "8" }).await.unwrap_err();
    assert!(error.message().contains("call a clone"), "{error}");
    assert_eq!(server.call(fields! { text: "8" }).await.unwrap().text("label"), Some("even"));
    compiling.await.unwrap();
    program.call(fields! { text: "8" }).await.unwrap();
}

/// Embeds a number as a point on a circle, 100 numbers around.
#[derive(Debug, Default)]
struct Circle(Arc<std::sync::Mutex<Vec<Vec<String>>>>);

#[async_trait]
impl Embedder for Circle {
    fn id(&self) -> &str {
        "circle"
    }

    fn batch_limit(&self, _model: &str) -> usize {
        100
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let point = |text: &String| {
            let number: f32 = text.strip_prefix("text: ").unwrap().parse().unwrap();
            let angle = number / 100.0 * std::f32::consts::TAU;
            // The length says nothing.
            vec![angle.cos() * (1.0 + number), angle.sin() * (1.0 + number)]
        };
        let vectors = request.inputs.iter().map(point).collect();
        self.0.lock().unwrap().push(request.inputs);
        Ok(Embeddings::new("circle", request.model, vectors, Usage::default()))
    }
}

#[tokio::test]
async fn the_nearest_examples_are_shown_nearest_first() {
    let model = model(|_| true);
    let circle = Circle::default();
    let asked = circle.0.clone();
    let train = numbers([50, 10, 97, 12, 30]);
    let embedding = EmbeddingModel::new(circle, "any");
    let nearest = NearestFewShot::embedded(program(&model), &train, 2, embedding).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);

    let found = nearest.forward(fields! { text: "11" }).await.unwrap();
    assert_eq!(found.text("label"), Some("odd"));
    nearest.forward(fields! { text: "2" }).await.unwrap();

    let shown: Vec<Vec<String>> = model.requests().iter().map(demos_of).collect();
    assert_eq!(shown[1], ["97", "10"]);
    assert!(shown[0] == ["10", "12"] || shown[0] == ["12", "10"]);
    // Each call embeds its own input, nothing else.
    assert_eq!(asked.lock().unwrap()[1..], [["text: 11"], ["text: 2"]]);
    assert!(nearest.inner().predictor.demos().is_empty());
}

#[tokio::test]
async fn nearest_examples_leave_the_instructions_of_a_candidate() {
    let model = model(|_| true);
    let plain: Predict = program(&model);
    let nearest = NearestFewShot::by(plain, &[example("8", "even")], 1, |_, _| 0.0);
    let mut state = ProgramState::of(&nearest);
    state.predictors[0].1.instructions = Some("Count with care.".to_owned());
    let overlay = state.overlay(&nearest).unwrap();
    with_overlay(overlay, nearest.forward(fields! { text: "11" })).await.unwrap();
    let request = &model.requests()[0];
    assert_eq!(demos_of(request), ["8"]);
    assert!(
        request.messages.iter().map(Message::text).any(|text| text.contains("Count with care."))
    );
}

#[test]
fn examples_with_several_inputs_need_named_ones() {
    let two = Example::new(fields! { a: 1, b: 2 }, ["a", "b"]);
    assert!(two.input::<u8>().is_err());
}
