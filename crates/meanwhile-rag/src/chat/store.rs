//! [`ChatStore`], where conversations are kept.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use meanwhile_core::{Message, Result};
use serde::{Deserialize, Serialize};

/// A conversation as it is kept: all of its messages, and a summary of the oldest ones.
///
/// ```
/// # use meanwhile_core::Message;
/// # use meanwhile_rag::{ChatStore as _, Conversation, InMemoryChatStore};
/// # futures::executor::block_on(async {
/// let store = InMemoryChatStore::new();
/// store.append("ticket-7", vec![Message::user("Hello"), Message::assistant("Hello.")]).await?;
/// let kept: Conversation = store.load("ticket-7").await?;
/// assert_eq!((kept.messages.len(), kept.summary), (2, None));
/// // An unknown key is a conversation that has not begun.
/// assert_eq!(store.load("ticket-8").await?, Conversation::default());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conversation {
    /// Every message, oldest first. Summarising takes none away.
    pub messages: Vec<Message>,
    /// What the oldest messages say, where they have been summarised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// What the oldest messages of a conversation say.
///
/// ```
/// # use meanwhile_core::Message;
/// # use meanwhile_rag::{ChatStore as _, InMemoryChatStore, Summary};
/// # futures::executor::block_on(async {
/// let store = InMemoryChatStore::new();
/// store.append("ticket-7", vec![Message::user("I am Ada."), Message::assistant("Hello.")]).await?;
/// store.summarize("ticket-7", Summary::new("The user is called Ada.", 2)).await?;
/// let kept = store.load("ticket-7").await?;
/// // Summing up takes no message away.
/// assert_eq!(kept.summary.map(|summary| summary.messages), Some(kept.messages.len()));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The summary.
    pub text: String,
    /// How many messages it is of, counted from the oldest.
    pub messages: usize,
}

impl Summary {
    /// Sums up the oldest messages.
    #[must_use]
    pub fn new(text: impl Into<String>, messages: usize) -> Self {
        Self { text: text.into(), messages }
    }
}

/// Keeps conversations by a key: the id of a user, a session, a ticket.
///
/// All methods may be called at once; none blocks the thread that polls.
#[async_trait]
pub trait ChatStore: fmt::Debug + Send + Sync + 'static {
    /// Reads a conversation; an empty one for an unknown key.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn load(&self, key: &str) -> Result<Conversation>;

    /// Adds the messages of one turn: all of them, or none where this fails or its future is dropped.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn append(&self, key: &str, messages: Vec<Message>) -> Result<()>;

    /// Sets the summary of the oldest messages.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn summarize(&self, key: &str, summary: Summary) -> Result<()>;

    /// Forgets a conversation.
    ///
    /// # Errors
    ///
    /// Whatever the storage reports.
    async fn clear(&self, key: &str) -> Result<()>;
}

#[async_trait]
impl<S: ChatStore + ?Sized> ChatStore for Arc<S> {
    async fn load(&self, key: &str) -> Result<Conversation> {
        (**self).load(key).await
    }

    async fn append(&self, key: &str, messages: Vec<Message>) -> Result<()> {
        (**self).append(key, messages).await
    }

    async fn summarize(&self, key: &str, summary: Summary) -> Result<()> {
        (**self).summarize(key, summary).await
    }

    async fn clear(&self, key: &str) -> Result<()> {
        (**self).clear(key).await
    }
}

/// Keeps conversations for as long as the program runs. Clones share them.
///
/// ```
/// # use meanwhile_core::Message;
/// # use meanwhile_rag::{ChatStore as _, InMemoryChatStore};
/// # futures::executor::block_on(async {
/// let store = InMemoryChatStore::new();
/// store.append("ticket-7", vec![Message::user("Hello")]).await?;
/// // Clones share the conversations.
/// let same = store.clone();
/// assert_eq!(same.load("ticket-7").await?.messages.len(), 1);
/// same.clear("ticket-7").await?;
/// assert!(store.load("ticket-7").await?.messages.is_empty());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct InMemoryChatStore(Arc<Mutex<HashMap<String, Conversation>>>);

impl InMemoryChatStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Conversation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ChatStore for InMemoryChatStore {
    async fn load(&self, key: &str) -> Result<Conversation> {
        Ok(self.lock().get(key).cloned().unwrap_or_default())
    }

    async fn append(&self, key: &str, messages: Vec<Message>) -> Result<()> {
        self.lock().entry(key.to_owned()).or_default().messages.extend(messages);
        Ok(())
    }

    async fn summarize(&self, key: &str, summary: Summary) -> Result<()> {
        self.lock().entry(key.to_owned()).or_default().summary = Some(summary);
        Ok(())
    }

    async fn clear(&self, key: &str) -> Result<()> {
        self.lock().remove(key);
        Ok(())
    }
}
