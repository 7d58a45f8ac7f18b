//! [`ChatEngine`], which answers the turns of a conversation from documents.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use meanwhile_core::{
    AnyTool, Call, Error, ErrorKind, Extracted, Message, Part, Result, Role, Toolbox, Usage, chain,
};
use serde::{Deserialize, Serialize};

use super::IntoMessages;
use super::memory::{Memory, transcript};
use super::tools::{Found, Search};
use crate::ask::{Ask, asks};
use crate::retrieve::{Steps, steps};
use crate::spent::{Meter, Spent};
use crate::splitters::{EstimatedTokens, TokenCounter};
use crate::synthesis::{Read, Step, chained, read, sources};
use crate::{Answer, AnswerStream, Index, RetrievalQuery, Retriever, Scored};

/// How a turn of a chat comes to its chunks.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{ChatMode, Document, Index, MemoryStore};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// let scripted = Scripted::new()
///     .reply("Within 30 days [1].")
///     // The second question, so that it can be understood by itself.
///     .reply("Are refunds paid for gift cards?")
///     .reply("No [1].");
/// let chat = index.chat(ChatMode::CondensePlusContext).model(Model::new(scripted.clone(), "any"));
/// assert_eq!(chat.chat("When are refunds paid?").await?.text, "Within 30 days [1].");
/// assert_eq!(chat.chat("And for gift cards?").await?.text, "No [1].");
/// assert_eq!(scripted.requests().len(), 3);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChatMode {
    /// Searches for what the user wrote, as it is.
    Context,
    /// Has the model write a question that can be understood without the conversation, searches for that,
    /// and answers with the conversation at hand. The first turn needs no such question.
    #[default]
    CondensePlusContext,
    /// The same, but the model answers the question that it wrote, without the conversation.
    CondenseQuestion,
    /// Gives the model a tool to search with, beside the program's own tools; it searches when and for what
    /// it likes.
    Tools,
    /// Searches nothing.
    Simple,
}

/// A conversation over documents. Cheap to clone; clones share the conversation.
///
/// A turn is remembered when its answer is complete, and only then: where it fails, or its stream is dropped,
/// the conversation is as it was. Turns that overlap do not wait for each other: each answers what was said
/// when it began.
///
/// The chunks stand before the question they were found for, numbered from 1, and do not go along with later
/// turns: what is said before them stays the same from turn to turn, for providers that cache prompts. What
/// the model searched itself is kept in the store with its turn, and does not go along either.
///
/// ```no_run
/// # use meanwhile_core::Model;
/// # use meanwhile_rag::{ChatMode, Index, TokenBudget};
/// # async fn example(index: Index, model: Model) -> meanwhile_core::Result<()> {
/// let chat = index.chat(ChatMode::CondensePlusContext).model(model).memory(TokenBudget(4_000));
/// println!("{}", chat.chat("Can I return a lamp?").await?.text);
///
/// let mut stream = chat.stream_chat("And a gift card?").await?;
/// while let Some(chunk) = stream.next().await {
///     print!("{}", chunk?.delta);
/// }
/// for source in stream.sources() {
///     println!("{}", source.chunk.document_id);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ChatEngine {
    retriever: Arc<dyn Retriever>,
    query: RetrievalQuery,
    steps: Steps,
    ask: Ask,
    mode: ChatMode,
    memory: Memory,
    instructions: Option<String>,
    tools: Toolbox,
    search: (String, String),
    context: usize,
    counter: Arc<dyn TokenCounter>,
}

asks!(ChatEngine, ask);
steps!(ChatEngine);

/// Tokens of chunks that go along with a question, where nothing else is said.
const CONTEXT: usize = 4_096;

const ANSWER: &str = "You talk with a user about documents. Each question comes with numbered sources. \
    Answer with what they say; after each statement that is from a source put its number in square \
    brackets, as in [1]. Numbers in earlier answers are of other sources. If neither the sources nor the \
    conversation answer the question, say so.";

const SEARCH: &str = "You talk with a user about documents. Search them before you answer, as often as \
    you need. After each statement that is from a source put its number in square brackets, as in [1]. \
    Numbers in earlier answers are of other sources. If the documents do not answer the question, say so.";

const TALK: &str = "You are a helpful assistant.";

const CONDENSE: &str = "Below are a conversation and what the user says next. Write what the user wants \
    to know as one question that can be understood without the conversation. Write the question alone.";

impl ChatEngine {
    /// Begins a conversation over what this retriever finds.
    #[must_use]
    pub fn new(retriever: impl Retriever, mode: ChatMode) -> Self {
        let search =
            ("search", "Searches the documents. Ask for one thing at a time, in full words.");
        Self {
            retriever: Arc::new(retriever),
            query: RetrievalQuery::new(""),
            steps: Steps::default(),
            ask: Ask::default(),
            mode,
            memory: Memory::default(),
            instructions: None,
            tools: Toolbox::new(),
            search: (search.0.to_owned(), search.1.to_owned()),
            context: CONTEXT,
            counter: Arc::new(EstimatedTokens),
        }
    }

