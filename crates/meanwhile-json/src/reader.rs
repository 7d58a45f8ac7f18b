//! [`Reader`]: takes text as it comes, and has the value so far at any time.

use serde_json::Value;

use crate::core::{Core, Listener, Scanner};
use crate::error::{Failure, JsonErrorKind};
use crate::{Change, Guide, JsonError, Limits, Policy, Repair};

/// Reads one JSON value from text that comes in pieces, cut anywhere between two characters.
///
/// Bytes that may be cut within a character have to be joined first. Under [`Policy::Repair`] and
/// [`Policy::Coerce`] a text is complete when what follows its closing quote is known, up to the next colon:
/// before that, the quote may belong to the text. The time is linear in the whole
/// text, however it is cut; the memory is that of the value. Nothing is read twice, and nothing is built
/// twice: a push costs what it adds.
///
/// The first fault ends the reading: later pushes do nothing. [`Reader::error`] has it at once,
/// [`Reader::finish`] returns it with the value so far.
///
/// ```
/// use meanwhile_json::{Policy, Reader};
/// use serde_json::json;
///
/// let mut reader = Reader::new(None, Policy::Repair);
/// reader.push("Here it is:\n```json\n{'title': 'The Name of the Ro");
/// assert_eq!(reader.value(), Some(&json!({"title": "The Name of the Ro"})));
/// reader.push("se', pages: 512,}\n```");
///
/// let outcome = reader.finish()?;
/// assert_eq!(outcome.value, json!({"title": "The Name of the Rose", "pages": 512}));
/// assert!(outcome.repairs.iter().any(|repair| repair.to_string().starts_with("quoted a key")));
/// # Ok::<(), meanwhile_json::JsonError>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    core: Core,
    /// Input that cannot be read yet: the beginning of a number, or of what tells whether a quote closes.
    held: String,
    /// Where `held`, or the next piece, begins in the whole text.
    base: usize,
    error: Option<JsonError>,
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The value.
    pub value: Value,
    /// What was mended, in the order in which it was noticed; the first 1000.
    pub repairs: Vec<Repair>,
    /// How much was mended in all.
    pub repair_count: usize,
}

impl Reader {
    /// Reads by a schema. Under [`Policy::Strict`] it is not looked at, under [`Policy::Repair`] it helps to
    /// find the value, under [`Policy::Coerce`] it types the values. See [`Guide`] for reading many texts.
    #[must_use]
    pub fn new(schema: Option<&Value>, policy: Policy) -> Self {
        let guide = schema.filter(|_| policy != Policy::Strict).map(Guide::new);
        Self::build(guide.as_ref(), policy, Limits::default())
    }

    /// Reads by a schema that was made ready before.
    #[must_use]
    pub fn with_guide(guide: &Guide, policy: Policy) -> Self {
        Self::build(Some(guide), policy, Limits::default())
    }

    fn build(guide: Option<&Guide>, policy: Policy, limits: Limits) -> Self {
        let core = Core::new(policy, guide.map(|guide| guide.0.clone()), limits);
        Self { core, held: String::new(), base: 0, error: None }
    }

