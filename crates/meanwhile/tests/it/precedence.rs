//! Who wins: call site, then body, then attribute, then registry.

use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::{OnUnsupported, Reasoning, registry};

use crate::support::{request, run};

const MODEL: &str = "a/constant";

#[call(
    "a/attribute",
    temperature = 1,
    top_p = 0.5,
    top_k = 3,
    max_tokens = 10,
    stop = "END",
    seed = 7,
    presence_penalty = -1,
    frequency_penalty = 0.25,
    parallel_tool_calls = false,
    reasoning = "high",
    logprobs = 2,
    user = "ada",
    service_tier = "flex",
    prompt_cache_key = "k",
    option("acme", "store", true),
    max_turns = 3,
    timeout = "20s",
    strict,
    tag(shelf = "3", "a b" = shelf()),
    tool_choice = "auto"
)]
async fn everything() -> Result<Response> {
    "x"
}

fn shelf() -> String {
    "made".to_owned()
}

#[test]
fn the_attribute_sets_everything() {
    let request = request(everything());
    let expected = Params::new()
        .temperature(1.0)
        .top_p(0.5)
        .top_k(3)
        .max_tokens(10)
        .stop(["END"])
        .seed(7)
        .presence_penalty(-1.0)
        .frequency_penalty(0.25)
        .parallel_tool_calls(false)
        .reasoning(Effort::High)
        .logprobs(2)
        .user("ada")
        .service_tier("flex")
        .prompt_cache_key("k")
        .option("acme", "store", true);
    assert_eq!(request.params, expected);
    assert_eq!(request.model, "attribute");
    assert_eq!(request.timeouts.whole, Some(Duration::from_secs(20)));
    assert_eq!(request.unsupported, OnUnsupported::Error);
}

#[call(MODEL, timeout = Duration::from_millis(5), reasoning = Reasoning::Budget(9), stop = ["a", "b"])]
async fn expressions() -> Result<Response> {
    "x"
}

#[call(model = format!("a/{name}"), temperature = heat)]
async fn parameters(name: &str, heat: f64) -> Result<Response> {
    "x"
}

#[call]
async fn unset() -> Result<Response> {
    "x"
}

#[test]
fn the_attribute_takes_expressions() {
    let sent = request(expressions());
    assert_eq!(
        (sent.model.as_str(), sent.timeouts.whole),
        ("constant", Some(Duration::from_millis(5)))
    );
    assert_eq!(sent.params.stop, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(sent.params.reasoning, Some(Reasoning::Budget(9)));
    let sent = request(parameters("made", 0.5));
    assert_eq!((sent.model.as_str(), sent.params.temperature), ("made", Some(0.5)));

    let error = run(unset().into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(request(unset().model("a/chosen")).model, "chosen");
}

#[call("a/attribute", temperature = 0.1, max_tokens = 1, seed = 1, client = Scripted::new())]
async fn layered(in_body: bool) -> Result<Response> {
    let prompt = prompt!("x");
    if in_body { prompt.model("a/body").temperature(0.2).max_tokens(2) } else { prompt }
}

#[test]
fn call_site_then_body_then_attribute_then_registry() {
    registry().set_params(Params::new().temperature(0.9).top_p(0.9));
    let params = |request: &meanwhile::Request| {
        let params = &request.params;
        (request.model.clone(), params.temperature, params.max_tokens, params.seed, params.top_p)
    };
    let sent = request(layered(false));
    assert_eq!(params(&sent), ("attribute".into(), Some(0.1), Some(1), Some(1), Some(0.9)));
    let sent = request(layered(true));
    assert_eq!(params(&sent), ("body".into(), Some(0.2), Some(2), Some(1), Some(0.9)));
    let sent = request(layered(true).model("a/site").temperature(0.3));
    assert_eq!(params(&sent), ("site".into(), Some(0.3), Some(2), Some(1), Some(0.9)));
    // What was set for one call is gone with it.
    let sent = request(layered(false));
    assert_eq!(params(&sent), ("attribute".into(), Some(0.1), Some(1), Some(1), Some(0.9)));
    registry().set_params(Params::new());
}

fn echo(name: &'static str) -> Scripted {
    Scripted::new().reply_with(move |request| {
        format!("{name} {} {}", request.params.seed.unwrap_or(0), request.messages[0].text())
    })
}

#[call("a/b", client = default.clone(), seed = 1)]
async fn answered(default: &Scripted, other: Option<Scripted>, number: u64) -> Result<String> {
    let prompt = prompt!("{number}");
    match other {
        Some(other) => prompt.client(other).params(|params| params.seed(number)),
        None => prompt,
    }
}

#[test]
fn a_client_of_one_call_stays_with_it() {
    let (left, right) = (echo("left"), echo("right"));
    let calls = (0..1_000_u64).map(|number| {
        let other = (number % 3 == 0).then(|| right.clone());
        answered(&left, other, number)
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let answers = runtime.block_on(async {
        let tasks: Vec<_> = calls.map(|call| tokio::spawn(call.into_future())).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap().unwrap());
        }
        answers
    });
    for (number, answer) in (0..).zip(answers) {
        let expected = if number % 3 == 0 {
            format!("right {number} {number}")
        } else {
            format!("left 1 {number}")
        };
        assert_eq!(answer, expected);
    }
    assert_eq!((left.requests().len(), right.requests().len()), (666, 334));
}
