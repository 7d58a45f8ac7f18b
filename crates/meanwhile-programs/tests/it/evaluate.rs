//! Evaluation: order, concurrency, errors of rows, reports.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Model, Result, Scripted};
use meanwhile_programs::{
    Evaluate, Evaluation, Example, Fields, Forward, Module, Predict, Prediction, Predictor,
    Rollout, Score, exact_match, f1, fields,
};
use serde::{Deserialize, Serialize};

use crate::classify::{answer, example, numbers, parity, program, text_of};

/// A program that asks no model.
struct Plain<I, O>(fn(I) -> Result<O>);

impl<I, O> Module for Plain<I, O> {
    fn predictors(&self, _: &mut dyn FnMut(&str, &Predictor)) {}

    fn predictors_mut(&mut self, _: &mut dyn FnMut(&str, &mut Predictor)) {}
}

impl<I: Send, O: Send> Forward for Plain<I, O> {
    type In = I;
    type Out = O;

    async fn forward(&self, input: I) -> Result<O> {
        (self.0)(input)
    }
}

async fn matches(rollout: Rollout<Prediction>) -> Result<bool> {
    Ok(rollout.output.get::<String>("label")? == rollout.example.get::<String>("label")?)
}

#[tokio::test(start_paused = true)]
async fn rows_keep_the_order_of_the_examples_and_run_side_by_side_up_to_the_limit() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (running.clone(), most.clone());
    let model = Scripted::new().reply_later(move |request| {
        let number: u32 = text_of(request).parse().unwrap();
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // The later ones are quicker.
            tokio::time::sleep(Duration::from_millis(u64::from(100 - number))).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(answer("label", if number == 7 { "even" } else { parity(number) }))
        }
    });
    let examples = numbers(0..20);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();

    let evaluation = Evaluate::new()
        .concurrency(5)
        .on_progress(move |progress| told.lock().unwrap().push(progress))
        .run(&program(&model), &examples, matches)
        .await
        .unwrap();

    assert_eq!(most.load(Ordering::SeqCst), 5);
    let texts = evaluation.rows.iter().map(|row| row.example.get::<String>("text").unwrap());
    assert!(texts.eq((0..20).map(|n| n.to_string())));
    assert_eq!(evaluation.scores().position(|score| score == 0.0), Some(7));
    assert_eq!((evaluation.mean(), evaluation.percent()), (0.95, 95.0));
    assert_eq!(evaluation.usage().input.total, Some(20));
    assert_eq!(evaluation.rows[3].trace.calls.len(), 1);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().map(|progress| progress.done).eq(1..=20));
    // The fifth of the first five is ready first.
    assert_eq!((seen[0].index, seen[0].total, seen[19].mean), (4, 20, 0.95));
}

#[tokio::test]
async fn a_row_that_fails_keeps_its_error_and_the_others_go_on() {
    let model = Scripted::new().reply_later(|request| {
        let text = text_of(request);
        async move {
            match text.as_str() {
                "2" => Err(Error::new(ErrorKind::Server, "down")),
                "3" => Ok("[[ ## label ## ]]\nunknown".to_owned()),
                text => Ok(answer("label", parity(text.parse().unwrap()))),
            }
        }
    });
    let metric = |rollout: Rollout<Prediction>| async move {
        match rollout.output.text("label") {
            Some("unknown") => Err(Error::new(ErrorKind::Other, "not a label")),
            _ => Ok(Score::new(1.0).feedback("right")),
        }
    };
    let examples = numbers(1..5);
    let evaluate = Evaluate::new().failure_score(-1.0).concurrency(1);

    let evaluation = evaluate.run(&program(&model), &examples, metric).await.unwrap();

    assert!(evaluation.scores().eq([1.0, -1.0, -1.0, 1.0]));
    let errors: Vec<_> = evaluation.errors().map(|(at, error)| (at, error.kind())).collect();
    assert_eq!(errors, [(1, ErrorKind::Server), (2, ErrorKind::Other)]);
    let [_, failed, misjudged, _] = &evaluation.rows[..] else { panic!("four rows") };
    assert!(
        failed.output.is_none() && failed.error.as_ref().unwrap().operation() != Some("metric")
    );
    assert!(misjudged.output.is_some());
    assert_eq!(misjudged.error.as_ref().unwrap().operation(), Some("metric"));
    assert!(!evaluation.stopped);
}

