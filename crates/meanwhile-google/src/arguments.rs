//! [`Arguments`]: the JSON text of a tool call's arguments, from pieces that each name their path.
//!
//! The model writes JSON from front to back, so every piece continues what stands there already: text
//! that is open, or the next member of a container that is. A piece that goes back is told of and
//! comes last.

use std::fmt::Write as _;

/// The arguments as far as they are written.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// The containers that are open, from the outside.
    open: Vec<Container>,
    /// The path of the text that is open.
    text: Option<Vec<Step>>,
}

#[derive(Debug)]
struct Container {
    /// Where it is in the one around it; the outermost is nowhere.
    at: Option<Step>,
    is_list: bool,
    members: usize,
    /// The names of an object's members.
    names: Vec<String>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// What a piece adds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// Text, with more to come or not.
    Text { text: &'a str, more: bool },
    /// A number, a truth value or null, as JSON writes it.
    Literal(&'a str),
}

/// Why a piece is not where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misplaced {
    /// Its path cannot be read; it was left out.
    Unreadable,
    /// It goes back to what is closed; it was written behind it.
    Late,
}

/// Most empty places that a list may be given.
const MOST_GAPS: usize = 1024;

impl Arguments {
    /// Writes a piece at its path to `out`.
    ///
    /// # Errors
    ///
    /// When the piece is not where it should be.
    pub(crate) fn add(
        &mut self,
        path: &str,
        piece: Piece<'_>,
        out: &mut String,
    ) -> Result<(), Misplaced> {
        let steps = steps(path).ok_or(Misplaced::Unreadable)?;
        if let Some(open) = &self.text {
            if *open == steps
                && let Piece::Text { text, more } = piece
            {
                push_escaped(text, out);
                if !more {
                    out.push('"');
                    self.text = None;
                }
                return Ok(());
            }
            out.push('"');
            self.text = None;
        }
        let Some((last, parents)) = steps.split_last() else { return Err(Misplaced::Unreadable) };
        // The outermost container is nowhere, so the others are one further than their steps.
        let inner = self.open.iter().skip(1).map(|container| container.at.as_ref());
        let shared = inner.zip(parents).take_while(|(at, step)| *at == Some(*step)).count();
        if self.open.is_empty() {
            if !matches!(steps.first(), Some(Step::Name(_))) {
                return Err(Misplaced::Unreadable);
            }
            self.begin(None, false, out);
        }
        while self.open.len() > shared + 1 {
            self.close(out);
        }
        let mut late = false;
        for (depth, step) in parents.iter().enumerate().skip(shared) {
            late |= self.enter(step, out)?;
            let is_list = matches!(steps.get(depth + 1), Some(Step::Index(_)));
            self.begin(Some(step.clone()), is_list, out);
        }
        late |= self.enter(last, out)?;
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Text { text, more } => {
                out.push('"');
                push_escaped(text, out);
                if more {
                    self.text = Some(steps);
                } else {
                    out.push('"');
                }
            }
        }
        if late { Err(Misplaced::Late) } else { Ok(()) }
    }

    /// Closes everything that is open.
    pub(crate) fn end(&mut self, out: &mut String) {
        if self.text.take().is_some() {
            out.push('"');
        }
        while !self.open.is_empty() {
            self.close(out);
        }
    }

    fn begin(&mut self, at: Option<Step>, is_list: bool, out: &mut String) {
        out.push(if is_list { '[' } else { '{' });
        self.open.push(Container { at, is_list, members: 0, names: Vec::new() });
    }

    fn close(&mut self, out: &mut String) {
        if let Some(container) = self.open.pop() {
            out.push(if container.is_list { ']' } else { '}' });
        }
    }

    /// Writes what stands before a member of the innermost container. Returns whether the member was
    /// there before.
    fn enter(&mut self, step: &Step, out: &mut String) -> Result<bool, Misplaced> {
        let container = self.open.last_mut().ok_or(Misplaced::Unreadable)?;
        let late = match step {
            Step::Name(name) if !container.is_list => {
                let late = container.names.contains(name);
                container.names.push(name.clone());
                late
            }
            Step::Index(index) if container.is_list => {
                if index.saturating_sub(container.members) > MOST_GAPS {
                    return Err(Misplaced::Unreadable);
                }
                while container.members < *index {
                    out.push_str(if container.members == 0 { "null" } else { ",null" });
                    container.members += 1;
                }
                *index < container.members
            }
            _ => return Err(Misplaced::Unreadable),
        };
        if container.members > 0 {
            out.push(',');
        }
        container.members += 1;
        if let Step::Name(name) = step {
            out.push('"');
            push_escaped(name, out);
            out.push_str("\":");
        }
        Ok(late)
    }
}

