//! [`matrix`]: fills the cells, several at a time, each on a runtime where nothing else runs.

use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use meanwhile::layers::{Backoff, Concurrency, Retry};
use meanwhile::{AnyProvider, Call, Error, Model, Response};
use meanwhile_http::Client;
use meanwhile_testkit::{Reply, Server};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Handle, Runtime};

use super::wires::{KEY, Place, WIRES};
use super::{Ask, Delivery, Expected, Row, Site};

// Cells mostly wait.
const WORKERS: usize = 12;
const PLACES: usize = 2;

/// Where the servers run, apart from the clients, whose tasks are counted.
static SERVERS: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// For the one row that is about the time to connect.
static HASTY: LazyLock<Client> = LazyLock::new(|| {
    Client::builder().no_proxy().connect_timeout(Duration::from_millis(300)).build().unwrap()
});

/// Fills every cell of the rows, and fails with a list of those that are wrong.
pub(super) fn matrix(rows: &[Row]) {
    let deliveries = [Delivery::Plain, Delivery::Streamed];
    let asks = WIRES.iter().flat_map(|wire| deliveries.map(|delivery| Ask { wire, delivery }));
    let asks: Vec<Ask> = asks.collect();
    let cells: Vec<(&Row, Ask)> =
        rows.iter().flat_map(|row| asks.iter().map(move |ask| (row, *ask))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let worker = Worker::new();
        while let Some((row, ask)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = catch_unwind(AssertUnwindSafe(|| worker.check(row, *ask)));
            if let Err(problem) = outcome.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                let cell = format!("{} × {:?} × {}", row.name, ask.delivery, ask.wire.name);
                wrong.lock().unwrap().push(format!("{cell}: {problem}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let count = format!("{} of {} cells are wrong", wrong.len(), cells.len());
    assert!(wrong.is_empty(), "{count}:\n{}", wrong.join("\n"));
}

/// A thread with a runtime and a client, which its cells share one after the other.
struct Worker {
    runtime: Runtime,
    client: Client,
    /// The tasks that the client keeps for itself.
    tasks: usize,
}

/// What a cell meets.
struct Met {
    url: String,
    server: Option<Server>,
    /// Where nobody may come.
    elsewhere: Option<Server>,
    /// What holds the port where nobody answers.
    _held: Option<Held>,
}

enum Held {
    /// Connections are made by the system, and nobody takes them.
    Deaf { _listener: TcpListener },
    /// Nobody listens, and nobody else can begin to.
    Bound { _socket: TcpSocket },
}

impl Worker {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut worker = Self { runtime, client, tasks: 0 };
        // The pool of connections looks after itself in a task, from its first use on.
        worker.runtime.block_on(async {
            let ask = Ask { wire: WIRES[0], delivery: Delivery::Plain };
            let server = serve(move |_| ask.head().piece(ask.body())).await;
            let provider = worker.provider(ask, server.url(), 64 << 20, worker.client.clone());
            Model::of(provider, "m").call::<String>("hello").await.unwrap();
            drop(server);
            let left = || Handle::current().metrics().num_alive_tasks();
            assert!(settles(|| left() <= 1).await, "{} tasks for nothing", left());
        });
        worker.tasks = worker.runtime.metrics().num_alive_tasks();
        worker
    }

    fn provider(&self, ask: Ask, url: String, frame_limit: usize, client: Client) -> AnyProvider {
        (ask.wire.connect)(Place { url, client, frame_limit }).unwrap()
    }

    fn check(&self, row: &Row, ask: Ask) -> Result<(), String> {
        let expected = (row.expected)(ask);
        if expected.left_out {
            return Ok(());
        }
        self.runtime.block_on(self.fill(row, ask, &expected))
    }

    async fn fill(&self, row: &Row, ask: Ask, expected: &Expected) -> Result<(), String> {
        let site = (row.site)(ask);
        let client = match &site {
            Site::Deaf => HASTY.clone(),
            _ => self.client.clone(),
        };
        let met = meet(site).await;
        let places = Concurrency::new(PLACES);
        let retry = Retry::new().retries(1).backoff(Backoff::none()).without_budget();
        let provider = self.provider(ask, met.url.clone(), row.frame_limit, client);
        let provider = provider.layer(&places).layer(&retry);

        let started = Instant::now();
        let model = Model::of(provider, ask.wire.model);
        let call = model.call::<Response>("Say hello.").timeouts((row.timeouts)(ask));
        let end = async {
            if let (Some(after), Some(server)) = (row.abandoned, &met.server) {
                settles(|| !server.received().is_empty()).await;
                tokio::time::sleep(after).await;
            } else {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        };
        let outcome = tokio::select! {
            outcome = answer(call, ask) => Ok(outcome),
            () = end => Err(()),
        };
        let elapsed = started.elapsed();

        let mut problems = Vec::new();
        match (&outcome, &expected.outcome) {
            (Ok(outcome), Some(_)) => judge(ask, expected, outcome, &mut problems),
            (Err(_), None) => {}
            (Ok(outcome), None) => problems.push(format!("it should have waited: {outcome:?}")),
            (Err(_), Some(_)) => problems.push("it hung".to_owned()),
        }
        drop(outcome);
        if elapsed > expected.within {
            problems.push(format!("took {elapsed:?}"));
        }
        if places.free() != PLACES {
            problems.push(format!("{} places are lost", PLACES - places.free()));
        }
        if let Some(server) = &met.server {
            judge_server(server, expected, &mut problems);
        }
        if met.elsewhere.as_ref().is_some_and(|server| server.connections() > 0) {
            problems.push("the redirect was followed".to_owned());
        }
        self.judge_leaks(met, expected.kept, &mut problems).await;
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Waits until connections and tasks are gone, but for one connection that may be kept; and that one
    /// too when the server is gone.
    async fn judge_leaks(&self, met: Met, kept: bool, problems: &mut Vec<String>) {
        let tasks = || self.tasks_beyond();
        let connections = || met.server.as_ref().map_or(0, Server::open_connections);
        let most = usize::from(kept);
        if !settles(|| connections() <= most && tasks() <= most).await {
            let (connections, tasks) = (connections(), tasks());
            problems.push(format!("left open: {connections} connections, {tasks} tasks"));
        }
        drop(met);
        if !settles(|| self.tasks_beyond() == 0).await {
            problems.push(format!("left without a server: {} tasks", self.tasks_beyond()));
        }
    }

    fn tasks_beyond(&self) -> usize {
        Handle::current().metrics().num_alive_tasks().saturating_sub(self.tasks)
    }
}

async fn settles(done: impl Fn() -> bool) -> bool {
    for _ in 0..600 {
        if done() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

async fn answer(call: Call<'static, Response>, ask: Ask) -> Result<Response, Error> {
    match ask.delivery {
        Delivery::Plain => call.await,
        Delivery::Streamed => call.stream().await?.response().await,
    }
}

async fn serve(
    respond: impl Fn(&meanwhile_testkit::Received) -> Reply + Send + Sync + 'static,
) -> Server {
    SERVERS.spawn(async { Server::start(respond).await.unwrap() }).await.unwrap()
}

async fn meet(site: Site) -> Met {
    let alone = |url| Met { url, server: None, elsewhere: None, _held: None };
    let of = |server: Server| Met { server: Some(server), ..alone(String::new()) };
    let met = match site {
        Site::Server(respond) => of(serve(respond).await),
        Site::SelfSigned(reply) => {
            let start = async move { Server::start_with_tls(move |_| reply.clone()).await };
            of(SERVERS.spawn(start).await.unwrap().unwrap())
        }
        Site::NoTls(reply) => {
            let met = of(serve(move |_| reply.clone()).await);
            let url = met.server.as_ref().map(Server::url).unwrap_or_default();
            Met { url: url.replace("http://", "https://"), ..met }
        }
        Site::Nobody => {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
            let url = format!("http://{}", socket.local_addr().unwrap());
            Met { _held: Some(Held::Bound { _socket: socket }), ..alone(url) }
        }
        Site::Deaf => {
            let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("https://{}", deaf.local_addr().unwrap());
            Met { _held: Some(Held::Deaf { _listener: deaf }), ..alone(url) }
        }
        Site::RedirectTo(status, path) => {
            let elsewhere = serve(|_| Reply::new(500)).await;
            // Another port is another host, and another name even more so.
            let there = elsewhere.url().replace("127.0.0.1", "localhost") + path;
            let reply = Reply::new(status).header("location", &there);
            Met { elsewhere: Some(elsewhere), ..of(serve(move |_| reply.clone()).await) }
        }
    };
    match &met.server {
        Some(server) if met.url.is_empty() => Met { url: server.url(), ..met },
        _ => met,
    }
}

fn judge_server(server: &Server, expected: &Expected, problems: &mut Vec<String>) {
    let received = server.received().len();
    // A handshake that fails sends no request; the connections count then.
    let seen = if received == 0 { server.connections() } else { received };
    if seen != expected.tries {
        problems.push(format!("the server saw {seen} tries instead of {}", expected.tries));
    }
}

fn judge(
    ask: Ask,
    expected: &Expected,
    outcome: &Result<Response, Error>,
    problems: &mut Vec<String>,
) {
    let mut wrong = |what: &str, found: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
        let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
        if found != wanted {
            let found: String = found.chars().take(300).collect();
            let wanted: String = wanted.chars().take(300).collect();
            problems.push(format!("{what} {found} instead of {wanted}"));
        }
    };
    let attempts = match outcome {
        Ok(response) => &response.attempts[..],
        Err(error) => error.attempts(),
    };
    wrong("tries", &(attempts.len() + 1), &expected.tries);
    if let (Some((least, most)), Some(attempt)) = (expected.wait, attempts.first())
        && !(least..=most).contains(&attempt.wait)
    {
        wrong("wait", &attempt.wait, &(least, most));
    }
    match outcome {
        Ok(response) => {
            let found: Result<_, meanwhile::ErrorKind> = Ok(response.text());
            wrong("outcome", &Some(found), &expected.outcome);
            let total = |usage: &meanwhile::Usage| (usage.input.total, usage.output.total);
            wrong("usage", &total(&response.usage), &(Some(9), Some(4)));
        }
        Err(error) => {
            let found: Result<String, _> = Err(error.kind());
            wrong("outcome", &Some(found), &expected.outcome);
            wrong("provider", &error.provider(), &Some(ask.wire.id));
            wrong("model", &error.model(), &Some(ask.wire.model));
            wrong("status", &error.status(), &expected.status);
            if !expected.any_wait {
                wrong("asked to wait", &error.retry_after(), &expected.asked);
            }
            if expected.named {
                wrong("request id", &error.request_id(), &Some("req_7"));
            }
            let partial = error.partial();
            wrong("partial", &partial.map(Response::text).unwrap_or_default(), &expected.partial);
            if !expected.partial.is_empty() {
                let counted = partial.and_then(|partial| partial.usage.input.total);
                wrong("prompt tokens", &counted, &ask.wire.counts_early.then_some(9));
            }
            let shown = format!("{error} {error:?} {partial:?}");
            if shown.contains(KEY) {
                wrong("the secret", &shown, &"");
            }
            if !error.to_string().contains(expected.says) {
                wrong("message", &error.to_string(), &expected.says);
            }
        }
    }
    if !problems.is_empty()
        && let Err(error) = outcome
    {
        problems.push(format!("[{error}]"));
    }
}
