//! [`Synthesizer`], which writes an answer from chunks, in one of several ways.

mod answer;
mod chained;
mod citation;
mod prompts;
mod read;
pub(crate) mod sources;
mod stream;

use std::sync::Arc;

use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self as streams, StreamExt as _, TryStreamExt as _};
use meanwhile_core::{Call, Extracted, Message, Result, Usage};
use serde::{Deserialize, Serialize};

use crate::Scored;
use crate::ask::{Ask, asks};
use crate::offload::give_way;
use crate::spent::Spent;
use crate::splitters::{EstimatedTokens, TokenCounter};
pub use answer::Answer;
pub(crate) use chained::chained;
pub use citation::Citation;
pub(crate) use read::{Read, read};
pub(crate) use stream::Step;
pub use stream::{AnswerDelta, AnswerStream};

/// How an answer is made of the chunks that were found.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{Document, Index, MemoryStore, Synthesis};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// # let model = Model::new(Scripted::new().reply("Paid [1].").reply("No [2]."), "any");
/// let ask = |mode| index.query("refunds for gift cards").model(model.clone()).synthesis(mode);
/// // An answer from each chunk, one below the other.
/// let answer = ask(Synthesis::Accumulate).await?;
/// assert!(answer.text.contains("Paid") && answer.text.contains("No"));
/// // The chunks alone; nobody is asked.
/// let chunks = ask(Synthesis::NoText).await?;
/// assert_eq!((chunks.text.as_str(), chunks.chunks.len()), ("", 2));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Synthesis {
    /// As many chunks in one prompt as fit; where more are left, the answer is refined with them, prompt by
    /// prompt. One call in most cases.
    #[default]
    Compact,
    /// An answer from the first chunk, refined with each of the others, one after the other. A call a
    /// chunk.
    Refine,
    /// An answer from each promptful of chunks, all at once; then one from these answers, until there is
    /// one left.
    Tree,
    /// An answer from each chunk by itself, all at once, one below the other in the order of the chunks.
    Accumulate,
    /// No answer: the chunks alone. No model is asked.
    NoText,
}

/// Writes an answer to a question from chunks.
///
/// The chunks are numbered in their order, from 1, and the model is asked to cite them as `[1]`: see
/// [`Answer::citations`]. Where there is no chunk, no model is asked, and the answer is empty.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::*;
/// # let found = |id: &str, text: &str, score| {
/// #     let key = ChunkKey::new(text, "splitter", "embedder");
/// #     Scored::new(Chunk::new(id, 0, 0..text.len(), text, key), score, Origin::Text)
/// # };
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Within 30 days [1]."), "any");
/// // Chunks that were found in whatever way.
/// let chunks = vec![found("refunds", "Refunds are paid within 30 days.", 1.0)];
/// let synthesizer = Synthesizer::default().model(model).instructions("Answer in one sentence.");
/// let answer = synthesizer.answer("When are refunds paid?", chunks).await?;
/// assert_eq!(answer.text, "Within 30 days [1].");
/// assert_eq!(answer.citations.len(), 1);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Synthesizer {
    pub(crate) ask: Ask,
    mode: Synthesis,
    instructions: Option<String>,
    context: usize,
    counter: Arc<dyn TokenCounter>,
    concurrency: usize,
}

asks!(Synthesizer, ask);

/// Tokens of chunks in one prompt, where nothing else is said: half of a context of 8,192.
const CONTEXT: usize = 4_096;

impl Synthesizer {
    /// Makes one that answers in a mode.
    #[must_use]
    pub fn new(mode: Synthesis) -> Self {
        Self {
            ask: Ask::default(),
            mode,
            instructions: None,
            context: CONTEXT,
            counter: Arc::new(EstimatedTokens),
            concurrency: 8,
        }
    }

    /// Sets how an answer is made.
    #[must_use]
    pub fn synthesis(mut self, mode: Synthesis) -> Self {
        self.mode = mode;
        self
    }

