//! A client of the loopback benchmark server: makes requests, prints one line of JSON.
//!
//! `--variant api` goes through the plain API instead of `#[call]`, `--variant layers` through all layers
//! and by an observer; `--case` makes one request and
//! prints what it delivered instead of what it cost.

mod client;
mod count;
mod sink;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use futures::future::join_all;
use serde_json::json;

use client::Client;
use count::{count, counted, memory_kb, usage};
use sink::Sink;

#[global_allocator]
static GLOBAL: count::Counting = count::Counting;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Plain,
    Stream,
    Tools,
}

#[derive(Parser)]
struct Arguments {
    /// Where the server listens: `http://127.0.0.1:PORT`
    #[arg(long)]
    url: String,
    #[arg(long, default_value = "stream")]
    mode: Mode,
    #[arg(long, default_value_t = 1)]
    requests: u64,
    #[arg(long, default_value_t = 1)]
    concurrency: u64,
    /// Events of one answer
    #[arg(long, default_value_t = 10)]
    chunks: u64,
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Further knobs of the server, `a=b,c=d`
    #[arg(long, default_value = "")]
    knobs: String,
    /// Requests before the measurement
    #[arg(long, default_value_t = 0)]
    warmup: u64,
    #[arg(long)]
    count_allocs: bool,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// `call`, `api`, or `layers`: calls through all layers, with an observer
    #[arg(long, default_value = "call")]
    variant: String,
    #[arg(long)]
    case: bool,
    #[arg(long, default_value_t = 0)]
    stop_after: u64,
    #[arg(long, default_value_t = 20)]
    timeout_s: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if !arguments.url.starts_with("http://127.0.0.1:") {
        return Err(
            "--url must be http://127.0.0.1:PORT: the benchmark only talks to this machine".into(),
        );
    }
    let mut builder = match arguments.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    let line = builder.enable_all().build()?.block_on(async {
        let client = Arc::new(Client::new(&base_url(&arguments), &arguments.variant)?);
        if arguments.case {
            case(&arguments, &client).await
        } else {
            measure(&arguments, &client).await
        }
    })?;
    #[expect(clippy::print_stdout, reason = "the one line of output")]
    {
        println!("{line}");
    }
    Ok(())
}

/// The knobs of the server travel in the path.
fn base_url(arguments: &Arguments) -> String {
    let mut knobs = format!("chunks={},delay_ms={}", arguments.chunks, arguments.delay_ms);
    if arguments.mode == Mode::Tools {
        knobs.push_str(",tools=1");
    }
    if !arguments.knobs.is_empty() {
        knobs.push(',');
        knobs.push_str(&arguments.knobs);
    }
    format!("{}/k/{knobs}/v1", arguments.url)
}

type Line = Result<serde_json::Value, Box<dyn std::error::Error>>;

/// Makes one request and reports what it delivered.
async fn case(arguments: &Arguments, client: &Client) -> Line {
    let mut sink = Sink::new(true, arguments.stop_after);
    let (start, before) = (Instant::now(), usage());
    let limit = Duration::from_secs(arguments.timeout_s);
    let outcome = tokio::time::timeout(limit, client.run(arguments.mode, &mut sink)).await;
    let (elapsed, after) = (start.elapsed(), usage());
    let error = match outcome {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) => error,
        Err(_) => "HARNESS-TIMEOUT".to_owned(),
    };
    if arguments.stop_after > 0 {
        // Gives the runtime a moment to close what was dropped.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let text = sink.text.unwrap_or_default();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let cpu = after.user_us + after.system_us - before.user_us - before.system_us;
    Ok(json!({
        "client": "meanwhile", "ok": error.is_empty(),
        "error": error.chars().take(2000).collect::<String>(),
        "text": text.chars().take(200).collect::<String>(), "text_len": text.len(),
        "fnv": format!("{hash:016x}"), "chunks": sink.chunks, "tools": sink.tools,
        "finish": sink.finish, "usage": sink.usage, "elapsed_ms": elapsed.as_millis() as u64,
        "cpu_ms": cpu / 1000, "maxrss_kb": after.most_memory_kb,
    }))
}

#[derive(Default)]
struct Totals {
    ok: u64,
    errors: u64,
    bytes: u64,
    sum: u64,
    chunks: u64,
    argument_bytes: u64,
    first_us: Vec<f64>,
    first_error: Option<String>,
}

/// Makes many requests and reports what they cost.
async fn measure(arguments: &Arguments, client: &Arc<Client>) -> Line {
    let memory = memory_kb();
    if arguments.warmup > 0 {
        pass(client, arguments.mode, arguments.warmup, arguments.concurrency).await?;
    }
    count(arguments.count_allocs);
    let (start, before) = (Instant::now(), usage());
    let totals = pass(client, arguments.mode, arguments.requests, arguments.concurrency).await?;
    let (elapsed, after) = (start.elapsed(), usage());
    count(false);
    let (allocations, reallocations, bytes) = counted();
    let mut first_us = totals.first_us;
    first_us.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let index = (first_us.len() as f64 * q) as usize;
        first_us.get(index.min(first_us.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    Ok(json!({
        "client": "meanwhile", "mode": format!("{:?}", arguments.mode),
        "ok": totals.ok, "errors": totals.errors, "text_bytes": totals.bytes, "sum": totals.sum,
        "chunks": totals.chunks, "arg_bytes": totals.argument_bytes,
        "wall_us": elapsed.as_micros() as u64,
        "user_us": after.user_us - before.user_us, "sys_us": after.system_us - before.system_us,
        "maxrss_kb": after.most_memory_kb, "rss0_kb": memory,
        "allocs": allocations, "reallocs": reallocations, "alloc_bytes": bytes,
        "ttft_p50_us": quantile(0.5), "ttft_p99_us": quantile(0.99),
        "first_error": totals.first_error,
    }))
}

/// Makes `requests` requests, `concurrency` at a time, one task each.
async fn pass(
    client: &Arc<Client>,
    mode: Mode,
    requests: u64,
    concurrency: u64,
) -> Result<Totals, tokio::task::JoinError> {
    let made = Arc::new(AtomicU64::new(0));
    let tasks = (0..concurrency.min(requests)).map(|_| {
        let (client, made) = (client.clone(), made.clone());
        tokio::spawn(async move {
            let mut totals = Totals::default();
            while made.fetch_add(1, Relaxed) < requests {
                let mut sink = Sink::new(false, 0);
                match client.run(mode, &mut sink).await {
                    Ok(()) => totals.ok += 1,
                    Err(error) => {
                        totals.errors += 1;
                        totals.first_error.get_or_insert(error);
                    }
                }
                totals.bytes += sink.bytes;
                totals.sum = totals.sum.wrapping_add(sink.sum);
                totals.chunks += sink.chunks;
                totals.argument_bytes +=
                    sink.tools.iter().map(|t| t.args.len() as u64).sum::<u64>();
                totals.first_us.extend(sink.first.map(|first| first.as_nanos() as f64 / 1000.0));
            }
            totals
        })
    });
    let mut all = Totals::default();
    for totals in join_all(tasks).await {
        let totals = totals?;
        all.ok += totals.ok;
        all.errors += totals.errors;
        all.bytes += totals.bytes;
        all.sum = all.sum.wrapping_add(totals.sum);
        all.chunks += totals.chunks;
        all.argument_bytes += totals.argument_bytes;
        all.first_us.extend(totals.first_us);
        all.first_error = all.first_error.or(totals.first_error);
    }
    Ok(all)
}
