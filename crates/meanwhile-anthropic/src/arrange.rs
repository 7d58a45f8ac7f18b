//! The order that the API asks of a written conversation, and how many cache marks it takes.

use std::borrow::Cow;

use meanwhile_core::{Result, Warning};
use meanwhile_http::Notes;

use crate::messages::{Conversation, MOVED};
use crate::written::{Block, Kind, Turn};

/// Puts tool results first in their turn, and a system message that is not behind the user's in
/// front of the conversation, which the API asks for.
pub(crate) fn turns(out: &mut Conversation<'_>, notes: &mut Notes) -> Result<()> {
    let mut before = "";
    let mut moved = Vec::new();
    for turn in &mut out.turns {
        if turn.role == "user" {
            turn.content.0.sort_by_key(|block| !matches!(block.kind, Kind::Result { .. }));
        }
        if turn.role == "system" && before != "user" {
            moved.append(&mut turn.content.0);
        } else {
            before = turn.role;
        }
    }
    if !moved.is_empty() {
        out.system.0.append(&mut moved);
        out.turns.retain(|turn| !turn.content.0.is_empty());
        notes.changed("system message", MOVED)?;
    }
    if let Some(Turn { role: "assistant", content }) = out.turns.last_mut()
        && let Some(Block { kind: Kind::Text { text, .. }, .. }) = content.0.last_mut()
        && text.ends_with(char::is_whitespace)
    {
        // The model goes on from here, and the API wants no white space in between.
        *text = Cow::Owned(text.trim_end().to_owned());
        let message = "the white space at the end of the last message was left out";
        notes.mention(Warning::changed("text", message));
    }
    Ok(())
}

/// Takes out the first marks where there are too many: a cached prefix is found by the last.
pub(crate) fn cache_marks(
    out: &mut Conversation<'_>,
    allowed: usize,
    notes: &mut Notes,
) -> Result<()> {
    let turns = out.turns.iter_mut().flat_map(|turn| &mut turn.content.0);
    let blocks = out.system.0.iter_mut().chain(turns);
    let marked: Vec<_> = blocks.filter(|block| block.cache.is_some()).collect();
    let excess = marked.len().saturating_sub(allowed);
    if excess == 0 {
        return Ok(());
    }
    for block in marked.into_iter().take(excess) {
        block.cache = None;
    }
    notes.dropped("cache mark", "this API takes four marks; only the last ones were kept")
}
