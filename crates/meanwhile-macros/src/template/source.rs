//! [`Source`]: the text of a literal, and which of its lines are lines of the source file.

use syn::LitStr;

/// The text of a literal together with the starts of the lines that are lines in the source file.
///
/// Only those are indented because of where the literal stands; spaces after an escaped `\n` were
/// written on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    text: String,
    starts: Vec<usize>,
}

impl Source {
    /// Takes text of which every line is a line of the source file.
    pub(crate) fn plain(text: String) -> Self {
        let starts = text.match_indices('\n').map(|(position, _)| position + 1).collect();
        Self { text, starts }
    }

    /// Reads a string literal, raw or not.
    pub(crate) fn of(literal: &LitStr) -> Self {
        let value = literal.value();
        let written = literal.token().to_string();
        let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match inside.map(unescape) {
            // The compiler's reading decides; this one only adds where the lines are.
            Some(read) if read.text == value => read,
            _ => Self::plain(value),
        }
    }

    /// Removes the indentation that all lines after the first have in common.
    pub(crate) fn dedent(&self) -> String {
        let lines = self.starts.iter().filter_map(|start| self.text.get(*start..));
        let indents = lines
            .map(|rest| rest.split('\n').next().unwrap_or(rest))
            .filter(|line| !line.trim().is_empty())
            .map(indent);
        let common = indents.reduce(common_prefix).unwrap_or_default();

        let mut out = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        let mut position = 0;
        for start in &self.starts {
            let Some((line, after)) = rest.split_at_checked(start - position) else { break };
            out.push_str(line);
            let removed = common_prefix(indent(after), common).len();
            rest = after.get(removed..).unwrap_or_default();
            position = start + removed;
        }
        out.push_str(rest);
        out
    }
}

/// The spaces and tabs that a line begins with.
fn indent(line: &str) -> &str {
    let end = line.find(|letter| letter != ' ' && letter != '\t').unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

fn common_prefix<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    one.get(..same).unwrap_or_default()
}

/// Reads the escapes of a string literal, whose syntax the compiler has checked.
fn unescape(written: &str) -> Source {
    let mut text = String::new();
    let mut starts = Vec::new();
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            text.push('\n');
            starts.push(text.len());
            continue;
        }
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('0') => text.push('\0'),
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                text.extend(code(&digits));
            }
            Some('u') => {
                let digits = letters.by_ref().skip(1).take_while(|digit| *digit != '}');
                let digits: String = digits.filter(|digit| *digit != '_').collect();
                text.extend(code(&digits));
            }
            // A backslash at the end of a line joins it with the next.
            Some('\n') => while letters.next_if(|next| next.is_ascii_whitespace()).is_some() {},
            Some(other) => text.push(other),
            None => {}
        }
    }
    Source { text, starts }
}

fn code(digits: &str) -> Option<char> {
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}