#[tokio::test]
async fn too_many_errors_end_an_evaluation_early() {
    let model = Scripted::new().reply_later(|request| {
        let text = text_of(request);
        async move {
            if text == "0" {
                Ok(answer("label", "even"))
            } else {
                Err(Error::new(ErrorKind::Server, "down"))
            }
        }
    });
    let evaluate = Evaluate::new().concurrency(1);
    let (down, not_run) = (ErrorKind::Server, ErrorKind::Cancelled);
    // So many are borne, one more is not; a row that succeeds is none of them.
    for (borne, expected) in [
        (0, [down, not_run, not_run, not_run, not_run]),
        (1, [down, down, not_run, not_run, not_run]),
        (4, [down, down, down, down, down]),
    ] {
        let asked = model.requests().len();
        let evaluate = evaluate.clone().max_errors(borne);
        let evaluation = evaluate.run(&program(&model), &numbers(0..6), matches).await.unwrap();

        let kinds: Vec<_> = evaluation.errors().map(|(_, error)| error.kind()).collect();
        assert_eq!(kinds, expected, "{borne} are borne");
        assert_eq!(evaluation.stopped, borne < 4);
        assert_eq!(model.requests().len() - asked, borne + 2);
        assert_eq!(evaluation.rows.len(), 6);
    }
    let none = evaluate.run(&program(&model), &[], matches).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn dropping_an_evaluation_stops_its_rows() {
    let finished = Arc::new(AtomicUsize::new(0));
    let count = finished.clone();
    let model = Scripted::new().reply_later(move |_| {
        let count = count.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(answer("label", "even"))
        }
    });
    let (program, examples) = (program(&model), numbers(0..9));
    let evaluate = Evaluate::new().concurrency(3);
    let run = evaluate.run(&program, &examples, matches);
    tokio::time::timeout(Duration::from_millis(1500), run).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!((finished.load(Ordering::SeqCst), model.requests().len()), (3, 6));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Question {
    question: String,
    k: u8,
}

#[tokio::test]
async fn inputs_are_a_struct_or_the_only_value() {
    async fn run<I, O>(program: Plain<I, O>, example: Example) -> Evaluation<O>
    where
        I: for<'a> Deserialize<'a> + Send,
        O: PartialEq + for<'a> Deserialize<'a> + Send + Sync,
    {
        let metric = |rollout: Rollout<O>| async move {
            Ok(*rollout.output == rollout.example.get("wanted")?)
        };
        Evaluate::new().run(&program, &[example], metric).await.unwrap()
    }
    let named = Example::new(fields! { question: "Why?", k: 3, wanted: 7 }, ["question", "k"]);
    let program = Plain(|input: Question| Ok(input.question.len() as u64 + u64::from(input.k)));
    assert_eq!(run(program, named).await.percent(), 100.0);
    let only = Example::new(fields! { text: "Why?", wanted: "WHY?" }, ["text"]);
    let program = Plain(|input: String| Ok(input.to_uppercase()));
    assert_eq!(run(program, only.clone()).await.percent(), 100.0);
    let program = Plain(|input: Fields| Ok(input.text("text").unwrap().to_uppercase()));
    assert_eq!(run(program, only.clone()).await.percent(), 100.0);
    let program = Plain(|_: u8| Ok(String::new()));
    let evaluation = run(program, only).await;
    assert_eq!(evaluation.errors().next().unwrap().1.kind(), ErrorKind::Prompt);
    let question = Question { question: "Why?".into(), k: 3 };
    let made = Example::of(&question, &fields! { k: 9, wanted: 1 }).unwrap();
    assert_eq!(made.input::<Question>().unwrap(), question);
    assert_eq!(made.labels(), fields! { wanted: 1 });
    let json = serde_json::to_string(&made).unwrap();
    assert_eq!(serde_json::from_str::<Example>(&json).unwrap(), made);
}

#[tokio::test]
async fn rows_are_written_as_a_table_csv_and_json() {
    let model = Scripted::new().reply_with(|request| match text_of(request).as_str() {
        "a, \"b\"" => answer("label", "x"),
        _ => "no field here".to_owned(),
    });
    let examples = [example("a, \"b\"", "x"), example(&"long ".repeat(40), "y")];
    let metric = |rollout: Rollout<Prediction>| async move {
        let right = matches(rollout).await?;
        Ok(Score::new(f64::from(u8::from(right))).feedback("as wanted"))
    };
    let evaluation =
        Evaluate::new().concurrency(1).run(&program(&model), &examples, metric).await.unwrap();

    let records = evaluation.records().unwrap();
    assert_eq!(
        serde_json::to_value(&records[0]).unwrap(),
        serde_json::json!({
            "text": "a, \"b\"", "example_label": "x", "predicted_label": "x", "score": 1.0,
            "feedback": "as wanted", "error": null,
        })
    );
    assert_eq!(records[1]["label"], "y");
    assert!(records[1]["error"].as_str().unwrap().contains("output not usable"));
    let again: serde_json::Value = serde_json::from_str(&evaluation.to_json().unwrap()).unwrap();
    assert_eq!(again.as_array().unwrap().len(), 2);

    let csv = evaluation.to_csv().unwrap();
    let mut lines = csv.split("\r\n");
    assert_eq!(lines.next(), Some("text,example_label,predicted_label,label,score,feedback,error"));
    assert_eq!(lines.next(), Some("\"a, \"\"b\"\"\",x,x,,1.0,as wanted,"));

    let table = evaluation.table(1).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("text"), "{table}");
    assert!(lines[1].contains("a, \"b\""), "{table}");
    assert_eq!(&lines[2..], ["… 1 more rows", "mean 0.5000 over 2 rows, 1 of them failed"]);
    let whole = evaluation.table(2).unwrap();
    assert!(whole.lines().all(|line| line.chars().count() < 200), "{whole}");
}

