//! [`Sources`]: what backs an answer, from every vendor's fields to citations.
//!
//! Annotations cite while the text is written. Lists of addresses are repeated by every chunk, so the
//! last one counts, and it cites when the answer ends.

use std::collections::VecDeque;
use std::mem::take;

use meanwhile_core::{Citation, Event, Part, ProviderData};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The sources of one answer.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Lists, and objects with lists in them, as they came last, by their names.
    lists: Vec<(&'static str, String)>,
    /// Annotations that came before any text, or that cite nothing.
    annotations: Vec<Value>,
    /// Tools that the provider ran by itself, as it told last.
    tools: Vec<Value>,
}

/// What is kept for the program to look at, but backs nothing.
const NOT_CITED: [&str; 3] = ["images", "related_questions", "moderation"];

impl Sources {
    /// Keeps a list that every chunk repeats, or an object that holds one.
    pub(crate) fn list(&mut self, name: &'static str, raw: &RawValue) {
        let raw = raw.get();
        match self.lists.iter_mut().find(|(known, _)| *known == name) {
            Some((_, list)) if list != raw => raw.clone_into(list),
            Some(_) => {}
            None => self.lists.push((name, raw.to_owned())),
        }
    }

    /// Reads annotations of the text that is being written.
    pub(crate) fn annotations(
        &mut self,
        raw: &RawValue,
        provider: &str,
        text: Option<u32>,
        events: &mut VecDeque<Event>,
    ) {
        if raw.get() == "[]" {
            return;
        }
        let Ok(Value::Array(annotations)) = serde_json::from_str(raw.get()) else { return };
        for annotation in annotations {
            match (text, is_web(&annotation)) {
                (Some(index), true) => {
                    let citation = annotated(annotation, provider);
                    events.push_back(Event::citation(index, citation));
                }
                _ => self.annotations.push(annotation),
            }
        }
    }

    /// Keeps what the provider's own tools did; a stream tells of one several times, by its index.
    pub(crate) fn tools(&mut self, raw: &RawValue) {
        let Ok(Value::Array(tools)) = serde_json::from_str(raw.get()) else { return };
        for tool in tools {
            let index = tool.get("index").filter(|index| !index.is_null());
            let known =
                self.tools.iter_mut().find(|known| index.is_some() && known.get("index") == index);
            match known {
                Some(known) => *known = tool,
                None => self.tools.push(tool),
            }
        }
    }

    /// Cites what is left, and returns as a part what cites nothing, or has no text to back.
    pub(crate) fn end(
        self,
        provider: &str,
        text: Option<u32>,
        events: &mut VecDeque<Event>,
    ) -> Option<Part> {
        let mut rest = Map::new();
        let (cited, others): (Vec<_>, Vec<_>) = self
            .annotations
            .into_iter()
            .partition(|annotation| text.is_some() && is_web(annotation));
        let mut citations: Vec<Citation> =
            cited.into_iter().map(|annotation| annotated(annotation, provider)).collect();
        if !others.is_empty() {
            rest.insert("annotations".to_owned(), Value::Array(others));
        }
        for (name, raw) in self.lists {
            let mut value: Value = serde_json::from_str(&raw).unwrap_or_default();
            match &mut value {
                Value::Array(list) if text.is_some() && !NOT_CITED.contains(&name) => {
                    listed(take(list), provider, &mut citations);
                }
                Value::Object(fields) if text.is_some() && !NOT_CITED.contains(&name) => {
                    for inner in ["citations", "sources"] {
                        if let Some(Value::Array(list)) = fields.get_mut(inner) {
                            listed(take(list), provider, &mut citations);
                            fields.remove(inner);
                        }
                    }
                }
                _ => {}
            }
            let is_empty = match &value {
                Value::Array(list) => list.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                _ => true,
            };
            if !is_empty {
                rest.insert(name.to_owned(), value);
            }
        }
        for tool in &self.tools {
            let found = tool.get("search_results").and_then(|results| results.get("results"));
            if let Some(found) = found.and_then(Value::as_array).filter(|_| text.is_some()) {
                listed(found.clone(), provider, &mut citations);
            }
        }
        if !self.tools.is_empty() {
            rest.insert("executed_tools".to_owned(), Value::Array(self.tools));
        }
        if let Some(index) = text {
            events.extend(citations.into_iter().map(|citation| Event::citation(index, citation)));
        }
        (!rest.is_empty()).then(|| Part::opaque(provider, Value::Object(rest)))
    }
}

