//! Fallback: who is asked next, and with what.

use std::time::Duration;

use meanwhile_core::{
    Capabilities, ErrorKind, Event, Extract, Finish, FinishReason, Json, Message, Model,
    OutputFormat, OutputSupport, Params, Part, Response, Scripted, TimeoutPhase, Usage,
};
use meanwhile_layers::{Fallback, Retry};

use crate::paced::{Paced, Step, words};

fn failing(kind: ErrorKind) -> Paced {
    Paced::new("first").answer([Step::Fail(kind)])
}

fn second() -> Paced {
    Paced::new("second").answer(words(0, 0, "from the second"))
}

#[tokio::test]
async fn kinds_of_errors_that_another_model_may_mend() {
    let falls = [
        ErrorKind::MissingCredential,
        ErrorKind::Unsupported,
        ErrorKind::Authentication,
        ErrorKind::PermissionDenied,
        ErrorKind::InsufficientFunds,
        ErrorKind::ModelNotFound,
        ErrorKind::RateLimit,
        ErrorKind::Overloaded,
        ErrorKind::Server,
        ErrorKind::Connection,
        ErrorKind::StreamInterrupted,
        ErrorKind::Decode,
        ErrorKind::Timeout(TimeoutPhase::Connect),
        ErrorKind::Timeout(TimeoutPhase::FirstEvent),
    ];
    let stays = [
        ErrorKind::InvalidRequest,
        ErrorKind::Config,
        ErrorKind::Prompt,
        ErrorKind::Budget,
        ErrorKind::ContextLength,
        ErrorKind::ContentFilter,
        ErrorKind::Cancelled,
        ErrorKind::Timeout(TimeoutPhase::Whole),
    ];
    for (kinds, expected) in [(&falls[..], true), (&stays[..], false)] {
        for kind in kinds {
            let before = vec![Step::Fail(*kind), Step::Accept];
            for steps in [before, vec![Step::Fail(*kind)]] {
                let (first, second) = (Paced::new("first").answer(steps), second());
                let fallback = Fallback::to(second.model("two"));
                let call = first.model("one").call::<Response>("Hi!").layer(fallback);
                match call.await {
                    Ok(response) => {
                        assert!(expected, "{kind:?}");
                        assert_eq!(response.text(), "from the second");
                        let [attempt] = &response.attempts[..] else { panic!("{kind:?}") };
                        assert_eq!((attempt.kind, attempt.model.as_str()), (*kind, "one"));
                        assert_eq!(attempt.provider.as_deref(), Some("first"));
                    }
                    Err(error) => {
                        assert!(!expected, "{kind:?}");
                        assert_eq!((error.kind(), second.requests().len()), (*kind, 0));
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_chain_is_gone_down_in_order_and_told() {
    let models = ["b", "c", "d"].map(|id| failing(ErrorKind::Server).model(id));
    let [b, c, d] = models;
    let fallback = Fallback::to(b).then(c.clone()).then(d);
    let first = failing(ErrorKind::RateLimit).model("a");
    let error = first.call::<Response>("Hi!").layer(fallback).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::Server, Some("d")));
    let tried: Vec<_> = error.attempts().iter().map(|one| one.model.as_str()).collect();
    assert_eq!(tried, ["a", "b", "c"]);

    // With retries inside: each try of each model.
    let retry = Retry::new().retries(1);
    let wrapped = Model::of(c.provider.clone().layer(&retry), "c");
    let first = Model::of(first.provider.clone().layer(&retry), "a");
    let error = tokio::time::timeout(
        Duration::from_secs(60),
        first.call::<Response>("Hi!").layer(Fallback::to(wrapped)),
    );
    tokio::time::pause();
    let error = error.await.unwrap().unwrap_err();
    let tried: Vec<_> = error.attempts().iter().map(|one| one.model.as_str()).collect();
    assert_eq!(tried, ["a", "a", "c"]);
}

#[tokio::test]
async fn the_answer_says_who_gave_it() {
    let fallback = Fallback::to(second().model("two"));
    let call = || failing(ErrorKind::Server).model("one").call::<Response>("Hi!");
    let response = call().layer(fallback.clone()).await.unwrap();
    assert_eq!((response.provider.as_str(), response.model.as_str()), ("second", "two"));
    // The first one's answer is passed on as it is.
    let direct = second().model("one").call::<Response>("Hi!").layer(fallback).await.unwrap();
    assert_eq!((direct.provider.as_str(), direct.attempts.len()), ("second", 0));
}

#[tokio::test]
async fn nobody_else_is_asked_once_the_answer_has_begun() {
    let steps = [
        Step::Event(Event::usage(Usage::totals(3, 0))),
        Step::Event(Event::text_start(0)),
        Step::Fail(ErrorKind::StreamInterrupted),
    ];
    let (first, second) = (Paced::new("first").answer(steps), second());
    let fallback = Fallback::to(second.model("two"));
    let call = first.model("one").call::<Response>("Hi!").layer(fallback);
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
    assert_eq!(error.partial().unwrap().usage, Usage::totals(3, 0));
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn what_a_failed_try_said_of_itself_is_not_on_the_answer() {
    let steps = [
        Step::Event(Event::usage(Usage::totals(3, 0))),
        Step::Event(Event::warning(meanwhile_core::Warning::dropped("x", "y"))),
        Step::Fail(ErrorKind::Server),
    ];
    let first = Paced::new("first").answer(steps).model("one");
    let fallback = Fallback::to(second().model("two"));
    let response = first.call::<Response>("Hi!").layer(fallback).await.unwrap();
    assert_eq!((response.usage, response.warnings.len()), (Usage::totals(10, 3), 0));
    assert_eq!(response.attempts[0].usage, Usage::totals(3, 0));
}

#[tokio::test]
async fn long_prompts_and_filters_have_chains_of_their_own() {
    let long = Paced::new("long").answer(words(0, 0, "from the long one"));
    let open = Paced::new("open").answer(words(0, 0, "from the open one"));
    let fallback = Fallback::to(second().model("two"))
        .on_context_length([failing(ErrorKind::Server).model("l0"), long.model("l1")])
        .on_content_filter([open.model("o")]);
    let ask = async |first: Paced| {
        first.model("one").call::<Response>("Hi!").layer(fallback.clone()).await.unwrap()
    };
    assert_eq!(ask(failing(ErrorKind::Server)).await.text(), "from the second");
    let response = ask(failing(ErrorKind::ContextLength)).await;
    assert_eq!((response.text().as_str(), response.attempts.len()), ("from the long one", 2));
    assert_eq!(ask(failing(ErrorKind::ContentFilter)).await.text(), "from the open one");

    // An answer that the filter ended before it began, with counts and all.
    let filtered = [
        Step::Event(Event::usage(Usage::totals(3, 0))),
        Step::Event(Event::finish(Finish::new(FinishReason::ContentFilter))),
    ];
    let response = ask(Paced::new("first").answer(filtered.clone())).await;
    assert_eq!(response.text(), "from the open one");
    assert_eq!(response.attempts[0].kind, ErrorKind::ContentFilter);
    assert_eq!(response.attempts[0].usage, Usage::totals(3, 0));
    // One that has begun stays, and so does one after which nobody is left.
    let begun =
        [Step::Event(Event::part(0, Part::text("well")))].into_iter().chain(filtered.clone());
    assert_eq!(ask(Paced::new("first").answer(begun)).await.text(), "well");
    let first = Paced::new("first").answer(filtered).model("one");
    let fallback = Fallback::to(second().model("two"));
    let response = first.call::<Response>("Hi!").layer(fallback).await.unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::ContentFilter));
}

#[tokio::test]
async fn the_program_may_decide_otherwise() {
    let second = second();
    let fallback =
        Fallback::to(second.model("two")).when(|error| error.kind() == ErrorKind::InvalidRequest);
    let ask = async |kind| {
        failing(kind).model("one").call::<Response>("Hi!").layer(fallback.clone()).await
    };
    assert!(ask(ErrorKind::InvalidRequest).await.is_ok());
    assert!(ask(ErrorKind::Server).await.is_err());
    assert!(format!("{fallback:?}").contains("two"));
}

#[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct Book {
    title: String,
}

/// What was prepared for a provider that holds answers to schemas is asked in the prompt of one that
/// does not.
#[tokio::test]
async fn a_schema_is_asked_for_in_the_prompt_where_it_must_be() {
    let mut capabilities = Capabilities::text();
    for (support, format) in
        [(OutputSupport::Prompted, OutputFormat::Text), (OutputSupport::Json, OutputFormat::Json)]
    {
        capabilities.output = support;
        let reply = Scripted::new().reply(r#"{"title": "Dune"}"#).with_capabilities(capabilities);
        let params = Params::new().temperature(0.1).max_tokens(9);
        let other = Model::of(reply.clone().into(), "two").with_params(params);
        let first = failing(ErrorKind::Overloaded);
        let call = first.model("one").call::<Json<Book>>("A book?").temperature(0.7);
        let Json(book) = call.layer(Fallback::to(other.clone())).await.unwrap();
        assert_eq!(book, Book { title: "Dune".to_owned() });

        let Some(OutputFormat::Schema(asked)) = first.requests().pop().map(|r| r.output) else {
            panic!("the first one is asked by schema")
        };
        let [request] = reply.requests().try_into().unwrap();
        assert_eq!(request.output, format);
        let told = request.messages[0].text();
        assert!(told.contains("JSON Schema") && told.contains("title"), "{told}");
        assert!(told.contains(&asked.schema.as_value().to_string()));
        assert_eq!(request.warnings[0].subject, "output schema");
        // What the call set goes before what the model comes with.
        let params = &request.params;
        assert_eq!((params.temperature, params.max_tokens), (Some(0.7), Some(9)));
    }
    assert!(matches!(Json::<Book>::output(), OutputFormat::Schema(_)));
}

#[tokio::test(start_paused = true)]
async fn all_tries_share_the_clock_of_the_whole_call() {
    let first = Paced::new("first").answer([Step::Wait(700), Step::Fail(ErrorKind::Server)]);
    let second = second();
    let fallback = Fallback::to(second.model("two"));
    let call = first.model("one").call::<Response>("Hi!").timeout(Duration::from_secs(1));
    call.layer(fallback).await.unwrap();
    let left = second.requests()[0].timeouts.whole.unwrap();
    assert_eq!(left, Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn dropping_it_anywhere_closes_everything() {
    for stop in (0..300).step_by(7) {
        let first = Paced::new("first").answer([
            Step::Wait(50),
            Step::Accept,
            Step::Wait(50),
            Step::Fail(ErrorKind::Server),
        ]);
        let second = Paced::new("second").answer(words(50, 50, "one two"));
        let fallback = Fallback::to(second.model("two"));
        let call = first.model("one").call::<Response>(Message::user("Hi!")).layer(fallback);
        let ended = tokio::time::timeout(Duration::from_millis(stop), call).await;
        assert_eq!(ended.is_ok(), stop > 250, "{stop}");
        assert_eq!(first.live() + second.live(), 0, "{stop}");
    }
}

/// Chains that lead to each other end: nobody is asked twice.
#[tokio::test(start_paused = true)]
async fn chains_do_not_go_round_in_circles() {
    let long = failing(ErrorKind::ContextLength);
    let filtered = failing(ErrorKind::ContentFilter);
    let fallback = Fallback::none()
        .on_context_length([filtered.model("a"), filtered.model("b")])
        .on_content_filter([long.model("c"), long.model("d"), filtered.model("b")]);
    let call = failing(ErrorKind::ContextLength).model("first").call::<Response>("Hi!");
    let error = call.layer(fallback).await.unwrap_err();
    let tried: Vec<_> = error.attempts().iter().map(|one| one.model.as_str()).collect();
    assert_eq!(tried, ["first", "a", "c", "b"]);
    assert_eq!((error.kind(), error.model()), (ErrorKind::ContextLength, Some("d")));

    // Clones of one provider are the same; two of one name are not.
    let busy = failing(ErrorKind::Overloaded).model("same");
    let other = failing(ErrorKind::Overloaded).model("same");
    let fallback = Fallback::to(busy.clone()).then(other.clone()).then(busy.clone()).then(other);
    let error = busy.call::<Response>("Hi!").layer(fallback).await.unwrap_err();
    assert_eq!(error.attempts().len(), 1);
}