#[tokio::test]
async fn ready_metrics_compare_words() {
    async fn check(found: &'static str, wanted: serde_json::Value, exact: f64, overlap: f64) {
        let example = Example::new(fields! { given: found, answer: wanted.clone() }, ["given"]);
        let program = Plain(|given: String| Ok(fields! { answer: given }));
        let examples = [example];
        let first = Evaluate::new().run(&program, &examples, exact_match("answer")).await.unwrap();
        let second = Evaluate::new().run(&program, &examples, f1("answer")).await.unwrap();
        assert_eq!((first.mean(), second.mean()), (exact, overlap), "{found} against {wanted}");
        assert!(first.rows[0].score.feedback.is_some());
    }
    check("The Andes.", "andes".into(), 1.0, 1.0).await;
    check("Lima, Peru", "Lima".into(), 0.0, 2.0 / 3.0).await;
    check("Quito", "Lima".into(), 0.0, 0.0).await;
    check("New  York", serde_json::json!(["NYC", "new york"]), 1.0, 1.0).await;
    check("3", 3.into(), 1.0, 1.0).await;
}

#[tokio::test]
async fn fields_with_the_names_of_the_reports_keep_their_values() {
    let model = Scripted::new().reply_with(|_| {
        "[[ ## answer ## ]]\nLima\n\n[[ ## score ## ]]\n0.25\n\n[[ ## predicted_score ## ]]\n7"
            .to_owned()
    });
    let program = Predict::parse("question -> answer, score: float, predicted_score: int").unwrap();
    let program = program.model(Model::new(model, "any"));
    let example = Example::new(
        fields! { question: "?", answer: "Lima", score: 0.75, error: "none", feedback: 1 },
        ["question"],
    );
    let evaluation =
        Evaluate::new().run(&program, &[example], exact_match("answer")).await.unwrap();
    assert_eq!(
        serde_json::to_value(&evaluation.records().unwrap()[0]).unwrap(),
        serde_json::json!({
            "question": "?", "example_answer": "Lima", "predicted_answer": "Lima",
            "example_score": 0.75, "predicted_predicted_score": 0.25, "predicted_score": 7,
            "example_error": "none", "example_feedback": 1,
            "score": 1.0, "feedback": "The answer is right.",
        })
    );
    assert!(evaluation.to_csv().unwrap().contains("predicted_predicted_score"));
}

#[tokio::test]
async fn a_score_that_is_not_finite_is_a_failed_row() {
    let program = Plain(|given: f64| Ok(fields! { answer: given }));
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    let examples: Vec<Example> =
        (0..values.len()).map(|at| Example::new(fields! { given: at as f64 }, ["given"])).collect();
    let metric = |rollout: Rollout<Fields>| async move {
        let at: f64 = rollout.output.get("answer")?;
        Ok(Score::new(values[at as usize]))
    };
    let evaluation = Evaluate::new().run(&program, &examples, metric).await.unwrap();
    let wrong: Vec<usize> = evaluation.errors().map(|(at, _)| at).collect();
    assert_eq!((wrong, evaluation.mean()), (vec![0, 1, 2], 0.25));
    let error = evaluation.rows[0].error.as_ref().unwrap();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Output, Some("metric")));
    assert!(error.message().contains("NaN"), "{error}");

    let evaluate = Evaluate::new().failure_score(f64::NAN);
    let error = evaluate.run(&program, &examples, metric).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_under_way_are_waited_for() {
    let model = Scripted::new().reply_later(|request| {
        let number: u64 = text_of(request).parse().unwrap();
        async move {
            tokio::time::sleep(Duration::from_secs(number)).await;
            if number == 1 {
                Err(Error::new(ErrorKind::Server, "down"))
            } else {
                Ok(answer("label", "even"))
            }
        }
    });
    let examples = numbers(1..8);
    // 0 counts as 1.
    let evaluate = Evaluate::new().concurrency(3).max_errors(0);
    let evaluation = evaluate.run(&program(&model), &examples, matches).await.unwrap();
    assert!(evaluation.stopped);
    let kinds: Vec<Option<ErrorKind>> =
        evaluation.rows.iter().map(|row| row.error.as_ref().map(Error::kind)).collect();
    let not_run = Some(ErrorKind::Cancelled);
    assert_eq!(kinds[..3], [Some(ErrorKind::Server), None, None]);
    assert!(kinds[3..].iter().all(|kind| *kind == not_run), "{kinds:?}");
    // What was paid for counts.
    assert_eq!(evaluation.usage().input.total, Some(2));
    assert_eq!(model.requests().len(), 3);

    let none = Evaluate::new().max_errors(0);
    let evaluation = none.run(&program(&model), &examples[1..2], matches).await.unwrap();
    assert!(!evaluation.stopped);
}