    /// Sets what is remembered: a [`TokenBudget`](crate::TokenBudget), or a [`Memory`] with a store and a
    /// summary. Without it, the newest 4,000 tokens go along, for as long as the engine lives.
    #[must_use]
    pub fn memory(mut self, memory: impl Into<Memory>) -> Self {
        self.memory = memory.into();
        self
    }

    /// Sets what the model is told about answering, in the place of what it is told otherwise.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Adds tools of the program that the model may call, in any mode.
    #[must_use]
    pub fn tools(mut self, tools: Toolbox) -> Self {
        self.tools = self.tools.with_all(tools);
        self
    }

    /// Sets how the tool of [`ChatMode::Tools`] is called and described to the model; `search` without. No
    /// tool of the program may have that name.
    #[must_use]
    pub fn search_tool(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.search = (name.into(), description.into());
        self
    }

    /// Sets how many tokens of chunks go along with a question: the best of those found, as many as fit,
    /// and one at least; 4,096 without. What the model searches itself is not limited by it.
    #[must_use]
    pub fn context_tokens(mut self, tokens: usize) -> Self {
        self.context = tokens;
        self
    }

    /// Sets what counts the tokens of chunks; [`EstimatedTokens`] without.
    #[must_use]
    pub fn counter(mut self, counter: impl TokenCounter) -> Self {
        self.counter = Arc::new(counter);
        self
    }

    /// What is remembered of the conversation.
    #[must_use]
    pub fn remembered(&self) -> &Memory {
        &self.memory
    }

