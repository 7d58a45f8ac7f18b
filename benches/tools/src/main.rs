//! Measures how often the local model calls tools as it should, on the Berkeley Function Calling
//! Leaderboard: `cargo run --release -p meanwhile-bench-tools`. What the figures mean is in
//! `docs/local-model.md`.
//!
//! Three modes are compared on the same questions: *constrained*, where the model can write nothing but
//! calls that fit; and *prompted*, where it is asked for JSON in words and what it wrote is read tolerantly
//! or strictly, the same text both times. The model decodes greedily, with one thread.

mod data;
mod judge;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use futures::executor::block_on;
use meanwhile_core::{
    FinishReason, Fold, Message, OutputFormat, OutputSchema, Provider as _, Request, Response,
    ToolChoice,
};
use meanwhile_json::{Policy, read};
use meanwhile_local::{Local, SMOLLM2_135M};
use serde_json::{Value, json};

use crate::data::{Category, Item};
use crate::judge::Call;

/// The most tokens of a prompted answer, which may go on for ever.
const LONGEST: u32 = 256;

#[derive(Debug, Parser)]
#[command(about = "Tool calls of the local model on the Berkeley Function Calling Leaderboard")]
struct Arguments {
    /// How many questions of each category.
    #[arg(long, default_value_t = 20)]
    sample: usize,
    /// Which questions: the same seed takes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The package `bfcl-eval` as a file; without it, pip fetches it once.
    #[arg(long)]
    package: Option<PathBuf>,
    /// Prints every answer.
    #[arg(long)]
    verbose: bool,
}

/// What came of the questions of one category in one mode.
#[derive(Debug, Default)]
struct Tally {
    questions: usize,
    /// Answers with calls.
    called: usize,
    /// Answers with calls that are all of known tools and fit their schemas.
    valid: usize,
    matched: usize,
    time: Duration,
}

const MODES: [&str; 3] = ["constrained", "prompted, tolerant", "prompted, strict"];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let package = match &arguments.package {
        Some(path) => path.clone(),
        None => data::fetch()?,
    };
    let local = Local::new();
    // Not a part of the first answer's time.
    local.fetch()?;
    let mut tallies: BTreeMap<(Category, usize), Tally> = BTreeMap::new();
    for category in Category::ALL {
        let items = data::sample(&package, category, arguments.sample, arguments.seed)
            .with_context(|| format!("the questions of {}", category.name()))?;
        for item in &items {
            let answers = answers(&local, item).with_context(|| item.id.clone())?;
            for (mode, answer) in answers.iter().enumerate() {
                if arguments.verbose {
                    let calls = serde_json::to_string(&answer.calls)?;
                    let (id, mode) = (&item.id, MODES.get(mode).unwrap_or(&""));
                    writeln!(std::io::stderr(), "{id}, {mode}: {calls} of {:?}", answer.text)?;
                }
                tallies.entry((category, mode)).or_default().add(item, answer)?;
            }
        }
    }
    print(&arguments, &tallies)
}

impl Tally {
    fn add(&mut self, item: &Item, answer: &Answer) -> Result<()> {
        self.questions += 1;
        self.time += answer.time;
        let calls = answer.calls.as_deref().unwrap_or_default();
        let is_called = !calls.is_empty();
        self.called += usize::from(is_called);
        self.valid += usize::from(is_called && judge::is_valid(calls, &item.tools)?);
        self.matched += usize::from(judge::matches(calls, &item.expected));
        Ok(())
    }
}

/// The calls of an answer; none where it cannot be read.
struct Answer {
    text: String,
    calls: Option<Vec<Call>>,
    time: Duration,
}

/// The answers to a question, one for each mode.
fn answers(local: &Local, item: &Item) -> Result<[Answer; 3]> {
    let (response, time) = ask(local, constrained(item))?;
    let calls = match item.category {
        Category::Parallel => serde_json::from_str(&response.text()).ok(),
        _ => Some(response.tool_calls().map(Call::of).collect::<Result<Vec<Call>>>()?),
    };
    // An answer that was cut off would be counted as one that does not fit. Talk may go on for ever.
    let is_cut = response.finish_reason() == Some(FinishReason::Length);
    ensure!(!is_cut || calls.as_ref().is_none_or(Vec::is_empty), "the answer was cut off");
    let constrained = Answer { text: response.text(), calls, time };

    let (response, time) = ask(local, prompted(item))?;
    let text = response.text();
    let tolerant = read(&text, Some(&schema_of_calls(item)), Policy::Coerce).ok();
    let tolerant = tolerant.and_then(|outcome| serde_json::from_value(outcome.value).ok());
    let strict = serde_json::from_str(&text).ok();
    let tolerant = Answer { text: text.clone(), calls: tolerant, time };
    Ok([constrained, tolerant, Answer { text, calls: strict, time }])
}

