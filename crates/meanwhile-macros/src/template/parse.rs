//! Splits the text of a template into roles, text and placeholders.
//!
//! A role counts at the start of a line only. Never fails: what is wrong is reported and skipped.

use super::placeholder::Place;

/// What begins a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
    Messages,
}

/// A piece of a template, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Role(Role),
    Text(String),
    Place(Place),
}

const ROLES: [(&str, Role); 4] = [
    ("SYSTEM", Role::System),
    ("USER", Role::User),
    ("ASSISTANT", Role::Assistant),
    ("MESSAGES", Role::Messages),
];

/// Roles of other libraries and wires, with the one to write instead.
const FOREIGN: [(&str, &str); 7] = [
    ("TOOL", "MESSAGES"),
    ("FUNCTION", "MESSAGES"),
    ("DEVELOPER", "SYSTEM"),
    ("HUMAN", "USER"),
    ("AI", "ASSISTANT"),
    ("BOT", "ASSISTANT"),
    ("MODEL", "ASSISTANT"),
];

impl Role {
    /// The word that begins a section of this role.
    pub(crate) fn word(self) -> &'static str {
        ROLES.iter().find(|(_, role)| *role == self).map_or("", |(word, _)| word)
    }
}

/// A word in capitals before a colon.
enum Word {
    Role(Role),
    /// No role, but most likely meant as one; with the role that was meant.
    Suspect(&'static str),
    Text,
}

/// Splits `text` and says what is wrong with it.
pub(crate) fn parse(text: &str) -> (Vec<Token>, Vec<String>) {
    let mut scanner = Scanner {
        rest: text,
        before: None,
        at_line_start: true,
        braces_reported: false,
        text: String::new(),
        tokens: Vec::new(),
        mistakes: Vec::new(),
    };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.flush();
    (scanner.tokens, scanner.mistakes)
}

struct Scanner<'a> {
    rest: &'a str,
    before: Option<char>,
    /// Only spaces and tabs since the line began.
    at_line_start: bool,
    /// One wrong brace makes others look wrong; only the first is reported.
    braces_reported: bool,
    text: String,
    tokens: Vec<Token>,
    mistakes: Vec<String>,
}

impl<'a> Scanner<'a> {
    fn step(&mut self) {
        let Some(letter) = self.rest.chars().next() else { return };
        let after_word =
            self.before.is_some_and(|before| before.is_alphanumeric() || before == '_');
        match letter {
            '{' if self.rest.starts_with("{{") => self.escape('{'),
            '}' if self.rest.starts_with("}}") => self.escape('}'),
            '{' => self.place(),
            '}' => {
                let near = self.near();
                self.brace(format!(
                    "unmatched `}}` after `{near}`; write `}}}}` for a literal brace"
                ));
                self.push(1);
            }
            '\\' => {
                let escaped =
                    self.rest.get(1..).and_then(word).filter(|(_, kind)| kind.is_special());
                match escaped {
                    Some((word, _)) => {
                        self.rest = self.rest.get(1..).unwrap_or_default();
                        self.push(word.len());
                    }
                    None => self.push(1),
                }
            }
            letter if letter.is_ascii_uppercase() && !after_word => match word(self.rest) {
                Some((word, kind)) => self.word(word, kind),
                None => self.push(1),
            },
            letter => self.push(letter.len_utf8()),
        }
    }

    /// Takes a word in capitals before a colon.
    fn word(&mut self, word: &str, kind: Word) {
        match kind {
            Word::Role(role) if self.at_line_start => {
                self.flush();
                self.tokens.push(Token::Role(role));
                self.advance(word.len() + 1);
                return;
            }
            Word::Role(_) => {
                let near = self.near();
                self.mistakes.push(format!(
                    "`{word}:` after `{near}` is not at the start of a line, where a role begins; start a new line, or put a backslash before it (`\\\\{word}:` in a string literal) to write the word itself"
                ));
            }
            Word::Suspect(meant) if self.at_line_start => self.mistakes.push(format!(
                "unknown role `{word}:`; did you mean `{meant}:`? The roles are `SYSTEM:`, `USER:`, `ASSISTANT:` and `MESSAGES:`; put a backslash before it (`\\\\{word}:` in a string literal) to write the word itself"
            )),
            Word::Suspect(_) | Word::Text => {}
        }
        self.push(word.len());
    }

    /// Takes a placeholder.
    fn place(&mut self) {
        let inside = self.rest.get(1..).unwrap_or_default();
        let end = inside.find(['{', '}', '\n']);
        let Some(end) =
            end.filter(|end| inside.get(*end..).is_some_and(|rest| rest.starts_with('}')))
        else {
            let line: String =
                self.rest.lines().next().unwrap_or_default().chars().take(24).collect();
            // `{"key": …` is JSON, `{name` is a placeholder that was not finished.
            self.brace(format!(
                "unclosed `{{` at `{line}`; close the placeholder with `}}`, or write `{{{{` for a literal brace"
            ));
            self.push(1);
            return;
        };
        match Place::parse(inside.get(..end).unwrap_or_default()) {
            Ok(place) => {
                self.flush();
                self.tokens.push(Token::Place(place));
            }
            Err(mistake) => self.brace(mistake),
        }
        self.advance(end + 2);
    }

    fn brace(&mut self, mistake: String) {
        if !std::mem::replace(&mut self.braces_reported, true) {
            self.mistakes.push(mistake);
        }
    }

    /// The words before this place, for messages.
    fn near(&self) -> String {
        let line = self.text.trim_end();
        let line = line.rsplit('\n').next().unwrap_or(line);
        let skipped = line.chars().count().saturating_sub(24);
        line.chars().skip(skipped).collect::<String>().trim_start().to_owned()
    }

    /// Takes a doubled brace.
    fn escape(&mut self, brace: char) {
        self.text.push(brace);
        self.advance(2);
    }

    /// Takes the next `length` bytes as text.
    fn push(&mut self, length: usize) {
        let taken = self.rest.get(..length).unwrap_or(self.rest);
        self.text.push_str(taken);
        self.advance(length);
    }

    fn advance(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        for letter in taken.chars() {
            self.at_line_start = match letter {
                '\n' => true,
                ' ' | '\t' => self.at_line_start,
                _ => false,
            };
            self.before = Some(letter);
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.tokens.push(Token::Text(std::mem::take(&mut self.text)));
        }
    }
}

impl Word {
    fn is_special(&self) -> bool {
        !matches!(self, Self::Text)
    }
}

/// The word in capitals that `text` begins with, if a single colon follows.
fn word(text: &str) -> Option<(&str, Word)> {
    let end = text.find(|letter: char| !letter.is_ascii_uppercase())?;
    let (word, after) = text.split_at_checked(end)?;
    if word.is_empty() || !after.starts_with(':') || after.starts_with("::") {
        return None;
    }
    if let Some((_, role)) = ROLES.iter().find(|(known, _)| *known == word) {
        return Some((word, Word::Role(*role)));
    }
    if let Some((_, meant)) = FOREIGN.iter().find(|(known, _)| *known == word) {
        return Some((word, Word::Suspect(meant)));
    }
    let roles = ROLES.iter().map(|(role, _)| *role);
    let close = roles.filter(|role| strsim::damerau_levenshtein(word, role) <= 2);
    let meant = close.min_by_key(|role| strsim::damerau_levenshtein(word, role));
    Some((word, meant.map_or(Word::Text, Word::Suspect)))
}
