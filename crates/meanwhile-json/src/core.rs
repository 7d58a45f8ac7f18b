//! [`Core`]: what a reader remembers between two pushes, and [`Scanner`], which takes one text through it.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{Failure, JsonErrorKind};
use crate::guide::{Kinds, NodeId, Plan};
use crate::quote::{Peek, Quote};
use crate::seek::Guess;
use crate::tree::{Container, Target, Tree};
use crate::{Change, Kind, Limits, Path, Policy, Repair, RepairKind};

/// So many repairs are kept whole; more are counted.
const MOST_REPAIRS: usize = 1000;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The value, maybe after prose.
    Seek,
    /// The rest of a line after the opening of a code fence.
    Fence,
    /// The end of a block of code in another language.
    Code,
    /// The end of the thoughts of a model.
    Thoughts,
    /// All of the text, which is one scalar.
    Scalar,
    /// A value after a colon, or the root.
    Value,
    /// An item, or the end of the list.
    ItemOrEnd,
    /// An item after a comma.
    Item,
    /// A key, or the end of the object.
    KeyOrEnd,
    /// A key after a comma.
    Key,
    Colon,
    CommaOrEnd,
    /// The body of a text.
    Text,
    /// What follows the value.
    After,
}

/// Which text is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Key,
    Value,
}

/// The text that is being read.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) read: String,
    pub(crate) quote: Quote,
    pub(crate) role: Role,
    /// Where its body begins in the whole text.
    pub(crate) start: usize,
    /// How much of it was told.
    sent: usize,
    pub(crate) shown: bool,
    pub(crate) inner: bool,
    pub(crate) control: bool,
    /// A quote inside was followed by a colon: perhaps the closing quote was forgotten.
    pub(crate) doubtful: bool,
    /// How many brackets it opens more than it closes, up to `counted`.
    pub(crate) brackets: i64,
    pub(crate) counted: usize,
}

/// A value that is not shown before it is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hidden {
    /// How many frames were open when it began.
    pub(crate) depth: usize,
    pub(crate) start: usize,
    pub(crate) then: Then,
}

/// What becomes of a hidden value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is made to fit a node.
    Fit(NodeId),
    /// It is left out.
    Drop,
    /// It has to be equal to the first value.
    Compare,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comment {
    Line,
    Block,
}

/// A place in the whole text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    pub(crate) offset: usize,
    /// From 0.
    pub(crate) line: usize,
    /// In characters, from 0.
    pub(crate) column: usize,
}

impl Mark {
    /// Goes on over some bytes.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len();
        let mut last = bytes;
        // Counted first: most pieces have no line break, and counting is many bytes at a time.
        let breaks = bytes.iter().filter(|byte| **byte == b'\n').count();
        if breaks > 0 {
            let place = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            self.line += breaks;
            (self.column, last) = (0, bytes.get(place + 1..).unwrap_or_default());
        }
        // Bytes that continue a character are no characters.
        self.column += last.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    }
}

/// What a reader remembers between two pushes.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) lenient: bool,
    pub(crate) limits: Limits,
    /// Only under `Policy::Coerce`.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What the schema wants at the root; everything where there is none.
    pub(crate) root_kinds: Kinds,
    pub(crate) has_schema: bool,
    pub(crate) tree: Tree,
    pub(crate) state: State,
    pub(crate) text: Text,
    pub(crate) peek: Peek,
    pub(crate) guess: Guess,
    pub(crate) comment: Option<Comment>,
    /// A code fence is open around the value.
    pub(crate) fenced: bool,
    /// There was prose since the last place where a value may begin without doubt.
    pub(crate) prose: bool,
    /// The prose is among the repairs.
    pub(crate) prose_noted: bool,
    /// The text ended at a limit of the model, so that its last word may be cut.
    pub(crate) cut: bool,
    pub(crate) hidden: Option<Hidden>,
    /// Lines are counted up to here.
    pub(crate) mark: Mark,
    /// Where the last hidden value begins.
    pub(crate) hidden_mark: Mark,
    /// How many values there were at the root.
    pub(crate) roots: usize,
    /// The value became a list, because the schema wants one: what comes next is an item.
    pub(crate) listed: bool,
    /// The closing tag of the thoughts of a model.
    pub(crate) tag: &'static str,
    pub(crate) repairs: Vec<Repair>,
    pub(crate) repair_count: usize,
    /// How many bytes were looked at, over and over again where that happened.
    pub(crate) steps: u64,
}

