//! [`Fitter`]: makes a value that was read whole fit a schema, by the branch of each union that costs least.
//!
//! What each value costs under each node is remembered, so that nested unions cost values times nodes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error::{Failure, JsonErrorKind};
use crate::guide::{Kinds, Node, NodeId, Plan};
use crate::scalar::convert;
use crate::{Policy, Reader, Repair, RepairKind};

/// Names of objects that are only there to hold a value.
const WRAPPERS: [&str; 12] = [
    "value",
    "values",
    "result",
    "results",
    "answer",
    "response",
    "output",
    "data",
    "items",
    "text",
    "content",
    "arguments",
];

/// How often a value is put into or taken out of what is around it, without reading on.
const MOST_WRAPS: u8 = 2;
/// How many branches that cost the same are compared before it is called ambiguous.
const MOST_TIES: u32 = 16;
/// How often JSON is read out of a text within JSON read out of a text.
const MOST_TEXTS: u8 = 3;

pub(crate) struct Fitter<'p> {
    plan: &'p Plan,
    offset: usize,
    path: String,
    pub(crate) repairs: Vec<Repair>,
    known: HashMap<(usize, NodeId), Option<Best>>,
    ties: u32,
    texts: u8,
}

#[derive(Debug, Clone, Copy)]
struct Best {
    leaf: NodeId,
    cost: u32,
    tie: Option<NodeId>,
}

/// How a key is known to an object.
pub(crate) enum Known<'a> {
    Property { name: &'a str, node: NodeId, exact: bool },
    Other(NodeId),
    Free,
    Refused,
}

/// What an object says about a key.
pub(crate) fn known<'a>(node: &'a Node, key: &str) -> Known<'a> {
    if let Some(property) = node.property(key) {
        return Known::Property { name: &property.name, node: property.node, exact: true };
    }
    if let Some(property) = node.nearly(key) {
        return Known::Property { name: &property.name, node: property.node, exact: false };
    }
    match node.additional {
        Some(Some(other)) => Known::Other(other),
        Some(None) => Known::Refused,
        None => Known::Free,
    }
}

impl<'p> Fitter<'p> {
    /// For a value at a path that begins at an offset of the text.
    pub(crate) fn new(plan: &'p Plan, path: String, offset: usize, texts: u8) -> Self {
        let (repairs, known) = (Vec::new(), HashMap::new());
        Self { plan, offset, path, repairs, known, ties: 0, texts }
    }

    fn note(&mut self, kind: RepairKind) {
        self.repairs.push(Repair { kind, offset: self.offset, path: self.path.clone() });
    }

    fn fail(&self, kind: JsonErrorKind, expected: String) -> Failure {
        Failure { kind, expected: expected.into(), path: self.path.clone(), offset: self.offset }
    }

    /// Goes on within a child.
    fn within<T>(&mut self, step: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        self.path.push('/');
        // Writing to a text cannot fail.
        let _ = crate::change::write_key(step, &mut self.path);
        let result = act(self);
        self.path.truncate(before);
        result
    }

    /// Makes a value fit a node. `raw` is how a scalar was written.
    pub(crate) fn fit(
        &mut self,
        id: NodeId,
        value: &mut Value,
        raw: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(best) = self.best(id, value, 0) else { return Err(self.explain(id, value)) };
        if let Some(other) = best.tie {
            self.ties += 1;
            let mut read = value.clone();
            let mut aside = Fitter::new(self.plan, self.path.clone(), self.offset, self.texts);
            aside.ties = self.ties;
            let same =
                self.ties <= MOST_TIES && aside.fit_leaf(other, &mut read, raw, 0).is_ok() && {
                    let mut mine = value.clone();
                    let mut aside =
                        Fitter::new(self.plan, self.path.clone(), self.offset, self.texts);
                    aside.ties = self.ties;
                    aside.fit_leaf(best.leaf, &mut mine, raw, 0).is_ok() && mine == read
                };
            if !same {
                let words = self.plan.words(id);
                return Err(self.fail(
                    JsonErrorKind::Ambiguous,
                    format!("{words} that fits one branch of the schema better than the others"),
                ));
            }
        }
        self.fit_leaf(best.leaf, value, raw, 0)
    }

