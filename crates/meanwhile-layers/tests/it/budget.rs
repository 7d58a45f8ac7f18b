//! The budget: what is refused, and what is counted.

use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Event, Finish, FinishReason, Metadata, Model, Provider as _,
    Request, Response, Result, Scripted, Usage, Usd,
};
use meanwhile_layers::{Budget, Fallback, Price, Prices, Retry, UnknownPrice};

use crate::paced::{Paced, Step, words};

/// A dollar for a token read and two for one written.
fn prices() -> Prices {
    Prices::none().with("slow", "*", Price::new(Usd::dollars(1_000_000), Usd::dollars(2_000_000)))
}

fn answer() -> Paced {
    Paced::new("slow").answer(words(0, 10, "one two three"))
}

async fn ask(model: &Model, budget: &Budget) -> Result<Response> {
    model.call::<Response>("Hi!").layer(budget.clone()).await
}

#[tokio::test(start_paused = true)]
async fn money_tokens_and_requests_are_counted_and_refused() {
    for (budget, spent) in [
        (Budget::money(Usd::dollars(16)), "$16.00 of $16.00 spent"),
        (Budget::tokens(13), "13 of 13 tokens spent"),
        (Budget::requests(1), "1 of 1 requests spent"),
    ] {
        let budget = budget.prices(prices());
        let (paced, model) = (answer(), "m");
        let model = paced.model(model);
        ask(&model, &budget).await.unwrap();
        // 10 × $1 + 3 × $2.
        assert_eq!(budget.spent("").money, Usd::dollars(16));
        assert_eq!((budget.spent("").tokens, budget.spent("").requests), (13, 1));
        let error = ask(&model, &budget).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Budget);
        assert!(error.message().contains(spent), "{error}");
        assert!(!error.is_retryable());
        assert_eq!(paced.requests().len(), 1, "nothing was sent");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_renews_it() {
    let budget = Budget::requests(1).window(Duration::from_secs(60));
    let model = answer().model("m");
    ask(&model, &budget).await.unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    let error = ask(&model, &budget).await.unwrap_err();
    let wait = error.retry_after().unwrap();
    assert!(wait <= Duration::from_secs(40) && wait > Duration::from_secs(39), "{wait:?}");
    tokio::time::advance(wait).await;
    ask(&model, &budget).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own() {
    let budget = Budget::requests(1).per_tag("user");
    let model = answer().model("m");
    let ask = |user: &str| {
        model.call::<Response>("Hi!").tag("user", user.to_owned()).layer(budget.clone())
    };
    ask("ann").await.unwrap();
    ask("bob").await.unwrap();
    let error = ask("ann").await.unwrap_err();
    assert!(error.message().contains("`ann`"), "{error}");
    assert_eq!(budget.spent("bob").requests, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_is_settled_as_far_as_it_told() {
    let steps = [
        Step::Event(Event::usage(Usage::totals(10, 1))),
        Step::Event(Event::text_start(0)),
        Step::Event(Event::text_delta(0, "one")),
        Step::Wait(1_000),
    ];
    let paced = Paced::new("slow").answer(steps);
    let budget = Budget::money(Usd::dollars(100)).prices(prices());
    let call = paced.model("m").call::<String>("Hi!").layer(budget.clone());
    let mut stream = call.stream().await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    drop(stream);
    assert_eq!(paced.live(), 0);
    assert_eq!(budget.spent("").money, Usd::dollars(12));
    assert_eq!(budget.spent("").requests, 1);
}

#[tokio::test(start_paused = true)]
async fn failed_tries_are_counted_too() {
    let failed = [Step::Event(Event::usage(Usage::totals(5, 0))), Step::Fail(ErrorKind::Server)];
    let paced = Paced::new("slow").answer(failed).answer(words(0, 0, "yes"));
    let budget = Budget::money(Usd::dollars(100)).prices(prices());
    let call = paced.model("m").call::<Response>("Hi!");
    let response = call.layer(Retry::new().retries(2)).layer(budget.clone()).await.unwrap();
    assert_eq!(response.attempts.len(), 1);
    // 5 × $1, then 10 × $1 + 1 × $2.
    assert_eq!(budget.spent("").money, Usd::dollars(17));
    assert_eq!(budget.spent("").requests, 2);

    let paced = Paced::new("slow").answer([
        Step::Event(Event::usage(Usage::totals(5, 0))),
        Step::Fail(ErrorKind::InvalidRequest),
    ]);
    ask(&paced.model("m"), &budget).await.unwrap_err();
    assert_eq!(budget.spent("").requests, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_reserved() {
    let budget = Budget::tokens(30).reserve(|_| Usage::totals(10, 10));
    let model = answer().model("m");
    let (first, second) = tokio::join!(ask(&model, &budget), ask(&model, &budget));
    first.unwrap();
    let error = second.unwrap_err();
    assert!(error.message().contains("1 requests under way"), "{error}");
    // 13 were used, so that 17 are left: less than is reserved.
    assert_eq!(ask(&model, &budget).await.unwrap_err().kind(), ErrorKind::Budget);

    // What is dropped before it is accepted gives back what it had reserved.
    let slow = Paced::new("slow").answer([Step::Wait(1_000), Step::Accept]).model("m");
    let budget = Budget::tokens(20).reserve(|_| Usage::totals(10, 10));
    let late = tokio::time::timeout(Duration::from_millis(5), ask(&slow, &budget)).await;
    assert!(late.is_err());
    ask(&model, &budget).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_price_is_an_error_or_a_warning() {
    let model = Model::of(Scripted::new().reply("yes").into(), "m");
    let budget = Budget::money(Usd::dollars(1));
    let error = ask(&model, &budget).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget);
    assert!(error.message().contains("scripted/m"), "{error}");

    let budget = budget.unknown_price(UnknownPrice::Warn);
    let response = ask(&model, &budget).await.unwrap();
    assert!(response.warnings.iter().any(|warning| warning.subject == "budget"));
    assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    // Where money is not limited, prices do not matter.
    let model = Model::of(Scripted::new().reply("yes").into(), "m");
    assert!(ask(&model, &Budget::tokens(100)).await.unwrap().warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_threshold_is_told_once() {
    let budget = Budget::requests(4).warn_at(50);
    let model = answer().model("m");
    let mut warned = Vec::new();
    for _ in 0..4 {
        warned.push(ask(&model, &budget).await.unwrap().warnings.len());
    }
    assert_eq!(warned, [0, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_error_passes_through_as_it_is() {
    let scripted = Scripted::new().error(Error::new(ErrorKind::ContextLength, "too long"));
    let model = Model::of(scripted.into(), "m");
    let error = ask(&model, &Budget::tokens(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContextLength);
    let events = [Ok(Event::finish(Finish::new(FinishReason::Stop)))];
    let model = Model::of(Scripted::new().events(events).into(), "m");
    ask(&model, &Budget::tokens(5)).await.unwrap();
}

/// What another model came to before it failed costs what that one costs.
#[tokio::test(start_paused = true)]
async fn a_failed_fallback_has_its_own_price() {
    let price = Price::new(Usd::dollars(3_000_000), Usd::dollars(3_000_000));
    let budget = Budget::money(Usd::dollars(100)).prices(prices().with("dear", "two", price));
    let failing = |id, kind| {
        Paced::new(id).answer([Step::Event(Event::usage(Usage::totals(5, 0))), Step::Fail(kind)])
    };
    let fallback = Fallback::to(failing("dear", ErrorKind::InvalidRequest).model("two"));
    let call = failing("slow", ErrorKind::Server).model("m").call::<Response>("Hi!");
    call.layer(fallback).layer(budget.clone()).await.unwrap_err();
    // 5 × $1, then 5 × $3.
    assert_eq!(budget.spent("").money, Usd::dollars(20));
}

/// An answer under a name without a price costs what the model costs that was asked for it, not the one
/// that the call named.
#[tokio::test(start_paused = true)]
async fn a_fallback_without_a_price_is_not_counted_at_another_one() {
    let named = |name: &str| {
        let mut metadata = Metadata::default();
        metadata.model = Some(name.to_owned());
        [Step::Event(Event::Metadata(Box::new(metadata)))].into_iter().chain(words(
            0,
            10,
            "one two three",
        ))
    };
    let price = |dollars| Price::new(Usd::dollars(dollars), Usd::dollars(dollars));
    let prices =
        Prices::none().with("slow", "m", price(1_000_000)).with("slow", "two", price(2_000_000));
    for (asked, money, warnings) in [("two", Usd::dollars(26), 0), ("three", Usd::ZERO, 1)] {
        let budget = Budget::money(Usd::dollars(100)).prices(prices.clone());
        let fallback = Fallback::to(Paced::new("slow").answer(named("of-june")).model(asked));
        let busy = Paced::new("slow").answer([Step::Fail(ErrorKind::Server)]).model("m");
        let call = busy.call::<Response>("Hi!").layer(fallback).layer(budget.clone());
        let response = call.await.unwrap();
        assert_eq!(response.model, "of-june");
        assert_eq!(response.requested_model.as_deref(), Some(asked));
        assert_eq!((budget.spent("").money, response.warnings.len()), (money, warnings), "{asked}");

        // One that fails once it told its counts, too.
        let counts = [Step::Event(Event::usage(Usage::totals(10, 3)))];
        let failing = counts.into_iter().chain([Step::Fail(ErrorKind::InvalidRequest)]);
        let budget = Budget::money(Usd::dollars(100)).prices(prices.clone());
        let fallback = Fallback::to(Paced::new("slow").answer(failing).model(asked));
        let busy = Paced::new("slow").answer([Step::Fail(ErrorKind::Server)]).model("m");
        let call = busy.call::<Response>("Hi!").layer(fallback).layer(budget.clone());
        call.await.unwrap_err();
        assert_eq!(budget.spent("").money, money, "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_answer_that_told_no_counts_costs_what_was_reserved() {
    let mut metadata = Metadata::default();
    metadata.cached = true;
    let silent = [Step::Event(Event::text_start(0)), Step::Wait(1_000)];
    let cached =
        [Step::Event(Event::Metadata(Box::new(metadata))), silent[0].clone(), silent[1].clone()];
    for (steps, spent) in [(&silent[..], (Usd::dollars(30), 20)), (&cached[..], (Usd::ZERO, 0))] {
        let model = Paced::new("slow").answer(steps.to_vec()).model("m");
        let budget = Budget::money(Usd::dollars(100)).prices(prices());
        let budget = budget.reserve(|_| Usage::totals(10, 10));
        let mut stream = model.call::<String>("Hi!").layer(budget.clone()).stream().await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert_eq!((budget.spent("").money, budget.spent("").tokens), spent);
    }
}

/// Many keys at once: a new one is not the dearer, the more there are, and none is forgotten.
#[tokio::test]
async fn many_keys_cost_no_more_each_than_few() {
    let budget = Budget::requests(1).per_tag("user");
    let finish = Step::Event(Event::finish(Finish::new(FinishReason::Stop)));
    let provider: AnyProvider = Paced::new("slow").answer([finish]).provider().layer(&budget);
    let ask = async |user: usize| {
        let mut request = Request::new("m", Vec::new());
        request.tags.push(("user".to_owned(), user.to_string()));
        let mut stream = provider.send(request).await?;
        while let Some(event) = stream.next().await {
            event?;
        }
        Ok::<(), Error>(())
    };
    let mut times = Vec::new();
    for thousand in 0..20 {
        let began = std::time::Instant::now();
        for number in 0..1_000 {
            ask(thousand * 1_000 + number).await.unwrap();
        }
        times.push(began.elapsed());
    }
    let (few, many) = (times[..5].iter().min().unwrap(), times[15..].iter().min().unwrap());
    assert!(*many < *few * 5, "{few:?} for a thousand, then {many:?}");
    assert_eq!(ask(7).await.unwrap_err().kind(), ErrorKind::Budget);
}
