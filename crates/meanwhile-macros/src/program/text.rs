//! [`Line`]: a signature that is written as text, `question, k: int -> answer, score: float`. The same
//! language that `SignatureSpec` reads at run time, but that a type it does not know is one of the program.

use std::iter::Peekable;
use std::str::CharIndices;

/// A signature as it is written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) inputs: Vec<(String, Type)>,
    pub(super) outputs: Vec<(String, Type)>,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Text,
    /// A number or truth value, with its name in Rust and that of its `FieldType`.
    Simple(&'static str, &'static str),
    Any,
    /// `Image`, `Audio` or `Document`.
    Media(&'static str),
    History,
    List(Box<Type>),
    Map(Box<Type>),
    Optional(Box<Type>),
    Choice(Vec<Choice>),
    /// A type of the program, as a path.
    Named(String),
}

/// One of the values of a choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    Text(String),
    Number(i64),
    Truth(bool),
    /// `None`.
    Nothing,
}

/// Numbers and truth values: as they are written, in Rust, and as a `FieldType`.
const SIMPLE: [(&str, &str, &str); 20] = [
    ("int", "i64", "Integer"),
    ("integer", "i64", "Integer"),
    ("i8", "i8", "Integer"),
    ("i16", "i16", "Integer"),
    ("i32", "i32", "Integer"),
    ("i64", "i64", "Integer"),
    ("i128", "i128", "Integer"),
    ("isize", "isize", "Integer"),
    ("u8", "u8", "Integer"),
    ("u16", "u16", "Integer"),
    ("u32", "u32", "Integer"),
    ("u64", "u64", "Integer"),
    ("u128", "u128", "Integer"),
    ("usize", "usize", "Integer"),
    ("float", "f64", "Float"),
    ("number", "f64", "Float"),
    ("f32", "f32", "Float"),
    ("f64", "f64", "Float"),
    ("bool", "bool", "Boolean"),
    ("boolean", "bool", "Boolean"),
];

impl Line {
    /// Reads a signature, or says everything that is wrong with it, in order.
    pub(super) fn read(text: &str) -> Result<Self, Vec<String>> {
        let sides: Vec<&str> = text.split("->").collect();
        let [inputs, outputs] = sides.as_slice() else {
            return Err(vec![match sides.len() {
                1 => "there is no `->` between inputs and outputs; write `question, k: int -> answer`"
                    .into(),
                _ => "there is a second `->`; a signature has one".into(),
            }]);
        };
        let mut mistakes = Vec::new();
        let inputs = side(inputs, &mut mistakes);
        if split(outputs).iter().all(|part| part.trim().is_empty()) {
            mistakes.push("there is no output field".into());
        }
        let outputs = side(outputs, &mut mistakes);
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in inputs.iter().chain(&outputs) {
            if seen.contains(&name.as_str()) {
                mistakes.push(format!(
                    "there are two fields `{name}`; names are told apart on both sides"
                ));
            }
            seen.push(name);
        }
        if mistakes.is_empty() { Ok(Self { inputs, outputs }) } else { Err(mistakes) }
    }
}

