//! [`ToolCalls`]: puts the tool calls of an answer together, whatever pieces they come in; and [`CallIds`],
//! ids for calls that come without one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use meanwhile_core::{Event, ProviderData, Request, Warning, WarningKind};
use serde_json::Value;

/// The ids of the calls of an answer, each other than the rest.
///
/// A call keeps the id that its server sent, which wants it back with the result. One that came without, or
/// with the id of a call before it, in this answer or in the conversation, gets one of our own, which none of
/// them has: results belong to calls by their ids, and a request with two of one id is refused.
///
/// ```
/// use meanwhile_core::{Message, Request};
/// use meanwhile_http::CallIds;
///
/// let request = Request::new("any", vec![Message::user("What is the weather like?")]);
/// let mut ids = CallIds::after(&request);
/// assert_eq!(ids.give(Some("a")), "a");
/// // Two calls of one id, and one without: results could not be told apart.
/// let (again, none) = (ids.give(Some("a")), ids.give(None));
/// assert!(again != "a" && none != again);
/// ```
#[derive(Debug, Default)]
pub struct CallIds {
    next: u64,
    /// Of every call, what stands for its id: two that stand for the same cost no more than an id of our own.
    given: Vec<u64>,
}

impl CallIds {
    /// Counts on from the calls that the conversation holds already.
    #[must_use]
    pub fn after(request: &Request) -> Self {
        let mut ids = Self::default();
        for call in request.messages.iter().flat_map(|message| message.tool_calls()) {
            ids.count(&call.id);
            ids.given.push(hash(&call.id));
        }
        ids
    }

    /// The id of the next call: the one that came with it, or one of our own.
    pub fn give(&mut self, came: Option<&str>) -> String {
        let came = came.filter(|came| !came.is_empty() && !self.is_given(came));
        let id = came.map_or_else(|| self.own(), str::to_owned);
        self.count(&id);
        self.given.push(hash(&id));
        id
    }

    fn own(&self) -> String {
        let mut number = self.next;
        loop {
            let id = format!("call_{number}");
            if !self.is_given(&id) {
                return id;
            }
            number = number.wrapping_add(1);
        }
    }

    fn is_given(&self, id: &str) -> bool {
        self.given.contains(&hash(id))
    }

    /// Counts a call, whose server may number calls as we do.
    fn count(&mut self, id: &str) {
        let number = id.strip_prefix("call_").and_then(|number| number.parse::<u64>().ok());
        let after = number.map_or(0, |number| number.wrapping_add(1));
        self.next = after.max(self.next.wrapping_add(1));
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The tool calls of one answer.
///
/// A fragment belongs to a call by its id, then by its index, then by recency: servers send several whole
/// calls under index 0, empty ids in continuations, no ids at all, one id for two calls, fragments after the
/// finish. A call starts once its name is known, and stays open until it is [closed](Self::close) or the
/// answer ends.
///
/// ```
/// # use std::collections::VecDeque;
/// # use meanwhile_core::{Error, Fold, Message, Request};
/// # use meanwhile_http::{CallFragment, ToolCalls};
/// let request = Request::new("any", vec![Message::user("What is the weather like?")]);
/// let (mut calls, mut part, mut events) = (ToolCalls::after(&request), 0, VecDeque::new());
/// let begin = CallFragment::new(Some(0)).named("a", "weather").arguments(r#"{"city": "#);
/// calls.add(begin, &mut part, &mut events);
/// let rest = CallFragment::new(Some(0)).arguments(r#""Lisbon"}"#);
/// calls.add(rest, &mut part, &mut events);
/// calls.end(&mut part, &mut events, |_| None);
///
/// let mut fold = Fold::new("house", "small");
/// events.iter().try_for_each(|event| fold.push(event))?;
/// let answer = fold.into_partial();
/// let call = answer.tool_calls().next().unwrap();
/// assert_eq!((&*call.name, &*call.arguments), ("weather", r#"{"city": "Lisbon"}"#));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct ToolCalls {
    calls: Vec<Call>,
    latest: usize,
    ids: CallIds,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    /// As the server sent it.
    id: Option<String>,
    name: String,
    /// The part that carries the call, once it has started.
    part: Option<u32>,
    /// Arguments that came before the name.
    pending: String,
    has_arguments: bool,
    data: Option<Value>,
    ended: bool,
}

/// A piece of a tool call.
///
/// ```
/// use meanwhile_http::CallFragment;
/// use serde_json::Value;
///
/// // As a server of the chat completions wire writes it.
/// let wire = r#"{"index": 1, "id": "call_7", "function": {"name": "weather", "arguments": ""}}"#;
/// let wire: Value = serde_json::from_str(wire)?;
/// let text = |value: &'static str| wire.pointer(value).and_then(Value::as_str).unwrap_or_default();
/// let fragment = CallFragment::new(wire["index"].as_u64())
///     .named(text("/id"), text("/function/name"))
///     .arguments(text("/function/arguments"));
/// assert_eq!((fragment.index, fragment.id, fragment.name), (Some(1), "call_7", "weather"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct CallFragment<'a> {
    /// The number of the call in the answer.
    pub index: Option<u64>,
    /// The id of the call; empty where it is not said.
    pub id: &'a str,
    /// The name of the tool; empty where it is not said.
    pub name: &'a str,
    /// More of the arguments, as JSON text.
    pub arguments: Cow<'a, str>,
    /// What the provider wants back with the call.
    pub data: Option<Value>,
    /// The fragment begins a call, whatever its index and id say.
    pub begins: bool,
}

