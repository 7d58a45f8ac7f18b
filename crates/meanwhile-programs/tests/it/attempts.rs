//! Several attempts and many inputs: `BestOfN`, `Refine`, `Parallel`.

use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Model, Scripted};
use meanwhile_programs::{
    BestOfN, Fields, Forward as _, ModuleExt as _, Parallel, Predict, Prediction, Refine, fields,
    majority, traced,
};

fn reply(answer: &str) -> String {
    format!("[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]")
}

fn predict(model: &Scripted) -> Predict {
    Predict::parse("question -> answer").unwrap().model(Model::new(model.clone(), "any"))
}

/// The longer, the better.
fn length(_: &Fields, out: &Prediction) -> f64 {
    out.text("answer").map_or(0.0, |answer| answer.len() as f64)
}

fn question() -> Fields {
    fields! { question: "?" }
}

#[tokio::test]
async fn the_best_attempt_counts() {
    let model = Scripted::new().reply(reply("aa")).reply(reply("aaaa")).reply(reply("aaa"));
    let best = BestOfN::new(predict(&model), 3, length);
    assert_eq!(best.named_predictors()[0].0, "module");
    let (outcome, trace) = traced(best.forward(question())).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.text("answer"), outcome.reward), (Some("aaaa"), 4.0));
    assert_eq!(outcome.attempts.len(), 3);
    // The trace has the call that counts, the usage is that of all.
    assert_eq!(trace.calls.len(), 1);
    assert_eq!(trace.usage(), outcome.usage);
    assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &fields! { answer: "aaaa" });
    assert_eq!(outcome.usage.input.total, Some(3));
    for (number, request) in model.requests().iter().enumerate() {
        assert_eq!(request.params.temperature, Some(1.0));
        let bypass = ("meanwhile.cache".to_owned(), "bypass".to_owned());
        assert_eq!(request.tags.contains(&bypass), number > 0);
    }
}

