//! The rows of an [`Evaluation`] as records: a table for people, CSV and JSON for programs.

use std::fmt::Write as _;

use meanwhile_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Evaluation, Row};

/// Words of a cell that a table shows.
const WORDS: usize = 25;

/// Characters of a cell that a table shows.
const WIDTH: usize = 60;

impl<O: Serialize> Evaluation<O> {
    /// A record for each row: the example's fields, the answer's, the score, and `feedback` and `error`
    /// where any row has them. A name that the example and the answer share, and one that is `score`,
    /// `feedback` or `error`, becomes `example_…` and `predicted_…`; an answer that is no struct or map is
    /// `prediction`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Output`] when an answer cannot be written as JSON.
    pub fn records(&self) -> Result<Vec<Map<String, Value>>> {
        let columns = Columns {
            feedback: self.rows.iter().any(|row| row.score.feedback.is_some()),
            error: self.rows.iter().any(|row| row.error.is_some()),
        };
        self.rows.iter().map(|row| columns.record(row)).collect()
    }

    /// The records as a JSON list.
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(&self.records()?).map_err(unwritable)
    }

    /// The records as CSV (RFC 4180) with a line of names. Values that are no text are written as JSON.
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    pub fn to_csv(&self) -> Result<String> {
        let records = self.records()?;
        let names = names(&records);
        let mut csv = line(names.iter().map(|name| quoted(name)));
        for record in &records {
            csv.push_str(&line(names.iter().map(|name| quoted(&cell(record.get(*name))))));
        }
        Ok(csv)
    }

    /// The first `rows` records as a table in plain text, long values cut, and the mean below.
    ///
    /// # Errors
    ///
    /// As [`records`](Self::records).
    pub fn table(&self, rows: usize) -> Result<String> {
        let records = self.records()?;
        let names = names(&records);
        let shown = records.get(..rows.min(records.len())).unwrap_or_default();
        let mut lines: Vec<Vec<String>> = vec![names.iter().map(|&name| short(name)).collect()];
        lines.extend(shown.iter().map(|record| {
            names.iter().map(|name| short(&cell(record.get(*name)))).collect::<Vec<_>>()
        }));
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..names.len()).map(width).collect();
        let mut table = String::new();
        for line in &lines {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            table.push('\n');
        }
        if shown.len() < records.len() {
            let _ = writeln!(table, "… {} more rows", records.len() - shown.len());
        }
        let failed = self.errors().count();
        let _ = writeln!(
            table,
            "mean {:.4} over {} rows, {failed} of them failed",
            self.mean(),
            self.rows.len()
        );
        Ok(table)
    }
}

/// The columns that stay behind those of examples and answers.
const LAST: [&str; 3] = ["score", "feedback", "error"];

/// Which columns there are beside those of examples and answers.
struct Columns {
    feedback: bool,
    error: bool,
}

impl Columns {
    fn record<O: Serialize>(&self, row: &Row<O>) -> Result<Map<String, Value>> {
        let example = row.example.fields().as_map();
        let output = row.output.as_deref().map(serde_json::to_value);
        let output = match output.transpose().map_err(unwritable)? {
            Some(Value::Object(fields)) => fields,
            Some(other) => Map::from_iter([("prediction".to_owned(), other)]),
            None => Map::new(),
        };
        let is_taken =
            |name: &str, other: &Map<_, _>| LAST.contains(&name) || other.contains_key(name);
        let mut record = Map::new();
        for (fields, other, prefix) in
            [(example, &output, "example_"), (&output, example, "predicted_")]
        {
            for (name, value) in fields {
                let mut free = name.clone();
                // A field may have the name that another one would get.
                while is_taken(&free, other)
                    || record.contains_key(&free)
                    || (free != *name && fields.contains_key(&free))
                {
                    free.insert_str(0, prefix);
                }
                record.insert(free, value.clone());
            }
        }
        record.insert("score".to_owned(), row.score.value.into());
        if self.feedback {
            record.insert("feedback".to_owned(), row.score.feedback.clone().into());
        }
        if self.error {
            let error = row.error.as_ref().map(ToString::to_string);
            record.insert("error".to_owned(), error.into());
        }
        Ok(record)
    }
}

/// The names of all records, in the order in which they are first seen. The score and what follows it
/// stay behind the fields that only later rows have.
fn names(records: &[Map<String, Value>]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in records.iter().flat_map(Map::keys) {
        if !names.contains(&name.as_str()) && !LAST.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let has = |name: &str| records.first().is_some_and(|record| record.contains_key(name));
    names.extend(LAST.into_iter().filter(|name| has(name)));
    names
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// One line of a text, cut where it is long.
fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(WORDS + 1).collect();
    let all = words.len() <= WORDS;
    let text = words.get(..words.len().min(WORDS)).unwrap_or_default().join(" ");
    if all && text.chars().count() <= WIDTH {
        return text;
    }
    let mut text: String = text.chars().take(WIDTH).collect();
    text.push('…');
    text
}

fn unwritable(error: serde_json::Error) -> Error {
    let message = format!("an answer cannot be written as JSON: {error}");
    Error::new(ErrorKind::Output, message).with_source(error)
}
