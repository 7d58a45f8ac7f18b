//! The embedded model, which does not answer in form by itself, and an optimiser that finds the
//! demonstrations with which it does: judged on texts that the optimiser has not seen.

use std::path::PathBuf;
use std::time::Instant;

use meanwhile_core::{Model, Settings};
use meanwhile_local::{Local, SMOLLM2_135M};
use meanwhile_programs::{
    BootstrapFewShot, BootstrapRandomSearch, ChatAdapter, Evaluate, Evaluation, Example, Predict,
    Prediction, Rollout, fields, with_overlay,
};

use crate::data;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `amazonReviewSnippets_GroundTruth.txt` of the data set of Hutto and Gilbert (ICWSM 2014); without it,
    /// pip fetches the package that carries it
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, value_delimiter = ',', default_value = "0,1,2")]
    seeds: Vec<u64>,
    #[arg(long, default_value_t = 16)]
    train: usize,
    #[arg(long, default_value_t = 12)]
    validation: usize,
    #[arg(long, default_value_t = 40)]
    held_back: usize,
    /// Demonstrations a predictor, labelled ones included
    #[arg(long, default_value_t = 8)]
    demos: usize,
    /// Random sets after the plain ones
    #[arg(long, default_value_t = 1)]
    candidates: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// A metric of form alone: an answer that was read is one in form.
async fn in_form(_: Rollout<Prediction>) -> bool {
    true
}

#[allow(clippy::print_stdout, reason = "the runs are what it is asked for")]
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let local = Local::builder().threads(arguments.threads).build();
    let settings =
        Settings::new().model(Model::new(local, SMOLLM2_135M)).temperature(0.0).max_tokens(64);
    // One request a row: an answer that is not in form is not asked for again in another.
    let program = Predict::parse("text -> label: Literal['positive', 'negative']")?
        .adapter(ChatAdapter::new().without_fallback())
        .settings(settings);
    let data = match &arguments.data {
        Some(path) => path.clone(),
        None => data::fetch()?,
    };
    let examples = examples(&std::fs::read_to_string(data)?);
    for seed in arguments.seeds.iter().copied() {
        let mut mixed = examples.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut mixed);
        let mut parts = mixed.into_iter();
        let mut part = |count| parts.by_ref().take(count).collect::<Vec<Example>>();
        let (train, validation, held_back) =
            (part(arguments.train), part(arguments.validation), part(arguments.held_back));
        let evaluate = Evaluate::new().concurrency(1);
        let before = evaluate.run(&program, &held_back, in_form).await?;

        let started = Instant::now();
        let bootstrap =
            BootstrapFewShot::new().labeled(arguments.demos).max_errors(usize::MAX).seed(seed);
        let search = BootstrapRandomSearch::new()
            .bootstrap(bootstrap)
            .candidates(arguments.candidates)
            .concurrency(1);
        let best = search.compile(&program, &train, &validation, in_form).await?;
        let took = started.elapsed();

        let overlay = best.state.overlay(&program)?;
        let after = with_overlay(overlay, evaluate.run(&program, &held_back, in_form)).await?;
        println!(
            "seed {seed}: {} training texts, {} for validation",
            train.len(),
            validation.len()
        );
        for tried in &best.candidates {
            println!("  {:<12} {:6.1} % in form on validation", tried.name, tried.mean() * 100.0);
        }
        let (read, written) = (best.usage.input.total, best.usage.output.total);
        println!(
            "  cost: {} runs in {:.0} s, {} tokens read, {} written",
            best.rollouts,
            took.as_secs_f64(),
            read.unwrap_or_default(),
            written.unwrap_or_default()
        );
        println!(
            "  held back, {} texts: {:.1} % in form before, {:.1} % after (labels right: {} and {})",
            held_back.len(),
            before.percent(),
            after.percent(),
            right(&before),
            right(&after)
        );
    }
    Ok(())
}

/// How many of the answers name the label of the data.
fn right(evaluation: &Evaluation<Prediction>) -> usize {
    let is_right = |row: &&meanwhile_programs::Row<Prediction>| {
        let found = row.output.as_ref().and_then(|output| output.text("label"));
        found.is_some_and(|found| row.example.fields().text("label") == Some(found))
    };
    evaluation.rows.iter().filter(is_right).count()
}

/// The texts of middling length, with the label that the mean of the ratings says.
fn examples(data: &str) -> Vec<Example> {
    let example = |line: &str| {
        let mut parts = line.splitn(3, '\t').skip(1);
        let (rating, text): (f64, &str) =
            (parts.next()?.trim().parse().ok()?, parts.next()?.trim());
        let fits = (20..=160).contains(&text.len()) && rating != 0.0;
        let label = if rating > 0.0 { "positive" } else { "negative" };
        fits.then(|| Example::new(fields! { text: text, label: label }, ["text"]))
    };
    data.lines().filter_map(example).collect()
}
