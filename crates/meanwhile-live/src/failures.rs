//! Errors: each must be of the right kind, and say who failed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meanwhile::prelude::*;
use meanwhile::provider::openai_compatible::{OpenAiCompatible, presets};
use meanwhile::{TimeoutPhase, Timeouts};
use meanwhile_core::Provider as _;

use crate::report::Report;
use crate::servers::{Servers, Target};

/// What needs no model: nobody at the address, and a server that is out of capacity.
pub(crate) async fn check(report: &mut Report, servers: &Servers) -> Result<()> {
    let silent = OpenAiCompatible::builder("silent", "http://127.0.0.1:9/v1").build()?;
    report
        .check("openai-compatible", "nobody listens", async {
            expect(&Model::of(silent, "any"), &[ErrorKind::Connection]).await
        })
        .await;
    let litellm = presets::LITELLM.builder().base_url(format!("{}/v1", servers.litellm));
    let litellm = litellm.api_key(&*servers.key).build()?;
    report
        .check("litellm @ litellm", "too many requests", async {
            expect(&Model::of(litellm, servers.busy.as_str()), &[ErrorKind::RateLimit]).await
        })
        .await;
    Ok(())
}

pub(crate) async fn unknown_model(target: &Target) -> Result<String> {
    let model = Model::of(target.provider.clone(), "no-such-model");
    expect(&model, &[ErrorKind::ModelNotFound]).await
}

pub(crate) async fn wrong_key(target: &Target, stranger: &AnyProvider) -> Result<String> {
    let model = Model::of(stranger.clone(), target.chat().id);
    expect(&model, &[ErrorKind::Authentication]).await
}

pub(crate) async fn too_long(target: &Target) -> Result<String> {
    let prompt = "over and over ".repeat(4000);
    let call = target.chat().call::<Response>(prompt);
    let error = call.await.err().context("it was answered")?;
    ensure!(error.kind() == ErrorKind::ContextLength, "{error:?}");
    Ok(shown(&error))
}

pub(crate) async fn clock(target: &Target) -> Result<String> {
    let limit = Timeouts::default().first_event(Duration::from_millis(1));
    let call = target.chat().call::<Response>("Write a story about a fox.").timeouts(limit);
    let outcome = match call.stream().await {
        Ok(stream) => stream.finish().await,
        Err(error) => Err(error),
    };
    let error = outcome.err().context("it was answered")?;
    ensure!(error.kind() == ErrorKind::Timeout(TimeoutPhase::FirstEvent), "{error:?}");
    Ok(shown(&error))
}

/// Asks both ways, and wants an error of one of these kinds.
async fn expect(model: &Model, kinds: &[ErrorKind]) -> Result<String> {
    let mut last = String::new();
    for streamed in [false, true] {
        let call = model.call::<Response>("Say hello.").max_tokens(4);
        let outcome = match streamed {
            false => call.await,
            true => match call.stream().await {
                Ok(stream) => stream.finish().await,
                Err(error) => Err(error),
            },
        };
        let error = outcome.err().context("it was answered")?;
        ensure!(kinds.contains(&error.kind()), "streamed {streamed}: {error:?}");
        let (named, asked) = (error.provider(), model.provider.id());
        ensure!(named == Some(asked), "the error names {named:?} instead of {asked}");
        last = shown(&error);
    }
    Ok(last)
}

fn shown(error: &Error) -> String {
    let status = error.status().map_or_else(|| "no status".to_owned(), |status| status.to_string());
    format!("{}, {status}", error.kind())
}
