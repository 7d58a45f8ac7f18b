//! How values become parts of the tree: opened, closed, made to fit the schema, shown.

use serde_json::{Map, Value};

use crate::core::{Hidden, Scanner, State, Then};
use crate::error::{Failure, JsonErrorKind};
use crate::fit::{Fitter, Known, fill, known};
use crate::guide::{Kinds, NodeId};
use crate::scalar::convert;
use crate::tree::{Container, Frame, Target};
use crate::{Change, Kind, Path, RepairKind};

impl Scanner<'_, '_> {
    /// Opens a list or an object at the current place; `width` is that of its bracket.
    pub(crate) fn open(&mut self, object: bool, width: usize) -> Result<(), Failure> {
        if self.core.tree.frames.len() + 1 >= self.core.limits.depth {
            return self.fail(JsonErrorKind::Limit, "fewer lists and objects within each other");
        }
        let target = self.open_target(object);
        if !self.is_hidden() {
            self.tell_started(if object { Kind::Object } else { Kind::List });
        }
        let node =
            if object { Container::Object(Map::new()) } else { Container::Array(Vec::new()) };
        let mut frame = Frame::new(node, target);
        frame.implied = width == 0;
        self.core.tree.frames.push(frame);
        self.pos += width;
        self.core.state = if object { State::KeyOrEnd } else { State::ItemOrEnd };
        Ok(())
    }

    /// What the schema says about a list or object that begins now. Hides it where that is open.
    fn open_target(&mut self, object: bool) -> Target {
        let target = self.target();
        let then = match (target, &self.core.plan) {
            (Target::Drop, _) => Then::Drop,
            (Target::Node(id), Some(plan)) => {
                let kind = if object { Kinds::OBJECT } else { Kinds::ARRAY };
                let mut leaves = plan.leaves_of(id, kind);
                match (leaves.next(), leaves.next()) {
                    (Some(leaf), None) if plan.node(leaf).is_free() => return Target::Free,
                    (Some(leaf), None) if plan.node(leaf).choices.is_none() => {
                        return Target::Node(leaf);
                    }
                    _ => Then::Fit(id),
                }
            }
            _ => return Target::Free,
        };
        self.hide(then);
        Target::Free
    }

    /// A closing bracket.
    pub(crate) fn close(&mut self, byte: u8) -> Result<(), Failure> {
        let object = byte == b'}';
        let top = self.core.tree.frames.last();
        if top.is_some_and(|frame| matches!(frame.node, Container::Object(_)) == object) {
            self.pos += 1;
            return self.pop();
        }
        if !self.core.lenient {
            return self.syntax(if object { "`]` here, not `}`" } else { "`}` here, not `]`" });
        }
        if self.is_open(object) {
            self.note(RepairKind::MissingBracket);
            return self.pop();
        }
        self.note(RepairKind::ExtraBracket);
        self.pos += 1;
        Ok(())
    }

    /// Ends the innermost list or object.
    pub(crate) fn pop(&mut self) -> Result<(), Failure> {
        self.core.state = State::CommaOrEnd;
        self.fill_absent()?;
        let Some(mut frame) = self.core.tree.frames.pop() else { return Ok(()) };
        let value = frame.node.take();
        self.complete(value)
    }

    /// Gives the innermost object its absent properties.
    fn fill_absent(&mut self) -> Result<(), Failure> {
        let (Some(plan), Some(frame)) = (&self.core.plan, self.core.tree.frames.last_mut()) else {
            return Ok(());
        };
        let (Target::Node(id), Container::Object(map)) = (frame.target, &mut frame.node) else {
            return Ok(());
        };
        match fill(plan, plan.node(id), map) {
            Ok(filled) => {
                for name in filled {
                    if let Some(frame) = self.core.tree.frames.last_mut() {
                        frame.key = name;
                    }
                    self.core.state = State::Value;
                    self.note(RepairKind::Absent);
                    self.tell_completed(&Value::Null);
                }
                self.core.state = State::CommaOrEnd;
                Ok(())
            }
            Err(name) => {
                let frames = &self.core.tree.frames;
                let path = frames.get(..frames.len().saturating_sub(1)).unwrap_or_default();
                Err(Failure {
                    kind: JsonErrorKind::Missing,
                    expected: format!("the property `{name}`").into(),
                    path: Path(path).to_string(),
                    offset: self.offset(),
                })
            }
        }
    }

