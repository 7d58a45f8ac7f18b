//! Answers: whole and streamed, cut, held to schemas, several at once, and dropped halfway.
//!
//! The model is too small to be asked for facts. Where the words matter, a schema leaves it no
//! choice of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use meanwhile::futures_util::future::try_join_all;
use meanwhile::prelude::*;
use meanwhile::{FinishReason, Model, OutputFormat, OutputSchema, Schema, Usage};
use meanwhile_core::{Provider as _, Request, ResponseStream};
use serde_json::json;

use crate::servers::{Serves, Target};

/// What the model is made to say: signs of one to four bytes, and those that JSON escapes.
const SENTENCE: &str = "Zwölf Boxkämpfer – 東京, naïve 🦊 \"quoted\" \\ back, 1/3 & <b>.";

/// A value without free text, which a small model could not bring to an end.
#[derive(Debug, Extract, Deserialize, JsonSchema)]
struct Order {
    /// How large the pieces are.
    size: Size,
    /// Whether it is urgent.
    express: bool,
    /// A word on the parcel, where there is one.
    label: Option<Size>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Medium,
    Large,
}

pub(crate) async fn whole(target: &Target) -> Result<String> {
    let response: Response = target.chat().call("Say hello to Ada.").await?;
    complete(&response, true)?;
    Ok(seen(&response))
}

pub(crate) async fn streamed(target: &Target) -> Result<String> {
    let mut stream =
        target.chat().call::<Response>("Count from one to twenty in words.").stream().await?;
    let (mut deltas, mut text) = (0, String::new());
    while let Some(event) = stream.next().await {
        if let Event::TextDelta { text: more, .. } = event? {
            deltas += 1;
            text += &more;
        }
    }
    let response = stream.finish().await?;
    complete(&response, target.serves(Serves::StreamedUsage))?;
    ensure!(deltas > 1, "the answer came in {deltas} piece");
    ensure!(text == response.text(), "the pieces and the answer differ");
    Ok(format!("{deltas} pieces, {}", seen(&response)))
}

pub(crate) async fn cut(target: &Target) -> Result<String> {
    let prompt = "Write a long story about a fox and a crow.";
    let mut seen = Vec::new();
    for streamed in [false, true] {
        let call = target.chat().call::<Response>(prompt).max_tokens(8);
        let response = if streamed { call.stream().await?.finish().await? } else { call.await? };
        let reason = response.finish_reason();
        ensure!(reason == Some(FinishReason::Length), "the finish is {:?}", response.finish);
        ensure!(response.usage.output.total.is_none_or(|total| total <= 9), "it went on");
        seen.push(counts(&response.usage));
    }
    Ok(seen.join("; "))
}

pub(crate) async fn conversation(target: &Target) -> Result<String> {
    let first = [Message::system("You are short."), Message::user("Say a colour.")];
    let answer: Response = target.chat().call(Vec::from(first.clone())).max_tokens(8).await?;
    let mut messages = Vec::from(first);
    messages.push(answer.message.clone());
    messages.push(Message::user("Say another one."));
    let second: Response = target.chat().call(messages).max_tokens(8).await?;
    complete(&second, true)?;
    let (before, after) = (answer.usage.input.total, second.usage.input.total);
    ensure!(after > before, "the longer prompt has {after:?} tokens, the shorter {before:?}");
    Ok(format!("{} then {} tokens in", before.unwrap_or(0), after.unwrap_or(0)))
}

pub(crate) async fn scripts(target: &Target, streamed: bool) -> Result<String> {
    let response = answer(target, forced(target, SENTENCE, streamed)).await?;
    let said = said(&response)?;
    ensure!(said == SENTENCE, "it said {said:?}");
    ensure!(response.finish_reason() == Some(FinishReason::Stop), "{:?}", response.finish);
    Ok(seen(&response))
}

pub(crate) async fn stop(target: &Target) -> Result<String> {
    let mut request = forced(target, "one two three four", true);
    request.params.stop = Some(vec!["three".to_owned()]);
    let response = answer(target, request).await?;
    let text = response.text();
    ensure!(text.contains("two") && !text.contains("three"), "it said {text:?}");
    ensure!(response.finish_reason() == Some(FinishReason::Stop), "{:?}", response.finish);
    Ok(format!("{text:?}"))
}

