//! a09 to a12, a14: which client answers, how long it lives, what it shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;
use meanwhile::{Settings, scope};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::http::{answer, client, complete, echo, echoing};

static MADE: AtomicUsize = AtomicUsize::new(0);

fn shared() -> AnyProvider {
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    Scripted::new().reply(format!("client {number}")).into()
}

#[call("openai/gpt-4o-mini", client = shared())]
async fn by_attribute() -> Result<String> {
    "x"
}

#[tokio::test]
async fn a09_the_client_of_an_attribute_is_made_for_each_call_and_no_other_is() {
    assert_eq!(MADE.load(Ordering::SeqCst), 0, "nothing is made before a call");
    // The client of OpenAI would want a key, of which there is none.
    assert_eq!(by_attribute().await.unwrap(), "client 0");
    assert_eq!(by_attribute().await.unwrap(), "client 1");
    assert_eq!(by_attribute().client(Scripted::new().reply("mine")).await.unwrap(), "mine");
}

fn named(name: &'static str) -> Scripted {
    Scripted::new().reply_with(move |_| name.to_owned())
}

#[call("a/b", client = named("attribute"))]
async fn dynamic(inside: Option<Scripted>) -> Result<String> {
    match inside {
        Some(client) => prompt!("x").client(client),
        None => prompt!("x"),
    }
}

#[call("a/b")]
async fn plain() -> Result<String> {
    "x"
}

#[tokio::test]
async fn a10_a_client_of_one_call_stays_with_it_and_the_nearest_wins() {
    // Everything's default is the registry; what is set for the process is tested in the core.
    registry().insert_as("a", named("registry").into());
    let task = || Settings::new().client(named("task"));
    let body = || Some(named("body"));
    let check = |outcome: Result<String>, expected: &str| assert_eq!(outcome.unwrap(), expected);
    check(plain().await, "registry");
    check(dynamic(None).await, "attribute");
    check(scope(task(), async { dynamic(None).await }).await, "task");
    check(scope(task(), async { dynamic(body()).await }).await, "body");
    check(scope(task(), async { dynamic(body()).client(named("site")).await }).await, "site");
    // What was set for one call is gone with it.
    check(dynamic(None).await, "attribute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_thousand_interleaved_calls_with_two_clients_never_cross() {
    let server = echoing(|text| Duration::from_millis(text.len() as u64 % 3)).await;
    let clients = ["one", "two"].map(|key| client(&server.uri(), key));
    let calls = (0..1000).map(|number: usize| {
        let call = echo(&number.to_string()).client(clients[number % 2].clone());
        async move { tokio::spawn(call.into_future()).await.unwrap() }
    });
    let answers = gather(calls).limit(64).await.unwrap();
    for (number, answer) in answers.iter().enumerate() {
        let key = ["one", "two"][number % 2];
        assert_eq!(*answer, format!("{number} Bearer {key}"));
    }
}

#[tokio::test]
async fn a11_waiting_inside_of_a_runtime_is_refused_with_a_way_out() {
    // What is no async client does not compile: `meanwhile-macros` has the case.
    let error = plain().client(named("x")).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("`.await`"), "{error}");
    let off = tokio::task::spawn_blocking(|| plain().client(named("x")).blocking());
    assert_eq!(off.await.unwrap().unwrap(), "x");
}

/// Answers every request on a connection that it keeps, and tells of connections that are closed.
async fn keeping() -> (String, Arc<AtomicUsize>, mpsc::UnboundedReceiver<()>) {
    let body = serde_json::to_vec(&answer("yes")).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let (report, closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let (head, body, report) = (head.clone(), body.clone(), report.clone());
            tokio::spawn(async move {
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..read]);
                    if complete(&request) {
                        request.clear();
                        socket.write_all(head.as_bytes()).await.unwrap();
                        socket.write_all(&body).await.unwrap();
                    }
                }
                let _ = report.send(());
            });
        }
    });
    (url, connections, closed)
}

#[tokio::test]
async fn a12_clones_are_one_client_and_the_last_one_closes_its_connections() {
    let (url, connections, mut closed) = keeping().await;
    // A pool of its own; clients that are not given one share that of the process.
    let pool = meanwhile_http::Client::builder().build().unwrap();
    let first = OpenAi::builder().base_url(&url).api_key("k").http_client(pool).build().unwrap();
    let second = first.clone();
    assert_eq!(echo("hi").client(first).await.unwrap(), "yes");
    assert!(closed.try_recv().is_err(), "a clone is left");
    assert_eq!(echo("hi").client(second).await.unwrap(), "yes");
    let gone = tokio::time::timeout(Duration::from_secs(5), closed.recv());
    gone.await.expect("nobody is left").unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a14_fifty_calls_of_two_models_in_sequence_share_one_connection() {
    let (url, connections, _closed) = keeping().await;
    let client = client(&url, "k");
    for number in 0..50 {
        let model = ["openai/gpt-4o-mini", "openai/gpt-4o"][number % 2];
        let call = echo("hi").model(model).client(client.clone());
        assert_eq!(call.await.unwrap(), "yes");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
