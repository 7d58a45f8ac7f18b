//! Cases of answers, in memory: the grammar of events, what they say, and bodies in every shape.

use bytes::Bytes;
use meanwhile_core::{AnyProvider, Capabilities, ErrorKind, FinishReason};

use super::exchange::{Body, Exchange};
use super::memory::{Canned, Memory};
use super::report::Verdict;
use super::seen::{Seen, see};
use super::{Conformance, Report, mutate};

/// Most places at which a body is cut; a longer body is cut at every second byte, or third.
const CUTS: usize = 4096;

pub(super) async fn run(suite: &Conformance, capabilities: Capabilities, report: &mut Report) {
    for missing in suite.missing(capabilities) {
        report.add("what is declared is shown", Verdict::Failed(missing.to_owned()));
    }
    for exchange in &suite.exchanges {
        for streamed in [false, true] {
            if let Some(body) = exchange.answer(streamed) {
                let play = Play::new(suite, exchange, body, streamed);
                play.run(report).await;
            }
        }
        let name = format!("{}: whole and streamed say the same", exchange.name);
        match (exchange.answer(false), exchange.answer(true)) {
            (Some(whole), Some(streamed)) => {
                report.case(name, whole_equals_streamed(suite, exchange, whole, streamed)).await;
            }
            _ => report.add(name, Verdict::Skipped("it is not given in both forms".to_owned())),
        }
    }
}

/// One answer of one exchange.
struct Play<'a> {
    suite: &'a Conformance,
    exchange: &'a Exchange,
    body: &'a Body,
    streamed: bool,
}

impl<'a> Play<'a> {
    fn new(suite: &'a Conformance, exchange: &'a Exchange, body: &'a Body, streamed: bool) -> Self {
        Self { suite, exchange, body, streamed }
    }

    async fn run(&self, report: &mut Report) {
        let delivery = if self.streamed { "streamed" } else { "whole" };
        let name = |what: &str| format!("{}, {delivery}: {what}", self.exchange.name);
        report.case(name("the events keep to the grammar"), self.grammar()).await;
        report.case(name("it says what is expected"), self.expected()).await;
        report.case(name("the deltas equal the finals"), self.finals()).await;
        report.case(name("split at every byte"), self.split()).await;
        report.case(name("cut short is an error"), self.cut()).await;
        let events = mutate::more_events(&self.body.bytes).filter(|_| self.streamed);
        let unchanged = [
            ("unknown fields are tolerated", mutate::more_fields(&self.body.bytes)),
            ("unknown events are tolerated", events),
            ("comments are tolerated", mutate::keep_alives(&self.body.bytes)),
        ];
        for (what, body) in unchanged {
            match body {
                Some(body) => report.case(name(what), self.unchanged_by(body)).await,
                None => report.add(name(what), not_this_body()),
            }
        }
        let what = name("an unknown finish reason is tolerated");
        match mutate::unknown_finish(&self.body.bytes) {
            Some(body) => report.case(what, self.unknown_finish(body)).await,
            None => report.add(what, not_this_body()),
        }
        report.case(name("garbage is an error"), self.garbage()).await;
    }

    fn provider(&self) -> Result<(AnyProvider, Memory), String> {
        self.suite.in_memory()
    }

    /// Plays the body in these chunks.
    async fn play(&self, to: &(AnyProvider, Memory), chunks: Vec<Bytes>) -> Seen {
        to.1.answer(Canned::ok(&self.body.content_type, chunks));
        let seen = see(&to.0, self.exchange.ask(&self.suite.model, self.streamed)).await;
        // There may be thousands.
        to.1.take();
        seen
    }

    async fn plain(&self) -> Result<Seen, String> {
        Ok(self.play(&self.provider()?, vec![self.body.bytes.clone()]).await)
    }

    async fn grammar(&self) -> Result<(), String> {
        self.plain().await?.response().map(drop)
    }

    async fn expected(&self) -> Result<(), String> {
        self.plain().await?.said()?.check(&self.exchange.expected)
    }

    async fn finals(&self) -> Result<(), String> {
        self.plain().await?.deltas_equal_finals()
    }

    /// Places inside the body, the first and last bytes included.
    fn cuts(&self) -> impl Iterator<Item = usize> + use<> {
        let length = self.body.bytes.len();
        (1..length).step_by(length / CUTS + 1)
    }

