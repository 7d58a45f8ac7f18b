//! [`Template`]: sections of pieces, of which everything that can be checked has been.

use super::parse::{Role, Token, parse};
use super::placeholder::{Path, Place, Value};
use crate::common::did_you_mean;

/// A checked template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template {
    pub(crate) sections: Vec<Section>,
}

/// A message, or messages put in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Section {
    Message { role: Role, pieces: Vec<Piece> },
    Messages(Path),
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Place(Place),
}

/// The names that placeholders may use.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The function, for messages.
    pub(crate) function: String,
    pub(crate) names: Vec<String>,
}

impl Template {
    /// Reads dedented text and says what is wrong with it.
    pub(crate) fn of(text: &str) -> (Self, Vec<String>) {
        let (tokens, mut mistakes) = parse(text);
        // A placeholder that was not understood leaves a hole.
        let has_holes = !mistakes.is_empty();
        let (head, titled) = split(tokens);
        let head_pieces = trim(head, false);
        let mut sections = Vec::new();
        if titled.is_empty() {
            if head_pieces.is_empty() && !has_holes {
                mistakes.push("the prompt is empty; write its text".to_owned());
            }
            sections.push(Section::Message { role: Role::User, pieces: head_pieces });
        } else if !head_pieces.is_empty() {
            let mistake =
                "there is text before the first role; begin the template with `SYSTEM:` or `USER:`";
            mistakes.push(mistake.to_owned());
        }
        for (role, tokens) in titled {
            let pieces = trim(tokens, true);
            match (role, pieces.as_slice()) {
                (_, []) if has_holes => {}
                (Role::Messages, [Piece::Place(Place::Value(Value { path, spec, .. }))])
                    if spec.is_empty() =>
                {
                    sections.push(Section::Messages(path.clone()));
                }
                (Role::Messages, _) => mistakes.push(
                    "a `MESSAGES:` section takes one placeholder and nothing else, as in `MESSAGES: {history}`"
                        .to_owned(),
                ),
                (role, []) => mistakes.push(format!(
                    "the `{}:` section is empty; write its text, or remove it",
                    role.word()
                )),
                (role, _) => sections.push(Section::Message { role, pieces }),
            }
        }
        (Self { sections }, mistakes)
    }

    /// Names all values that the template takes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().flat_map(|section| {
            let (history, pieces) = match section {
                Section::Messages(path) => (Some(path.name.as_str()), [].as_slice()),
                Section::Message { pieces, .. } => (None, pieces.as_slice()),
            };
            let places = pieces.iter().filter_map(|piece| match piece {
                Piece::Place(place) => Some(place.names()),
                Piece::Text(_) => None,
            });
            history.into_iter().chain(places.flatten())
        })
    }

    /// Says which names are not known.
    pub(crate) fn unknown_names(&self, known: &Known) -> Vec<String> {
        let mut mistakes: Vec<String> = Vec::new();
        for name in self.names() {
            let is_constant = name.chars().all(|letter| !letter.is_lowercase());
            if is_constant || known.names.iter().any(|known| known == name) {
                continue;
            }
            let names = known.names.iter().map(String::as_str);
            let suggestion = did_you_mean(name, names, ("{", "}"));
            let function = &known.function;
            let mistake = format!(
                "placeholder `{{{name}}}` is not a parameter or local of `{function}`{suggestion}"
            );
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        mistakes
    }
}

/// Splits tokens at the roles: what stands before the first one, and the sections.
fn split(tokens: Vec<Token>) -> (Vec<Token>, Vec<(Role, Vec<Token>)>) {
    let mut head = Vec::new();
    let mut sections: Vec<(Role, Vec<Token>)> = Vec::new();
    for token in tokens {
        match token {
            Token::Role(role) => sections.push((role, Vec::new())),
            token => sections.last_mut().map_or(&mut head, |(_, section)| section).push(token),
        }
    }
    (head, sections)
}

/// Removes the space around a section: an empty first line, the space after a role, and all that
/// stands before the next role.
fn trim(tokens: Vec<Token>, after_role: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for token in tokens {
        match token {
            Token::Text(text) => pieces.push(Piece::Text(text)),
            Token::Place(place) => pieces.push(Piece::Place(place)),
            Token::Role(_) => {}
        }
    }
    if let Some(Piece::Text(text)) = pieces.last_mut() {
        text.truncate(text.trim_end().len());
    }
    if let Some(Piece::Text(text)) = pieces.first_mut() {
        let start = text.trim_start_matches([' ', '\t']);
        let kept = if after_role { start } else { text.as_str() };
        *text = start.strip_prefix('\n').unwrap_or(kept).to_owned();
    }
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    pieces
}