/// One call or none by the tools of the request; several as JSON that fits a schema, because this model
/// calls one tool at a time.
fn constrained(item: &Item) -> Request {
    if item.category == Category::Parallel {
        let mut request = prompted(item);
        request.params.max_tokens = None;
        let schema = schema_of_calls(item);
        request.output = OutputFormat::Schema(OutputSchema::new("calls", schema.into()));
        return request;
    }
    let mut request = Request::new(SMOLLM2_135M, vec![Message::user(item.question.clone())]);
    request.params.temperature = Some(0.0);
    request.tools = item.tools.clone();
    request.tool_choice = match item.category {
        Category::Irrelevance => {
            request.params.max_tokens = Some(LONGEST);
            ToolChoice::Auto
        }
        _ => ToolChoice::Required,
    };
    request
}

fn prompted(item: &Item) -> Request {
    let tools: Vec<String> = item
        .tools
        .iter()
        .map(|tool| {
            json!({ "name": tool.name, "description": tool.description,
                "parameters": tool.parameters.as_value() })
            .to_string()
        })
        .collect();
    let system = format!(
        "You have these tools:\n{}\nAnswer with nothing but a JSON list of the calls that are needed, \
         like [{{\"name\": \"...\", \"arguments\": {{...}}}}]. Answer [] if no tool fits.",
        tools.join("\n")
    );
    let messages = vec![Message::system(system), Message::user(item.question.clone())];
    let mut request = Request::new(SMOLLM2_135M, messages);
    request.params.temperature = Some(0.0);
    request.params.max_tokens = Some(LONGEST);
    request
}

/// A list of calls, each of one of the tools.
fn schema_of_calls(item: &Item) -> Value {
    let calls: Vec<Value> = item
        .tools
        .iter()
        .map(|tool| {
            json!({
                "type": "object",
                "properties": {
                    "name": { "const": tool.name },
                    "arguments": tool.parameters.as_value(),
                },
                "required": ["name", "arguments"],
                "additionalProperties": false,
            })
        })
        .collect();
    let call = match <[Value; 1]>::try_from(calls) {
        Ok([call]) => call,
        Err(calls) => json!({ "anyOf": calls }),
    };
    let least = usize::from(item.category != Category::Irrelevance);
    json!({ "type": "array", "items": call, "minItems": least })
}

fn ask(local: &Local, request: Request) -> Result<(Response, Duration)> {
    let start = Instant::now();
    let response = block_on(async {
        let mut events = local.send(request).await?;
        let mut fold = Fold::new("local", SMOLLM2_135M);
        while let Some(event) = events.next().await {
            fold.push(&event?)?;
        }
        fold.finish()
    })?;
    Ok((response, start.elapsed()))
}

fn print(arguments: &Arguments, tallies: &BTreeMap<(Category, usize), Tally>) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{SMOLLM2_135M}, {} questions of each category, seed {}, one thread",
        arguments.sample, arguments.seed
    )?;
    writeln!(out, "| category | mode | calls that fit | right | time for an answer |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for ((category, mode), tally) in tallies {
        let per_cent = |part: usize, of: usize| match of {
            0 => "none".to_owned(),
            of => format!("{:.0} %", 100.0 * part as f64 / of as f64),
        };
        // Where no tool fits, an answer without calls is right, and there is nothing that could fit.
        let valid = match category {
            Category::Irrelevance => {
                format!("{} of {}", per_cent(tally.valid, tally.called), tally.called)
            }
            _ => per_cent(tally.valid, tally.questions),
        };
        let seconds = tally.time.as_secs_f64() / tally.questions.max(1) as f64;
        let (category, mode) = (category.name(), MODES.get(*mode).unwrap_or(&""));
        let right = per_cent(tally.matched, tally.questions);
        writeln!(out, "| {category} | {mode} | {valid} | {right} | {seconds:.1} s |")?;
    }
    let unfit = tallies.iter().filter(|((_, mode), _)| *mode == 0);
    let unfit: usize = unfit
        .map(|((category, _), tally)| match category {
            Category::Irrelevance => tally.called - tally.valid,
            _ => tally.questions - tally.valid,
        })
        .sum();
    ensure!(unfit == 0, "{unfit} constrained answers do not fit their schemas");
    Ok(())
}
