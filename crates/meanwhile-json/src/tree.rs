//! [`Tree`]: the value while it is built.
//!
//! What is open is owned by a stack of frames, so that a value moves once, into its parent, when it is
//! complete. Whoever looks at the value in between has the frames joined into a tree, and the next push
//! parts them again: both cost the depth, not the size.

use serde_json::{Map, Value};

use crate::guide::NodeId;

/// An open list or object.
#[derive(Debug)]
pub(crate) enum Container {
    Object(Map<String, Value>),
    Array(Vec<Value>),
}

impl Container {
    pub(crate) fn take(&mut self) -> Value {
        match self {
            Self::Object(map) => Value::Object(std::mem::take(map)),
            Self::Array(items) => Value::Array(std::mem::take(items)),
        }
    }

    fn restore(&mut self, value: Value) {
        match value {
            Value::Object(map) => *self = Self::Object(map),
            Value::Array(items) => *self = Self::Array(items),
            _ => {}
        }
    }
}

/// What the schema says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing.
    Free,
    /// What a node of the schema says.
    Node(NodeId),
    /// The value is not allowed, and is left out.
    Drop,
}

/// An open list or object, and which of its children is being read.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) node: Container,
    /// The key of the child that is being read.
    pub(crate) key: String,
    /// What the schema says about the frame itself.
    pub(crate) target: Target,
    /// What the schema says about the child under `key`.
    pub(crate) child: Target,
    /// The text has no brackets for it.
    pub(crate) implied: bool,
    /// The child is under its key already, put there by `join`.
    keyed: bool,
    /// The child is in the container now.
    joined: bool,
    /// The child took the place of another.
    replaced: bool,
}

impl Frame {
    pub(crate) fn new(node: Container, target: Target) -> Self {
        Self {
            node,
            key: String::new(),
            target,
            child: Target::Free,
            implied: false,
            keyed: false,
            joined: false,
            replaced: false,
        }
    }

    /// Puts the complete child in. Returns whether another was under its key.
    #[inline]
    pub(crate) fn put(&mut self, value: Value) -> bool {
        match &mut self.node {
            Container::Array(items) => {
                items.push(value);
                false
            }
            Container::Object(map) => {
                if std::mem::take(&mut self.keyed) {
                    if let Some(slot) = map.get_mut(&self.key) {
                        *slot = value;
                    }
                    return std::mem::take(&mut self.replaced);
                }
                map.insert(std::mem::take(&mut self.key), value).is_some()
            }
        }
    }

    /// Gives up the child that is being read.
    pub(crate) fn skip(&mut self) {
        if let Container::Object(map) = &mut self.node
            && std::mem::take(&mut self.keyed)
        {
            map.shift_remove(&self.key);
        }
    }

    /// Whether a step of a JSON pointer leads to the child that is being read. The frame is parted.
    pub(crate) fn is_step(&self, step: &str) -> bool {
        match &self.node {
            Container::Object(_) => self.key == step.replace("~1", "/").replace("~0", "~"),
            Container::Array(items) => step.parse() == Ok(items.len()),
        }
    }

    fn attach(&mut self, value: Value) {
        self.joined = true;
        match &mut self.node {
            Container::Array(items) => items.push(value),
            Container::Object(map) => {
                if std::mem::replace(&mut self.keyed, true)
                    && let Some(slot) = map.get_mut(&self.key)
                {
                    *slot = value;
                    return;
                }
                self.replaced = map.insert(self.key.clone(), value).is_some();
            }
        }
    }

    fn detach(&mut self) -> Option<Value> {
        if !std::mem::take(&mut self.joined) {
            return None;
        }
        match &mut self.node {
            Container::Array(items) => items.pop(),
            Container::Object(map) => map.get_mut(&self.key).map(Value::take),
        }
    }
}

/// The value while it is built.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// What is open, from the root.
    pub(crate) frames: Vec<Frame>,
    /// The whole value, when nothing is open or the frames are joined.
    pub(crate) root: Option<Value>,
    /// How many frames are joined.
    joined: Option<usize>,
}

impl Tree {
    /// Joins the first `shown` frames, and the text that is being read, into the root.
    pub(crate) fn join(&mut self, shown: usize, text: Option<&mut String>) {
        if self.joined.is_some() {
            return;
        }
        let mut child = text.map(|text| Value::String(std::mem::take(text)));
        if self.frames.is_empty() {
            // A text at the root, or the complete root.
            if child.is_some() {
                self.root = child;
            }
        } else {
            for frame in self.frames.iter_mut().take(shown).rev() {
                if let Some(value) = child.take() {
                    frame.attach(value);
                }
                child = Some(frame.node.take());
            }
            if child.is_some() {
                self.root = child;
            }
        }
        self.joined = Some(shown);
    }

    /// Undoes `join`, and gives the text back.
    pub(crate) fn part(&mut self, text: Option<&mut String>) {
        let Some(shown) = self.joined.take() else { return };
        if self.frames.is_empty() {
            if let (Some(text), Some(Value::String(_))) = (text, &self.root)
                && let Some(Value::String(read)) = self.root.take()
            {
                *text = read;
            }
            return;
        }
        if shown == 0 {
            return;
        }
        let mut child = self.root.take();
        for frame in self.frames.iter_mut().take(shown) {
            let Some(value) = child.take() else { break };
            frame.node.restore(value);
            child = frame.detach();
        }
        if let (Some(text), Some(Value::String(read))) = (text, child) {
            *text = read;
        }
    }
}
