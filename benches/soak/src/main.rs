//! `meanwhile-soak`: calls through faults and cancellations for minutes; nothing may be left of them.
//!
//! Workers ask a server that misbehaves at random, through retries, limits and timeouts, and drop many
//! calls half-way. In the end every call must be accounted for, by the program and by an observer;
//! no connection, task or place may be left, and memory must not have grown.

mod faults;
mod ledger;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use meanwhile::layers::{Backoff, Concurrency, RateLimit, Retry, Timeout};
use meanwhile::provider::openai::OpenAi;
use meanwhile_http::Client;
use meanwhile_testkit::Server;
use tokio::runtime::{Builder, Handle};

use ledger::{Books, Ledger};
use work::Worker;

/// Fewer than workers, so that calls wait for a place.
const PLACES: usize = 48;
/// How much more memory the process may hold at the end than after the first tenth: room for pieces of
/// freed memory that the allocator keeps.
const GROWTH_KB: u64 = 8 << 10;

#[derive(Parser)]
struct Arguments {
    /// How long the calls are made
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many calls are under way at a time
    #[arg(long, default_value_t = 64)]
    workers: u64,
    /// Where the random faults and cancellations start from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (url, told) = std::sync::mpsc::channel();
    let seed = arguments.seed;
    // Apart from the clients, whose tasks are counted.
    let servers = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    servers.spawn(async move { url.send(Server::start(faults::server(seed)).await) });
    let server = told.recv().context("the server did not start")??;
    let clients = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = clients.block_on(soak(&arguments, &server))?;
    #[expect(clippy::print_stdout, reason = "the one line of output")]
    {
        println!("{}", outcome.line());
    }
    for wrong in outcome.wrong() {
        eprintln!("wrong: {wrong}");
    }
    Ok(if outcome.wrong().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn soak(arguments: &Arguments, server: &Server) -> Result<Outcome> {
    let ledger = Arc::new(Ledger::default());
    let places = Concurrency::new(PLACES);
    let client = Client::builder().no_proxy().build()?;
    let provider = OpenAi::builder()
        .base_url(server.url())
        .api_key("sk-soak")
        .http_client(client)
        .build()?
        .layer(&timeouts())
        .layer(&RateLimit::new().requests_per_minute(1_000).window(Duration::from_secs(1)))
        .layer(&places)
        .layer(&retries());

    let length = Duration::from_secs(arguments.seconds);
    let end = Instant::now() + length;
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..arguments.workers {
        let seed = arguments.seed.wrapping_mul(1_000).wrapping_add(number);
        let worker = Worker::new(provider.clone(), ledger.clone(), seed);
        workers.spawn(worker.work(end));
    }
    let (mut warm_kb, mut most_kb) = (0, 0);
    let warm = Instant::now() + length / 10;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(1).min(length / 20)).await;
        // The server remembers what it was asked, which is not what is measured.
        server.forget();
        if Instant::now() < warm {
            warm_kb = warm_kb.max(memory_kb());
        }
        most_kb = most_kb.max(memory_kb());
    }
    while let Some(worker) = workers.join_next().await {
        worker?;
    }
    let end_kb = memory_kb();
    // The connections that wait for another request go with their client.
    drop(provider);
    let gone =
        || server.open_connections() == 0 && Handle::current().metrics().num_alive_tasks() == 0;
    let patience = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(Outcome {
        seconds: arguments.seconds,
        program: ledger.program.books(),
        observer: ledger.observer.books(),
        retries: ledger.retries(),
        connections: server.connections(),
        open_connections: server.open_connections(),
        tasks: Handle::current().metrics().num_alive_tasks(),
        places: places.free(),
        warm_kb,
        most_kb,
        end_kb,
    })
}

fn timeouts() -> Timeout {
    let limit = Duration::from_millis(250);
    Timeout::new().first_event(limit).idle(limit).whole(Duration::from_secs(2))
}

fn retries() -> Retry {
    let backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(40));
    Retry::new().backoff(backoff).without_budget()
}

/// The memory that the process holds now, in kilobytes.
fn memory_kb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4
}

/// What was left, and what happened.
struct Outcome {
    seconds: u64,
    program: Books,
    observer: Books,
    retries: u64,
    connections: usize,
    open_connections: usize,
    tasks: usize,
    places: usize,
    warm_kb: u64,
    most_kb: u64,
    end_kb: u64,
}

impl Outcome {
    fn line(&self) -> serde_json::Value {
        serde_json::json!({
            "seconds": self.seconds, "program": self.program.line(), "observer": self.observer.line(),
            "retries": self.retries, "connections": self.connections,
            "open_connections": self.open_connections, "tasks": self.tasks,
            "free_places": self.places, "places": PLACES,
            "warm_kb": self.warm_kb, "most_kb": self.most_kb, "end_kb": self.end_kb,
        })
    }

    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        must(self.program.started > 0 && self.program.succeeded > 0, "nothing succeeded");
        must(self.program.failed > 0, "nothing failed");
        must(self.program.cancelled > 0, "nothing was cancelled");
        must(self.program.is_closed(), "the program lost a call");
        must(self.observer.is_closed(), "the observer lost a call");
        must(self.program == self.observer, "program and observer disagree");
        must(self.open_connections == 0, "connections are left");
        must(self.tasks == 0, "tasks are left");
        must(self.places == PLACES, "places are left");
        must(self.end_kb <= self.warm_kb + GROWTH_KB, "memory has grown");
        wrong
    }
}
