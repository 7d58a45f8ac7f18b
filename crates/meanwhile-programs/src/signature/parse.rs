//! Reading signatures that are written as text, in the spellings of Python and of Rust.

use std::str::FromStr;

use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{FieldSpec, FieldType, SignatureSpec};

impl FromStr for SignatureSpec {
    type Err = Error;

    /// Reads `question, k: int -> answer, score: float`. A field without a type is text. Types are written
    /// as in Python (`str int float bool list[…] dict[str, …] Optional[…] … | None Literal['a', 'b'] Any`)
    /// or as in Rust (`String i64 f64 bool Vec<…> HashMap<String, …> Option<…> Value`), media as `Image`,
    /// `Audio`, `Document`, the conversation so far as `History`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] with every fault, in order, each with its place in the text.
    fn from_str(text: &str) -> Result<Self> {
        Self::parse_with(text, |_| None)
    }
}

impl SignatureSpec {
    /// Reads a signature as [`str::parse`] does, with types of the program by name.
    ///
    /// ```
    /// use meanwhile_programs::{FieldType, SignatureSpec};
    ///
    /// let mood = || FieldType::one_of(["calm", "angry"]);
    /// let types = |name: &str| (name == "Mood").then(mood);
    /// let signature = SignatureSpec::parse_with("text -> mood: list[Mood]", types)?;
    /// assert_eq!(signature.outputs[0].ty.to_string(), "list of (one of: calm, angry)");
    /// # Ok::<(), meanwhile_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As reading without.
    pub fn parse_with(text: &str, types: impl Fn(&str) -> Option<FieldType>) -> Result<Self> {
        let mut faults = Vec::new();
        let arrows: Vec<usize> = text.match_indices("->").map(|(at, _)| at).collect();
        let [arrow] = arrows.as_slice() else {
            let message = match arrows.get(1) {
                None => "there is no `->` between inputs and outputs".to_owned(),
                Some(second) => {
                    format!("there is a second `->` at {second}; one signature has one")
                }
            };
            return Err(refused(text, &[message]));
        };
        let mut side = |from: usize, part: &str, wanted: bool| {
            let mut parser = Parser { text: part, at: 0, from, types: &types, faults: Vec::new() };
            let fields = parser.fields(wanted);
            faults.append(&mut parser.faults);
            fields
        };
        let inputs = side(0, text.get(..*arrow).unwrap_or_default(), false);
        let outputs = side(arrow + 2, text.get(arrow + 2..).unwrap_or_default(), true);
        let mut seen: Vec<&str> = Vec::new();
        for (at, field) in inputs.iter().chain(&outputs) {
            if seen.contains(&field.name.as_str()) {
                let name = &field.name;
                faults.push((*at, format!("the name `{name}` at {at} is there already")));
            }
            seen.push(&field.name);
        }
        if !faults.is_empty() {
            faults.sort_by_key(|(at, _)| *at);
            let faults: Vec<String> = faults.into_iter().map(|(_, fault)| fault).collect();
            return Err(refused(text, &faults));
        }
        let fields = |side: Vec<(usize, FieldSpec)>| side.into_iter().map(|(_, field)| field);
        Ok(Self::new("StringSignature", fields(inputs), fields(outputs)))
    }
}

fn refused(text: &str, faults: &[String]) -> Error {
    let message = format!(
        "`{text}` is not a signature: {}; write it as in `question, k: int -> answer`",
        faults.join("; ")
    );
    Error::new(ErrorKind::Config, message)
}

struct Parser<'a> {
    text: &'a str,
    /// In bytes, in `text`.
    at: usize,
    /// Where `text` begins in the whole.
    from: usize,
    types: &'a dyn Fn(&str) -> Option<FieldType>,
    faults: Vec<(usize, String)>,
}

impl<'a> Parser<'a> {
    fn fields(&mut self, wanted: bool) -> Vec<(usize, FieldSpec)> {
        let mut fields = Vec::new();
        loop {
            self.space();
            if self.rest().is_empty() {
                if fields.is_empty() && self.faults.is_empty() && wanted {
                    self.fault("there is no output");
                }
                return fields;
            }
            let place = self.from + self.at;
            let before = self.faults.len();
            match self.field() {
                Some(field) => fields.push((place, field)),
                None if self.faults.len() == before => self.fault("this is not a field"),
                None => {}
            }
            self.space();
            if !self.rest().is_empty() && !self.eat(",") {
                if self.faults.len() == before {
                    self.fault("a comma is missing");
                }
                self.skip_field();
            }
        }
    }