/// Reads a part of the content that names its sources: one or several by id, or a tool's finding.
pub(crate) fn referenced(part: Value, provider: &str) -> Vec<Citation> {
    let ids = part.get("reference_ids").and_then(Value::as_array).into_iter().flatten();
    let ids = ids.filter_map(|id| match id {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    let mut citations: Vec<Citation> = ids
        .map(|id| {
            let mut citation = Citation::new();
            citation.document = Some(id);
            citation
        })
        .collect();
    if citations.is_empty() {
        citations.push(described(&part));
    }
    // The part goes back once, however many sources it names.
    if let Some(first) = citations.first_mut() {
        first.data = Some(Box::new(ProviderData::new(provider, part)));
    }
    citations
}

fn is_web(annotation: &Value) -> bool {
    annotation.get("type").and_then(Value::as_str) == Some("url_citation")
}

fn annotated(annotation: Value, provider: &str) -> Citation {
    let inner = annotation.get("url_citation").unwrap_or(&annotation);
    let mut citation = described(inner);
    let place = |name: &str| {
        inner.get(name).and_then(Value::as_u64).and_then(|place| u32::try_from(place).ok())
    };
    // Routers write 0 to 0 where they know no place.
    citation.span = match (place("start_index"), place("end_index")) {
        (Some(start), Some(end)) if start < end => Some(start..end),
        _ => None,
    };
    citation.with_data(ProviderData::new(provider, annotation))
}

/// Adds a list of addresses or of search results; what two lists say of one address is joined.
fn listed(list: Vec<Value>, provider: &str, citations: &mut Vec<Citation>) {
    for source in list {
        let found = match &source {
            Value::String(url) => Citation::url(url.as_str()),
            source @ Value::Object(_) => described(source),
            _ => continue,
        };
        let same = |known: &&mut Citation| known.url.is_some() && known.url == found.url;
        match citations.iter_mut().find(same) {
            Some(known) => {
                known.title = found.title.or(known.title.take());
                known.quote = found.quote.or(known.quote.take());
                if source.is_object() && known.data.is_none() {
                    known.data = Some(Box::new(ProviderData::new(provider, source)));
                }
            }
            None if source.is_object() => {
                citations.push(found.with_data(ProviderData::new(provider, source)));
            }
            None => citations.push(found),
        }
    }
}

/// What a source says of itself.
fn described(source: &Value) -> Citation {
    let text = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| source.get(name)?.as_str());
        texts.map(str::to_owned).find(|text| !text.is_empty())
    };
    let mut citation = Citation::new();
    citation.url = text(&["url", "link"]);
    citation.title = text(&["title"]);
    citation.quote = text(&["content", "snippet", "description", "raw_content"]);
    citation.document = text(&["filepath", "file_id"]);
    citation
}

/// The annotations that a text's citations were read from.
pub(crate) fn annotation(data: &Value) -> Option<&Value> {
    is_web(data).then_some(data)
}

/// The parts of the content that a text's citations were read from.
pub(crate) fn reference(data: &Value) -> Option<&Value> {
    let kind = data.get("type").and_then(Value::as_str);
    matches!(kind, Some("reference" | "tool_reference")).then_some(data)
}

/// A part of the content that has no counterpart here.
pub(crate) fn unknown(part: Value, provider: &str) -> Part {
    Part::opaque(provider, json!({ "content": [part] }))
}
