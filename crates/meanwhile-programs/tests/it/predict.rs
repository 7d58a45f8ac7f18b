//! Predictors on the scripted provider: what is sent, what comes back, what it cost, and who is told.

use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use meanwhile_core::{
    Capabilities, ErrorKind, Event, Finish, FinishReason, Model, Moment, Observer, OutputFormat,
    OutputSupport, Run, Scope, Scripted, Settings, Usage, scope,
};
use meanwhile_programs::{
    ChainOfThought, ChatAdapter, Demo, Fields, JsonAdapter, Overlay, Predict, PredictionEvent,
    Predictor, Signature, SignatureSpec, TwoStepAdapter, XmlAdapter, fields, traced, with_adapter,
    with_overlay,
};
use serde::Deserialize;
use serde_json::json;

const ANSWER: &str = "[[ ## answer ## ]]\nLima\n\n[[ ## completed ## ]]";

fn question() -> Fields {
    fields! { question: "What is the capital of Peru?" }
}

fn predict(scripted: &Scripted) -> Predict {
    Predict::parse("question -> answer").unwrap().model(Model::new(scripted.clone(), "any"))
}

#[tokio::test]
async fn a_prediction_says_what_it_took() {
    let scripted = Scripted::new().reply(ANSWER);
    let prediction = predict(&scripted).call(question()).await.unwrap();
    assert_eq!(prediction.value, fields! { answer: "Lima" });
    assert_eq!(prediction.completions, [fields! { answer: "Lima" }]);
    assert_eq!(prediction.usage, Usage::totals(1, 11));
    assert_eq!((prediction.requests, prediction.failed.len()), (1, 0));
    assert_eq!(prediction.response.unwrap().text(), ANSWER);
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn observe(&self, run: &Run, moment: &Moment<'_>) {
        let word = match moment {
            Moment::ChainStart => format!("start {}", run.name()),
            Moment::ChainEnd => format!("end {}", run.name()),
            Moment::ModelStart { .. } => "ask".to_owned(),
            Moment::Retry(attempt) => format!("retry: {}", attempt.message),
            Moment::Error(error) => format!("error {:?}", error.kind()),
            _ => return,
        };
        self.0.lock().unwrap().push(word);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_as_json_for_all_to_see() {
    let scripted = Scripted::new().reply("Lima, I think").reply("{\"answer\": \"Lima\"}");
    let told = Arc::new(Told::default());
    let predict = predict(&scripted);
    let settings = Settings::new().observe(told.clone());
    let prediction = scope(settings, predict.call(question())).await.unwrap();

    assert_eq!(prediction.text("answer"), Some("Lima"));
    assert_eq!((prediction.requests, prediction.usage.clone()), (2, Usage::totals(2, 5)));
    assert_eq!(prediction.failed.len(), 1);
    assert_eq!(prediction.failed[0].usage, Usage::totals(1, 3));
    let attempts = &prediction.response.as_ref().unwrap().attempts;
    assert_eq!(attempts, &prediction.failed);
    let requests = scripted.requests();
    assert_eq!(requests[0].output, OutputFormat::Text);
    assert!(matches!(requests[1].output, OutputFormat::Schema(_)));
    assert!(requests[1].messages[0].text().contains("JSON object"));
    let told = told.0.lock().unwrap();
    assert_eq!(told[0], "start StringSignature");
    let retry = "retry: the answer has no section for `answer`";
    assert_eq!(told.iter().filter(|word| *word == retry).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|word| *word == "ask").count(), 2);
    assert_eq!(told.last().unwrap(), "end StringSignature");
}

#[tokio::test]
async fn what_cannot_be_read_at_all_carries_both_answers() {
    let scripted = Scripted::new().reply("Lima").reply("still Lima");
    let error = predict(&scripted).call(question()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert_eq!(error.partial().unwrap().text(), "still Lima");
    assert_eq!(error.attempts().len(), 1);
    assert!(error.to_string().contains("no JSON object"), "{error}");

    let scripted = Scripted::new().reply("Lima");
    let strict = predict(&scripted).adapter(ChatAdapter::new().without_fallback());
    let error = strict.call(question()).await.unwrap_err();
    assert!(error.to_string().contains("no section for `answer`"), "{error}");
    assert_eq!(scripted.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_not_asked_for_again() {
    let check = |reason: FinishReason, kind: ErrorKind, word: &'static str| async move {
        let events = [
            Ok(Event::text_start(0)),
            Ok(Event::text_delta(0, "[[ ## ans")),
            Ok(Event::part_end(0)),
            Ok(Event::finish(Finish::new(reason))),
        ];
        let scripted = Scripted::new().events(events);
        let error = predict(&scripted).call(question()).await.unwrap_err();
        assert_eq!((error.kind(), scripted.requests().len()), (kind, 1));
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.partial().unwrap().text(), "[[ ## ans");
    };
    check(FinishReason::Length, ErrorKind::Output, "raise `max_tokens`").await;
    check(FinishReason::ContentFilter, ErrorKind::ContentFilter, "filter").await;
}

#[tokio::test]
async fn wrong_inputs_are_errors_before_anything_is_sent() {
    let scripted = Scripted::new();
    let check = |signature: &str, inputs: Fields, words: &[&str]| {
        let model = Model::new(scripted.clone(), "any");
        let predict = Predict::parse(signature).unwrap().model(model);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        async move {
            let error = predict.call(inputs).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Prompt);
            for word in words {
                assert!(error.to_string().contains(&word), "{word}: {error}");
            }
        }
    };
    check(
        "question, k: int -> answer",
        fields! { qestion: "x" },
        &["`qestion` is not an input", "`question` is missing", "`k` is missing"],
    )
    .await;
    // What the example of DSPy's async page does: a whole prediction where its answer is meant.
    let whole = json!({"reasoning": "because", "answer": "So."});
    check(
        "answer -> simplified_answer",
        fields! { answer: whole },
        &["`answer` is a record, and is to be text; give the field of the record that is meant"],
    )
    .await;
    check("k: int -> answer", fields! { k: vec![1] }, &["`k` is a list, and is to be a number"])
        .await;
    check("l: list[str] -> answer", fields! { l: 1 }, &["`l` is a number, and is to be a list"])
        .await;
    check("h: History -> answer", fields! { h: "x" }, &["`h` is no conversation"]).await;
    assert!(scripted.requests().is_empty());

    let scripted = Scripted::new().reply(ANSWER);
    let spec: SignatureSpec = "question, note: str | None -> answer".parse().unwrap();
    let predict = Predict::of(spec).model(Model::new(scripted.clone(), "any"));
    predict.call(question()).await.unwrap();
    assert!(scripted.requests()[0].messages[1].text().contains("[[ ## note ## ]]\nnull"));
}

#[tokio::test]
async fn settings_of_the_call_win_against_the_overlay_the_predictor_and_the_scope() {
    let check = |own: Option<f64>, over: Option<f64>, call: Option<f64>, wanted: f64| async move {
        let scripted = Scripted::new().reply(ANSWER);
        let settings =
            |t: Option<f64>| t.map_or(Settings::new(), |t| Settings::new().temperature(t));
        let predict = predict(&scripted).settings(settings(own));
        let overlay = Overlay::new().settings(predict.predictor.id(), settings(over));
        let asked = with_overlay(overlay, predict.call_with(question(), settings(call)));
        scope(Settings::new().temperature(0.1), asked).await.unwrap();
        assert_eq!(scripted.requests()[0].params.temperature, Some(wanted));
    };
    check(None, None, None, 0.1).await;
    check(Some(0.2), None, None, 0.2).await;
    check(Some(0.2), Some(0.3), None, 0.3).await;
    check(Some(0.2), Some(0.3), Some(0.4), 0.4).await;
}

#[tokio::test]
async fn the_provider_is_asked_for_what_it_can_hold_to() {
    let check = |output: OutputSupport, wanted: fn(&OutputFormat) -> bool| async move {
        let mut can = Capabilities::text();
        can.output = output;
        let scripted = Scripted::new().reply("{\"answer\": \"Lima\"}").with_capabilities(can);
        let predict = predict(&scripted).adapter(JsonAdapter::new());
        predict.call(question()).await.unwrap();
        let request = &scripted.requests()[0];
        assert!(wanted(&request.output), "{:?}", request.output);
        // The prompt says it all: nothing is added to it.
        assert_eq!(request.messages.len(), 2);
        assert!(!request.messages[0].text().contains("JSON Schema"));
    };
    check(OutputSupport::Schema, |output| matches!(output, OutputFormat::Schema(_))).await;
    check(OutputSupport::Json, |output| *output == OutputFormat::Json).await;
    check(OutputSupport::Prompted, |output| *output == OutputFormat::Text).await;
}

#[tokio::test]
async fn an_adapter_holds_for_a_scope() {
    let scripted = Scripted::new().reply("<answer>Lima</answer>").reply(ANSWER);
    let predict = predict(&scripted);
    let answer = with_adapter(XmlAdapter::new(), predict.call(question())).await.unwrap();
    assert_eq!(answer.text("answer"), Some("Lima"));
    predict.call(question()).await.unwrap();
}

#[tokio::test]
async fn a_second_model_reads_the_fields_out_of_prose() {
    let main = Scripted::new().reply("Peru is run from Lima.");
    let second = Scripted::new().reply(ANSWER);
    let adapter = TwoStepAdapter::new(Model::new(second.clone(), "small"));
    let prediction = predict(&main).adapter(adapter).call(question()).await.unwrap();
    assert_eq!(prediction.text("answer"), Some("Lima"));
    assert_eq!((prediction.requests, prediction.usage.clone()), (2, Usage::totals(2, 16)));
    assert!(second.requests()[0].messages[1].text().contains("Peru is run from Lima."));
    assert!(main.requests()[0].messages[1].text().starts_with("question: What"));
}

#[tokio::test]
async fn reasoning_comes_first_and_the_answer_is_reached_through_it() {
    let reply =
        "[[ ## reasoning ## ]]\nKnown.\n\n[[ ## answer ## ]]\nLima\n\n[[ ## score ## ]]\n0.5";
    let scripted = Scripted::new().reply(reply);
    let think = ChainOfThought::parse("question -> answer, score: float").unwrap();
    let think = think.model(Model::new(scripted.clone(), "any"));
    let out = think.call(question()).await.unwrap();
    assert_eq!(out.reasoning, "Known.");
    assert_eq!((out.text("answer"), out.get::<f64>("score").unwrap()), (Some("Lima"), 0.5));
    assert_eq!(out.into_inner().into_inner(), fields! { answer: "Lima", score: 0.5 });
    let system = scripted.requests()[0].messages[0].text();
    assert!(system.find("`reasoning`").unwrap() < system.find("2. `answer`").unwrap());
}

#[tokio::test]
async fn overlays_change_predictors_without_touching_them() {
    let reply = |request: &meanwhile_core::Request| {
        let system = request.messages[0].text();
        let word = system.lines().next().unwrap_or_default().to_owned();
        format!("[[ ## answer ## ]]\n{word}, {} messages", request.messages.len())
    };
    let scripted = Scripted::new().reply_with(reply);
    let predict = predict(&scripted);
    let ask = || async {
        let answer = predict.call(question()).await.unwrap();
        answer.text("answer").unwrap().to_owned()
    };
    let id = predict.predictor.id();
    let demo = Demo::new(fields! { question: "Q", answer: "A" });
    let one = Overlay::new().instructions(&predict.predictor, "One.");
    let other = Overlay::new().instructions(&predict.predictor, "Other.").demos(id, vec![demo]);
    let before = ask().await;
    // Candidates run side by side over one program.
    let (first, second) =
        futures::join!(with_overlay(one.clone(), ask()), with_overlay(other.clone(), ask()));
    assert_eq!(first, "One., 2 messages");
    assert_eq!(second, "Other., 4 messages");
    // The inner one wins where it says something, the outer one elsewhere.
    assert_eq!(with_overlay(other, with_overlay(one.clone(), ask())).await, "One., 4 messages");
    assert_eq!(ask().await, before);

    let required = predict.predictor.require_overlay();
    let lost = predict.call(question()).await.unwrap_err();
    assert!(lost.to_string().contains("Scope::current().run"), "{lost}");
    assert_eq!(with_overlay(one, ask()).await, "One., 2 messages");
    drop(required);
    assert_eq!(ask().await, before);
}

#[tokio::test]
async fn a_trace_lists_calls_that_failed_and_those_of_spawned_tasks() {
    let scripted = Scripted::new().reply(ANSWER).reply("?").reply("?").reply(ANSWER);
    let predict = Arc::new(predict(&scripted));
    let ((), trace) = traced(async {
        let inner = traced(predict.call(question())).await;
        assert_eq!(inner.1.calls.len(), 1);
        predict.call(question()).await.unwrap_err();
        let (here, predict) = (Scope::current(), predict.clone());
        let spawned = tokio::spawn(here.run(async move { predict.call(question()).await }));
        spawned.await.unwrap().unwrap();
    })
    .await;
    let outcomes: Vec<bool> = trace.calls.iter().map(|call| call.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, false, true]);
    assert_eq!(trace.calls[1].outcome.as_ref().unwrap_err().partial().unwrap().text(), "?");
    assert_eq!((trace.calls[1].requests, trace.calls[1].usage.clone()), (2, Usage::totals(2, 2)));
    assert_eq!(trace.of(predict.predictor.id()).count(), 3);
    assert_eq!(trace.usage(), Usage::totals(4, 24));
    assert_eq!(trace.calls[0].inputs, question());
}

