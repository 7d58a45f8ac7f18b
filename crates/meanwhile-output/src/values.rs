//! The forms that fill: [`PartialText`], [`PartialList`], [`PartialValue`] and [`PartialBox`].

use std::fmt;
use std::ops::Deref;

use meanwhile_json::{Change, Step};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Growing, Progress};

/// A text that grows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialText {
    text: String,
    done: bool,
}

impl PartialText {
    /// The text so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Deref for PartialText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PartialText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Growing for PartialText {
    fn change(&mut self, _: usize, change: &Change<'_>) {
        match change {
            Change::Started { .. } => *self = Self::default(),
            Change::Text { added, .. } => self.text.push_str(added),
            // It may have been told by this alone: a text that a schema made of something else.
            Change::Completed { value, .. } => self.fill(value),
            _ => {}
        }
    }

    fn fill(&mut self, value: &Value) {
        let whole = value.as_str().unwrap_or_default();
        if whole != self.text {
            whole.clone_into(&mut self.text);
        }
        self.done = true;
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

/// A list that grows: the last item may still be filling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialList<P> {
    items: Vec<P>,
    progress: Progress,
}

impl<P> Default for PartialList<P> {
    fn default() -> Self {
        Self { items: Vec::new(), progress: Progress::Absent }
    }
}

impl<P: Growing> PartialList<P> {
    /// The items that are complete, in order.
    pub fn completed(&self) -> impl Iterator<Item = &P> {
        self.items.iter().take_while(|item| item.is_done())
    }
}

impl<P> Deref for PartialList<P> {
    type Target = [P];

    fn deref(&self) -> &[P] {
        &self.items
    }
}

impl<'a, P> IntoIterator for &'a PartialList<P> {
    type Item = &'a P;
    type IntoIter = std::slice::Iter<'a, P>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<P: Growing> Growing for PartialList<P> {
    fn change(&mut self, depth: usize, change: &Change<'_>) {
        match change.path().step(depth) {
            Some(Step::Index(index)) => {
                // Items come in order; one that is told twice is replaced in place.
                if index >= self.items.len() {
                    self.items.resize_with(index.saturating_add(1), P::default);
                }
                if let Some(item) = self.items.get_mut(index) {
                    item.change(depth + 1, change);
                }
            }
            Some(Step::Key(_)) => {}
            None => match change {
                Change::Started { .. } => {
                    *self = Self { items: Vec::new(), progress: Progress::Started };
                }
                Change::Completed { value, .. } if self.progress != Progress::Started => {
                    self.fill(value);
                }
                Change::Completed { .. } => self.progress = Progress::Done,
                _ => {}
            },
        }
    }

    fn fill(&mut self, value: &Value) {
        let filled = |value: &Value| {
            let mut item = P::default();
            item.fill(value);
            item
        };
        self.items = value.as_array().into_iter().flatten().map(filled).collect();
        self.progress = Progress::Done;
    }

    fn is_done(&self) -> bool {
        self.progress == Progress::Done
    }
}

/// A value that is there as a whole or not at all: a number, a choice, a type of another crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialValue<T> {
    value: Option<T>,
    done: bool,
}

impl<T> Default for PartialValue<T> {
    fn default() -> Self {
        Self { value: None, done: false }
    }
}

impl<T> PartialValue<T> {
    /// The value, once it is there. `null` is none.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

impl<T> Deref for PartialValue<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.value
    }
}

impl<T: DeserializeOwned + fmt::Debug + Send + 'static> Growing for PartialValue<T> {
    fn change(&mut self, depth: usize, change: &Change<'_>) {
        if change.path().depth() != depth {
            return;
        }
        match change {
            Change::Started { .. } => *self = Self::default(),
            Change::Completed { value, .. } => self.fill(value),
            _ => {}
        }
    }

    fn fill(&mut self, value: &Value) {
        // What does not fit is told by the whole value, at the end.
        self.value = T::deserialize(value).ok();
        self.done = true;
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

/// A partial form in a box, for types that hold themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialBox<P>(Option<Box<P>>);

impl<P> Default for PartialBox<P> {
    fn default() -> Self {
        Self(None)
    }
}

impl<P> PartialBox<P> {
    /// What is in the box, once it has begun.
    #[must_use]
    pub fn get(&self) -> Option<&P> {
        self.0.as_deref()
    }
}

impl<P: Growing> Growing for PartialBox<P> {
    fn change(&mut self, depth: usize, change: &Change<'_>) {
        self.0.get_or_insert_default().change(depth, change);
    }

    fn fill(&mut self, value: &Value) {
        self.0.get_or_insert_default().fill(value);
    }

    fn is_done(&self) -> bool {
        self.0.as_ref().is_some_and(|value| value.is_done())
    }
}