    /// Answers the next turn: text of the user, or messages of which the last is the user's; those before
    /// it go on with the conversation. Nothing is sent before the first poll; dropping the future cancels.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) where the last message is not text of the user, and where a tool of the
    /// program is called as the one that searches; whatever the retriever, a post-processor, the model or the
    /// store of the memory reports.
    pub fn chat(&self, messages: impl IntoMessages) -> BoxFuture<'static, Result<Answer>> {
        let (engine, messages) = (self.clone(), messages.into_messages());
        Box::pin(chain("chat", async move {
            if engine.mode == ChatMode::Tools || !engine.tools.is_empty() {
                // The run is read, so that what its tools answer is remembered.
                return engine.begin(messages?).await?.stream().await?.finish().await;
            }
            let mut turn = engine.begin(messages?).await?;
            let answered = turn.call.await?;
            turn.spent.add(&answered.response);
            turn.said.push(answered.response.message.clone());
            turn.memory.append(turn.said).await?;
            Ok(answer(answered, turn.spent, turn.meter.usage(), turn.chunks))
        }))
    }

    /// Answers the next turn as a stream, once the model has begun to write.
    ///
    /// The conversation is written before the stream ends: read it to its end, or
    /// [`finish`](AnswerStream::finish) it. Dropping it cancels the turn, of which nothing is remembered.
    ///
    /// # Errors
    ///
    /// As [`chat`](Self::chat); failures after the beginning come as the last item of the stream.
    pub fn stream_chat(
        &self,
        messages: impl IntoMessages,
    ) -> BoxFuture<'static, Result<AnswerStream>> {
        let (engine, messages) = (self.clone(), messages.into_messages());
        Box::pin(chained("chat", async move { engine.begin(messages?).await?.stream().await }))
    }

    /// Does everything that comes before the answer.
    async fn begin(self, mut said: Vec<Message>) -> Result<Turn> {
        let question = said.pop().filter(|last| last.role == Role::User);
        let Some(question) = question.filter(|last| !last.text().trim().is_empty()) else {
            let message = "a turn of a chat ends with text of the user";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let searches = self.mode == ChatMode::Tools;
        if searches && self.tools.get(&self.search.0).is_some() {
            let message = format!(
                "a tool of the program is called `{0}`, as is the one that searches the documents: call one \
                 of them something else, the latter with `.search_tool(…)`",
                self.search.0
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let (mut spent, meter) = (Spent::new(), Meter::new());
        let mut history = self.memory.history(&self.search.0, &self.ask, &mut spent).await?;
        history.extend(said.iter().cloned());
        said.push(question.clone());

        let condenses =
            matches!(self.mode, ChatMode::CondensePlusContext | ChatMode::CondenseQuestion);
        let mut wanted = question.text();
        if condenses && !history.is_empty() {
            let condensed = self.condense(&history, &wanted).await?;
            spent.add(&condensed.response);
            wanted = condensed.value.trim().to_owned();
        }
        let mut chunks = Vec::new();
        if !matches!(self.mode, ChatMode::Tools | ChatMode::Simple) {
            let query = RetrievalQuery { text: wanted.clone(), ..self.query.clone() };
            chunks = meter.run(self.steps.run(&self.retriever, &query)).await?;
            self.fit(&mut chunks);
        }

        let default = match self.mode {
            ChatMode::Tools => SEARCH,
            ChatMode::Simple => TALK,
            _ => ANSWER,
        };
        let instructions = self.instructions.as_deref().unwrap_or(default);
        let mut messages = vec![Message::system(instructions)];
        let mut tools = self.tools.clone();
        let found = Found::default();
        match self.mode {
            ChatMode::CondenseQuestion => {
                messages.push(with_sources(&chunks, Message::user(wanted)));
            }
            ChatMode::Context | ChatMode::CondensePlusContext => {
                messages.extend(history);
                messages.push(with_sources(&chunks, question));
            }
            ChatMode::Tools | ChatMode::Simple => {
                messages.extend(history);
                messages.push(question);
            }
        }
        if searches {
            let (name, description) = self.search;
            let (retriever, query, steps) = (self.retriever, self.query, self.steps);
            let found = found.clone();
            let search = Search { name, description, retriever, query, steps, found };
            tools = tools.with(AnyTool::new(search));
        }
        // What its tools take is counted as well.
        let call = meter.enter(|| self.ask.call("chat", messages).tools(tools));
        Ok(Turn { memory: self.memory, said, spent, meter, chunks, found, call })
    }

    async fn condense(&self, history: &[Message], text: &str) -> Result<Extracted<String>> {
        let conversation = transcript(history);
        let prompt = format!("Conversation:\n{conversation}\nThe user says next: {text}");
        self.ask.call("condense", vec![Message::system(CONDENSE), Message::user(prompt)]).await
    }

    /// Keeps the best chunks that fit, and one at least.
    fn fit(&self, chunks: &mut Vec<Scored>) {
        let mut left = self.context;
        let fits = chunks.iter().take_while(|found| {
            let needs = self.counter.count(&found.chunk.text);
            let fits = needs <= left;
            left = left.saturating_sub(needs);
            fits
        });
        let count = fits.count().max(1);
        chunks.truncate(count);
    }
}

/// The chunks, and below them what the user says.
fn with_sources(chunks: &[Scored], question: Message) -> Message {
    let sources = format!("Sources:\n\n{}\nQuestion: ", sources::listing(chunks, 1));
    let mut message = question;
    match message.parts.first_mut() {
        Some(Part::Text(first)) => first.text.insert_str(0, &sources),
        _ => message.parts.insert(0, Part::text(sources)),
    }
    message
}

impl Index {
    /// Begins a conversation over the index.
    #[must_use]
    pub fn chat(&self, mode: ChatMode) -> ChatEngine {
        ChatEngine::new(self.retriever(), mode)
    }
}

/// A turn of which everything is known but the answer.
struct Turn {
    memory: Memory,
    /// What is to be remembered, but for the answer.
    said: Vec<Message>,
    spent: Spent,
    /// What finding takes, also that by tools.
    meter: Meter,
    chunks: Vec<Scored>,
    /// What the model finds itself.
    found: Found,
    call: Call<'static, Extracted<String>>,
}

impl Turn {
    async fn stream(self) -> Result<AnswerStream> {
        let Self { memory, said, spent, meter, chunks, found, call } = self;
        let reading = Box::pin(read(call.run_loop()).await?);
        let known = chunks.len();
        let left = Left { memory, said, spent, meter, chunks: chunks.clone(), found, known };
        let steps = stream::try_unfold((reading, Some(left)), |(reading, left)| async move {
            match left {
                Some(left) => left.step(reading).await,
                None => Ok(None),
            }
        });
        Ok(AnswerStream::new(chunks, steps))
    }
}

/// What is needed to end a turn whose answer is being read.
struct Left {
    memory: Memory,
    said: Vec<Message>,
    spent: Spent,
    meter: Meter,
    chunks: Vec<Scored>,
    found: Found,
    /// How many chunks the stream has been told of.
    known: usize,
}

impl Left {
    async fn step<S>(
        mut self,
        mut reading: Pin<Box<S>>,
    ) -> Result<Option<(Step, (Pin<Box<S>>, Option<Self>))>>
    where
        S: Stream<Item = Result<Read>>,
    {
        let Some(read) = reading.next().await.transpose()? else { return Ok(None) };
        Ok(Some(match read {
            Read::Delta(delta) => (Step::Delta(delta), (reading, Some(self))),
            Read::Turn => {
                let more = self.found.after(self.known - self.chunks.len());
                self.known += more.len();
                (Step::Restart(more), (reading, Some(self)))
            }
            Read::Done(done) => {
                self.spent.add_usage(&done.usage);
                self.said.extend(done.messages);
                self.memory.append(self.said).await?;
                self.chunks.extend(self.found.after(0));
                let answer = answer(done.answered, self.spent, self.meter.usage(), self.chunks);
                (Step::Done(Box::new(answer)), (reading, None))
            }
        }))
    }
}

fn answer(
    answered: Extracted<String>,
    spent: Spent,
    retrieval: Usage,
    chunks: Vec<Scored>,
) -> Answer {
    Answer::new(answered.value, chunks, spent.usage, retrieval, Some(answered.response))
}