impl<'a> CallFragment<'a> {
    /// A piece of the call of this index.
    #[must_use]
    pub fn new(index: Option<u64>) -> Self {
        Self { index, ..Self::default() }
    }

    /// Sets the id and the name that the piece tells.
    #[must_use]
    pub fn named(mut self, id: &'a str, name: &'a str) -> Self {
        (self.id, self.name) = (id, name);
        self
    }

    /// Sets the arguments in the piece.
    #[must_use]
    pub fn arguments(mut self, arguments: impl Into<Cow<'a, str>>) -> Self {
        self.arguments = arguments.into();
        self
    }

    /// Sets what the provider wants back with the call.
    #[must_use]
    pub fn data(mut self, data: Option<Value>) -> Self {
        self.data = data;
        self
    }

    /// Sets whether the piece begins a call, whatever its index and id say.
    #[must_use]
    pub fn begins(mut self, begins: bool) -> Self {
        self.begins = begins;
        self
    }
}

impl ToolCalls {
    /// Starts without calls, in the conversation of this request.
    #[must_use]
    pub fn after(request: &Request) -> Self {
        Self { ids: CallIds::after(request), ..Self::default() }
    }

    /// Whether the answer has called no tool so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a call of this index is open.
    #[must_use]
    pub fn is_open(&self, index: u64) -> bool {
        self.calls.iter().any(|call| !call.ended && call.index == Some(index))
    }

    /// Adds a fragment to its call, or begins a call with it. Parts are numbered by `next_part`.
    pub fn add(
        &mut self,
        fragment: CallFragment<'_>,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) {
        let position = if fragment.begins { None } else { self.find(&fragment) };
        let position = position.unwrap_or_else(|| {
            self.calls.push(Call { index: fragment.index, ..Call::default() });
            self.calls.len() - 1
        });
        self.latest = position;
        let Some(call) = self.calls.get_mut(position) else { return };
        if call.part.is_none() && call.id.is_none() && !fragment.id.is_empty() {
            call.id = Some(fragment.id.to_owned());
        }
        if call.name.is_empty() {
            fragment.name.clone_into(&mut call.name);
        }
        call.data = fragment.data.or(call.data.take());
        call.has_arguments |= !fragment.arguments.is_empty();
        match call.part {
            Some(part) => push_arguments(part, fragment.arguments, events),
            None if call.name.is_empty() => call.pending.push_str(&fragment.arguments),
            None => {
                let part = call.start(&mut self.ids, next_part, events);
                push_arguments(part, fragment.arguments, events);
            }
        }
    }

