//! The measured evaluation: a predictor of one input and one output, and a metric that compares words.

use std::time::{Duration, Instant};

use meanwhile_core::Model;
use meanwhile_openai::OpenAi;
use meanwhile_programs::{Evaluate, Example, Predict, exact_match, fields};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the server listens: `http://127.0.0.1:PORT`
    #[arg(long)]
    url: String,
    #[arg(long, default_value_t = 2000)]
    rows: usize,
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
}

#[allow(clippy::print_stdout, reason = "the line is what it is asked for")]
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.url.starts_with("http://127.0.0.1:"),
        "--url must be http://127.0.0.1:PORT: the benchmark only talks to this machine"
    );
    let base_url = format!("{}/v1", arguments.url);
    let provider = OpenAi::builder().base_url(base_url).api_key("not-a-real-key").build()?;
    let program = Predict::parse("question -> answer")?.model(Model::of(provider, "gpt-4o-mini"));
    let row = |number: usize| {
        let question = format!("What is the capital of Peru? Question {number}.");
        let answer = if number.is_multiple_of(2) { "Lima" } else { "Quito" };
        Example::new(fields! { question: question, answer: answer }, ["question"])
    };
    let rows: Vec<Example> = (0..arguments.rows).map(row).collect();
    let evaluate = Evaluate::new().concurrency(arguments.concurrency);
    // The connections are made before the measurement.
    let warm: Vec<Example> = (0..arguments.concurrency).map(row).collect();
    evaluate.run(&program, &warm, exact_match("answer")).await?;

    let (cpu, wall) = (cpu_time(), Instant::now());
    let evaluation = evaluate.run(&program, &rows, exact_match("answer")).await?;
    let (cpu, wall) = (cpu_time().saturating_sub(cpu), wall.elapsed());

    let line = json!({
        "rows": evaluation.rows.len(),
        "errors": evaluation.errors().count(),
        "score": evaluation.percent(),
        "cpu_s": cpu.as_secs_f64(),
        "wall_s": wall.as_secs_f64(),
    });
    println!("{line}");
    Ok(())
}

/// The time that all threads of this process have computed.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds)
        + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}