    /// Sets how much is read at most. To be called before the first push.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.core.limits = Limits { depth: limits.depth.min(512), ..limits };
        self
    }

    /// Reads on.
    pub fn push(&mut self, text: &str) {
        self.feed(text, false, None);
    }

    /// Reads on, and tells what changes, in order.
    ///
    /// ```
    /// use meanwhile_json::{Change, Policy, Reader};
    ///
    /// let mut reader = Reader::new(None, Policy::Strict);
    /// let mut told = Vec::new();
    /// for piece in [r#"{"na"#, r#"me": "Ann"#, r#"a", "age": 4"#, "1}"] {
    ///     reader.push_with(piece, &mut |change| match change {
    ///         Change::Text { path, added } => told.push(format!("{path} + {added}")),
    ///         Change::Completed { path, value } => told.push(format!("{path} = {value}")),
    ///         _ => {}
    ///     });
    /// }
    /// assert_eq!(
    ///     told,
    ///     [
    ///         "/name + Ann",
    ///         "/name + a",
    ///         r#"/name = "Anna""#,
    ///         "/age = 41",
    ///         r#" = {"name":"Anna","age":41}"#,
    ///     ]
    /// );
    /// ```
    pub fn push_with(&mut self, text: &str, listener: &mut dyn FnMut(Change<'_>)) {
        self.feed(text, false, Some(listener));
    }

    fn feed(&mut self, text: &str, eof: bool, listener: Listener<'_>) {
        if self.error.is_some() {
            return;
        }
        self.core.part();
        if self.base + self.held.len() + text.len() > self.core.limits.bytes {
            let path = self.core.path();
            let offset = self.base + self.held.len();
            let expected = "a shorter text".into();
            let failure = Failure { kind: JsonErrorKind::Limit, expected, path, offset };
            self.error = Some(JsonError::new(failure, self.core.mark));
            return;
        }
        if self.held.is_empty() {
            let used = self.scan(text, eof, listener);
            self.held.push_str(text.get(used..).unwrap_or_default());
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.push_str(text);
            let used = self.scan(&held, eof, listener);
            if used > 0 {
                self.core.steps += (held.len() - used) as u64;
                held.drain(..used);
            }
            self.held = held;
        }
    }

    /// Takes a text through the scanner. Returns how much of it is done with.
    fn scan(&mut self, input: &str, eof: bool, listener: Listener<'_>) -> usize {
        let bytes = input.as_bytes();
        let mut scanner =
            Scanner { core: &mut self.core, input, bytes, pos: 0, base: self.base, eof, listener };
        let mut result = scanner.run();
        if eof && result.is_ok() {
            result = scanner.end();
        }
        let used = scanner.pos.min(input.len());
        if let Err(failure) = result {
            let mut mark = scanner.core.mark;
            if failure.offset == scanner.core.hidden_mark.offset {
                mark = scanner.core.hidden_mark;
            } else {
                let from = mark.offset.saturating_sub(self.base);
                let at = failure.offset.saturating_sub(self.base).max(from);
                mark.pass(bytes.get(from..at).unwrap_or_default());
            }
            self.error = Some(JsonError::new(failure, mark));
        } else {
            scanner.pass_to(used);
        }
        self.base += used;
        used
    }

    /// The value so far. Texts, lists and objects grow; numbers, booleans and null are there when they are
    /// complete, and so is what the schema may still make something else. `None` where no value has begun.
    ///
    /// What is there stays, and only grows: each value so far is a part of the next one, but where a key
    /// comes twice or several values become a list. The first look after a push costs the depth of the
    /// value, further ones nothing.
    pub fn value(&mut self) -> Option<&Value> {
        self.core.join();
        self.core.tree.root.as_ref()
    }

    /// Whether the value at a JSON pointer is there, and final.
    ///
    /// ```
    /// use meanwhile_json::{Policy, Reader};
    ///
    /// let mut reader = Reader::new(None, Policy::Strict);
    /// reader.push(r#"{"name": "Anna", "tags": ["a", "b"#);
    /// assert!(reader.is_complete("/name") && reader.is_complete("/tags/0"));
    /// assert!(!reader.is_complete("/tags/1") && !reader.is_complete("/tags"));
    /// ```
    pub fn is_complete(&mut self, pointer: &str) -> bool {
        self.core.join();
        let Some(root) = &self.core.tree.root else { return false };
        if root.pointer(pointer).is_none() {
            return false;
        }
        // All is complete but what is open, and what is around it.
        self.core.part();
        let frames = &self.core.tree.frames;
        let shown = self.core.hidden.map_or(frames.len(), |hidden| hidden.depth);
        let is_text = self.core.is_text_open();
        if shown == 0 {
            return !is_text;
        }
        let mut steps = pointer.split('/').skip(1);
        for (place, frame) in frames.iter().take(shown).enumerate() {
            let Some(step) = steps.next() else { return false };
            let is_innermost = place + 1 == shown;
            if !frame.is_step(step) || (is_innermost && !is_text) {
                return true;
            }
        }
        false
    }

    /// The fault that ended the reading, as soon as there is one.
    #[must_use]
    pub fn error(&self) -> Option<&JsonError> {
        self.error.as_ref()
    }

    /// What was mended so far; the first 1000.
    #[must_use]
    pub fn repairs(&self) -> &[Repair] {
        &self.core.repairs
    }

    /// Ends a text that is whole: its writer stopped by itself.
    ///
    /// What is open is closed where that is forgiven, and noted as
    /// [`RepairKind::CutOff`](crate::RepairKind::CutOff).
    ///
    /// # Errors
    ///
    /// The first fault, with the value so far.
    pub fn finish(self) -> Result<Outcome, JsonError> {
        self.conclude(None)
    }

    /// Ends a text as [`Reader::finish`] does, and tells what changes by that.
    ///
    /// # Errors
    ///
    /// As [`Reader::finish`].
    pub fn finish_with(self, listener: &mut dyn FnMut(Change<'_>)) -> Result<Outcome, JsonError> {
        self.conclude(Some(listener))
    }

    /// Ends a text that was cut off, at the limit of a model or of a connection.
    ///
    /// As [`Reader::finish`], but a number at the very end is left out: digits may be missing.
    ///
    /// ```
    /// use meanwhile_json::{Policy, Reader};
    /// use serde_json::json;
    ///
    /// let read = |text: &str| {
    ///     let mut reader = Reader::new(None, Policy::Repair);
    ///     reader.push(text);
    ///     reader
    /// };
    /// assert_eq!(read(r#"{"id": 7, "year": 19"#).finish()?.value, json!({"id": 7, "year": 19}));
    /// assert_eq!(read(r#"{"id": 7, "year": 19"#).finish_cut_off()?.value, json!({"id": 7}));
    /// # Ok::<(), meanwhile_json::JsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Reader::finish`].
    pub fn finish_cut_off(mut self) -> Result<Outcome, JsonError> {
        self.core.cut = true;
        self.conclude(None)
    }

    fn conclude(mut self, listener: Listener<'_>) -> Result<Outcome, JsonError> {
        self.feed("", true, listener);
        self.core.join();
        let value = self.core.tree.root.take();
        let repairs = std::mem::take(&mut self.core.repairs);
        match (self.error, value) {
            (None, Some(value)) => {
                Ok(Outcome { value, repairs, repair_count: self.core.repair_count })
            }
            (Some(mut error), value) => {
                error.carry(value, repairs);
                Err(error)
            }
            (None, None) => {
                let (kind, expected) = (JsonErrorKind::NoValue, "a JSON value".into());
                let failure = Failure { kind, expected, path: String::new(), offset: self.base };
                Err(JsonError::new(failure, self.core.mark))
            }
        }
    }

    /// How many bytes were looked at so far, each as often as that happened: for tests of the cost.
    #[doc(hidden)]
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.core.steps
    }
}