pub(crate) async fn at_once(target: &Target) -> Result<String> {
    let words = ["alpha", "beta", "gamma", "delta"];
    let calls = words.map(|word| answer(target, forced(target, word, true)));
    for (word, response) in words.iter().zip(try_join_all(calls).await?) {
        let said = said(&response)?;
        ensure!(said == *word, "{said} came for {word}");
    }
    Ok(words.join(", "))
}

pub(crate) async fn value(target: &Target, streamed: bool) -> Result<String> {
    let call = target.chat().call::<Order>("A small box, please. It is not urgent.");
    let order = if streamed { call.stream().await?.finish().await? } else { call.await? };
    let Order { size, express, label } = order;
    Ok(format!("{size:?}, express {express}, label {label:?}"))
}

pub(crate) async fn logprobs(target: &Target) -> Result<String> {
    let params = |params: Params| Params { logprobs: Some(2), ..params };
    for streamed in [false, true] {
        let call = target.chat().call::<Response>("Say hello.").max_tokens(4).params(params);
        let response = if streamed { call.stream().await?.finish().await? } else { call.await? };
        let texts = response.message.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        let tokens: Vec<_> = texts.flat_map(|text| &text.logprobs).collect();
        ensure!(!tokens.is_empty(), "streamed {streamed}: there are none");
        ensure!(
            tokens.iter().all(|token| token.logprob <= 0.0 && token.top.len() == 2),
            "{tokens:?}"
        );
    }
    Ok("2 alternatives a token".to_owned())
}

/// A server that goes on with an answer nobody reads lets the next caller wait.
pub(crate) async fn dropped(target: &Target) -> Result<String> {
    let on = serde_json::Map::from_iter([("ignore_eos".to_owned(), json!(true))]);
    let options = [(target.provider.id().to_owned(), on)].into();
    let params = |params: Params| Params { options, max_tokens: Some(6000), ..params };
    let mut stream =
        target.chat().call::<Response>("Count to a million.").params(params).stream().await?;
    while !matches!(stream.next().await.context("it ended")??, Event::TextDelta { .. }) {}
    drop(stream);
    let start = Instant::now();
    let _next: Response = target.chat().call("Say hello.").max_tokens(4).await?;
    let time = start.elapsed();
    ensure!(time < Duration::from_secs(20), "the next call waited {time:?}");
    Ok(format!("the next call took {:.1} s", time.as_secs_f64()))
}

/// A request to which there is one possible answer.
fn forced(target: &Target, text: &str, streamed: bool) -> Request {
    let schema = json!({
        "type": "object",
        "properties": {"said": {"type": "string", "enum": [text]}},
        "required": ["said"],
        "additionalProperties": false,
    });
    let Model { id, params, .. } = target.chat();
    let mut request = Request::new(id, vec![Message::user("Say it.")]);
    request.params = Params { max_tokens: Some(200), ..params };
    request.output = OutputFormat::Schema(OutputSchema::new("sentence", Schema::from(schema)));
    if streamed { request.streamed() } else { request }
}

fn said(response: &Response) -> Result<String> {
    let text = response.text();
    let value: serde_json::Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let said = value.get("said").and_then(serde_json::Value::as_str);
    Ok(said.with_context(|| text.clone())?.to_owned())
}

/// Sends a request and reads the whole answer.
pub(crate) async fn answer(target: &Target, request: Request) -> meanwhile::Result<Response> {
    let model = request.model.clone();
    let events = target.provider.send(request).await?;
    ResponseStream::<Response>::new(events, target.provider.id(), model).response().await
}

/// Whether an answer has all that every answer has.
pub(crate) fn complete(response: &Response, counted: bool) -> Result<()> {
    if response.message.parts.is_empty() {
        bail!("the answer is empty");
    }
    ensure!(!response.model.is_empty(), "the model has no name");
    ensure!(response.finish.is_some(), "there is no finish");
    let (read, written) = (response.usage.input.total, response.usage.output.total);
    ensure!(!counted || read.min(written) > Some(0), "the counts are {:?}", response.usage);
    Ok(())
}

fn seen(response: &Response) -> String {
    let finish = response.finish_reason().map_or("no finish", FinishReason::as_str);
    format!("{finish}, {}", counts(&response.usage))
}

fn counts(usage: &Usage) -> String {
    let count =
        |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    format!("{} tokens in, {} out", count(usage.input.total), count(usage.output.total))
}
