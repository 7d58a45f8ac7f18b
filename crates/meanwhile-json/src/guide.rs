//! [`Guide`]: a JSON Schema made ready to lead a reader: what may be where, and by which names.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

/// A JSON Schema (draft 2020-12, and what older drafts have in common with it), made ready for reading.
///
/// Making one takes some microseconds and a clone is a pointer, so that whoever reads many texts by one
/// schema keeps it. `type`, `properties`, `required`, `additionalProperties`, `items`, `prefixItems`,
/// `enum`, `const`, `anyOf`, `oneOf`, `allOf`, `$ref` within the schema and `nullable` lead the reader.
/// Other keywords, and references that lead nowhere, restrict nothing: this is no validator.
///
/// ```
/// use meanwhile_json::{Guide, Policy, Reader};
/// use serde_json::json;
///
/// let guide = Guide::new(&json!({"type": "array", "items": {"type": "integer"}}));
/// for text in ["[1, 2]", "['1', 2.0]", "```\n[1,\n 2,]\n```"] {
///     let mut reader = Reader::with_guide(&guide, Policy::Coerce);
///     reader.push(text);
///     assert_eq!(reader.finish()?.value, json!([1, 2]));
/// }
/// # Ok::<(), meanwhile_json::JsonError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Guide(pub(crate) Arc<Plan>);

impl Guide {
    /// Makes a schema ready.
    #[must_use]
    pub fn new(schema: &Value) -> Self {
        Self(Arc::new(Plan::new(schema)))
    }
}

/// The place of a node in its plan.
pub(crate) type NodeId = u32;

/// Which kinds of values are allowed: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    /// Numbers, whole ones among them.
    pub(crate) const NUMBER: Self = Self(12);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const ALL: Self = Self(127);

    /// Whether all of `other` are allowed.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::ALL,
        }
    }

    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() => Self::NUMBER,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The kinds in words.
    pub(crate) fn words(self) -> String {
        if self == Self::ALL {
            return "any value".to_owned();
        }
        let all = [
            (Self::OBJECT, "an object"),
            (Self::ARRAY, "a list"),
            (Self::STRING, "a text"),
            (Self::NUMBER, "a number"),
            (Self::INTEGER, "a whole number"),
            (Self::BOOLEAN, "true or false"),
            (Self::NULL, "null"),
        ];
        let mut words: Vec<&str> = Vec::new();
        for (kind, word) in all {
            let is_number = kind == Self::INTEGER && self.has(Self::NUMBER);
            if self.has(kind) && !is_number {
                words.push(word);
            }
        }
        if words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
    }
}

/// A property of an object.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) node: NodeId,
    pub(crate) required: bool,
}

/// What a schema says about one value.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kinds: Kinds,
    /// The allowed values, where they are counted out.
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) properties: Vec<Property>,
    names: HashMap<String, usize>,
    /// By the letters and digits of the name; `None` where several are alike.
    folded: HashMap<String, Option<usize>>,
    /// What other properties may be; `None` where none is allowed, the outer `None` where all are.
    pub(crate) additional: Option<Option<NodeId>>,
    pub(crate) items: Option<NodeId>,
    prefix: Vec<NodeId>,
    branches: Vec<NodeId>,
    /// The nodes that are no unions: of the branches, and theirs; itself where there are none.
    pub(crate) leaves: Vec<NodeId>,
}

impl Node {
    fn empty() -> Self {
        Self {
            kinds: Kinds::ALL,
            choices: None,
            properties: Vec::new(),
            names: HashMap::new(),
            folded: HashMap::new(),
            additional: None,
            items: None,
            prefix: Vec::new(),
            branches: Vec::new(),
            leaves: Vec::new(),
        }
    }