    async fn split(&self) -> Result<(), String> {
        let provider = self.provider()?;
        let whole = self.play(&provider, vec![self.body.bytes.clone()]).await;
        whole.response()?;
        let bytes = &self.body.bytes;
        for at in self.cuts() {
            let seen = self.play(&provider, vec![bytes.slice(..at), bytes.slice(at..)]).await;
            if seen.events != whole.events || seen.error.is_some() {
                return Err(format!("split at byte {at}, it is {seen:?}, not {whole:?}"));
            }
        }
        let single = (0..bytes.len()).map(|at| bytes.slice(at..at + 1)).collect();
        let seen = self.play(&provider, single).await;
        if seen.events != whole.events || seen.error.is_some() {
            return Err(format!("byte by byte, it is {seen:?}, not {whole:?}"));
        }
        Ok(())
    }

    async fn cut(&self) -> Result<(), String> {
        let provider = self.provider()?;
        let whole = self.play(&provider, vec![self.body.bytes.clone()]).await.said()?;
        for at in self.cuts() {
            let seen = self.play(&provider, vec![self.body.bytes.slice(..at)]).await;
            match &seen.error {
                // Behind the reason of the finish there are counters and padding at most.
                None => {
                    whole.same_but_usage(&seen.said()?, &format!("cut at byte {at}, it passed"))?;
                }
                Some(error) => {
                    seen.grammar(false)?;
                    let fine = [ErrorKind::StreamInterrupted, ErrorKind::Decode];
                    if !fine.contains(&error.kind()) {
                        return Err(format!("cut at byte {at}, it is a {}: {error}", error.kind()));
                    }
                }
            }
        }
        Ok(())
    }

    async fn unchanged_by(&self, body: Bytes) -> Result<(), String> {
        let provider = self.provider()?;
        let expected = self.play(&provider, vec![self.body.bytes.clone()]).await.said()?;
        let said = self.play(&provider, vec![body]).await.said()?;
        if said.holds_unknown() {
            return Err("what is unknown was taken for a text".to_owned());
        }
        expected.same(&said, "the answer changed")
    }

    async fn unknown_finish(&self, body: Bytes) -> Result<(), String> {
        let provider = self.provider()?;
        let expected = self.play(&provider, vec![self.body.bytes.clone()]).await.said()?;
        let response = self.play(&provider, vec![body]).await.response()?;
        let finish = response.finish.as_ref();
        let reason = finish.map(|finish| finish.reason);
        // Tool calls say themselves what the model waits for.
        if !matches!(reason, Some(FinishReason::Other | FinishReason::ToolCalls)) {
            return Err(format!("an unknown reason became {reason:?}"));
        }
        if finish.and_then(|finish| finish.raw.as_deref()) != Some(mutate::UNKNOWN) {
            return Err(format!("the unknown reason is not kept: {finish:?}"));
        }
        let said = super::seen::Said::of(&response)?.without_finish();
        expected.without_finish().same(&said, "the answer changed")
    }

    async fn garbage(&self) -> Result<(), String> {
        let provider = self.provider()?;
        let half = self.body.bytes.slice(..self.body.bytes.len() / 2);
        let bodies: [&[u8]; 6] = [
            b"",
            b"null",
            b"\"text\"",
            b"{\"a\": [",
            b"\xff\xfe\x00\x01\x02\x03garbage\r\n\r\n",
            b"data: {]\n\n",
        ];
        for garbage in bodies {
            let seen = self.play(&provider, vec![Bytes::from_static(garbage)]).await;
            let shown = String::from_utf8_lossy(garbage);
            if seen.error.is_none() {
                return Err(format!("{shown:?} passed for an answer: {seen:?}"));
            }
            let seen = self.play(&provider, vec![half.clone(), Bytes::from_static(garbage)]).await;
            if seen.error.is_none() && !garbage.is_empty() {
                // A cut in the padding behind the end leaves a whole answer.
                seen.response()?;
            }
            seen.grammar(false)?;
        }
        Ok(())
    }
}

fn not_this_body() -> Verdict {
    Verdict::Skipped("this body has no place for it".to_owned())
}

async fn whole_equals_streamed(
    suite: &Conformance,
    exchange: &Exchange,
    whole: &Body,
    streamed: &Body,
) -> Result<(), String> {
    let whole = Play::new(suite, exchange, whole, false).plain().await?.said()?;
    let streamed = Play::new(suite, exchange, streamed, true).plain().await?.said()?;
    whole.same(&streamed, "the whole answer")
}
