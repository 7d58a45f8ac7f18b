//! Several completions of one call: what is asked, which one counts, what is kept of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meanwhile_core::{
    Error, ErrorKind, Model, Params, Registry, Request, Scripted, Settings, Usage, scope,
};
use meanwhile_programs::{
    ChainOfThought, Fields, Predict, PredictionEvent, Signature, SignatureSpec, fields, majority,
    traced,
};
use serde::Deserialize;

fn answer(text: &str) -> String {
    format!("[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]")
}

fn question() -> Fields {
    fields! { question: "What is the capital of Peru?" }
}

fn predict(scripted: &Scripted) -> Predict {
    Predict::parse("question -> answer").unwrap().model(Model::new(scripted.clone(), "any"))
}

#[tokio::test]
async fn all_that_can_be_read_are_kept_in_order_and_what_they_took_is_counted() {
    let scripted =
        Scripted::new().reply(answer("Cusco")).reply(answer("Lima")).reply(answer("lima"));
    let predict = predict(&scripted).completions(3);
    let (out, trace) = traced(predict.call(question())).await;
    let out = out.unwrap();
    let all: Vec<_> = out.completions.iter().map(|one| one.text("answer").unwrap()).collect();
    assert_eq!(all, ["Cusco", "Lima", "lima"]);
    assert_eq!((out.text("answer"), out.requests), (Some("Cusco"), 3));
    assert_eq!(out.usage, Usage::totals(3, 33));
    assert_eq!(majority(&out.completions, None).unwrap().text("answer"), Some("Lima"));
    // One call of the predictor, with the tokens of all.
    assert_eq!((trace.calls.len(), trace.calls[0].requests), (1, 3));
    assert_eq!(trace.usage(), Usage::totals(3, 33));
}

/// The temperatures and seeds with which the completions are asked for.
async fn asked(settings: Settings, around: Settings) -> Vec<(Option<f64>, Option<u64>)> {
    let scripted = Scripted::new().reply_with(|_| answer("Lima"));
    let predict = predict(&scripted).settings(settings).completions(3);
    scope(around, predict.call(question())).await.unwrap();
    let params = scripted.requests();
    params.iter().map(|one| (one.params.temperature, one.params.seed)).collect()
}

#[tokio::test]
async fn completions_are_warm_enough_to_differ() {
    let new = Settings::new;
    let warm = |temperature| vec![(Some(temperature), None); 3];
    assert_eq!(asked(new(), new()).await, warm(0.7));
    assert_eq!(asked(new().temperature(0.1), new()).await, warm(0.7));
    assert_eq!(asked(new().temperature(0.3), new()).await, warm(0.3));
    assert_eq!(asked(new(), new().temperature(1.0)).await, warm(1.0));
    let seeds: Vec<_> =
        asked(new().seed(7), new()).await.into_iter().map(|(_, seed)| seed).collect();
    assert_eq!(seeds, [Some(7), Some(8), Some(9)]);
    // One completion is asked for as it always was.
    let scripted = Scripted::new().reply(answer("Lima"));
    predict(&scripted).completions(0).call(question()).await.unwrap();
    assert_eq!(scripted.requests()[0].params.temperature, None);
}