    /// Sets what the model is told about answering, in the place of what it is told otherwise: to use
    /// nothing but the sources, and to cite them.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets how many tokens of chunks one prompt has at most; 4,096 without. A chunk that is longer has a
    /// prompt of its own, and is not cut.
    #[must_use]
    pub fn context_tokens(mut self, tokens: usize) -> Self {
        self.context = tokens;
        self
    }

    /// Sets what counts tokens; [`EstimatedTokens`] without.
    #[must_use]
    pub fn counter(mut self, counter: impl TokenCounter) -> Self {
        self.counter = Arc::new(counter);
        self
    }

    /// Sets how many calls run at once, where a mode makes several; 8 without.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Writes the answer. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// Whatever the model reports; an empty answer or a refusal is [`Output`](meanwhile_core::ErrorKind::Output).
    pub async fn answer(&self, question: &str, chunks: Vec<Scored>) -> Result<Answer> {
        self.answer_from(question, chunks, Usage::default()).await
    }

    /// Writes the answer from chunks that took so much to be found.
    pub(crate) async fn answer_from(
        &self,
        question: &str,
        chunks: Vec<Scored>,
        retrieval: Usage,
    ) -> Result<Answer> {
        let Prepared { mut spent, last } = self.prepare(question, &chunks).await?;
        let (mut text, mut response) = (String::new(), None);
        match last {
            Last::Nothing => {}
            Last::Call(call) => {
                let answered = call.await?;
                spent.add(&answered.response);
                (text, response) = (answered.value, Some(answered.response));
            }
            Last::Each(calls) => {
                let mut answers = streams::iter(calls).buffered(self.concurrency);
                while let Some(answered) = answers.try_next().await? {
                    spent.add(&answered.response);
                    sources::append(&mut text, &answered.value);
                    response = Some(answered.response);
                    give_way().await;
                }
            }
        }
        Ok(Answer::new(text, chunks, spent.usage, retrieval, response))
    }

    /// Writes the answer as a stream, once the model has begun to write it.
    ///
    /// What a mode asks before its last call is asked before this returns. Dropping the stream cancels.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer); failures after the beginning come as the last item of the stream.
    pub async fn stream(&self, question: &str, chunks: Vec<Scored>) -> Result<AnswerStream> {
        self.stream_from(question, chunks, Usage::default()).await
    }

    /// Writes the answer as a stream, from chunks that took so much to be found.
    pub(crate) async fn stream_from(
        &self,
        question: &str,
        chunks: Vec<Scored>,
        retrieval: Usage,
    ) -> Result<AnswerStream> {
        let Prepared { mut spent, last } = self.prepare(question, &chunks).await?;
        match last {
            Last::Nothing => {
                let answer = Answer::new(String::new(), chunks, spent.usage, retrieval, None);
                let done = future::ready(Ok(Step::Done(Box::new(answer))));
                Ok(AnswerStream::new(Vec::new(), streams::once(done)))
            }
            Last::Call(call) => {
                let reading = read(call.run_loop()).await?;
                let found = chunks.clone();
                let steps = reading.map_ok(move |read| match read {
                    Read::Delta(delta) => Step::Delta(delta),
                    Read::Turn => Step::Restart(Vec::new()),
                    Read::Done(done) => {
                        spent.add_usage(&done.usage);
                        let Extracted { value, response, .. } = done.answered;
                        let (usage, retrieval) = (spent.usage.clone(), retrieval.clone());
                        let answer =
                            Answer::new(value, found.clone(), usage, retrieval, Some(response));
                        Step::Done(Box::new(answer))
                    }
                });
                Ok(AnswerStream::new(chunks, steps))
            }
            Last::Each(calls) => {
                let answers = streams::iter(calls).buffered(self.concurrency);
                let found = chunks.clone();
                let state = (answers, String::new(), spent, None, Some((found, retrieval)));
                let steps = streams::try_unfold(state, |state| async move {
                    let (mut answers, mut text, mut spent, mut response, left) = state;
                    let Some((found, retrieval)) = left else { return Ok(None) };
                    let step = match answers.try_next().await? {
                        Some(answered) => {
                            spent.add(&answered.response);
                            let before = text.len();
                            sources::append(&mut text, &answered.value);
                            response = Some(answered.response);
                            let delta = text.get(before..).unwrap_or_default().to_owned();
                            give_way().await;
                            return Ok(Some((
                                Step::Delta(delta),
                                (answers, text, spent, response, Some((found, retrieval))),
                            )));
                        }
                        None => Answer::new(text, found, spent.usage.clone(), retrieval, response),
                    };
                    Ok(Some((
                        Step::Done(Box::new(step)),
                        (answers, String::new(), spent, None, None),
                    )))
                });
                Ok(AnswerStream::new(chunks, steps))
            }
        }
    }

