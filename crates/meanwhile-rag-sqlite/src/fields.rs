//! [`Fields`], a filter that reads of metadata only what it asks about.

use std::fmt;

use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{Filter, Metadata};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// A filter and the fields that it names: one meaning for all stores, and none of it in SQL.
pub(crate) struct Fields {
    filter: Filter,
    names: Vec<String>,
    /// What was asked last, and the answer: chunks of one document often say the same.
    last: Option<(String, bool)>,
}

impl Fields {
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut names = Vec::new();
        name(filter, &mut names);
        Self { filter: filter.clone(), names, last: None }
    }

    /// Whether metadata fulfils the filter.
    pub(crate) fn match_json(&mut self, json: &str) -> Result<bool> {
        if let Some((last, matched)) = &self.last
            && last == json
        {
            return Ok(*matched);
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let metadata = (&*self).deserialize(&mut reader).map_err(|error| {
            let message = "metadata in the index is no JSON; ingest the document again";
            Error::new(ErrorKind::Decode, message).with_source(error)
        })?;
        let matched = self.filter.matches(&metadata);
        let mut last = self.last.take().map(|(last, _)| last).unwrap_or_default();
        json.clone_into(&mut last);
        self.last = Some((last, matched));
        Ok(matched)
    }
}

fn name(filter: &Filter, names: &mut Vec<String>) {
    match filter {
        Filter::Eq(field, _)
        | Filter::Ne(field, _)
        | Filter::In(field, _)
        | Filter::Lt(field, _)
        | Filter::Le(field, _)
        | Filter::Gt(field, _)
        | Filter::Ge(field, _)
        | Filter::Exists(field) => {
            if !names.contains(field) {
                names.push(field.clone());
            }
        }
        Filter::And(all) | Filter::Or(all) => all.iter().for_each(|filter| name(filter, names)),
        Filter::Not(filter) => name(filter, names),
    }
}

impl<'de> DeserializeSeed<'de> for &Fields {
    type Value = Metadata;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Metadata, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &Fields {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Metadata, M::Error> {
        let mut metadata = Metadata::new();
        while let Some(wanted) = map.next_key_seed(Name(&self.names))? {
            match wanted {
                Some(name) => {
                    metadata.insert(name.to_owned(), map.next_value::<Value>()?);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(metadata)
    }
}

/// Reads the name of a field; `None` for one that is not asked about.
struct Name<'a>(&'a [String]);

impl<'a, 'de> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|wanted| *wanted == name).map(String::as_str))
    }
}