#[tokio::test]
async fn what_the_model_and_its_registry_set_counts_as_what_the_predictor_does() {
    let bypass = ("meanwhile.cache".to_owned(), "bypass".to_owned());
    let bypass = &bypass;
    let asked = |model: Params, registry: Params| async move {
        let scripted = Scripted::new().reply_with(|_| answer("Lima"));
        let around = Registry::new();
        around.set_params(registry);
        let model = Model::new(scripted.clone(), "any").with_params(model);
        let predict = Predict::parse("question -> answer").unwrap().completions(3);
        predict.registry(&around).model(model).call(question()).await.unwrap();
        let of =
            |one: &Request| (one.params.temperature, one.params.seed, one.tags.contains(bypass));
        scripted.requests().iter().map(of).collect::<Vec<_>>()
    };
    let new = Params::new;
    let warm =
        |one: f64| [(Some(one), None, false), (Some(one), None, true), (Some(one), None, true)];
    let seeded = [7_u64, 8, 9].map(|seed| (Some(0.7), Some(seed), false));
    for (params, expected) in [
        (new().temperature(1.0), warm(1.0)),
        (new().temperature(0.1), warm(0.7)),
        (new().seed(7), seeded),
    ] {
        assert_eq!(asked(params.clone(), new()).await, expected, "of the model: {params:?}");
        assert_eq!(asked(new(), params.clone()).await, expected, "of the registry: {params:?}");
    }
    // Nobody can be asked what no model is chosen for.
    let predict = Predict::parse("question -> answer").unwrap().completions(2);
    assert_eq!(predict.call(question()).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn those_that_fail_are_told_and_the_call_fails_where_all_do() {
    let full = || Error::new(ErrorKind::Overloaded, "try later");
    let scripted = Scripted::new().error(full()).reply(answer("Lima")).error(full());
    let out = predict(&scripted).completions(3).call(question()).await.unwrap();
    assert_eq!((out.text("answer"), out.completions.len()), (Some("Lima"), 1));
    assert_eq!(
        out.failed.iter().map(|one| one.kind).collect::<Vec<_>>(),
        [ErrorKind::Overloaded; 2]
    );
    assert_eq!(out.requests, 3);

    let scripted = Scripted::new().error(full()).error(full());
    let error = predict(&scripted).completions(2).call(question()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Overloaded, 2));
}

/// A signature whose type says more than its fields: a share is at most 100.
struct Shared;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Share {
    share: u8,
}

impl Signature for Shared {
    type Input = Fields;
    type Output = Share;

    fn spec() -> SignatureSpec {
        "question -> share: int".parse().unwrap()
    }
}

#[tokio::test]
async fn typed_completions_fit_their_type_each() {
    let share = |number: u32| format!("[[ ## share ## ]]\n{number}\n\n[[ ## completed ## ]]");
    // The second one does not fit, and is asked for once more.
    let scripted = Scripted::new()
        .reply(share(10))
        .reply(share(300))
        .reply(r#"{"share": 20}"#)
        .reply(share(30));
    let predict = Predict::<Shared>::new().model(Model::new(scripted, "any")).completions(3);
    let out = predict.call(question()).await.unwrap();
    assert_eq!(out.value, Share { share: 10 });
    let all: Vec<u8> = out.typed_completions().unwrap().into_iter().map(|one| one.share).collect();
    assert_eq!((all, out.requests, out.failed.len()), (vec![10, 20, 30], 4, 1));
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_are_asked_for_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let slow = Scripted::new().reply_later(move |_| {
        let (now, most) = (now.clone(), most.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok("[[ ## reasoning ## ]]\nHm.\n\n[[ ## answer ## ]]\nLima".to_owned())
        }
    });
    let think = ChainOfThought::parse("question -> answer").unwrap().completions(20);
    let began = tokio::time::Instant::now();
    let out = think.model(Model::new(slow, "any")).call(question()).await.unwrap();
    assert_eq!((out.completions.len(), seen.load(Ordering::SeqCst)), (20, 8));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(out.completions.iter().all(|one| one.text("reasoning") == Some("Hm.")));
}

#[tokio::test]
async fn a_stream_tells_the_completion_that_counts() {
    let told = |scripted: Scripted| async move {
        let mut stream = predict(&scripted).completions(2).stream(question());
        let (mut text, mut count) = (String::new(), 0);
        while let Some(event) = stream.next().await {
            match event.unwrap() {
                PredictionEvent::Text { delta, .. } => text.push_str(&delta),
                PredictionEvent::Again(_) => text.clear(),
                PredictionEvent::Done(done) => {
                    assert_eq!(done.text("answer"), Some(&*text));
                    count = done.completions.len();
                }
                _ => {}
            }
        }
        (text, count)
    };
    let both = Scripted::new().reply(answer("It is Lima")).reply(answer("Lima"));
    assert_eq!(told(both).await, ("It is Lima".to_owned(), 2));
    let full = Error::new(ErrorKind::Overloaded, "try later");
    let second = Scripted::new().error(full).reply(answer("Lima then"));
    assert_eq!(told(second).await, ("Lima then".to_owned(), 1));
}
