//! Cases of refusals: what kind of error each is, how long to wait, and that no key is ever shown.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind};

use super::exchange::{Refusal, greeting};
use super::memory::Canned;
use super::seen::see;
use super::{Conformance, KEY, Report};

const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>zz-page</body></html>";

/// Longer than any error needs to show.
const SHOWN: usize = 4096;

pub(super) async fn run(suite: &Conformance, report: &mut Report) {
    for refusal in usual().iter().chain(&suite.refusals) {
        for streamed in [false, true] {
            let delivery = if streamed { "streamed" } else { "whole" };
            let name = format!("refused, {delivery}: {}", refusal.name);
            report.case(name, refused(suite, refusal, streamed)).await;
        }
    }
    report.case("the wait that a server asks for is kept", waits(suite)).await;
    report.case("an HTML page in the place of an answer is an error", page(suite)).await;
    report.case("the body of an error is bounded", bounded(suite)).await;
    report.case("the key is never shown", secret(suite)).await;
}

/// What no vendor has a code for.
fn usual() -> Vec<Refusal> {
    let plain = |status, kind| Refusal::new(status, r#"{"error":{"message":"no"}}"#, kind);
    vec![
        plain(401, ErrorKind::Authentication),
        plain(404, ErrorKind::NotFound).or(ErrorKind::ModelNotFound).named("404 is not found"),
        plain(429, ErrorKind::RateLimit),
        plain(500, ErrorKind::Server),
        Refusal::new(502, PAGE, ErrorKind::Server)
            .header("content-type", "text/html")
            .named("a page of a gateway is a server error"),
        Refusal::new(500, "", ErrorKind::Server).named("no body at all is a server error"),
        Refusal::new(503, "{\"a", ErrorKind::Overloaded).named("half a body is told by its status"),
        Refusal::new(401, "[1, null]", ErrorKind::Authentication)
            .named("a strange body is told by its status"),
    ]
}

async fn refused(suite: &Conformance, refusal: &Refusal, streamed: bool) -> Result<(), String> {
    let error = failure(suite, refusal, streamed).await?;
    if !refusal.kinds.contains(&error.kind()) {
        return Err(format!("it is a {}: {error}", error.kind()));
    }
    if error.status() != Some(refusal.status) {
        return Err(format!("the status is {:?}", error.status()));
    }
    if error.provider().is_none() || error.model() != Some(&suite.model) {
        return Err(format!("the provider or the model is not named: {error}"));
    }
    if error.message().contains("<html") {
        return Err(format!("the message is a page: {error}"));
    }
    if error.partial().is_some() {
        return Err("something had arrived before the refusal".to_owned());
    }
    Ok(())
}

async fn waits(suite: &Conformance) -> Result<(), String> {
    let refusal = Refusal::new(429, r#"{"error":{"message":"slow down"}}"#, ErrorKind::RateLimit);
    let error = failure(suite, &refusal.header("retry-after", "7"), false).await?;
    if error.retry_after() != Some(Duration::from_secs(7)) {
        return Err(format!("a wait of 7 s became {:?}", error.retry_after()));
    }
    if error.is_retryable() { Ok(()) } else { Err("it is not worth another try".to_owned()) }
}

async fn page(suite: &Conformance) -> Result<(), String> {
    let page = Refusal::new(200, PAGE, ErrorKind::Decode).header("content-type", "text/html");
    for streamed in [false, true] {
        let error = failure(suite, &page, streamed).await?;
        if error.kind() != ErrorKind::Decode || error.message().contains("zz-page") {
            return Err(format!("it is {error}"));
        }
    }
    Ok(())
}

async fn bounded(suite: &Conformance) -> Result<(), String> {
    let long = "x".repeat(1 << 20);
    let bodies = [long.clone(), format!(r#"{{"error":{{"message":"{long}"}}}}"#)];
    for body in bodies {
        let error =
            failure(suite, &Refusal::new(400, body, ErrorKind::InvalidRequest), false).await?;
        let length = error.body().map_or(0, str::len);
        if length > SHOWN {
            return Err(format!("{length} bytes of it are kept"));
        }
    }
    Ok(())
}

/// The key must be in no error, whatever repeats it, and not in the provider's own text.
async fn secret(suite: &Conformance) -> Result<(), String> {
    let (provider, _) = suite.in_memory()?;
    if format!("{provider:?}").contains(KEY) {
        return Err("the provider prints it".to_owned());
    }
    let echo = format!("your key Bearer {KEY} is wrong");
    let bodies = [
        echo.clone(),
        format!(
            r#"{{"error":{{"message":"{echo}","type":"{KEY}","code":"{KEY}","param":"{KEY}"}}}}"#
        ),
        format!(r#"{{"error":"{echo}","message":"{echo}","detail":"{echo}"}}"#),
        format!("<html><title>{KEY}</title></html>"),
    ];
    for body in bodies {
        for status in [200, 400, 401, 500] {
            for streamed in [false, true] {
                let refusal = Refusal::new(status, body.clone(), ErrorKind::Other)
                    .header("x-request-id", KEY);
                // A body that is no refusal may pass for an empty answer.
                let Ok(error) = failure(suite, &refusal, streamed).await else { continue };
                shows_no_key(&error).map_err(|what| format!("status {status}: {what}"))?;
            }
        }
    }
    Ok(())
}

fn shows_no_key(error: &Error) -> Result<(), String> {
    let mut texts = vec![format!("{error}"), format!("{error:?}")];
    let mut source = error.source();
    while let Some(inner) = source {
        texts.push(format!("{inner} {inner:?}"));
        source = inner.source();
    }
    match texts.into_iter().find(|text| text.contains(KEY)) {
        Some(text) => Err(text.replace(KEY, "(the key)")),
        None => Ok(()),
    }
}

/// The error that `refusal` becomes.
async fn failure(suite: &Conformance, refusal: &Refusal, streamed: bool) -> Result<Error, String> {
    let (provider, memory) = suite.in_memory()?;
    let Refusal { status, headers, body, .. } = refusal;
    let chunks: Vec<Bytes> = vec![body.clone()];
    memory.answer(Canned { status: *status, headers: headers.clone(), chunks });
    let request = greeting(&suite.model);
    let seen = see(&provider, if streamed { request.streamed() } else { request }).await;
    seen.error.ok_or_else(|| format!("it passed for an answer: {:?}", seen.events))
}
