//! The suite finds what it is there to find: a provider that is wrong in one way fails one case.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use meanwhile_core::{
    Capabilities, Error, ErrorKind, Event, Finish, FinishReason, Request, Result, Usage,
};
use meanwhile_http::{Auth, Codec, Decoder, Endpoint, Frame, Framing, HttpProvider, Wire, status};
use meanwhile_testkit::{Conformance, Exchange, Outcome};
use serde_json::{Value, json};

/// How the toy is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    PassesWhenCut,
    LosesSettings,
    KeepsPartsOpen,
    NeverTheSame,
    FailsAtUnknownFields,
    TellsTheKey,
    IgnoresTheStatus,
}

#[derive(Debug, Clone)]
struct Toy(Flaw);

impl Codec for Toy {
    type Decoder = ToyDecoder;

    fn encode(&self, request: &Request) -> Result<Wire> {
        let framing = if request.is_streamed() { Framing::JsonLines } else { Framing::Whole };
        let mut body = json!({ "messages": request.messages, "stream": request.is_streamed() });
        if self.0 != Flaw::LosesSettings {
            body["params"] = serde_json::to_value(&request.params).unwrap();
        }
        if self.0 == Flaw::NeverTheSame {
            static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            body["id"] = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).into();
        }
        Ok(Wire::post("/chat", body.to_string(), framing))
    }

    fn decoder(&self, _: &Request) -> ToyDecoder {
        ToyDecoder { flaw: self.0, is_open: false }
    }

    fn error(&self, code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        match self.0 {
            Flaw::IgnoresTheStatus => Error::new(ErrorKind::Other, "no"),
            _ => status::with_headers(status::error(code, body), headers),
        }
    }
}

struct ToyDecoder {
    flaw: Flaw,
    is_open: bool,
}

impl Decoder for ToyDecoder {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        let (Frame::Body(data) | Frame::Line(data)) = frame else { return Ok(()) };
        let wrong = |_| Error::new(ErrorKind::Decode, "not JSON");
        let value: Value = serde_json::from_slice(data).map_err(wrong)?;
        let Some(fields) = value.as_object() else {
            return Err(Error::new(ErrorKind::Decode, "not an object"));
        };
        let known = ["text", "stop_reason", "in", "out"];
        let strange = fields.keys().any(|name| !known.contains(&name.as_str()));
        if strange && self.flaw == Flaw::FailsAtUnknownFields {
            return Err(Error::new(ErrorKind::Decode, "a field is not known"));
        }
        if let Some(text) = value["text"].as_str() {
            if !std::mem::replace(&mut self.is_open, true) {
                events.push_back(Event::text_start(0));
            }
            events.push_back(Event::text_delta(0, text));
        }
        if let Some(reason) = value["stop_reason"].as_str() {
            let known = if reason == "end" { FinishReason::Stop } else { FinishReason::Other };
            self.finish(Finish::new(known).with_raw(reason), &value, events);
        }
        Ok(())
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        if self.flaw == Flaw::PassesWhenCut {
            self.finish(Finish::new(FinishReason::Stop), &Value::Null, events);
            return Ok(());
        }
        Err(Error::new(ErrorKind::StreamInterrupted, "no reason came"))
    }
}

impl ToyDecoder {
    fn finish(&mut self, finish: Finish, value: &Value, events: &mut VecDeque<Event>) {
        if self.is_open && self.flaw != Flaw::KeepsPartsOpen {
            events.push_back(Event::part_end(0));
        }
        if let (Some(input), Some(output)) = (value["in"].as_u64(), value["out"].as_u64()) {
            events.push_back(Event::usage(Usage::totals(input, output)));
        }
        events.push_back(Event::finish(finish));
    }
}

fn suite(flaw: Flaw) -> Conformance {
    let exchange = Exchange::new("a text")
        .whole(r#"{"text":"hello","stop_reason":"end","in":1,"out":2}"#)
        .streamed(
            "{\"text\":\"hel\"}\n{\"text\":\"lo\"}\n{\"stop_reason\":\"end\",\"in\":1,\"out\":2}\n",
        )
        .text("hello")
        .finish(FinishReason::Stop)
        .usage(1, 2);
    let suite = Conformance::new("small", move |target| {
        let endpoint = Endpoint::new(&target.base_url)?;
        // A hook of its own hides the key from the provider, which then cannot keep it secret.
        let auth = match flaw {
            Flaw::TellsTheKey => Auth::none(),
            _ => Auth::bearer(&*target.key)?,
        };
        let mut capabilities = Capabilities::none();
        capabilities.streaming = true;
        let provider = HttpProvider::new("toy", Toy(flaw), endpoint)
            .with_auth(auth)
            .with_client(target.http_client.clone())
            .with_capabilities(move |_| capabilities);
        Ok(provider.into())
    });
    suite.exchange(exchange)
}

async fn check(flaw: Flaw, expected: &[&str]) {
    let report = suite(flaw).run().await;
    let failed: Vec<&str> = report.failed().map(|case| case.name.as_str()).collect();
    assert_eq!(failed.is_empty(), expected.is_empty(), "{flaw:?}: {report}");
    for name in &failed {
        assert!(expected.iter().any(|part| name.contains(part)), "{flaw:?} fails {name}: {report}");
    }
    for part in expected {
        assert!(failed.iter().any(|name| name.contains(part)), "{flaw:?} passes {part}: {report}");
    }
}

#[tokio::test]
async fn every_flaw_is_found() {
    check(Flaw::None, &[]).await;
    check(Flaw::PassesWhenCut, &["cut short is an error"]).await;
    check(Flaw::LosesSettings, &["the setting `"]).await;
    check(Flaw::NeverTheSame, &["the same bytes"]).await;
    check(Flaw::FailsAtUnknownFields, &["unknown fields"]).await;
    check(Flaw::TellsTheKey, &["the key is never shown"]).await;
    check(
        Flaw::IgnoresTheStatus,
        &["refused, whole: 429", "refused, streamed", "refused, whole", "the wait"],
    )
    .await;
}

#[tokio::test]
async fn a_part_that_stays_open_breaks_the_grammar() {
    let report = suite(Flaw::KeepsPartsOpen).run().await;
    let broken = report.failed().find(|case| case.name.contains("keep to the grammar")).unwrap();
    let Outcome::Failed(what) = &broken.outcome else { panic!("{report}") };
    assert!(what.contains("still open"), "{what}");
}

#[tokio::test]
async fn what_is_declared_must_be_shown() {
    let suite = Conformance::new("small", |target| {
        let endpoint = Endpoint::new(&target.base_url)?;
        let provider = HttpProvider::new("toy", Toy(Flaw::None), endpoint)
            .with_client(target.http_client.clone())
            .with_capabilities(|_| Capabilities::text());
        Ok(provider.into())
    });
    let report = suite.run().await;
    let failed: Vec<String> = report.failed().map(|case| format!("{:?}", case.outcome)).collect();
    for what in ["no exchange at all", "streaming is declared", "tools are declared"] {
        assert!(failed.iter().any(|text| text.contains(what)), "{report}");
    }
}

#[tokio::test]
async fn a_case_can_be_left_out_with_a_reason() {
    let suite = suite(Flaw::NeverTheSame).except("the same request", "ids are random");
    let report = suite.run().await;
    report.assert();
    assert!(report.to_string().contains("ids are random"));
}

#[tokio::test]
#[should_panic(expected = "FAILED  the same request encodes to the same bytes")]
async fn a_failed_report_ends_the_test() {
    suite(Flaw::NeverTheSame).run().await.assert();
}