    /// The property of this very name.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(*self.names.get(name)?)
    }

    /// The only property whose letters and digits are those of `name`.
    pub(crate) fn nearly(&self, name: &str) -> Option<&Property> {
        self.properties.get((*self.folded.get(&fold(name))?)?)
    }

    /// What the item at a place may be.
    pub(crate) fn item(&self, index: usize) -> Option<NodeId> {
        self.prefix.get(index).copied().or(self.items)
    }

    /// Whether it says nothing at all.
    pub(crate) fn is_free(&self) -> bool {
        self.kinds == Kinds::ALL
            && self.choices.is_none()
            && self.branches.is_empty()
            && self.properties.is_empty()
            && self.additional.is_none()
            && self.items.is_none()
            && self.prefix.is_empty()
    }

    /// What is allowed, in words.
    pub(crate) fn words(&self) -> String {
        match &self.choices {
            Some(choices) => {
                let some: Vec<String> = choices.iter().take(12).map(Value::to_string).collect();
                format!("one of {}{}", some.join(", "), if choices.len() > 12 { ", …" } else { "" })
            }
            None => self.kinds.words(),
        }
    }
}

/// The letters and digits of a name, small: the same for `user_name`, `userName` and `User Name`.
pub(crate) fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A schema as a list of nodes; the first is the root.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    nothing: Node,
}

/// How many references and `allOf` may follow each other.
const MOST_HOPS: usize = 32;

impl Plan {
    fn new(schema: &Value) -> Self {
        let mut builder = Builder { root: schema, nodes: Vec::new(), known: HashMap::new() };
        let mut waiting = Vec::new();
        builder.node(schema, &mut waiting);
        while let Some((id, schema)) = waiting.pop() {
            let mut node = Node::empty();
            builder.absorb(&mut node, schema, MOST_HOPS, &mut waiting);
            node.finish();
            if let Some(slot) = builder.nodes.get_mut(id as usize) {
                *slot = node;
            }
        }
        let mut plan = Self { nodes: builder.nodes, nothing: Node::empty() };
        plan.find_leaves();
        plan
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&self.nothing)
    }

    /// The leaves of a node that allow a kind.
    pub(crate) fn leaves_of(&self, id: NodeId, kind: Kinds) -> impl Iterator<Item = NodeId> {
        let leaves = self.node(id).leaves.iter().copied();
        leaves.filter(move |leaf| self.node(*leaf).kinds.has(kind))
    }

    /// All that any leaf of a node allows.
    pub(crate) fn kinds(&self, id: NodeId) -> Kinds {
        let leaves = self.node(id).leaves.iter();
        leaves.fold(Kinds::NONE, |kinds, leaf| kinds.and(self.node(*leaf).kinds))
    }

    /// What a node allows, in words.
    pub(crate) fn words(&self, id: NodeId) -> String {
        match *self.node(id).leaves.as_slice() {
            [leaf] => self.node(leaf).words(),
            _ => self.kinds(id).words(),
        }
    }

    fn find_leaves(&mut self) {
        for id in 0..self.nodes.len() {
            let mut leaves = Vec::new();
            let mut seen = vec![id];
            let mut waiting = vec![id];
            while let Some(next) = waiting.pop() {
                let branches = self.nodes.get(next).map_or(&[][..], |node| &node.branches);
                if branches.is_empty() {
                    leaves.push(NodeId::try_from(next).unwrap_or(NodeId::MAX));
                }
                // The last in is the first out, and the order of branches is to be kept.
                for branch in branches.iter().rev().map(|branch| *branch as usize) {
                    if !seen.contains(&branch) {
                        seen.push(branch);
                        waiting.push(branch);
                    }
                }
            }
            if let Some(node) = self.nodes.get_mut(id) {
                node.leaves = leaves;
            }
        }
    }
}

struct Builder<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// By the address of the schema, so that recursive ones come to an end.
    known: HashMap<*const Value, NodeId>,
}

type Waiting<'a> = Vec<(NodeId, &'a Value)>;

