//! `meanwhile-live --llama-server URL --litellm URL --key KEY`: asks real servers through our
//! providers and prints a line a check. `cargo xtask live` starts the servers; see `docs/live.md`.

mod beside;
mod chat;
mod failures;
mod report;
mod servers;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use report::Report;
use servers::{Servers, Serves, Target};

/// Asks real servers through our providers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    servers: Servers,
    /// Only checks whose line holds this text
    #[arg(long)]
    filter: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let servers = &arguments.servers;
    let mut report = Report::new(arguments.filter);
    for target in servers.targets()? {
        check(&mut report, &target).await;
    }
    beside::check(&mut report, servers).await?;
    failures::check(&mut report, servers).await?;
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that one provider is asked at one server.
async fn check(report: &mut Report, target: &Target) {
    let of = target.name;
    report.check(of, "a whole answer", chat::whole(target)).await;
    report.check(of, "a streamed answer", chat::streamed(target)).await;
    if target.serves(Serves::Cut) {
        report.check(of, "an answer cut at the token limit", chat::cut(target)).await;
    }
    report.check(of, "a conversation of several turns", chat::conversation(target)).await;
    if target.serves(Serves::Forced) {
        report.check(of, "text of many scripts, whole", chat::scripts(target, false)).await;
        report.check(of, "text of many scripts, streamed", chat::scripts(target, true)).await;
        report.check(of, "a stop sequence", chat::stop(target)).await;
        report.check(of, "four calls at once, none mixed up", chat::at_once(target)).await;
    }
    if target.serves(Serves::Schema) {
        report.check(of, "a typed value, whole", chat::value(target, false)).await;
        report.check(of, "a typed value, streamed", chat::value(target, true)).await;
    }
    if target.serves(Serves::Logprobs) {
        report.check(of, "logprobs", chat::logprobs(target)).await;
    }
    if target.serves(Serves::Tools) {
        report.check(of, "a tool call, whole", tools::call(target, false)).await;
        report.check(of, "a tool call, streamed", tools::call(target, true)).await;
        report.check(of, "a tool's result goes back", tools::result(target)).await;
    }
    if target.serves(Serves::UnknownModel) {
        report.check(of, "an unknown model", failures::unknown_model(target)).await;
    }
    if let Some(stranger) = &target.stranger {
        report.check(of, "a wrong key", failures::wrong_key(target, stranger)).await;
    }
    if target.serves(Serves::Limits) {
        report.check(of, "a prompt that is too long", failures::too_long(target)).await;
        report.check(of, "a dropped stream frees the server", chat::dropped(target)).await;
        report.check(of, "the clock of the first event", failures::clock(target)).await;
    }
}