    fn field(&mut self) -> Option<FieldSpec> {
        let name = self.word();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.fault("a name of letters, digits and `_` is wanted, not beginning with a digit");
            return None;
        }
        self.space();
        if !self.eat(":") {
            return Some(FieldSpec::text(name));
        }
        let ty = self.ty()?;
        Some(FieldSpec::new(name, ty))
    }

    fn ty(&mut self) -> Option<FieldType> {
        let mut ty = self.one_type()?;
        loop {
            self.space();
            if !self.eat("|") {
                return Some(ty);
            }
            self.space();
            let at = self.at;
            if self.word() == "None" {
                if !matches!(ty, FieldType::Optional(_)) {
                    ty = FieldType::Optional(Box::new(ty));
                }
            } else {
                self.at = at;
                self.fault("only `None` may stand behind `|`");
                return None;
            }
        }
    }

    fn one_type(&mut self) -> Option<FieldType> {
        self.space();
        self.eat("&");
        let at = self.at;
        let name = self.path();
        let simple = match name {
            "str" | "String" | "string" | "text" => Some(FieldType::String),
            "int" | "integer" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16"
            | "u32" | "u64" | "u128" | "usize" => Some(FieldType::Integer),
            "float" | "number" | "f32" | "f64" => Some(FieldType::Float),
            "bool" | "boolean" => Some(FieldType::Boolean),
            "Any" | "typing.Any" | "Value" | "serde_json::Value" => Some(FieldType::Any),
            "Image" | "dspy.Image" => Some(FieldType::Image),
            "Audio" | "dspy.Audio" => Some(FieldType::Audio),
            "Document" | "dspy.Document" => Some(FieldType::Document),
            "History" | "dspy.History" => Some(FieldType::History),
            _ => None,
        };
        if simple.is_some() {
            return simple;
        }
        match name {
            "list" | "List" | "typing.List" | "Vec" => self
                .arguments(at, 1)
                .map(|mut inner| FieldType::List(Box::new(inner.pop().unwrap_or(FieldType::Any)))),
            "dict" | "Dict" | "typing.Dict" | "HashMap" | "BTreeMap" | "IndexMap" | "Map" => {
                self.map(at)
            }
            "Optional" | "typing.Optional" | "Option" => {
                let inner = self.arguments(at, 1)?;
                let Some(inner) = inner.into_iter().next() else {
                    self.fault_at(at, &format!("`{name}` needs a type in its brackets"));
                    return None;
                };
                Some(FieldType::Optional(Box::new(inner)))
            }
            "Literal" | "typing.Literal" => self.literal(),
            "" => {
                self.fault("a type is wanted");
                None
            }
            other => {
                let known = (self.types)(other);
                if known.is_none() {
                    self.fault_at(at, &format!("the type `{other}` is not known"));
                    self.skip_brackets();
                }
                known
            }
        }
    }

    fn map(&mut self, at: usize) -> Option<FieldType> {
        let mut inner = self.arguments(at, 2)?;
        let value = inner.pop();
        match (inner.pop(), value) {
            (None | Some(FieldType::String), value) => {
                Some(FieldType::Map(Box::new(value.unwrap_or(FieldType::Any))))
            }
            (Some(_), _) => {
                self.fault_at(at, "the names of a map are texts");
                None
            }
        }
    }

    /// The types in brackets: none, where there are no brackets, or exactly `count`.
    fn arguments(&mut self, at: usize, count: usize) -> Option<Vec<FieldType>> {
        self.space();
        let close = if self.eat("[") {
            "]"
        } else if self.eat("<") {
            ">"
        } else {
            return Some(Vec::new());
        };
        let mut inner = Vec::new();
        loop {
            inner.push(self.ty()?);
            self.space();
            if self.eat(close) {
                break;
            }
            if !self.eat(",") {
                self.fault(&format!("`{close}` is missing"));
                return None;
            }
        }
        if inner.len() != count {
            self.fault_at(at, &format!("{count} in the brackets is wanted, not {}", inner.len()));
            return None;
        }
        Some(inner)
    }

    fn literal(&mut self) -> Option<FieldType> {
        self.space();
        if !self.eat("[") {
            self.fault("the choices are missing; write `Literal['one', 'another']`");
            return None;
        }
        let mut choices = Vec::new();
        loop {
            self.space();
            if self.eat("]") && !choices.is_empty() {
                return Some(FieldType::Choice(choices));
            }
            choices.push(self.choice()?);
            self.space();
            if self.eat(",") || self.rest().starts_with(']') {
                continue;
            }
            self.fault("`]` is missing");
            return None;
        }
    }

    fn choice(&mut self) -> Option<Value> {
        for quote in ['\'', '"'] {
            if self.rest().starts_with(quote) {
                return self.quoted(quote);
            }
        }
        let word: &str = self.rest().split([',', ']', ' ']).next().unwrap_or_default();
        let value = match word {
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            "None" => Value::Null,
            word => match word.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => {
                    self.fault("a choice is a text in quotes, a whole number or a boolean");
                    return None;
                }
            },
        };
        self.at += word.len();
        Some(value)
    }

    fn quoted(&mut self, quote: char) -> Option<Value> {
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                c if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Some(text.into());
                }
                c => text.push(c),
            }
        }
        self.fault("a quote is not closed");
        None
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }

    /// A name with `.` or `::` in it.
    fn path(&mut self) -> &'a str {
        let start = self.at;
        loop {
            self.word();
            if !(self.eat("::") || (self.rest().starts_with('.') && self.eat("."))) {
                return self.text.get(start..self.at).unwrap_or_default();
            }
        }
    }

    /// To the next comma that is in no brackets.
    fn skip_field(&mut self) {
        let mut depth = 0_usize;
        for (at, c) in self.rest().char_indices() {
            match c {
                '[' | '<' | '(' => depth += 1,
                ']' | '>' | ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    self.at += at + 1;
                    return;
                }
                _ => {}
            }
        }
        self.at = self.text.len();
    }

    fn skip_brackets(&mut self) {
        let mut depth = 0_usize;
        let rest = self.rest();
        for (at, c) in rest.char_indices() {
            match c {
                '[' | '<' => depth += 1,
                ']' | '>' if depth > 1 => depth -= 1,
                ']' | '>' if depth == 1 => {
                    self.at += at + 1;
                    return;
                }
                _ if depth == 0 => return,
                _ => {}
            }
        }
    }

    fn fault(&mut self, message: &str) {
        self.fault_at(self.at, message);
    }

    fn fault_at(&mut self, at: usize, message: &str) {
        let place = self.from + at;
        self.faults.push((place, format!("{message} (at {place})")));
    }
}