impl Core {
    pub(crate) fn new(policy: Policy, plan: Option<Arc<Plan>>, limits: Limits) -> Self {
        let lenient = policy != Policy::Strict;
        let plan = plan.filter(|_| lenient);
        let root_kinds = plan.as_ref().map_or(Kinds::ALL, |plan| plan.kinds(0));
        let has_schema = plan.is_some();
        let plan = plan.filter(|_| policy == Policy::Coerce);
        let containers = [Kinds::OBJECT, Kinds::ARRAY];
        let state = if !lenient {
            State::Value
        } else if plan.is_some() && !containers.iter().any(|kind| root_kinds.has(*kind)) {
            State::Scalar
        } else {
            State::Seek
        };
        Self {
            lenient,
            limits: Limits { depth: limits.depth.min(512), ..limits },
            plan,
            root_kinds,
            has_schema,
            tree: Tree::default(),
            state,
            text: Text {
                read: String::new(),
                quote: Quote::Double,
                role: Role::Value,
                start: 0,
                sent: 0,
                shown: false,
                inner: false,
                control: false,
                doubtful: false,
                brackets: 0,
                counted: 0,
            },
            peek: Peek::default(),
            guess: Guess::default(),
            comment: None,
            fenced: false,
            prose: false,
            prose_noted: false,
            cut: false,
            hidden: None,
            mark: Mark::default(),
            hidden_mark: Mark::default(),
            roots: 0,
            listed: false,
            tag: "",
            repairs: Vec::new(),
            repair_count: 0,
            steps: 0,
        }
    }

    /// How many frames may be looked at.
    fn shown(&self) -> usize {
        self.hidden.map_or(usize::MAX, |hidden| hidden.depth)
    }

    /// Makes the value so far one tree.
    pub(crate) fn join(&mut self) {
        let shown = self.shown();
        let is_shown = self.state == State::Text && self.text.shown;
        let text = is_shown.then_some(&mut self.text.read);
        self.tree.join(shown, text);
    }

    /// Whether a text that is shown is being read.
    pub(crate) fn is_text_open(&self) -> bool {
        self.state == State::Text && self.text.shown
    }

    pub(crate) fn part(&mut self) {
        let is_shown = self.state == State::Text && self.text.shown;
        let text = is_shown.then_some(&mut self.text.read);
        self.tree.part(text);
    }

    /// The path to what is being read, or to the open list or object around it.
    pub(crate) fn path(&self) -> String {
        let frames = &self.tree.frames;
        let within = match self.state {
            State::Value => true,
            State::Text => self.text.role == Role::Value,
            _ => false,
        };
        let length = if within { frames.len() } else { frames.len().saturating_sub(1) };
        frames.get(..length).map_or_else(String::new, |frames| Path(frames).to_string())
    }

    pub(crate) fn note_at(&mut self, kind: RepairKind, offset: usize, path: String) {
        self.repair_count += 1;
        if self.repairs.len() < MOST_REPAIRS {
            self.repairs.push(Repair { kind, offset, path });
        }
    }
}