/// The fields as they are shown, and the last event.
async fn shown(predict: &Predict) -> (Vec<String>, meanwhile_core::Result<Fields>) {
    let mut stream = predict.stream(question());
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(PredictionEvent::Text { name, delta, last }) => {
                told.push(format!("{name}+{delta}{}", if last { "." } else { "" }));
            }
            Ok(PredictionEvent::Value { name, value }) => told.push(format!("{name}={value}")),
            Ok(PredictionEvent::Again(attempt)) => told.push(format!("again: {}", attempt.message)),
            Ok(PredictionEvent::Done(done)) => {
                assert!(stream.next().await.is_none());
                return (told, Ok(done.into_inner()));
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(stream.next().await.is_none());
                return (told, Err(error));
            }
        }
    }
    panic!("a stream ends with the prediction or an error")
}

#[tokio::test]
async fn text_streams_as_it_is_written_and_numbers_when_they_are_complete() {
    let reply =
        "[[ ## answer ## ]]\nLima it is\n\n[[ ## score ## ]]\n0.75\n\n[[ ## completed ## ]]";
    let scripted = Scripted::new().reply(reply);
    let predict = Predict::parse("question -> answer, score: float").unwrap();
    let predict = predict.model(Model::new(scripted, "any"));
    let (told, done) = shown(&predict).await;
    assert_eq!(told, ["answer+Lima", "answer+ it", "answer+ is", "answer+.", "score=0.75"]);
    assert_eq!(done.unwrap(), fields! { answer: "Lima it is", score: 0.75 });
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_says_so_and_begins_again() {
    let scripted = Scripted::new().reply("Lima?").reply("{\"answer\": \"Lima\"}");
    let (told, done) = shown(&predict(&scripted)).await;
    assert_eq!(told[0], "again: the answer has no section for `answer`");
    assert_eq!(told[1..].concat().replace("answer+", ""), "Lima.");
    assert_eq!(done.unwrap(), fields! { answer: "Lima" });

    let scripted = Scripted::new().reply("Lima?").reply("Lima!");
    let (told, done) = shown(&predict(&scripted)).await;
    let error = done.unwrap_err();
    assert_eq!((told.len(), error.kind(), error.attempts().len()), (1, ErrorKind::Output, 1));

    let broken = meanwhile_core::Error::new(ErrorKind::Overloaded, "try later");
    let (told, done) = shown(&predict(&Scripted::new().error(broken))).await;
    assert_eq!((told.len(), done.unwrap_err().kind()), (0, ErrorKind::Overloaded));
    let missing = Predict::parse("other -> answer").unwrap();
    assert_eq!(shown(&missing).await.1.unwrap_err().kind(), ErrorKind::Prompt);
}

#[tokio::test]
async fn a_stream_is_traced_and_ends_when_it_is_dropped() {
    let scripted = Scripted::new().reply(ANSWER);
    let predict_one = predict(&scripted);
    let (done, trace) = traced(async { predict_one.stream(question()).finish().await }).await;
    assert_eq!(done.unwrap().requests, 1);
    assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &fields! { answer: "Lima" });

    let told = Arc::new(Told::default());
    let silent = Scripted::new()
        .silence_after([Event::text_start(0), Event::text_delta(0, "[[ ## answer ## ]]\nLi")]);
    let settings = Settings::new().observe(told.clone());
    let predict = predict(&silent).settings(settings);
    let mut stream = predict.stream(question());
    let first = stream.next().await.unwrap().unwrap();
    assert!(matches!(first, PredictionEvent::Text { delta, .. } if delta == "Li"));
    assert!(futures::poll!(Box::pin(stream.next())).is_pending());
    drop(stream);
    assert!(told.0.lock().unwrap().contains(&"error Cancelled".to_owned()));
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_poll_and_nothing_goes_on_when_dropped() {
    let scripted = Scripted::new().silence_after([]);
    let predict = predict(&scripted);
    let call = predict.call(question());
    assert!(scripted.requests().is_empty());
    let mut call = Box::pin(call);
    assert!(futures::poll!(&mut call).is_pending());
    assert_eq!(scripted.requests().len(), 1);
    drop(call);
    let stream = predict.stream(question());
    assert_eq!(scripted.requests().len(), 1);
    drop(stream.map(|_| ()));
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

fn share(number: u32) -> String {
    format!("[[ ## share ## ]]\n{number}\n\n[[ ## completed ## ]]")
}

#[tokio::test]
async fn outputs_that_do_not_fit_their_type_are_asked_for_again() {
    let scripted = Scripted::new().reply(share(300)).reply("{\"share\": 30}");
    let predict = Predict::<Shared>::new().model(Model::new(scripted.clone(), "any"));
    let (answer, trace) = traced(predict.call(question())).await;
    let answer = answer.unwrap();
    assert_eq!((answer.share, answer.requests, answer.failed.len()), (30, 2, 1));
    assert!(answer.failed[0].message.contains("300"), "{:?}", answer.failed);
    assert_eq!(trace.calls[0].outcome.as_ref().unwrap(), &fields! { share: 30 });

    let scripted = Scripted::new().reply(share(300)).reply("{\"share\": 3000}");
    let predict = Predict::<Shared>::new().model(Model::new(scripted, "any"));
    let (error, trace) = traced(predict.call(question())).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Output, 1));
    assert!(error.partial().unwrap().text().contains("3000"));
    assert!(trace.calls[0].outcome.is_err());

    // In a stream, and where a second model reads, the same.
    let scripted = Scripted::new().reply(share(300)).reply("{\"share\": 30}");
    let predict = Predict::<Shared>::new().model(Model::new(scripted, "any"));
    let (done, trace) = traced(async { predict.stream(question()).finish().await }).await;
    let done = done.unwrap();
    assert_eq!((done.share, done.failed.len(), trace.calls.len()), (30, 1, 1));
    let (main, second) = (
        Scripted::new().reply("It is 30."),
        Scripted::new().reply(share(300)).reply("{\"share\": 30}"),
    );
    let adapter = TwoStepAdapter::new(Model::new(second, "small"));
    let predict = Predict::<Shared>::new().model(Model::new(main, "any")).adapter(adapter);
    assert_eq!(predict.call(question()).await.unwrap().share, 30);
}

