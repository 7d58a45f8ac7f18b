//! [`Record`]: what one exchange decoded to; and [`Summary`], the table of all of them.

use std::collections::BTreeMap;
use std::fmt;

use meanwhile_core::{Error, ErrorKind, FinishReason, Part, Response, Text};
use serde::Serialize;
use serde_json::{Value, json};

use crate::modality::Found;

/// What one exchange decoded to.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// The recording, relative to the corpus.
    pub file: String,
    /// Who answered.
    pub provider: String,
    /// Which family of endpoints.
    pub api: String,
    /// How the exchange ended.
    pub kind: Kind,
    /// Why it was not played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// What arrived; with an error, what had arrived before.
    #[serde(flatten)]
    pub answer: Option<AnswerFields>,
    /// What arrived, where that is no chat.
    #[serde(flatten)]
    pub found: Option<Found>,
    /// The error.
    pub error: Option<Value>,
    /// Whether the events stay the same however the body is split.
    pub split_ok: Option<bool>,
    /// Whether a body that stops before its terminator is always an error.
    pub cut_ok: Option<bool>,
    /// Whether unknown fields, values, events and parts, `null` for what is absent and another order
    /// of fields change nothing.
    pub mutate_ok: Option<bool>,
    /// Which of these changes did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mutate_failed: Vec<&'static str>,
    /// Which offer beside chat it was of, by the head of its column in the table.
    #[serde(skip)]
    pub(crate) beside_chat: Option<&'static str>,
    #[serde(skip)]
    error_kind: Option<ErrorKind>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// With an answer.
    Ok,
    /// With an error instead of an answer.
    Error,
    /// With an error inside a stream.
    StreamError,
    /// The stream stopped before its end.
    Truncated,
    /// It was not played.
    Skip,
}

/// The parts of a response that are compared.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct AnswerFields {
    /// The visible text.
    pub text: String,
    /// The thinking.
    pub thinking: String,
    /// The tool calls: `id`, `name`, `arguments`, `arguments_raw`.
    pub tool_calls: Vec<Value>,
    /// The refusal.
    pub refusal: Option<String>,
    /// The unified finish reason.
    pub finish: Option<&'static str>,
    /// The provider's own word for it.
    pub finish_raw: Option<String>,
    /// All tokens read.
    pub usage_total_input: Option<u64>,
    /// All tokens written.
    pub usage_total_output: Option<u64>,
    /// All counters.
    pub usage: Value,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// The model that answered.
    pub response_model: String,
    /// What did not go through as asked.
    pub warnings: Vec<String>,
    /// The kinds of the parts, in order.
    pub parts: Vec<&'static str>,
    /// How many sources are cited.
    pub citations: usize,
    /// How many tokens came with their probability.
    pub logprobs: usize,
}

impl Record {
    pub(crate) fn new(file: &str, provider: &str, api: &str) -> Self {
        Self {
            file: file.to_owned(),
            provider: provider.to_owned(),
            api: api.to_owned(),
            kind: Kind::Ok,
            skip_reason: None,
            answer: None,
            found: None,
            error: None,
            split_ok: None,
            cut_ok: None,
            mutate_ok: None,
            mutate_failed: Vec::new(),
            beside_chat: None,
            error_kind: None,
        }
    }

    pub(crate) fn skip(file: &str, provider: &str, api: &str, reason: &str) -> Self {
        let mut record = Self::new(file, provider, api);
        record.kind = Kind::Skip;
        record.skip_reason = Some(reason.to_owned());
        record
    }

    pub(crate) fn mutated(&mut self, failed: Option<Vec<&'static str>>) {
        self.mutate_ok = failed.as_ref().map(Vec::is_empty);
        self.mutate_failed = failed.unwrap_or_default();
    }

    pub(crate) fn error(&mut self, error: &Error) {
        self.error_kind = Some(error.kind());
        self.error = Some(json!({
            "kind": format!("{:?}", error.kind()),
            "status": error.status(),
            "code": error.code(),
            "type": error.error_type(),
            "param": error.param(),
            "message": error.message(),
            "retry_after": error.retry_after().map(|wait| wait.as_secs_f64()),
            "retryable": error.is_retryable(),
        }));
    }