    /// A key is complete.
    pub(crate) fn end_key(&mut self, key: String) -> Result<(), Failure> {
        self.core.state = State::Colon;
        let Some(frame) = self.core.tree.frames.last_mut() else { return Ok(()) };
        frame.key = key;
        let (Target::Node(id), Some(plan)) = (frame.target, &self.core.plan) else {
            frame.child = Target::Free;
            return Ok(());
        };
        let (child, renamed) = match known(plan.node(id), &frame.key) {
            Known::Property { node, exact: true, .. } => (Target::Node(node), None),
            Known::Property { name, node, exact: false } => {
                (Target::Node(node), Some(name.to_owned()))
            }
            Known::Other(node) => (Target::Node(node), None),
            Known::Free => (Target::Free, None),
            Known::Refused => (Target::Drop, None),
        };
        frame.child = child;
        let Some(name) = renamed else { return Ok(()) };
        let is_there = matches!(&frame.node, Container::Object(map) if map.contains_key(&name));
        frame.key = name;
        self.core.state = State::Value;
        if is_there {
            return self.fail(JsonErrorKind::Ambiguous, "one key that means this property");
        }
        self.note(RepairKind::Key);
        self.core.state = State::Colon;
        Ok(())
    }

    /// A scalar is complete. `raw` is how it was written.
    #[inline]
    pub(crate) fn end_leaf(&mut self, value: Value, raw: Option<&str>) -> Result<(), Failure> {
        match self.target() {
            Target::Free => self.complete(value),
            Target::Drop => {
                self.note(RepairKind::ExtraProperty);
                self.give_up();
                Ok(())
            }
            Target::Node(id) => match self.fit_leaf(id, value, raw)? {
                Some(value) => self.complete(value),
                None => {
                    self.give_up();
                    Ok(())
                }
            },
        }
    }

    /// Leaves out the child that was being read.
    pub(crate) fn give_up(&mut self) {
        if let Some(frame) = self.core.tree.frames.last_mut() {
            frame.skip();
        }
        self.core.state = State::CommaOrEnd;
    }

    /// Makes a scalar fit. `None` where it stands for an absent property.
    fn fit_leaf(
        &mut self,
        id: NodeId,
        mut value: Value,
        raw: Option<&str>,
    ) -> Result<Option<Value>, Failure> {
        let Some(plan) = &self.core.plan else { return Ok(Some(value)) };
        let leaves = || plan.node(id).leaves.iter().map(|leaf| plan.node(*leaf));
        let fits = leaves().any(|leaf| {
            leaf.is_free() || convert(leaf, &value, raw).is_some_and(|done| done.value.is_none())
        });
        if fits {
            return Ok(Some(value));
        }
        if value.is_null()
            && let Some(frame) = self.core.tree.frames.last()
            && let Target::Node(object) = frame.target
            && plan.node(object).property(&frame.key).is_some_and(|property| !property.required)
        {
            self.note(RepairKind::Absent);
            return Ok(None);
        }
        let plan = plan.clone();
        let path = Path(&self.core.tree.frames).to_string();
        let mut fitter = Fitter::new(&plan, path, self.offset(), 0);
        fitter.fit(id, &mut value, raw)?;
        self.take_repairs(fitter);
        Ok(Some(value))
    }

    fn take_repairs(&mut self, fitter: Fitter<'_>) {
        for repair in fitter.repairs {
            self.core.note_at(repair.kind, repair.offset, repair.path);
        }
    }

    /// A value is complete: it is shown, and put into what is around it.
    #[inline]
    pub(crate) fn complete(&mut self, value: Value) -> Result<(), Failure> {
        match self.core.hidden {
            Some(hidden) if hidden.depth == self.core.tree.frames.len() => {
                self.reveal(hidden, value)
            }
            Some(hidden) => {
                self.place(value);
                self.commit(hidden)
            }
            None => {
                self.tell_completed(&value);
                self.place(value);
                Ok(())
            }
        }
    }

    #[inline]
    fn place(&mut self, value: Value) {
        self.core.state = State::CommaOrEnd;
        let Some(frame) = self.core.tree.frames.last_mut() else {
            self.core.tree.root = Some(value);
            self.core.roots += 1;
            self.core.state = State::After;
            return;
        };
        let implied = frame.implied && matches!(frame.node, Container::Array(_));
        let replaced = frame.put(value);
        if implied {
            self.core.roots += 1;
            self.core.state = State::After;
        }
        if replaced && self.core.lenient {
            self.note(RepairKind::DuplicateKey);
        }
    }

