//! [`encode`] writes a conversation the way the model was trained to read it (ChatML).

use crate::LocalError;
use crate::tokenizer::Vocabulary;

/// What the model is told when a conversation does not start with a system message.
const DEFAULT_SYSTEM: &str = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

/// Who says a [`Turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    System,
    User,
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
}

impl Turn {
    pub(crate) fn new(speaker: Speaker, text: impl Into<String>) -> Self {
        Self { speaker, text: text.into() }
    }
}

/// Writes `turns` as tokens, up to where the assistant's next words begin.
///
/// Without a system message first, the model's own default is put there, as in its template. The
/// text of a turn cannot end the turn, whatever it contains.
pub(crate) fn encode(vocabulary: &Vocabulary, turns: &[Turn]) -> Result<Vec<u32>, LocalError> {
    let start = vocabulary.control("<|im_start|>")?;
    let end = vocabulary.control("<|im_end|>")?;
    let default = Turn::new(Speaker::System, DEFAULT_SYSTEM);
    let opening = match turns.first() {
        Some(Turn { speaker: Speaker::System, .. }) => None,
        _ => Some(&default),
    };
    let mut tokens = Vec::new();
    for turn in opening.into_iter().chain(turns) {
        let name = match turn.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        tokens.push(start);
        vocabulary.encode(&format!("{name}\n{}", turn.text), &mut tokens)?;
        tokens.push(end);
        vocabulary.encode("\n", &mut tokens)?;
    }
    tokens.push(start);
    vocabulary.encode("assistant\n", &mut tokens)?;
    Ok(tokens)
}
