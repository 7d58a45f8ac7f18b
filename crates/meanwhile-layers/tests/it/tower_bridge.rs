//! The bridge, with `tower`'s own layers and services.

use std::time::Duration;

use futures_util::future::{join, join_all};
use meanwhile_core::{
    AnyProvider, ErrorKind, EventStream, Fold, Message, Provider as _, Request, Response, Result,
    TimeoutPhase,
};
use meanwhile_layers::{ProviderService, Retry, ServiceProvider, TowerLayer};
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};

use crate::paced::{Paced, Step, words};

/// Accepts after so long, then answers at once.
fn accepting(time: u64) -> Paced {
    let steps = [Step::Wait(time), Step::Accept].into_iter().chain(words(0, 0, "here it is"));
    Paced::new("slow").answer(steps)
}

fn request() -> Request {
    Request::new("m", vec![Message::user("Hi!")])
}

async fn text(stream: Result<EventStream>) -> Result<String> {
    let mut stream = stream?;
    let mut fold = Fold::new("p", "m");
    while let Some(event) = stream.next().await {
        fold.push(&event?)?;
    }
    Ok(fold.finish()?.text())
}

async fn ask(provider: &AnyProvider) -> Result<String> {
    text(provider.send(request()).await).await
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_lets_so_many_in() {
    let paced = accepting(100);
    let limit = TowerLayer::new(ConcurrencyLimitLayer::new(2));
    let provider = paced.provider().layer(&limit);
    assert_eq!((provider.id(), provider.capabilities("m")), ("slow", paced.capabilities("m")));
    let began = tokio::time::Instant::now();
    for answer in join_all((0..6).map(|_| ask(&provider))).await {
        assert_eq!(answer.unwrap(), "here it is");
    }
    assert_eq!(began.elapsed().as_millis(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_timeout() {
    let timeout = TowerLayer::new(TimeoutLayer::new(Duration::from_millis(50)));
    let paced = accepting(100);
    let error = ask(&paced.provider().layer(&timeout)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::FirstEvent));
    assert!(error.is_retryable());
    assert_eq!(paced.live(), 0);
    assert_eq!(ask(&accepting(10).provider().layer(&timeout)).await.unwrap(), "here it is");
}

#[tokio::test(start_paused = true)]
async fn load_shedding_is_an_overload() {
    let layer =
        ServiceBuilder::new().layer(LoadShedLayer::new()).layer(ConcurrencyLimitLayer::new(1));
    let provider = accepting(100).provider().layer(&TowerLayer::new(layer.into_inner()));
    let (first, second) = join(ask(&provider), ask(&provider)).await;
    assert_eq!(first.unwrap(), "here it is");
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_makes_a_service_that_is_no_clone_one_for_all() {
    let layer = ServiceBuilder::new()
        .layer(BufferLayer::new(8))
        .layer(RateLimitLayer::new(1, Duration::from_secs(1)))
        .into_inner();
    let provider = accepting(0).provider().layer(&TowerLayer::new(layer));
    let began = tokio::time::Instant::now();
    for answer in join_all((0..3).map(|_| ask(&provider))).await {
        answer.unwrap();
    }
    let passed = began.elapsed();
    assert!(passed >= Duration::from_secs(2) && passed < Duration::from_secs(3), "{passed:?}");
    // An error of the provider comes back as the one it was.
    let failing = Paced::new("slow").answer([Step::Fail(ErrorKind::ContextLength), Step::Accept]);
    let provider = failing.provider().layer(&TowerLayer::new(BufferLayer::new(8)));
    assert_eq!(ask(&provider).await.unwrap_err().kind(), ErrorKind::ContextLength);
}

/// Sends once more.
#[derive(Debug, Clone)]
struct Once(bool);

impl Policy<Request, EventStream, meanwhile_core::Error> for Once {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _request: &mut Request,
        result: &mut Result<EventStream>,
    ) -> Option<Self::Future> {
        let again = std::mem::take(&mut self.0) && result.as_ref().is_err_and(|e| e.is_retryable());
        again.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_tower_sends_again() {
    let failing = [Step::Fail(ErrorKind::Overloaded), Step::Accept];
    let paced = Paced::new("slow").answer(failing).answer(words(0, 0, "at last"));
    let provider = paced.provider().layer(&TowerLayer::new(RetryLayer::new(Once(true))));
    assert_eq!(ask(&provider).await.unwrap(), "at last");
    assert_eq!(paced.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_a_service() {
    let mut service = ProviderService::new(accepting(10).provider());
    let stream = service.ready().await.unwrap().call(request()).await;
    assert_eq!(text(stream).await.unwrap(), "here it is");
    // Any stack of services, and a provider again.
    let stack = ServiceBuilder::new()
        .map_request(|mut request: Request| {
            request.model = "other".to_owned();
            request
        })
        .service(service.clone());
    let paced = accepting(10);
    let provider = AnyProvider::new(ServiceProvider::new(stack, paced.provider()));
    assert_eq!(ask(&provider).await.unwrap(), "here it is");
    assert!(format!("{provider:?}").contains("slow"));
}

#[tokio::test(start_paused = true)]
async fn both_kinds_of_layers_stack() {
    let failing = [Step::Fail(ErrorKind::Overloaded), Step::Accept];
    let paced = Paced::new("slow").answer(failing).answer(words(0, 0, "at last"));
    let limit = TowerLayer::new(ConcurrencyLimitLayer::new(1));
    let call = paced.model("m").call::<Response>("Hi!").layer(limit).layer(Retry::new());
    let response = call.await.unwrap();
    assert_eq!((response.text().as_str(), response.attempts.len()), ("at last", 1));
    // A layer of `tower` around ours.
    let ours = ProviderService::new(paced.provider().layer(&Retry::new()));
    let service = ConcurrencyLimitLayer::new(1).layer(ours);
    assert_eq!(text(service.oneshot(request()).await).await.unwrap(), "at last");
}