    /// A hidden value is complete.
    fn reveal(&mut self, hidden: Hidden, mut value: Value) -> Result<(), Failure> {
        self.core.hidden = None;
        match hidden.then {
            Then::Drop => {
                let path = Path(&self.core.tree.frames).to_string();
                self.core.note_at(RepairKind::ExtraProperty, hidden.start, path);
                self.give_up();
                Ok(())
            }
            Then::Fit(id) => {
                let Some(plan) = self.core.plan.clone() else { return Ok(()) };
                let path = Path(&self.core.tree.frames).to_string();
                let mut fitter = Fitter::new(&plan, path, hidden.start, 0);
                fitter.fit(id, &mut value, None)?;
                let is_listed = |repair: &crate::Repair| {
                    repair.kind == RepairKind::ToList && repair.path.is_empty()
                };
                self.core.listed = fitter.repairs.iter().any(is_listed);
                self.take_repairs(fitter);
                self.tell_completed(&value);
                self.place(value);
                Ok(())
            }
            Then::Compare => {
                self.core.state = State::After;
                if self.core.tree.root.as_ref() == Some(&value) {
                    self.core.note_at(RepairKind::SeveralValues, hidden.start, String::new());
                    return Ok(());
                }
                Err(Failure {
                    kind: JsonErrorKind::Ambiguous,
                    expected: "one value: this is a second one, other than the first".into(),
                    path: String::new(),
                    offset: hidden.start,
                })
            }
        }
    }

    /// Shows a hidden object as soon as a property tells which branch of its union it is.
    fn commit(&mut self, hidden: Hidden) -> Result<(), Failure> {
        let Then::Fit(id) = hidden.then else { return Ok(()) };
        if self.core.tree.frames.len() != hidden.depth + 1 {
            return Ok(());
        }
        let Some(plan) = self.core.plan.clone() else { return Ok(()) };
        let Some(frame) = self.core.tree.frames.last_mut() else { return Ok(()) };
        let Container::Object(map) = &mut frame.node else { return Ok(()) };
        let Some((key, tag)) = map.iter().next_back() else { return Ok(()) };
        // A tag has one allowed value, or some, in each branch.
        let says = |leaf: NodeId| {
            let property = plan.node(leaf).property(key)?;
            let node = plan.node(property.node);
            node.choices.as_ref()?;
            Some(property.required && convert(node, tag, None).is_some())
        };
        let mut fitting = None;
        for leaf in plan.leaves_of(id, Kinds::OBJECT) {
            match says(leaf) {
                Some(true) if fitting.is_none() => fitting = Some(leaf),
                Some(false) => {}
                // Two fit, or one that has no such tag may.
                Some(true) | None => return Ok(()),
            }
        }
        let Some(leaf) = fitting else { return Ok(()) };
        let read = std::mem::take(map);
        frame.target = Target::Node(leaf);
        self.core.hidden = None;
        if let Some(listener) = &mut self.listener {
            let path = self.core.tree.frames.get(..hidden.depth).unwrap_or_default();
            listener(Change::Started { path: Path(path), kind: Kind::Object });
        }
        for (key, mut value) in read {
            self.end_key(key)?;
            self.core.state = State::Value;
            let target = self.core.tree.frames.last().map_or(Target::Free, |frame| frame.child);
            match target {
                Target::Drop => {
                    self.note(RepairKind::ExtraProperty);
                    self.give_up();
                    continue;
                }
                Target::Node(id) if value.is_array() || value.is_object() => {
                    let path = Path(&self.core.tree.frames).to_string();
                    let mut fitter = Fitter::new(&plan, path, hidden.start, 0);
                    fitter.fit(id, &mut value, None)?;
                    self.take_repairs(fitter);
                }
                Target::Node(id) => match self.fit_leaf(id, value, None)? {
                    Some(fitted) => value = fitted,
                    None => {
                        self.give_up();
                        continue;
                    }
                },
                Target::Free => {}
            }
            self.tell_completed(&value);
            self.place(value);
        }
        self.core.state = State::CommaOrEnd;
        Ok(())
    }
}
