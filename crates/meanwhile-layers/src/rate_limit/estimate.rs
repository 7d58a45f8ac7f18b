//! [`estimate_tokens`]: how large a request is, before anybody has counted.

use meanwhile_core::{Message, Part, Request};

// Tokens are shorter than words; four bytes of text each is what vendors tell for English.
const BYTES_PER_TOKEN: usize = 4;
// What a message costs beside its text: its role and its marks.
const PER_MESSAGE: u64 = 4;
// An image in the middle of what vendors charge; nobody knows before it was cut into tiles.
const PER_MEDIA: u64 = 1000;

/// Estimates the tokens that a request reads and may write: its text, by four bytes a token, its tools,
/// a thousand for each image, recording or document, and the most tokens that it lets the model write.
///
/// It is meant for rate limits, which correct it when the provider has counted. It is no tokenizer.
#[must_use]
pub fn estimate_tokens(request: &Request) -> u64 {
    let messages: u64 = request.messages.iter().map(message).sum();
    let tools = request.tools.iter().map(|tool| {
        let schema = tool.parameters.as_value().to_string().len();
        text(tool.name.len() + tool.description.len() + schema)
    });
    let answer = u64::from(request.params.max_tokens.unwrap_or_default());
    messages.saturating_add(tools.sum()).saturating_add(answer)
}

fn message(message: &Message) -> u64 {
    message.parts.iter().map(part).sum::<u64>() + PER_MESSAGE
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(part) => text(part.text.len()),
        Part::Thinking(part) => text(part.text.len()),
        Part::Refusal(part) => text(part.text.len()),
        Part::ToolCall(call) => text(call.name.len() + call.arguments.len()),
        Part::ToolResult(result) => result.parts.iter().map(self::part).sum(),
        _ => PER_MEDIA,
    }
}

/// The tokens of so many bytes of text.
pub(crate) fn text(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}
