//! Cases over real sockets: connections that are closed, cut, slow or led astray.

use std::time::Duration;

use bytes::Bytes;
use meanwhile_core::{AnyProvider, ErrorKind, Provider as _, Request, TimeoutPhase, Timeouts};
use meanwhile_http::Client;

use super::exchange::Body;
use super::report::Verdict;
use super::seen::see;
use super::{Conformance, KEY, Report};
use crate::{Reply, Server};

/// How long a close may take to be seen.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn run(suite: &Conformance, report: &mut Report) {
    report.case("a dropped call closes its connection", dropped_call(suite)).await;
    report.case("a redirect is not followed", redirect(suite)).await;
    report.case("what is not HTTP is an error", garbage(suite)).await;
    report.case("nobody there is a connection error", nobody(suite)).await;
    report.case("a long silence is a timeout", silence(suite)).await;
    for streamed in [false, true] {
        let delivery = if streamed { "streamed" } else { "whole" };
        let name = |what: &str| format!("{delivery}: {what}");
        let Some(question) = Question::of(suite, streamed) else {
            let why = Verdict::Skipped("no exchange has such an answer".to_owned());
            report.add(name("over a socket"), why);
            continue;
        };
        report.case(name("a cut connection is an error"), question.cut()).await;
        report.case(name("one byte at a time"), question.slowly()).await;
        report.case(name("10 MB of nothing are survived"), question.padded()).await;
        report.case(name("a connection is used again"), question.again()).await;
        if streamed {
            report.case(name("a dropped stream closes its connection"), question.dropped()).await;
            report.case(name("a silent stream is a timeout"), question.silent()).await;
        }
    }
}

fn client() -> Result<Client, String> {
    // One of its own: connections belong to the runtime of the test.
    Client::builder().no_proxy().build().map_err(|error| error.to_string())
}

async fn start(reply: Reply) -> Result<Server, String> {
    Server::replies([reply]).await.map_err(|error| error.to_string())
}

fn connect(suite: &Conformance, server: &Server) -> Result<AnyProvider, String> {
    suite.connect(&server.url(), client()?)
}

fn greeting(suite: &Conformance, streamed: bool) -> Request {
    let request = super::exchange::greeting(&suite.model);
    if streamed { request.streamed() } else { request }
}

async fn dropped_call(suite: &Conformance) -> Result<(), String> {
    for streamed in [false, true] {
        let server = start(Reply::silence()).await?;
        let provider = connect(suite, &server)?;
        let call = provider.send(greeting(suite, streamed));
        if tokio::time::timeout(Duration::from_millis(150), call).await.is_ok() {
            return Err("it did not wait for the answer".to_owned());
        }
        if server.received().is_empty() {
            return Err("no request arrived".to_owned());
        }
        if !server.closed(SOON).await {
            return Err("the connection stayed open".to_owned());
        }
    }
    Ok(())
}

async fn redirect(suite: &Conformance) -> Result<(), String> {
    let elsewhere = start(Reply::new(500)).await?;
    let server = start(Reply::redirect(&format!("{}/elsewhere", elsewhere.url()))).await?;
    let provider = connect(suite, &server)?;
    let seen = see(&provider, greeting(suite, false)).await;
    if elsewhere.connections() > 0 {
        return Err("it was followed, and the key went along".to_owned());
    }
    match seen.error {
        Some(error) if error.status() == Some(307) => Ok(()),
        Some(error) => Err(format!("it is {error}")),
        None => Err("it passed for an answer".to_owned()),
    }
}

async fn garbage(suite: &Conformance) -> Result<(), String> {
    let server = start(Reply::garbage()).await?;
    let provider = connect(suite, &server)?;
    let error = see(&provider, greeting(suite, false)).await.error;
    let error = error.ok_or("it passed for an answer")?;
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Decode => Ok(()),
        kind => Err(format!("it is a {kind}: {error}")),
    }
}

async fn nobody(suite: &Conformance) -> Result<(), String> {
    let server = start(Reply::new(500)).await?;
    let provider = connect(suite, &server)?;
    drop(server);
    tokio::task::yield_now().await;
    let error = see(&provider, greeting(suite, false)).await.error;
    let error = error.ok_or("it passed for an answer")?;
    if error.kind() != ErrorKind::Connection || !error.is_retryable() {
        return Err(format!("it is a {}: {error}", error.kind()));
    }
    if format!("{error:?}").contains(KEY) { Err("it shows the key".to_owned()) } else { Ok(()) }
}