    /// Asks everything that has to be asked before the last call, which writes the answer.
    async fn prepare(&self, question: &str, chunks: &[Scored]) -> Result<Prepared> {
        let mut spent = Spent::new();
        if chunks.is_empty() || self.mode == Synthesis::NoText {
            return Ok(Prepared { spent, last: Last::Nothing });
        }
        let sources: Vec<String> =
            (1..).zip(chunks).map(|(number, found)| sources::source(number, found)).collect();
        let last = match self.mode {
            Synthesis::Accumulate => {
                let calls =
                    sources.iter().map(|source| self.ask_for(question, source).into_future());
                Last::Each(calls.collect())
            }
            Synthesis::Tree => {
                let mut contexts = sources::pack(&sources, self.context, &*self.counter, 1);
                while contexts.len() > 1 {
                    let calls: Vec<Answering> = contexts
                        .iter()
                        .map(|context| self.ask_for(question, context).into_future())
                        .collect();
                    let mut answers = streams::iter(calls).buffered(self.concurrency);
                    let mut parts = Vec::with_capacity(contexts.len());
                    while let Some(answered) = answers.try_next().await? {
                        spent.add(&answered.response);
                        parts.push(prompts::partial(&answered.value));
                        give_way().await;
                    }
                    contexts = sources::pack(&parts, self.context, &*self.counter, 2);
                }
                Last::Call(self.ask_for(question, &contexts.concat()))
            }
            _ => {
                let contexts = match self.mode {
                    Synthesis::Refine => sources,
                    _ => sources::pack(&sources, self.context, &*self.counter, 1),
                };
                let mut last: Option<Call<'static, Extracted<String>>> = None;
                for context in &contexts {
                    let call = match last.take() {
                        None => self.ask_for(question, context),
                        Some(before) => {
                            let answered = before.await?;
                            spent.add(&answered.response);
                            give_way().await;
                            let text = prompts::refine(question, context, &answered.value);
                            self.prompt(text)
                        }
                    };
                    last = Some(call);
                }
                last.map_or(Last::Nothing, Last::Call)
            }
        };
        Ok(Prepared { spent, last })
    }

    fn ask_for(&self, question: &str, context: &str) -> Call<'static, Extracted<String>> {
        self.prompt(prompts::question(question, context))
    }

    fn prompt(&self, text: String) -> Call<'static, Extracted<String>> {
        let instructions = self.instructions.as_deref().unwrap_or(prompts::ANSWER);
        self.ask.call("query", vec![Message::system(instructions), Message::user(text)])
    }
}

impl Default for Synthesizer {
    fn default() -> Self {
        Self::new(Synthesis::default())
    }
}

/// A call that is being made.
type Answering = BoxFuture<'static, Result<Extracted<String>>>;

/// What is left to do when everything before it is done.
struct Prepared {
    spent: Spent,
    last: Last,
}

enum Last {
    Nothing,
    Call(Call<'static, Extracted<String>>),
    /// One answer each.
    Each(Vec<Answering>),
}
