//! `meanwhile-replay --corpus DIR [--provider P] --json OUT`: see the library.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use meanwhile_replay::{Corpus, Summary, replay, replay_once, table};

/// Plays recorded provider traffic through the codecs.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder of the recordings.
    #[arg(long)]
    corpus: PathBuf,
    /// Only the recordings of this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Where to write one JSON line for each exchange.
    #[arg(long)]
    json: PathBuf,
    /// Decode each body once, without trying other pieces of it and early ends.
    #[arg(long)]
    once: bool,
    /// Where to write the table of what the recordings prove.
    #[arg(long)]
    table: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let corpus = Corpus::open(&arguments.corpus, arguments.provider.as_deref())?;
    let records = if arguments.once { replay_once(&corpus) } else { replay(&corpus) };
    let file = File::create(&arguments.json)
        .with_context(|| format!("cannot write {}", arguments.json.display()))?;
    let mut out = BufWriter::new(file);
    for record in &records {
        serde_json::to_writer(&mut out, record)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    if let Some(path) = &arguments.table {
        std::fs::write(path, table(&corpus, &records)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let summary = Summary::of(&records);
    eprint!("{summary}");
    Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