/// Writes text as it stands between the quotes of a JSON string.
fn push_escaped(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
}

/// Reads a JSON path of names and indexes: `$.a[0]['b c']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    if !rest.starts_with(['.', '[']) && !rest.is_empty() {
        let (name, after) = name(rest)?;
        steps.push(Step::Name(name.to_owned()));
        rest = after;
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let (name, after) = name(after)?;
            steps.push(Step::Name(name.to_owned()));
            rest = after;
        } else {
            let inner = rest.strip_prefix('[')?;
            let quote = inner.chars().next().filter(|first| matches!(first, '\'' | '"'));
            if let Some(quote) = quote {
                let (name, after) = quoted(inner.get(1..)?, quote)?;
                steps.push(Step::Name(name));
                rest = after.strip_prefix(']')?;
            } else {
                let (index, after) = inner.split_once(']')?;
                steps.push(Step::Index(index.trim().parse().ok()?));
                rest = after;
            }
        }
    }
    (!steps.is_empty()).then_some(steps)
}

fn name(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end)?;
    (!name.is_empty()).then_some((name, after))
}

/// Reads up to the closing quote; a backslash guards the character behind it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((name, text.get(at + character.len_utf8()..)?));
        }
        let guarded = if character == '\\' { characters.next()?.1 } else { character };
        name.push(match (character, guarded) {
            ('\\', 'n') => '\n',
            ('\\', 'r') => '\r',
            ('\\', 't') => '\t',
            (_, other) => other,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[(&str, Piece<'_>)], expected: &str) {
        let mut arguments = Arguments::default();
        let mut out = String::new();
        let mut misplaced = 0;
        for (path, piece) in pieces {
            misplaced += usize::from(arguments.add(path, *piece, &mut out).is_err());
        }
        arguments.end(&mut out);
        assert_eq!((&*out, misplaced), (expected, 0), "{pieces:?}");
    }

    fn text(text: &str, more: bool) -> Piece<'_> {
        Piece::Text { text, more }
    }

    #[test]
    fn pieces_join_to_json() {
        check(&[], "");
        check(&[("$.a", Piece::Literal("1"))], r#"{"a":1}"#);
        check(
            &[("$.a", text("x", true)), ("$.a", text("y\"\n", true)), ("$.a", text("", false))],
            r#"{"a":"xy\"\n"}"#,
        );
        check(
            &[
                ("$.r.i[0].n", text("16", true)),
                ("$.r.i[0].n", text("", false)),
                ("$.r.i[0].m", Piece::Literal("true")),
                ("$.r.i[1].n", text("é", false)),
                ("$.r.s[0]", Piece::Literal("null")),
                ("$.r.s[1]", text("b", false)),
                ("$.z", Piece::Literal("2.5")),
            ],
            r#"{"r":{"i":[{"n":"16","m":true},{"n":"é"}],"s":[null,"b"]},"z":2.5}"#,
        );
        check(
            &[("$['a b'][0][1]", Piece::Literal("1")), ("$[\"c\\\"\"]", Piece::Literal("2"))],
            r#"{"a b":[[null,1]],"c\"":2}"#,
        );
        // Text that is never said to end ends where the next piece begins.
        check(&[("$.a", text("x", true)), ("$.b", Piece::Literal("1"))], r#"{"a":"x","b":1}"#);
    }

    #[test]
    fn misplaced_pieces_are_told_of() {
        let mut arguments = Arguments::default();
        let mut out = String::new();
        let one = Piece::Literal("1");
        for path in ["", "$", "$.", "$[0]", "$.a[x]", "$.a['b", "$.a[99999999]"] {
            let placed = Arguments::default().add(path, one, &mut String::new());
            assert_eq!(placed, Err(Misplaced::Unreadable), "{path}");
        }
        assert_eq!(arguments.add("$.a[1]", one, &mut out), Ok(()));
        assert_eq!(arguments.add("$.a[0]", one, &mut out), Err(Misplaced::Late));
        assert_eq!(arguments.add("$.a.b", one, &mut out), Err(Misplaced::Unreadable));
        assert_eq!(arguments.add("$.b.c", one, &mut out), Ok(()));
        assert_eq!(arguments.add("$.a[2]", one, &mut out), Err(Misplaced::Late));
        arguments.end(&mut out);
        assert_eq!(out, r#"{"a":[null,1,1],"b":{"c":1},"a":[null,null,1]}"#);
    }
}
