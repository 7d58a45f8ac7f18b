//! [`ChatEngine`], a conversation over documents: what it remembers, and how each turn is answered.

mod engine;
mod memory;
mod messages;
mod model;
mod store;
mod tools;
mod turns;

pub use engine::{ChatEngine, ChatMode};
pub use memory::{Memory, TokenBudget};
pub use messages::{IntoMessage, IntoMessages, IntoRole};
pub use model::ChatModel;
pub use store::{ChatStore, Conversation, InMemoryChatStore, Summary};