fn side(text: &str, mistakes: &mut Vec<String>) -> Vec<(String, Type)> {
    let mut fields = Vec::new();
    let parts = split(text);
    if parts.iter().all(|part| part.trim().is_empty()) {
        return fields;
    }
    for part in parts {
        match field(part.trim()) {
            Ok(field) => fields.push(field),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    fields
}

/// Splits at commas that are in no brackets and no quotes; one at the end counts for nothing.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[' | '<' | '(') => depth += 1,
            (None, ']' | '>' | ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    let last = text.get(start..).unwrap_or_default();
    if !last.trim().is_empty() || parts.is_empty() {
        parts.push(last);
    }
    parts
}

fn field(text: &str) -> Result<(String, Type), String> {
    let (name, ty) = match text.split_once(':') {
        Some((name, ty)) => (name.trim(), Some(ty.trim())),
        None => (text, None),
    };
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    if name.is_empty()
        || !name.chars().all(is_word)
        || name.starts_with(|one: char| one.is_ascii_digit())
    {
        return Err(format!(
            "`{name}` is no name of a field; use letters, digits and `_`, and a comma between fields"
        ));
    }
    let ty = match ty {
        None => Type::Text,
        Some(ty) => {
            let mut reader = Reader { letters: ty.char_indices().peekable(), text: ty };
            let read = reader.ty().and_then(|ty| match reader.word_or_sign() {
                None => Ok(ty),
                Some(rest) => Err(format!("`{rest}` is one too many")),
            });
            read.map_err(|mistake| format!("the type of `{name}`: {mistake}"))?
        }
    };
    Ok((name.to_owned(), ty))
}

struct Reader<'a> {
    letters: Peekable<CharIndices<'a>>,
    text: &'a str,
}

impl Reader<'_> {
    fn ty(&mut self) -> Result<Type, String> {
        let mut ty = self.one()?;
        while self.eat('|') {
            if self.word() != "None" {
                return Err("only `None` may stand behind `|`".into());
            }
            if !matches!(ty, Type::Optional(_)) {
                ty = Type::Optional(Box::new(ty));
            }
        }
        Ok(ty)
    }

    fn one(&mut self) -> Result<Type, String> {
        self.eat('&');
        let name = self.word();
        if let Some((_, rust, field)) = SIMPLE.iter().find(|(written, ..)| *written == name) {
            return Ok(Type::Simple(rust, field));
        }
        let name = name.strip_prefix("typing.").or(name.strip_prefix("dspy.")).unwrap_or(&name);
        Ok(match name {
            "str" | "String" | "string" | "text" => Type::Text,
            "Any" | "Value" | "serde_json::Value" => Type::Any,
            "Image" => Type::Media("Image"),
            "Audio" => Type::Media("Audio"),
            "Document" => Type::Media("Document"),
            "History" => Type::History,
            "list" | "List" | "Vec" => {
                Type::List(Box::new(self.arguments(1)?.pop().unwrap_or(Type::Any)))
            }
            "dict" | "Dict" | "HashMap" | "BTreeMap" | "IndexMap" | "Map" => {
                let mut inner = self.arguments(2)?;
                let value = inner.pop().unwrap_or(Type::Any);
                if inner.pop().is_some_and(|key| key != Type::Text) {
                    return Err("the names of a map are texts".into());
                }
                Type::Map(Box::new(value))
            }
            "Optional" | "Option" => match self.arguments(1)?.pop() {
                Some(inner) => Type::Optional(Box::new(inner)),
                None => return Err(format!("`{name}` needs a type in its brackets")),
            },
            "Literal" => Type::Choice(self.choices()?),
            "" => return Err("a type is wanted".into()),
            other if other.contains('.') => {
                return Err(format!("the type `{other}` is not known; write a path of Rust"));
            }
            other => Type::Named(other.to_owned()),
        })
    }

    /// The types in brackets: none, where there are no brackets, or exactly `count`.
    fn arguments(&mut self, count: usize) -> Result<Vec<Type>, String> {
        let close = if self.eat('[') {
            ']'
        } else if self.eat('<') {
            '>'
        } else {
            return Ok(Vec::new());
        };
        let mut inner = vec![self.ty()?];
        while self.eat(',') {
            inner.push(self.ty()?);
        }
        if !self.eat(close) {
            return Err(format!("`{close}` is missing"));
        }
        if inner.len() != count {
            return Err(format!("{count} in the brackets is wanted, not {}", inner.len()));
        }
        Ok(inner)
    }

    fn choices(&mut self) -> Result<Vec<Choice>, String> {
        let missing = "the choices are missing; write `Literal['one', 'another']`";
        if !self.eat('[') {
            return Err(missing.into());
        }
        let mut choices = Vec::new();
        loop {
            if self.eat(']') {
                return if choices.is_empty() { Err(missing.into()) } else { Ok(choices) };
            }
            choices.push(self.choice()?);
            if !self.eat(',') && self.peek() != Some(']') {
                return Err("`]` is missing".into());
            }
        }
    }

    fn choice(&mut self) -> Result<Choice, String> {
        if let Some(quote) = self.peek().filter(|letter| ['\'', '"'].contains(letter)) {
            self.letters.next();
            let (mut text, mut escaped) = (String::new(), false);
            for (_, letter) in self.letters.by_ref() {
                match letter {
                    letter if escaped => {
                        text.push(letter);
                        escaped = false;
                    }
                    '\\' => escaped = true,
                    letter if letter == quote => return Ok(Choice::Text(text)),
                    letter => text.push(letter),
                }
            }
            return Err("a quote is not closed".into());
        }
        let sign = if self.eat('-') { "-" } else { "" };
        let word = format!("{sign}{}", self.word());
        match word.as_str() {
            "True" | "true" => Ok(Choice::Truth(true)),
            "False" | "false" => Ok(Choice::Truth(false)),
            "None" => Ok(Choice::Nothing),
            word => word.parse().map(Choice::Number).map_err(|_| {
                "a choice is a text in quotes, a whole number or a boolean".to_owned()
            }),
        }
    }

    fn peek(&mut self) -> Option<char> {
        while self.letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
        self.letters.peek().map(|(_, letter)| *letter)
    }

    fn eat(&mut self, sign: char) -> bool {
        self.peek() == Some(sign) && self.letters.next().is_some()
    }

    /// A name, with `.` or `::` in it.
    fn word(&mut self) -> String {
        self.peek();
        let is_word = |letter: char| letter.is_alphanumeric() || "_.:".contains(letter);
        let mut word = String::new();
        while let Some((_, letter)) = self.letters.next_if(|(_, letter)| is_word(*letter)) {
            word.push(letter);
        }
        word
    }

    /// What is left.
    fn word_or_sign(&mut self) -> Option<String> {
        self.peek()?;
        let at = self.letters.peek().map(|(at, _)| *at)?;
        self.text.get(at..).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_spellings() {
        let list = |inner| Type::List(Box::new(inner));
        for (text, ty) in [
            ("a", Type::Text),
            ("a: str", Type::Text),
            ("a : list[ int ]", list(Type::Simple("i64", "Integer"))),
            ("a: Vec<u8>", list(Type::Simple("u8", "Integer"))),
            ("a: list", list(Type::Any)),
            ("a: dict[str, float]", Type::Map(Box::new(Type::Simple("f64", "Float")))),
            ("a: bool | None", Type::Optional(Box::new(Type::Simple("bool", "Boolean")))),
            ("a: dspy.Image", Type::Media("Image")),
            ("a: my::Book", Type::Named("my::Book".into())),
            (
                "a: Literal['x, y', \"b\", -1, True, None]",
                Type::Choice(vec![
                    Choice::Text("x, y".into()),
                    Choice::Text("b".into()),
                    Choice::Number(-1),
                    Choice::Truth(true),
                    Choice::Nothing,
                ]),
            ),
        ] {
            let line = Line::read(&format!("{text} -> z,")).unwrap();
            assert_eq!(line.inputs, [("a".to_owned(), ty)], "{text}");
            assert_eq!(line.outputs, [("z".to_owned(), Type::Text)]);
        }
    }

    #[test]
    fn says_every_mistake() {
        for (text, mistakes) in [
            ("question", &["no `->`"][..]),
            ("a -> b -> c", &["second `->`"]),
            ("a ->", &["no output field"]),
            ("a b, 1c -> a, a: list[int", &["`a b`", "`1c`", "`]` is missing"]),
            ("a -> a", &["two fields `a`"]),
            ("a -> b: dict[int, str], c: Literal[x]", &["names of a map", "a choice is"]),
            ("a -> b: int | str", &["only `None`"]),
        ] {
            let found = Line::read(text).unwrap_err();
            assert_eq!(found.len(), mistakes.len(), "{found:?}");
            for (found, wanted) in found.iter().zip(mistakes) {
                assert!(found.contains(wanted), "{found} has no {wanted}");
            }
        }
    }
}