    /// Ends the call of this index, where the server says that it is complete.
    pub fn close(&mut self, index: u64, next_part: &mut u32, events: &mut VecDeque<Event>) {
        let open = |call: &&mut Call| !call.ended && call.index == Some(index);
        if let Some(call) = self.calls.iter_mut().rev().find(open) {
            call.end(&mut self.ids, next_part, events, |_| None);
        }
    }

    /// Ends all calls that are open, in order. `keep` makes of their data what goes back.
    pub fn end(
        &mut self,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
        keep: impl Fn(Value) -> Option<Box<ProviderData>>,
    ) {
        for call in self.calls.iter_mut().filter(|call| !call.ended) {
            call.end(&mut self.ids, next_part, events, &keep);
        }
    }

    /// The call that a fragment continues; `None` where it begins a new one.
    fn find(&self, fragment: &CallFragment<'_>) -> Option<usize> {
        let CallFragment { index, id, name, arguments, .. } = fragment;
        let open = |is: &dyn Fn(&Call) -> bool| {
            self.calls.iter().rposition(|call| !call.ended && is(call))
        };
        let at_index = index.and_then(|_| open(&|call| call.index == *index));
        if !id.is_empty() {
            let has_id = |call: &Call| call.id.as_deref() == Some(*id);
            let at_both = open(&|call| call.index == *index && has_id(call));
            let same = at_both.or_else(|| open(&has_id));
            let elsewhere = |position: usize| {
                let at = self.calls.get(position).and_then(|call| call.index);
                !name.is_empty() && index.is_some() && at != *index
            };
            return match (same, at_index) {
                (Some(position), _) => (!elsewhere(position)).then_some(position),
                // A new id without a name begins nothing; a late id completes what has none.
                (None, Some(position)) => {
                    let call = self.calls.get(position)?;
                    let goes_on = name.is_empty() || (call.id.is_none() && call.name.is_empty());
                    goes_on.then_some(position)
                }
                (None, None) => None,
            };
        }
        let latest = self.calls.get(self.latest).filter(|call| !call.ended).map(|_| self.latest);
        match at_index {
            Some(position) => {
                let call = self.calls.get(position)?;
                let begins = !name.is_empty()
                    && !call.name.is_empty()
                    && (call.name != *name
                        || (call.has_arguments && arguments.trim_start().starts_with('{')));
                (!begins).then_some(position)
            }
            None if name.is_empty() => latest,
            None => None,
        }
    }
}

impl Call {
    fn start(
        &mut self,
        ids: &mut CallIds,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
    ) -> u32 {
        let part = *next_part;
        *next_part += 1;
        self.part = Some(part);
        let id = ids.give(self.id.as_deref());
        events.push_back(Event::tool_call_start(part, id, self.name.clone()));
        push_arguments(part, Cow::Owned(std::mem::take(&mut self.pending)), events);
        part
    }

    fn end(
        &mut self,
        ids: &mut CallIds,
        next_part: &mut u32,
        events: &mut VecDeque<Event>,
        keep: impl Fn(Value) -> Option<Box<ProviderData>>,
    ) {
        self.ended = true;
        let index = self.part.unwrap_or_else(|| {
            let message = "a tool call came without the tool's name";
            let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
            events.push_back(Event::warning(warning));
            self.start(ids, next_part, events)
        });
        let data = self.data.take().and_then(keep);
        events.push_back(Event::PartEnd { index, data });
    }
}

fn push_arguments(index: u32, arguments: Cow<'_, str>, events: &mut VecDeque<Event>) {
    if !arguments.is_empty() {
        events.push_back(Event::ToolCallDelta { index, arguments: arguments.into_owned() });
    }
}