    pub(crate) fn response(&mut self, response: &Response) {
        let calls = response.tool_calls().map(|call| {
            json!({
                "id": call.id,
                "name": call.name,
                "arguments": call.json().ok(),
                "arguments_raw": call.arguments,
            })
        });
        // An answer may be complete without saying why it stopped.
        let said = response
            .finish
            .as_ref()
            .filter(|finish| finish.raw.is_some() || finish.reason != FinishReason::Other);
        self.answer = Some(AnswerFields {
            text: response.text(),
            thinking: response.thinking(),
            tool_calls: calls.collect(),
            refusal: response.refusal(),
            finish: said.map(|finish| finish.reason.as_str()),
            finish_raw: said.and_then(|finish| finish.raw.clone()),
            usage_total_input: response.usage.input.total,
            usage_total_output: response.usage.output.total,
            usage: serde_json::to_value(&response.usage).unwrap_or_default(),
            response_id: response.id.clone(),
            response_model: response.model.clone(),
            warnings: response.warnings.iter().map(ToString::to_string).collect(),
            parts: response.message.parts.iter().map(Part::kind).collect(),
            citations: response.citations().count(),
            logprobs: texts(response).map(|text| text.logprobs.len()).sum(),
        });
    }

    /// Whether an answer came that the codec could not read.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.error_kind == Some(ErrorKind::Decode)
    }
}

fn texts(response: &Response) -> impl Iterator<Item = &Text> {
    response.message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    })
}

/// How many exchanges ended how, for each provider and family of endpoints.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    rows: BTreeMap<(String, String), Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    ok: usize,
    error: usize,
    stream_error: usize,
    truncated: usize,
    skip: usize,
    unreadable: usize,
    split: usize,
    cut: usize,
    mutate: usize,
}

impl Summary {
    /// Counts records.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let mut summary = Self::default();
        for record in records {
            let row = (record.provider.clone(), record.api.clone());
            let counts = summary.rows.entry(row).or_default();
            *match record.kind {
                Kind::Ok => &mut counts.ok,
                Kind::Error => &mut counts.error,
                Kind::StreamError => &mut counts.stream_error,
                Kind::Truncated => &mut counts.truncated,
                Kind::Skip => &mut counts.skip,
            } += 1;
            counts.unreadable += usize::from(record.is_unreadable());
            counts.split += usize::from(record.split_ok == Some(false));
            counts.cut += usize::from(record.cut_ok == Some(false));
            counts.mutate += usize::from(record.mutate_ok == Some(false));
        }
        summary
    }

    /// Whether every answer could be read, none depended on how its bytes arrive, none was complete
    /// too early, and each would be read in a newer version of its wire.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let failed =
            |counts: &Counts| counts.unreadable + counts.split + counts.cut + counts.mutate;
        self.rows.values().all(|counts| failed(counts) == 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "ok",
            "error",
            "str.err",
            "truncated",
            "skip",
            "unreadable",
            "split!",
            "cut!",
            "mutate!",
        ];
        write!(f, "{:<36}", "")?;
        for name in head {
            write!(f, "{name:>11}")?;
        }
        writeln!(f)?;
        let mut sum = [0; 9];
        for ((provider, api), counts) in &self.rows {
            let numbers = [
                counts.ok,
                counts.error,
                counts.stream_error,
                counts.truncated,
                counts.skip,
                counts.unreadable,
                counts.split,
                counts.cut,
                counts.mutate,
            ];
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
            // Wires that cannot be played yet are told in one line.
            if counts.skip != numbers.iter().sum::<usize>() {
                line(f, &format!("{provider}/{api}"), &numbers)?;
            }
        }
        line(f, "all", &sum)
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, numbers: &[usize; 9]) -> fmt::Result {
    write!(f, "{name:<36}")?;
    for number in numbers {
        write!(f, "{number:>11}")?;
    }
    writeln!(f)
}