    /// The leaf of a node that a value fits at the least cost.
    fn best(&mut self, id: NodeId, value: &Value, wraps: u8) -> Option<Best> {
        let is_container = matches!(value, Value::Array(_) | Value::Object(_));
        let key = (std::ptr::from_ref(value).addr(), id);
        if is_container
            && wraps == 0
            && let Some(best) = self.known.get(&key)
        {
            return *best;
        }
        let plan = self.plan;
        let mut best: Option<Best> = None;
        for leaf in plan.node(id).leaves.iter().copied() {
            let Some(cost) = self.cost(leaf, value, wraps) else { continue };
            match &mut best {
                Some(best) if cost == best.cost && cost > 0 => best.tie = best.tie.or(Some(leaf)),
                Some(best) if cost >= best.cost => {}
                _ => best = Some(Best { leaf, cost, tie: None }),
            }
        }
        if is_container && wraps == 0 {
            self.known.insert(key, best);
        }
        best
    }

    /// What it costs to make a value fit a leaf.
    fn cost(&mut self, leaf: NodeId, value: &Value, wraps: u8) -> Option<u32> {
        let node = self.plan.node(leaf);
        if node.is_free() {
            return Some(0);
        }
        match value {
            Value::Object(map) if node.kinds.has(Kinds::OBJECT) => {
                self.object_cost(node, map, value)
            }
            Value::Array(items) if node.kinds.has(Kinds::ARRAY) => {
                let mut sum = 0_u32;
                for (index, item) in items.iter().enumerate() {
                    if let Some(child) = node.item(index) {
                        sum = sum.saturating_add(self.best(child, item, 0)?.cost);
                    }
                }
                Some(sum)
            }
            _ => {
                if let Some(converted) = convert(node, value, None) {
                    return Some(converted.cost);
                }
                self.wrapped_cost(leaf, value, wraps).map(|(_, cost)| cost)
            }
        }
    }

    fn object_cost(&mut self, node: &Node, map: &Map<String, Value>, value: &Value) -> Option<u32> {
        if node.choices.as_ref().is_some_and(|choices| !choices.contains(value)) {
            return None;
        }
        let mut sum = 0_u32;
        let mut seen: Vec<&str> = Vec::new();
        for (key, child) in map {
            let more = match known(node, key) {
                Known::Property { name, node: id, exact } => {
                    if seen.contains(&name) {
                        return None;
                    }
                    seen.push(name);
                    let absent =
                        child.is_null() && node.property(name).is_some_and(|p| !p.required);
                    match self.best(id, child, 0) {
                        Some(best) => best.cost + u32::from(!exact),
                        None if absent => 1,
                        None => return None,
                    }
                }
                Known::Other(id) => self.best(id, child, 0)?.cost,
                Known::Free => u32::from(!node.properties.is_empty()),
                Known::Refused => 5,
            };
            sum = sum.saturating_add(more);
        }
        for property in node.properties.iter().filter(|property| property.required) {
            if !seen.contains(&property.name.as_str()) {
                let nullable = self.plan.kinds(property.node).has(Kinds::NULL);
                sum = sum.saturating_add(if nullable { 2 } else { return None });
            }
        }
        Some(sum)
    }

    /// How a value fits a leaf of another shape, and what that costs.
    fn wrapped_cost(&mut self, leaf: NodeId, value: &Value, wraps: u8) -> Option<(Way, u32)> {
        if wraps >= MOST_WRAPS || value.is_null() {
            return None;
        }
        let node = self.plan.node(leaf);
        let mut ways: Vec<(Way, Option<u32>)> = Vec::new();
        if let Value::String(text) = value
            && let Some(mut inner) = self.decode(node, text)
        {
            let mut aside = Fitter::new(self.plan, String::new(), 0, self.texts + 1);
            let cost = aside.best(leaf, &inner, 0).map(|best| best.cost + 4);
            ways.push((Way::Text(inner.take()), cost));
        }
        match value {
            Value::Object(map) if map.len() == 1 => {
                if let Some((name, inner)) = map.iter().next()
                    && WRAPPERS.contains(&name.as_str())
                {
                    ways.push((Way::Unwrap, self.cost(leaf, inner, wraps + 1)));
                }
            }
            Value::Array(items) => {
                if let [inner] = items.as_slice() {
                    ways.push((Way::Unwrap, self.cost(leaf, inner, wraps + 1)));
                }
            }
            _ => {}
        }
        if node.kinds.has(Kinds::ARRAY)
            && let Some(item) = node.item(0)
        {
            ways.push((Way::List, self.best(item, value, wraps + 1).map(|best| best.cost + 6)));
        }
        if node.kinds.has(Kinds::OBJECT)
            && let [only] = node.properties.as_slice()
        {
            let cost = self.best(only.node, value, wraps + 1).map(|best| best.cost + 6);
            ways.push((Way::Object, cost));
        }
        let fitting = ways.into_iter().filter_map(|(way, cost)| Some((way, cost? + 4)));
        fitting.min_by_key(|(_, cost)| *cost)
    }

