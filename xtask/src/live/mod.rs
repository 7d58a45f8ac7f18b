//! `cargo xtask live`: starts real servers on this machine and asks them through our providers.
//!
//! What is installed and built is kept in the cache folder ([`install`]); what is started is stopped
//! again, whatever the checks say ([`server`]). The checks themselves are in `meanwhile-live`, since
//! xtask links none of our crates. See `docs/live.md`.

mod install;
mod server;
mod telemetry;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::run::{cargo, root, run};
use install::Installed;
use server::Server;

/// What is checked.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these
    #[arg(value_enum)]
    lane: Option<Lane>,
    /// Of the providers, only the checks whose line holds this text
    #[arg(long)]
    filter: Option<String>,
    /// Only install and build what is missing, and start nothing
    #[arg(long)]
    prepare: bool,
}

/// What is asked at real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Lane {
    /// The providers, at llama-server and LiteLLM
    Providers,
    /// The OpenTelemetry observer, at Phoenix
    Telemetry,
}

/// The key that the servers are started with: something to be wrong about, and no secret.
const KEY: &str = "a-key-for-this-machine";

/// Installs what is missing, starts the servers, checks, and stops the servers.
pub(crate) fn live(arguments: &Arguments) -> Result<()> {
    if arguments.lane != Some(Lane::Telemetry) {
        providers(arguments)?;
    }
    // Whoever picks out some checks of the providers does not want this one.
    let picked = arguments.lane.is_none() && arguments.filter.is_some();
    if arguments.lane != Some(Lane::Providers) && !picked {
        telemetry::check(arguments.prepare)?;
    }
    Ok(())
}

fn providers(arguments: &Arguments) -> Result<()> {
    let installed = Installed::ensure()?;
    // Before the servers are started: compiling would take their time.
    run(&mut cargo(&["build", "--package", "meanwhile-live"]))?;
    if arguments.prepare {
        return Ok(());
    }
    let folder = folder()?;

    let models = folder.join("models.ini");
    fs::write(&models, router(&installed)?)?;
    let mut command = installed.llama_server();
    command.arg("--models-preset").arg(&models).args(["--no-ui", "--api-key", KEY]);
    let llama = Server::start("llama-server", "/health", command, &folder)?;

    let proxy = folder.join("litellm.yaml");
    fs::write(&proxy, proxied(&llama.url()))?;
    let mut command = installed.litellm();
    command.arg("--config").arg(&proxy);
    let litellm = Server::start("litellm", "/health/liveliness", command, &folder)?;

    let mut checks = cargo(&["run", "--quiet", "--package", "meanwhile-live", "--"]);
    checks.args(["--llama-server", &llama.url(), "--litellm", &litellm.url(), "--key", KEY]);
    if let Some(filter) = &arguments.filter {
        checks.args(["--filter", filter]);
    }
    told(run(&mut checks))
}

/// The folder for what the servers write.
fn folder() -> Result<PathBuf> {
    let folder = root().join("target/live");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Says where to look when checks failed.
fn told(outcome: Result<()>) -> Result<()> {
    if outcome.is_err() {
        eprintln!("what the servers wrote is in target/live");
    }
    outcome
}

/// The models of llama-server: one file, three ways to serve it.
///
/// With the template for tools the model can do nothing but call them; without it, it cannot call
/// them. One thread each: more would only disturb each other on a busy machine.
fn router(installed: &Installed) -> Result<String> {
    let weights = plain(&installed.weights)?;
    let template = plain(&installed.template)?;
    Ok(format!(
        "version = 1\n\
         [*]\nthreads = 1\nctx-size = 8192\nparallel = 1\njinja = true\n\
         [chat]\nmodel = {weights}\n\
         [tools]\nmodel = {weights}\nchat-template-file = {template}\n\
         [embed]\nmodel = {weights}\nembeddings = true\npooling = mean\nctx-size = 2048\n"
    ))
}

/// A path as the file of settings takes it.
fn plain(path: &std::path::Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not Unicode", path.display()))
}

/// The settings of the proxy: the models of llama-server, and one that is always busy.
fn proxied(llama: &str) -> String {
    let model = |name: &str| {
        // With `openai/` in front, some wires would take a detour that changes their answers.
        format!(
            "  - model_name: {name}\n    litellm_params:\n      model: hosted_vllm/{name}\n      \
             api_base: {llama}/v1\n      api_key: {KEY}\n"
        )
    };
    format!(
        "model_list:\n{}{}{}  - model_name: busy\n    litellm_params:\n      \
         model: hosted_vllm/chat\n      api_base: {llama}/v1\n      api_key: {KEY}\n      \
         mock_response: litellm.RateLimitError\n\
         litellm_settings:\n  drop_params: true\n  telemetry: false\n  num_retries: 0\n\
         router_settings:\n  num_retries: 0\n  disable_cooldowns: true\n\
         general_settings:\n  master_key: {KEY}\n",
        model("chat"),
        model("tools"),
        model("embed"),
    )
}