/// Who is told what changes.
pub(crate) type Listener<'l> = Option<&'l mut dyn FnMut(Change<'_>)>;

/// Whether to go on; `false` asks for more input.
pub(crate) type Flow = Result<bool, Failure>;

/// Takes one text through a core.
pub(crate) struct Scanner<'s, 'l> {
    pub(crate) core: &'s mut Core,
    pub(crate) input: &'s str,
    pub(crate) bytes: &'s [u8],
    pub(crate) pos: usize,
    /// Where `input` begins in the whole text.
    pub(crate) base: usize,
    /// Nothing comes after `input`.
    pub(crate) eof: bool,
    pub(crate) listener: Listener<'l>,
}

impl Scanner<'_, '_> {
    /// Reads as far as it can be read.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        let result = self.read();
        self.tell_text();
        result
    }

    fn read(&mut self) -> Result<(), Failure> {
        loop {
            self.core.steps += 1;
            let more = match self.core.state {
                State::Text => self.text()?,
                State::CommaOrEnd => self.comma_or_end()?,
                State::Key | State::KeyOrEnd => self.key()?,
                State::Colon => self.colon()?,
                State::Value | State::ItemOrEnd | State::Item => self.value()?,
                State::Seek => self.seek()?,
                State::Fence => self.fence()?,
                State::Code => self.code()?,
                State::Thoughts => self.thoughts()?,
                State::Scalar => self.gather(),
                State::After => self.after()?,
            };
            if !more {
                return Ok(());
            }
        }
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub(crate) fn slice(&self, from: usize, to: usize) -> &str {
        self.input.get(from..to).unwrap_or_default()
    }

    pub(crate) fn offset(&self) -> usize {
        self.base + self.pos
    }

    pub(crate) fn fail<T>(
        &self,
        kind: JsonErrorKind,
        expected: &'static str,
    ) -> Result<T, Failure> {
        let path = self.core.path();
        Err(Failure { kind, expected: expected.into(), path, offset: self.offset() })
    }

    pub(crate) fn syntax<T>(&self, expected: &'static str) -> Result<T, Failure> {
        self.fail(JsonErrorKind::Syntax, expected)
    }

    pub(crate) fn note(&mut self, kind: RepairKind) {
        let (offset, path) = (self.offset(), self.note_path());
        self.core.note_at(kind, offset, path);
    }

    fn note_path(&self) -> String {
        // Paths that nobody is going to see are not written.
        if self.core.repairs.len() < MOST_REPAIRS { self.core.path() } else { String::new() }
    }

    /// Skips white space, and comments where they are forgiven. Returns what follows, and nothing where
    /// more input is needed.
    #[inline]
    pub(crate) fn space(&mut self) -> Option<u8> {
        if self.core.comment.is_some() {
            return self.odd_space();
        }
        loop {
            match self.byte(self.pos)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.pos += 1,
                b'/' | b'#' | 0x80.. if self.core.lenient => return self.odd_space(),
                byte => return Some(byte),
            }
        }
    }

    fn odd_space(&mut self) -> Option<u8> {
        loop {
            if let Some(comment) = self.core.comment {
                if !self.skip_comment(comment) {
                    return None;
                }
                self.core.comment = None;
            }
            let byte = self.byte(self.pos)?;
            self.core.steps += 1;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.pos += 1,
                b'#' => self.begin_comment(Comment::Line, 1),
                b'/' => match self.byte(self.pos + 1) {
                    Some(b'/') => self.begin_comment(Comment::Line, 2),
                    Some(b'*') => self.begin_comment(Comment::Block, 2),
                    None if !self.eof => return None,
                    _ => return Some(byte),
                },
                _ => {
                    let Some(width) = self.odd_space_at(self.pos) else { return Some(byte) };
                    self.note(RepairKind::WhiteSpace);
                    self.pos += width;
                }
            }
        }
    }

    /// How long white space that JSON does not know is, at a place.
    pub(crate) fn odd_space_at(&self, at: usize) -> Option<usize> {
        let is_space = |c: &char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
        if self.byte(at)? < 0x80 {
            return None;
        }
        self.slice(at, self.input.len()).chars().next().filter(is_space).map(char::len_utf8)
    }

    pub(crate) fn begin_comment(&mut self, comment: Comment, width: usize) {
        self.note(RepairKind::Comment);
        self.core.comment = Some(comment);
        self.pos += width;
    }

    /// Returns whether the comment ends in the input.
    pub(crate) fn skip_comment(&mut self, comment: Comment) -> bool {
        let start = self.pos;
        let ended = loop {
            match (comment, self.byte(self.pos)) {
                (_, None) => break self.eof,
                (Comment::Line, Some(b'\n')) => break true,
                (Comment::Block, Some(b'*')) => match self.byte(self.pos + 1) {
                    Some(b'/') => {
                        self.pos += 2;
                        break true;
                    }
                    Some(_) => self.pos += 1,
                    None if self.eof => self.pos += 1,
                    None => break false,
                },
                _ => self.pos += 1,
            }
        };
        self.core.steps += (self.pos - start) as u64;
        ended
    }

    /// Whether what is read now is shown before it is complete.
    #[inline]
    pub(crate) fn is_hidden(&self) -> bool {
        self.core.hidden.is_some()
    }

    pub(crate) fn tell_started(&mut self, kind: Kind) {
        if let Some(listener) = &mut self.listener {
            listener(Change::Started { path: Path(&self.core.tree.frames), kind });
        }
    }

    #[inline]
    pub(crate) fn tell_completed(&mut self, value: &Value) {
        if let Some(listener) = &mut self.listener {
            listener(Change::Completed { path: Path(&self.core.tree.frames), value });
        }
    }

    /// Tells what came to the text since it was last told.
    #[inline]
    pub(crate) fn tell_text(&mut self) {
        let Some(listener) = &mut self.listener else { return };
        let text = &mut self.core.text;
        if self.core.state == State::Text && text.shown && text.sent < text.read.len() {
            let added = text.read.get(text.sent..).unwrap_or_default();
            listener(Change::Text { path: Path(&self.core.tree.frames), added });
            text.sent = text.read.len();
        }
    }

    /// Begins a text whose opening quote is `width` long.
    #[inline]
    pub(crate) fn begin_text(&mut self, quote: Quote, width: usize, role: Role) {
        if quote != Quote::Double {
            self.note(RepairKind::Quotes);
        }
        let shown = role == Role::Value && !self.is_hidden() && self.is_text_final();
        if shown {
            self.tell_started(Kind::Text);
        }
        self.pos += width;
        let text = &mut self.core.text;
        text.read.clear();
        (text.quote, text.role, text.shown) = (quote, role, shown);
        (text.inner, text.control, text.doubtful) = (false, false, false);
        (text.sent, text.brackets, text.counted) = (0, 0, 0);
        text.start = self.base + self.pos;
        self.core.state = State::Text;
        self.core.peek = Peek::default();
    }

    /// Shows what begins now only when it is complete.
    pub(crate) fn hide(&mut self, then: Then) {
        self.pass_to(self.pos);
        self.core.hidden_mark = self.core.mark;
        let depth = self.core.tree.frames.len();
        self.core.hidden = Some(Hidden { depth, start: self.offset(), then });
    }

    /// Counts lines up to a place in the input.
    pub(crate) fn pass_to(&mut self, at: usize) {
        let from = self.core.mark.offset.saturating_sub(self.base);
        self.core.mark.pass(self.bytes.get(from..at).unwrap_or_default());
    }

    /// What the schema says about the value that begins now.
    #[inline]
    pub(crate) fn target(&self) -> Target {
        if self.core.hidden.is_some() {
            return Target::Free;
        }
        let Some(plan) = &self.core.plan else { return Target::Free };
        let Some(frame) = self.core.tree.frames.last() else {
            return Target::Node(0);
        };
        match (&frame.node, frame.target) {
            (Container::Object(_), _) => frame.child,
            (Container::Array(items), Target::Node(id)) => {
                plan.node(id).item(items.len()).map_or(Target::Free, Target::Node)
            }
            (Container::Array(_), target) => target,
        }
    }

    /// Whether a text at this place stays as it is, whatever it says.
    #[inline]
    fn is_text_final(&self) -> bool {
        match (self.target(), &self.core.plan) {
            (Target::Node(id), Some(plan)) => {
                plan.leaves_of(id, Kinds::STRING).any(|leaf| plan.node(leaf).choices.is_none())
            }
            (Target::Drop, _) => false,
            _ => true,
        }
    }
}