    /// The JSON within a text, where an object or a list is wanted.
    fn decode(&self, node: &Node, text: &str) -> Option<Value> {
        let text = text.trim();
        let wanted = match text.as_bytes().first()? {
            b'{' => Kinds::OBJECT,
            b'[' => Kinds::ARRAY,
            _ => return None,
        };
        if !node.kinds.has(wanted) || self.texts >= MOST_TEXTS {
            return None;
        }
        if let Ok(value) = serde_json::from_str(text) {
            return Some(value);
        }
        let mut reader = Reader::new(None, Policy::Repair);
        reader.push(text);
        reader.finish().ok().map(|outcome| outcome.value)
    }

    fn fit_leaf(
        &mut self,
        leaf: NodeId,
        value: &mut Value,
        raw: Option<&str>,
        wraps: u8,
    ) -> Result<(), Failure> {
        let node = self.plan.node(leaf);
        if node.is_free() {
            return Ok(());
        }
        match value {
            Value::Object(map) if node.kinds.has(Kinds::OBJECT) => self.fit_object(node, map),
            Value::Array(items) if node.kinds.has(Kinds::ARRAY) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(child) = node.item(index) {
                        self.within(&index.to_string(), |this| this.fit(child, item, None))?;
                    }
                }
                Ok(())
            }
            _ => {
                if let Some(converted) = convert(node, value, raw) {
                    if let Some((fitting, kind)) = converted.value {
                        self.note(kind);
                        *value = fitting;
                    }
                    return Ok(());
                }
                let Some((way, _)) = self.wrapped_cost(leaf, value, wraps) else {
                    return Err(self.explain(leaf, value));
                };
                self.fit_wrapped(way, leaf, value, raw, wraps)
            }
        }
    }

    fn fit_wrapped(
        &mut self,
        way: Way,
        leaf: NodeId,
        value: &mut Value,
        raw: Option<&str>,
        wraps: u8,
    ) -> Result<(), Failure> {
        let node = self.plan.node(leaf);
        match way {
            Way::Text(inner) => {
                self.note(RepairKind::FromText);
                let mut aside =
                    Fitter::new(self.plan, self.path.clone(), self.offset, self.texts + 1);
                *value = inner;
                let fitted = aside.fit(leaf, value, None);
                self.repairs.append(&mut aside.repairs);
                fitted
            }
            Way::Unwrap => {
                self.note(RepairKind::Unwrapped);
                let mut inner = match value {
                    Value::Object(map) => map.values_mut().next().map(Value::take),
                    Value::Array(items) => items.pop(),
                    _ => None,
                }
                .unwrap_or_default();
                // The value has moved: what is known of it is known by its old place.
                self.known.clear();
                let fitted = self.fit_leaf(leaf, &mut inner, None, wraps + 1);
                *value = inner;
                fitted
            }
            Way::List => {
                self.note(RepairKind::ToList);
                if let Some(item) = node.item(0) {
                    self.within("0", |this| this.fit_inner(item, value, raw, wraps + 1))?;
                }
                *value = Value::Array(vec![value.take()]);
                Ok(())
            }
            Way::Object => {
                self.note(RepairKind::Wrapped);
                if let [only] = node.properties.as_slice() {
                    let name = only.name.as_str();
                    self.within(name, |this| this.fit_inner(only.node, value, raw, wraps + 1))?;
                    let inner = (only.name.clone(), value.take());
                    *value = Value::Object(std::iter::once(inner).collect());
                }
                Ok(())
            }
        }
    }

    fn fit_inner(
        &mut self,
        id: NodeId,
        value: &mut Value,
        raw: Option<&str>,
        wraps: u8,
    ) -> Result<(), Failure> {
        match self.best(id, value, wraps) {
            Some(best) => self.fit_leaf(best.leaf, value, raw, wraps),
            None => Err(self.explain(id, value)),
        }
    }

    fn fit_object(&mut self, node: &'p Node, map: &mut Map<String, Value>) -> Result<(), Failure> {
        let mut rename = false;
        for (key, child) in map.iter_mut() {
            match known(node, key) {
                Known::Property { name, node: id, exact } => {
                    rename |= !exact;
                    let absent =
                        child.is_null() && node.property(name).is_some_and(|p| !p.required);
                    if absent && self.best(id, child, 0).is_none() {
                        rename = true;
                        continue;
                    }
                    self.within(name, |this| {
                        if !exact {
                            this.note(RepairKind::Key);
                        }
                        this.fit(id, child, None)
                    })?;
                }
                Known::Other(id) => self.within(key, |this| this.fit(id, child, None))?,
                Known::Free => {}
                Known::Refused => rename = true,
            }
        }
        if rename {
            self.rename(node, map);
        }
        let missing = fill(self.plan, node, map);
        self.report_missing(missing)
    }

    fn rename(&mut self, node: &Node, map: &mut Map<String, Value>) {
        for (key, child) in std::mem::take(map) {
            match known(node, &key) {
                Known::Property { name, node: id, .. } => {
                    let required = node.property(name).is_some_and(|property| property.required);
                    if child.is_null() && !required && !self.plan.kinds(id).has(Kinds::NULL) {
                        self.within(name, |this| this.note(RepairKind::Absent));
                    } else {
                        map.insert(name.to_owned(), child);
                    }
                }
                Known::Refused => self.within(&key, |this| this.note(RepairKind::ExtraProperty)),
                Known::Other(_) | Known::Free => {
                    map.insert(key, child);
                }
            }
        }
    }

    fn report_missing(&mut self, missing: Result<Vec<String>, String>) -> Result<(), Failure> {
        match missing {
            Ok(filled) => {
                for name in filled {
                    self.within(&name, |this| this.note(RepairKind::Absent));
                }
                Ok(())
            }
            Err(name) => Err(self.fail(JsonErrorKind::Missing, format!("the property `{name}`"))),
        }
    }

    /// Says which value is the one that does not fit.
    fn explain(&mut self, id: NodeId, value: &Value) -> Failure {
        let kind = Kinds::of(value);
        let plan = self.plan;
        let mut leaves = plan.leaves_of(id, kind);
        if let (Some(leaf), None) = (leaves.next(), leaves.next()) {
            let node = plan.node(leaf);
            match value {
                Value::Object(map) => {
                    if let Some(failure) = self.explain_object(node, map) {
                        return failure;
                    }
                }
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        if let Some(child) = node.item(index)
                            && self.best(child, item, 0).is_none()
                        {
                            return self
                                .within(&index.to_string(), |this| this.explain(child, item));
                        }
                    }
                }
                _ => {}
            }
        }
        let (expected, found) = (plan.words(id), kind.words());
        let text = match value {
            Value::String(_) | Value::Object(_) | Value::Array(_) => {
                format!("{expected}, not {found}")
            }
            scalar => format!("{expected}, not {scalar}"),
        };
        self.fail(JsonErrorKind::Mismatch, text)
    }

    fn explain_object(&mut self, node: &Node, map: &Map<String, Value>) -> Option<Failure> {
        let mut seen: Vec<&str> = Vec::new();
        for (key, child) in map {
            let (name, id) = match known(node, key) {
                Known::Property { name, node, .. } => (name, node),
                Known::Other(id) => (key.as_str(), id),
                Known::Free | Known::Refused => continue,
            };
            if seen.contains(&name) {
                return Some(self.within(name, |this| {
                    this.fail(
                        JsonErrorKind::Ambiguous,
                        "one key that means this property".to_owned(),
                    )
                }));
            }
            seen.push(name);
            if self.best(id, child, 0).is_none() {
                return Some(self.within(name, |this| this.explain(id, child)));
            }
        }
        let missing = node.properties.iter().find(|property| {
            property.required
                && !seen.contains(&property.name.as_str())
                && !self.plan.kinds(property.node).has(Kinds::NULL)
        })?;
        let expected = format!("the property `{}`", missing.name);
        Some(self.fail(JsonErrorKind::Missing, expected))
    }
}

/// How a value fits a leaf of another shape.
enum Way {
    Text(Value),
    Unwrap,
    List,
    Object,
}

/// Adds null for each required property that is absent and may be null. Returns their names, or the first
/// that may not be null.
pub(crate) fn fill(
    plan: &Plan,
    node: &Node,
    map: &mut Map<String, Value>,
) -> Result<Vec<String>, String> {
    let mut filled = Vec::new();
    for property in node.properties.iter().filter(|property| property.required) {
        if !map.contains_key(&property.name) {
            if !plan.kinds(property.node).has(Kinds::NULL) {
                return Err(property.name.clone());
            }
            map.insert(property.name.clone(), Value::Null);
            filled.push(property.name.clone());
        }
    }
    Ok(filled)
}
