//! [`Memory`], what of a conversation goes along with the next question.

use std::sync::Arc;

use meanwhile_core::{Message, ModelRef, Part, Result, Role};

use super::store::{ChatStore, Conversation, InMemoryChatStore, Summary};
use crate::ask::Ask;
use crate::splitters::{EstimatedTokens, TokenCounter};

/// A memory of at most this many tokens of the newest messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget(pub usize);

/// Remembers a conversation: all of it in a [`ChatStore`], and of that the newest messages, as many as a token
/// budget allows, go along with each question.
///
/// What goes along begins with a message of the user, so that no tool result stands without its call. With
/// a [summary](Self::summary), what no longer fits is summed up by a model and goes along as that; without,
/// it stays in the store alone. The store is written once for each turn, when its answer is complete.
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

    /// The messages that go along with the next question.
    pub(super) async fn history(&self) -> Result<Vec<Message>> {
        let Conversation { mut messages, mut summary } = self.store.load(&self.key).await?;
        let Some(summarizer) = &self.summarizer else {
            let first = self.first_that_fits(&messages, self.budget);
            messages.drain(..first);
            return Ok(messages);
        };
        let mut summed = summary.as_ref().map_or(0, |summary| summary.messages).min(messages.len());
        let newest = messages.get(summed..).unwrap_or_default();
        if self.first_that_fits(newest, self.budget) > 0 {
            let old = self.first_that_fits(newest, self.budget / 2);
            let text = transcript(newest.get(..old).unwrap_or_default());
            let before =
                summary.map(|summary| format!("Summary of what came before: {}\n\n", summary.text));
            let question = format!("{}{text}", before.unwrap_or_default());
            let prompt = vec![Message::system(SUMMARIZE), Message::user(question)];
            let text: String = summarizer.call("summarize", prompt).await?;
            summed += old;
            let new = Summary::new(text, summed);
            self.store.summarize(&self.key, new.clone()).await?;
            summary = Some(new);
        }
        messages.drain(..summed);
        if let Some(summary) = summary {
            let text = format!("Summary of the conversation so far: {}", summary.text);
            messages.insert(0, Message::system(text));
        }
        Ok(messages)
    }

    /// The place of the first message from which on all fit into a budget, and which is one of the user.
    fn first_that_fits(&self, messages: &[Message], budget: usize) -> usize {
        let mut used = 0_usize;
        let mut first = messages.len();
        for (place, message) in messages.iter().enumerate().rev() {
            used = used.saturating_add(self.tokens(message));
            if used > budget {
                break;
            }
            if message.role == Role::User || place == 0 {
                first = place;
            }
        }
        first
    }

    fn tokens(&self, message: &Message) -> usize {
        let parts = message.parts.iter().map(|part| match part {
            Part::Text(part) => self.counter.count(&part.text),
            Part::ToolCall(call) => {
                self.counter.count(&call.name) + self.counter.count(&call.arguments)
            }
            Part::ToolResult(result) => self.counter.count(&result.text()),
            _ => 0,
        });
        parts.fold(0, usize::saturating_add)
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
