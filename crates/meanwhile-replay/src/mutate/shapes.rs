//! [`Shapes`]: which fields the objects of a wire have been seen with, so that a missing one can be `null`.

use std::collections::{BTreeSet, HashMap};

use super::body::Body;
use super::json::Json;
use crate::corpus::{Corpus, Exchange};
use crate::play::framing;

/// Whose fields are a user's own, not those of the wire.
pub(super) const OWN: [&str; 7] =
    ["arguments", "args", "input", "metadata", "parameters", "json", "schema"];

/// More names than any object of a wire has: such an object is a map, whose names say nothing.
const MAP: usize = 60;

/// The names of fields, by provider, family of endpoints, and place in the document.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    names: HashMap<String, BTreeSet<String>>,
}

impl Shapes {
    /// Reads what the answers of a corpus are made of.
    pub(crate) fn of(corpus: &Corpus) -> Self {
        let mut shapes = Self::default();
        for exchange in corpus.files.iter().filter_map(|file| corpus.read(file).ok()) {
            let bytes = exchange.response.bytes().unwrap_or_default().into();
            let framing = framing(&exchange.response.body_kind);
            let Some(mut body) = Body::parse(framing, &bytes) else { continue };
            let root = root(&exchange);
            each_object(&mut body, &root, &mut |place, fields| {
                let names = shapes.names.entry(place.to_owned()).or_default();
                names.extend(fields.iter().map(|(name, _)| name.clone()));
            });
        }
        shapes
    }

    /// Adds every field as `null` that other objects of the same place have.
    pub(super) fn add_nulls(&self, exchange: &Exchange, body: &mut Body) -> bool {
        let mut found = false;
        each_object(body, &root(exchange), &mut |place, fields| {
            let names = self.names.get(place).filter(|names| names.len() < MAP);
            for name in names.into_iter().flatten() {
                if !fields.iter().any(|(present, _)| present == name) {
                    fields.push((name.clone(), Json::Leaf("null".to_owned())));
                    found = true;
                }
            }
        });
        found
    }
}

/// Errors have shapes of their own.
fn root(exchange: &Exchange) -> String {
    let is_error = exchange.response.status.is_some_and(|status| status >= 300);
    format!("{} {} {is_error}", exchange.provider, exchange.wire())
}

type Visit<'a> = &'a mut dyn FnMut(&str, &mut Vec<(String, Json)>);

fn each_object(body: &mut Body, root: &str, visit: Visit<'_>) {
    for frame in &mut body.frames {
        if let Some(json) = &mut frame.json {
            object(json, &format!("{root} {}", frame.name), visit);
        }
    }
}

fn object(json: &mut Json, place: &str, visit: Visit<'_>) {
    match json {
        Json::Leaf(_) => {}
        Json::Array(values) => {
            let place = format!("{place}[]");
            values.iter_mut().for_each(|value| object(value, &place, visit));
        }
        Json::Object(_) => {
            let kind = json.get("type").and_then(Json::as_text).unwrap_or_default();
            let place = format!("{place}<{kind}>");
            let Json::Object(fields) = json else { return };
            for (name, value) in fields.iter_mut() {
                if !OWN.contains(&name.as_str()) {
                    object(value, &format!("{place}.{name}"), visit);
                }
            }
            visit(&place, fields);
        }
    }
}