#[tokio::test]
async fn a_stream_is_seen_as_a_call_is() {
    let ask = |stream: bool| async move {
        let scripted = Scripted::new().reply("Lima?").reply("{\"answer\": \"Lima\"}");
        let told = Arc::new(Told::default());
        let predict = predict(&scripted);
        let run = async {
            match stream {
                true => predict.stream(question()).finish().await.unwrap(),
                false => predict.call(question()).await.unwrap(),
            }
        };
        scope(Settings::new().observe(told.clone()), run).await;
        std::mem::take(&mut *told.0.lock().unwrap())
    };
    assert_eq!(ask(true).await, ask(false).await);
    assert_eq!(ask(true).await[0], "start StringSignature");
}

#[tokio::test]
async fn a_name_on_both_sides_is_refused_before_anything_is_sent() {
    let scripted = Scripted::new();
    let think = ChainOfThought::parse("reasoning -> verdict").unwrap();
    let think = think.model(Model::new(scripted.clone(), "any"));
    let error = think.call(fields! { reasoning: "It saw the oven." }).await.unwrap_err();
    assert_eq!((error.kind(), scripted.requests().len()), (ErrorKind::Config, 0));
    assert!(error.message().contains("`reasoning` is an input and an output"), "{error}");
}

#[tokio::test]
async fn a_model_by_name_needs_a_registry() {
    // Nothing in this process has set one.
    let check = |error: meanwhile_core::Error| {
        assert_eq!(error.kind(), ErrorKind::UnknownProvider);
        assert!(error.message().contains("call `meanwhile::registry()`"), "{error}");
    };
    let name = "openai/gpt-4o-mini";
    let predict = Predict::parse("question -> answer").unwrap().model(name);
    check(predict.call(question()).await.unwrap_err());
    check(predict.stream(question()).finish().await.unwrap_err());
    let think = ChainOfThought::parse("question -> answer").unwrap().model(name);
    check(think.call(question()).await.unwrap_err());
    let agent = meanwhile_programs::ReAct::parse("question -> answer").unwrap().model(name);
    check(agent.call(question()).await.unwrap_err());

    // Of its own, none of the process is asked.
    let registry = meanwhile_core::Registry::new();
    registry.insert_as("openai", Scripted::new().reply(ANSWER).into());
    let mut predictor = Predictor::new("question -> answer".parse::<SignatureSpec>().unwrap());
    predictor.set_settings(Settings::new().model(name));
    predictor.set_registry(registry);
    assert_eq!(predictor.predict(question()).await.unwrap().text("answer"), Some("Lima"));
}
