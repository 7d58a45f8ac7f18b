//! [`Memory`], what of a conversation goes along with the next question.

use std::sync::Arc;

use meanwhile_core::{Extracted, Message, ModelRef, Result, Role};

use super::store::{ChatStore, Conversation, InMemoryChatStore, Summary};
use super::turns::{first_that_fits, messages, turns};
use crate::ask::Ask;
use crate::spent::Spent;
use crate::splitters::{EstimatedTokens, TokenCounter};

/// A memory of at most this many tokens of the newest messages.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{ChatMode, Index, MemoryStore, TokenBudget};
/// # futures::executor::block_on(async {
/// let scripted = Scripted::new().reply_with(|request| request.messages.len().to_string());
/// let model = Model::new(scripted, "any");
/// let chat = Index::new(MemoryStore::new()).chat(ChatMode::Simple).model(model);
/// // So little goes along that nothing does: each answer is to the same number of messages.
/// let forgetful = chat.memory(TokenBudget(0));
/// let (first, second) = (forgetful.chat("Hello").await?, forgetful.chat("Hello").await?);
/// assert_eq!(first.text, second.text);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget(pub usize);

/// Remembers a conversation: all of it in a [`ChatStore`], and of that the newest messages, as many as a token
/// budget allows, go along with each question.
///
/// Turns go along whole, the newest first: what the user said and what was answered. What tools were asked
/// and answered goes along as far as there is room left; what was found for an earlier turn never does. So
/// it begins with a message of the user, or with the system message that the conversation began with.
///
/// With a [summary](Self::summary), turns that no longer fit are summed up by a model and go along as that;
/// without, they stay in the store alone. The store is written once for each turn, when its answer is
/// complete; a summary is written when it is there, before the turn is answered, and stays where that fails.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{ChatMode, ChatStore as _, InMemoryChatStore, Index, Memory, MemoryStore};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("Hello, Ada."), "any");
/// // A database in its place outlives the program.
/// let store = InMemoryChatStore::new();
/// let memory = Memory::new(4_000).store(store.clone(), "user-7");
/// let chat = Index::new(MemoryStore::new()).chat(ChatMode::Simple).model(model).memory(memory);
/// chat.chat("I am Ada.").await?;
/// let kept = store.load("user-7").await?;
/// assert_eq!(kept.messages.last().unwrap().text(), "Hello, Ada.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Memory {
    store: Arc<dyn ChatStore>,
    key: String,
    budget: usize,
    counter: Arc<dyn TokenCounter>,
    summarizer: Option<Ask>,
}

const SUMMARIZE: &str = "Sum up the conversation below in a few sentences, for the assistant to go on \
    with. Keep names, numbers, decisions and open questions. Write the summary alone.";

impl Memory {
    /// Remembers as much as this many tokens, for as long as the program runs.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        Self {
            store: Arc::new(InMemoryChatStore::new()),
            key: String::new(),
            budget: tokens,
            counter: Arc::new(EstimatedTokens),
            summarizer: None,
        }
    }

    /// Keeps the conversation in a store, under a key.
    #[must_use]
    pub fn store(mut self, store: impl ChatStore, key: impl Into<String>) -> Self {
        self.store = Arc::new(store);
        self.key = key.into();
        self
    }

    /// Has this model sum up what no longer fits. It is asked at the beginning of a turn, each time the
    /// newest messages have grown beyond the budget; the half of it that is newest stays as it is.
    #[must_use]
    pub fn summary(mut self, model: impl Into<ModelRef>) -> Self {
        self.summarizer.get_or_insert_default().settings.model = Some(model.into());
        self
    }

    /// Sets what counts tokens; [`EstimatedTokens`] without.
    #[must_use]
    pub fn counter(mut self, counter: impl TokenCounter) -> Self {
        self.counter = Arc::new(counter);
        self
    }

    /// Reads the conversation as it is kept.
    ///
    /// # Errors
    ///
    /// Whatever the store reports.
    pub async fn conversation(&self) -> Result<Conversation> {
        self.store.load(&self.key).await
    }

    /// Forgets the conversation.
    ///
    /// # Errors
    ///
    /// Whatever the store reports.
    pub async fn clear(&self) -> Result<()> {
        self.store.clear(&self.key).await
    }

    /// Adds the messages of a turn.
    pub(super) async fn append(&self, messages: Vec<Message>) -> Result<()> {
        self.store.append(&self.key, messages).await
    }

    /// The messages that go along with the next question; `search` is the tool whose results do not.
    ///
    /// A model that sums up is looked up where `engine` looks its models up.
    pub(super) async fn history(
        &self,
        search: &str,
        engine: &Ask,
        spent: &mut Spent,
    ) -> Result<Vec<Message>> {
        let Conversation { messages: all, mut summary } = self.store.load(&self.key).await?;
        let counter = &*self.counter;
        let Some(summarizer) = &self.summarizer else {
            let turns = turns(&all);
            let first = first_that_fits(&turns, self.budget, counter);
            let turns = turns.get(first..).unwrap_or_default();
            return Ok(messages(turns, self.budget, counter, search));
        };
        let mut summed = summary.as_ref().map_or(0, |summary| summary.messages).min(all.len());
        let newest = all.get(summed..).unwrap_or_default();
        let mut recent = turns(newest);
        if first_that_fits(&recent, self.budget, counter) > 0 {
            let first = first_that_fits(&recent, self.budget / 2, counter);
            let old = recent.get(first).map_or(newest.len(), |turn| turn.start);
            recent.drain(..first);
            let text = transcript(newest.get(..old).unwrap_or_default());
            let before =
                summary.map(|summary| format!("Summary of what came before: {}\n\n", summary.text));
            let question = format!("{}{text}", before.unwrap_or_default());
            let prompt = vec![Message::system(SUMMARIZE), Message::user(question)];
            let mut summarizer = summarizer.clone();
            summarizer.registry = summarizer.registry.or_else(|| engine.registry.clone());
            let summed_up: Extracted<String> = summarizer.call("summarize", prompt).await?;
            spent.add(&summed_up.response);
            summed += old;
            let new = Summary::new(summed_up.value, summed);
            self.store.summarize(&self.key, new.clone()).await?;
            summary = Some(new);
        }
        let recent = messages(&recent, self.budget, counter, search);
        let summary = summary.map(|summary| {
            Message::system(format!("Summary of the conversation so far: {}", summary.text))
        });
        Ok(summary.into_iter().chain(recent).collect())
    }
}

impl Default for Memory {
    /// Remembers 4,000 tokens.
    fn default() -> Self {
        Self::new(4_000)
    }
}

impl From<TokenBudget> for Memory {
    fn from(budget: TokenBudget) -> Self {
        Self::new(budget.0)
    }
}

/// A conversation as text for a model to read about; tools and their results are left out.
pub(super) fn transcript(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages.iter().filter(|message| message.role != Role::Tool) {
        let said = message.text();
        if !said.trim().is_empty() {
            text.push_str(message.role.as_str());
            text.push_str(": ");
            text.push_str(said.trim());
            text.push('\n');
        }
    }
    text
}