#[tokio::test]
async fn attempts_stop_at_the_threshold_and_outlive_failures() {
    let failing = || Scripted::new().error(Error::new(ErrorKind::Server, "down"));
    let model = failing().reply(reply("aa")).reply(reply("aaaa")).reply(reply("aaaaa"));
    let best = BestOfN::new(predict(&model), 4, length).threshold(3.0);
    // Failures of one run say nothing about the next.
    let outcome = best.forward(question()).await.unwrap();
    assert_eq!((outcome.reward, outcome.attempts.len()), (4.0, 3));
    assert!(outcome.attempts[0].is_err());

    let model = failing().reply(reply("aa"));
    let best = BestOfN::new(predict(&model), 2, length).max_errors(0);
    assert_eq!(best.forward(question()).await.unwrap_err().kind(), ErrorKind::Server);
    let model = failing().reply(reply("aa"));
    let best = BestOfN::new(predict(&model), 2, length).max_errors(1);
    assert_eq!(best.forward(question()).await.unwrap().reward, 2.0);

    let model = failing().error(Error::new(ErrorKind::Overloaded, "full"));
    let error = BestOfN::new(predict(&model), 2, length).forward(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn attempts_may_run_at_the_same_time() {
    let model = Scripted::new().reply_later(|_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(reply("aa"))
    });
    let began = tokio::time::Instant::now();
    let best = BestOfN::new(predict(&model), 4, length).concurrency(4);
    best.forward(question()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn tokens_of_attempts_that_do_not_count_are_not_lost() {
    // The second attempt is good enough; the third has ended before, the fourth never does.
    let model = Scripted::new().reply_later({
        let number = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        move |_| {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move {
                let (seconds, text) = [(1, "a"), (3, "aaa"), (2, "a"), (99, "a")][number as usize];
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(reply(text))
            }
        }
    });
    let best = BestOfN::new(predict(&model), 4, length).concurrency(4).threshold(3.0);
    let (outcome, trace) = traced(traced(best.forward(question()))).await;
    let (outcome, inner) = outcome;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.reward, outcome.usage.input.total), (3.0, Some(3)));
    for trace in [&trace, &inner] {
        assert_eq!((trace.calls.len(), trace.usage().input.total), (1, Some(3)));
    }

    // Where all fail, and where it gives up.
    for most in [None, Some(0)] {
        let model = Scripted::new().reply_with(|_| "no form".to_owned());
        let mut best = BestOfN::new(predict(&model), 2, length);
        if let Some(most) = most {
            best = best.max_errors(most);
        }
        let (outcome, trace) = traced(best.forward(question())).await;
        outcome.unwrap_err();
        assert_eq!(trace.usage().input.total, Some(model.requests().len() as u64));
        assert!(trace.calls.is_empty());
    }

    // One in the other: each request counts once, wherever it was made.
    let model =
        Scripted::new().reply(reply("a")).reply(reply("aa")).reply(reply("aaa")).reply(reply("a"));
    let inner = BestOfN::new(predict(&model), 2, length);
    let deep = |_: &Fields, out: &meanwhile_programs::Best<Prediction>| out.reward;
    let (outcome, trace) = traced(BestOfN::new(inner, 2, deep).forward(question())).await;
    assert_eq!(outcome.unwrap().usage.input.total, Some(4));
    assert_eq!((trace.calls.len(), trace.usage().input.total), (1, Some(4)));
}

#[tokio::test]
async fn a_reward_that_is_no_number_is_a_failed_attempt() {
    let model = Scripted::new().reply(reply("")).reply(reply("aa"));
    let odd = |_: &Fields, out: &Prediction| {
        let length = out.text("answer").unwrap_or_default().len() as f64;
        length / length
    };
    let outcome = BestOfN::new(predict(&model), 2, odd).forward(question()).await.unwrap();
    assert_eq!((outcome.text("answer"), outcome.reward), (Some("aa"), 1.0));
    let error = outcome.attempts[0].as_ref().unwrap_err();
    assert!(error.message().contains("NaN"), "{error}");
}

#[tokio::test]
async fn advice_reaches_the_next_attempt_and_stays_out_of_the_program() {
    let advice = "[[ ## discussion ## ]]\nToo short.\n\n[[ ## advice ## ]]\n{\"self\": \"Write more.\"}\n\n\
                  [[ ## completed ## ]]";
    let model = Scripted::new().reply(reply("a")).reply(advice).reply(reply("aaaa"));
    let asks = Model::new(model.clone(), "any");
    let refine = Refine::new(predict(&model), 3, 3.0, length).rewards("long answers").advisor(asks);
    let (outcome, trace) = traced(refine.forward(question())).await;
    assert_eq!(outcome.unwrap().reward, 4.0);
    let asked = model.requests();
    let advised = asked[1].messages.last().unwrap().text();
    for words in ["long answers", r#""answer":"a""#, "self: Given the fields"] {
        assert!(advised.contains(words), "{advised}");
    }
    assert!(asked[2].messages[0].text().contains("Advice from an earlier run: Write more."));
    assert!(!refine.module.predictor.spec().instructions.contains("Write more."));
    let answers = trace
        .calls
        .iter()
        .filter(|call| call.outcome.as_ref().is_ok_and(|out| out.contains("answer")));
    assert_eq!(answers.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_input_has_its_outcome() {
    let model = Scripted::new().reply_later(|request| {
        let asked = request.messages.last().map(|last| last.text()).unwrap_or_default();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if asked.contains("bad") {
                return Err(Error::new(ErrorKind::Server, "down"));
            }
            Ok(reply("yes"))
        }
    });
    let inputs = || (0..6).map(|n| fields! { question: if n == 2 { "bad" } else { "good" } });
    let began = tokio::time::Instant::now();
    let outcomes = Parallel::new(3).run(&predict(&model), inputs()).await;
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(outcomes.len(), 6);
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), at == 2);
    }
    let error = outcomes[2].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::Server, Some(2)));
    // Nothing runs twice.
    assert_eq!(model.requests().len(), 6);

    // So many are borne, one more is not.
    for (borne, expected) in [(0, 3), (1, 6)] {
        let outcomes = Parallel::new(1).max_errors(borne).run(&predict(&model), inputs()).await;
        let started = outcomes
            .iter()
            .filter(|one| one.as_ref().err().map(Error::kind) != Some(ErrorKind::Cancelled));
        assert_eq!(started.count(), expected, "{borne}");
    }
    let outcomes = Parallel::new(1).max_errors(0).run(&predict(&model), inputs()).await;
    let kinds: Vec<Option<ErrorKind>> =
        outcomes.iter().map(|one| one.as_ref().err().map(Error::kind)).collect();
    let not_started = Some(ErrorKind::Cancelled);
    assert_eq!(kinds, [None, None, Some(ErrorKind::Server), not_started, not_started, not_started]);
}

#[test]
fn most_answers_win() {
    let answers = |texts: &[&str]| -> Vec<Fields> {
        texts.iter().map(|text| fields! { reasoning: "r", answer: *text }).collect()
    };
    for (texts, winner) in [
        (&["Lima", "Cusco", "the lima!"][..], Some("Lima")),
        (&["Cusco", "Lima", "Lima", "cusco"], Some("Cusco")),
        (&["", "Lima", ""], Some("Lima")),
        (&["", "."], Some("")),
        (&[], None),
    ] {
        let answers = answers(texts);
        assert_eq!(
            majority(&answers, None).and_then(|one| one.text("answer")),
            winner,
            "{texts:?}"
        );
        assert_eq!(majority(&answers, Some("answer")), majority(&answers, None));
    }
    assert_eq!(majority(&answers(&["Lima"]), Some("place")), None);
}