impl<'a> Builder<'a> {
    fn node(&mut self, schema: &'a Value, waiting: &mut Waiting<'a>) -> NodeId {
        if let Some(id) = self.known.get(&std::ptr::from_ref(schema)) {
            return *id;
        }
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(Node::empty());
        self.known.insert(std::ptr::from_ref(schema), id);
        waiting.push((id, schema));
        id
    }

    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        let pointer = reference.strip_prefix('#')?;
        self.root.pointer(&pointer.replace("%20", " ").replace("%25", "%"))
    }

    /// Adds what a schema says to a node.
    fn absorb(
        &mut self,
        node: &mut Node,
        schema: &'a Value,
        hops: usize,
        waiting: &mut Waiting<'a>,
    ) {
        let Some(fields) = schema.as_object() else {
            if schema == &Value::Bool(false) {
                node.kinds = Kinds::NONE;
            }
            return;
        };
        if hops == 0 {
            return;
        }
        if let Some(target) =
            fields.get("$ref").and_then(Value::as_str).and_then(|path| self.resolve(path))
        {
            self.absorb(node, target, hops - 1, waiting);
        }
        for part in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.absorb(node, part, hops - 1, waiting);
        }
        let stated = match fields.get("type") {
            Some(Value::String(name)) => Some(Kinds::named(name)),
            Some(Value::Array(names)) => Some(
                names
                    .iter()
                    .filter_map(Value::as_str)
                    .fold(Kinds::NONE, |kinds, name| kinds.and(Kinds::named(name))),
            ),
            _ if fields.contains_key("properties") => Some(Kinds::OBJECT),
            _ if fields.contains_key("items") || fields.contains_key("prefixItems") => {
                Some(Kinds::ARRAY)
            }
            _ => None,
        };
        if let Some(mut kinds) = stated {
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                kinds = kinds.and(Kinds::NULL);
            }
            node.kinds = node.kinds.both(kinds);
        }
        let choices = match (fields.get("const"), fields.get("enum").and_then(Value::as_array)) {
            (Some(only), _) => Some(vec![only.clone()]),
            (None, Some(choices)) => Some(choices.clone()),
            (None, None) => None,
        };
        if let Some(choices) = choices {
            let kinds = choices.iter().fold(Kinds::NONE, |kinds, c| kinds.and(Kinds::of(c)));
            node.kinds = node.kinds.both(kinds);
            node.choices = Some(choices);
        }
        for (name, property) in
            fields.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let id = self.node(property, waiting);
            node.properties.push(Property { name: name.clone(), node: id, required: false });
        }
        for name in fields.get("required").and_then(Value::as_array).into_iter().flatten() {
            let named = |property: &&mut Property| Some(property.name.as_str()) == name.as_str();
            if let Some(property) = node.properties.iter_mut().find(named) {
                property.required = true;
            }
        }
        match fields.get("additionalProperties") {
            Some(Value::Bool(false)) => node.additional = Some(None),
            Some(schema) if schema.as_object().is_some_and(|schema| !schema.is_empty()) => {
                node.additional = Some(Some(self.node(schema, waiting)));
            }
            _ => {}
        }
        if let Some(items) = fields.get("items") {
            node.items = Some(self.node(items, waiting));
        }
        for item in fields.get("prefixItems").and_then(Value::as_array).into_iter().flatten() {
            node.prefix.push(self.node(item, waiting));
        }
        let unions = [fields.get("anyOf"), fields.get("oneOf")];
        for branches in unions.into_iter().flatten().filter_map(Value::as_array) {
            if let Some(choices) = constants(branches) {
                let kinds = choices.iter().fold(Kinds::NONE, |kinds, c| kinds.and(Kinds::of(c)));
                node.kinds = node.kinds.both(kinds);
                node.choices = Some(choices);
            } else {
                for branch in branches {
                    node.branches.push(self.node(branch, waiting));
                }
            }
        }
    }
}

/// The values of branches that are a constant, or a list of them, each.
fn constants(branches: &[Value]) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for branch in branches {
        match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
            (Some(only), _) => all.push(only.clone()),
            (None, Some(choices)) => all.extend(choices.iter().cloned()),
            (None, None) if branch.get("type").and_then(Value::as_str) == Some("null") => {
                all.push(Value::Null);
            }
            (None, None) => return None,
        }
    }
    // Objects and lists as constants are compared as branches.
    let is_scalar = |choice: &Value| !choice.is_object() && !choice.is_array();
    (all.iter().any(|choice| !choice.is_null()) && all.iter().all(is_scalar)).then_some(all)
}

impl Node {
    fn finish(&mut self) {
        // An object that is both a union and has properties of its own lends them to no branch: the
        // branches lead.
        for (place, property) in self.properties.iter().enumerate() {
            self.names.insert(property.name.clone(), place);
            let folded = self.folded.entry(fold(&property.name)).or_insert(Some(place));
            if *folded != Some(place) {
                *folded = None;
            }
        }
    }
}