async fn silence(suite: &Conformance) -> Result<(), String> {
    let server = start(Reply::silence()).await?;
    let provider = connect(suite, &server)?;
    let mut request = greeting(suite, false);
    request.timeouts = Timeouts::default().first_event(Duration::from_millis(100));
    match see(&provider, request).await.error.map(|error| error.kind()) {
        Some(ErrorKind::Timeout(TimeoutPhase::FirstEvent)) => Ok(()),
        other => Err(format!("it is {other:?}")),
    }
}

/// A request, and the answer to it.
struct Question<'a> {
    suite: &'a Conformance,
    request: Request,
    body: &'a Body,
}

impl<'a> Question<'a> {
    fn of(suite: &'a Conformance, streamed: bool) -> Option<Self> {
        let exchange = suite.first(streamed)?;
        let request = exchange.ask(&suite.model, streamed);
        Some(Self { suite, request, body: exchange.answer(streamed)? })
    }

    fn reply(&self) -> Reply {
        Reply::new(200).header("content-type", &self.body.content_type)
    }

    fn half(&self) -> Bytes {
        self.body.bytes.slice(..self.body.bytes.len() / 2)
    }

    async fn cut(&self) -> Result<(), String> {
        for at in [0, 1, self.body.bytes.len() / 2, self.body.bytes.len() - 1] {
            let server = start(self.reply().piece(self.body.bytes.slice(..at)).cut()).await?;
            let provider = connect(self.suite, &server)?;
            let seen = see(&provider, self.request.clone()).await;
            seen.grammar(false)?;
            match &seen.error {
                Some(error) if error.kind() == ErrorKind::StreamInterrupted => {}
                Some(error) => return Err(format!("cut at byte {at}, it is {error}")),
                // The terminator may have come already.
                None if at + 1 == self.body.bytes.len() => {}
                None => return Err(format!("cut at byte {at}, it passed for an answer")),
            }
        }
        Ok(())
    }

    async fn slowly(&self) -> Result<(), String> {
        let plain = start(self.reply().piece(self.body.bytes.clone())).await?;
        let expected = see(&connect(self.suite, &plain)?, self.request.clone()).await.said()?;
        let slow = start(self.reply().slowly(self.body.bytes.clone(), Duration::ZERO)).await?;
        let said = see(&connect(self.suite, &slow)?, self.request.clone()).await.said()?;
        expected.same(&said, "the answer changed")
    }

    /// White space in front of a whole answer, or a body of blanks where a stream should be.
    async fn padded(&self) -> Result<(), String> {
        let padding = Bytes::from(vec![b' '; 10 << 20]);
        let server = start(self.reply().piece(padding).piece(self.half()).cut()).await?;
        let provider = connect(self.suite, &server)?;
        let seen = see(&provider, self.request.clone()).await;
        seen.grammar(false)?;
        match seen.error {
            Some(_) => Ok(()),
            None => Err("half an answer passed for a whole one".to_owned()),
        }
    }

    async fn again(&self) -> Result<(), String> {
        let server = start(self.reply().piece(self.body.bytes.clone())).await?;
        let provider = connect(self.suite, &server)?;
        for _ in 0..3 {
            see(&provider, self.request.clone()).await.response()?;
        }
        match server.connections() {
            1 => Ok(()),
            other => Err(format!("three calls took {other} connections")),
        }
    }

    async fn dropped(&self) -> Result<(), String> {
        let server = start(self.reply().piece(self.half()).hang()).await?;
        let provider = connect(self.suite, &server)?;
        for read in [0, 1] {
            let sent = provider.send(self.request.clone()).await;
            let mut stream = sent.map_err(|error| error.to_string())?;
            for _ in 0..read {
                if let Some(Err(error)) = stream.next().await {
                    return Err(format!("half an answer is {error}"));
                }
            }
            drop(stream);
            if !server.closed(SOON).await {
                return Err(format!("the connection stayed open after {read} events"));
            }
        }
        Ok(())
    }

    async fn silent(&self) -> Result<(), String> {
        let server = start(self.reply().piece(self.half()).hang()).await?;
        let provider = connect(self.suite, &server)?;
        let mut request = self.request.clone();
        let limit = Duration::from_millis(200);
        request.timeouts = Timeouts::default().idle(limit).first_event(limit);
        let seen = see(&provider, request).await;
        match seen.error.map(|error| error.kind()) {
            Some(ErrorKind::Timeout(TimeoutPhase::Idle | TimeoutPhase::FirstEvent)) => Ok(()),
            other => Err(format!("it is {other:?}")),
        }
    }
}
