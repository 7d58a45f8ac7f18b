//! [`Conditions`]: a [`Filter`] as a condition of Postgres on the column `metadata`, true or false, never null.

use meanwhile_rag::{Filter, FilterValue};
use serde_json::{Map, Value};
use tokio_postgres::types::{Json, ToSql};

/// A value that is sent beside the text of a statement.
pub(crate) type Parameter = Box<dyn ToSql + Sync + Send>;

/// The values of a statement, and conditions that refer to them.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    parameters: Vec<Parameter>,
}

impl Conditions {
    /// Adds a value; returns what it is called in the statement.
    pub(crate) fn add(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("${}", self.parameters.len())
    }

    /// The values in the order in which they were added.
    pub(crate) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }

    /// The condition of a filter; true where there is none.
    pub(crate) fn of(&mut self, filter: Option<&Filter>) -> String {
        filter.map_or_else(|| "TRUE".to_owned(), |filter| self.condition(filter))
    }

    fn condition(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Eq(field, value) => self.equal(field, std::slice::from_ref(value)),
            Filter::Ne(field, value) => {
                format!("NOT {}", self.equal(field, std::slice::from_ref(value)))
            }
            Filter::In(field, values) => self.equal(field, values),
            Filter::Lt(field, value) => self.ordered(field, "<", value),
            Filter::Le(field, value) => self.ordered(field, "<=", value),
            Filter::Gt(field, value) => self.ordered(field, ">", value),
            Filter::Ge(field, value) => self.ordered(field, ">=", value),
            Filter::Exists(field) => {
                let field = self.add(field.clone());
                format!("coalesce(jsonb_typeof(metadata -> {field}::text) <> 'null', FALSE)")
            }
            Filter::And(all) => self.all(all, " AND ", "TRUE"),
            Filter::Or(all) => self.all(all, " OR ", "FALSE"),
            Filter::Not(filter) => format!("NOT ({})", self.condition(filter)),
        }
    }

    fn all(&mut self, all: &[Filter], between: &str, of_none: &str) -> String {
        if all.is_empty() {
            return of_none.to_owned();
        }
        let all: Vec<String> =
            all.iter().map(|filter| format!("({})", self.condition(filter))).collect();
        format!("({})", all.join(between))
    }

    /// The field is one of these values, or a list with one of them. An index on the metadata serves it.
    fn equal(&mut self, field: &str, values: &[FilterValue]) -> String {
        let mut wanted = Vec::new();
        for value in values {
            let value: Value = match value {
                FilterValue::Bool(value) => (*value).into(),
                FilterValue::Integer(value) => (*value).into(),
                FilterValue::Float(value) if value.is_finite() => (*value).into(),
                // Equals nothing.
                FilterValue::Float(_) => continue,
                FilterValue::Text(value) => value.as_str().into(),
            };
            for value in [Value::Array(vec![value.clone()]), value] {
                let object = Map::from_iter([(field.to_owned(), value)]);
                wanted.push(Json(Value::Object(object)));
            }
        }
        let wanted = self.add(wanted);
        format!("coalesce(metadata @> ANY ({wanted}::jsonb[]), FALSE)")
    }

    /// The field, or one element of the list that it holds, stands so to the value.
    fn ordered(&mut self, field: &str, operator: &str, value: &FilterValue) -> String {
        let compared = match value {
            FilterValue::Bool(_) => return "FALSE".to_owned(),
            FilterValue::Float(value) if !value.is_finite() => return "FALSE".to_owned(),
            FilterValue::Integer(value) => {
                let value = self.add(*value);
                format!("WHEN 'number' THEN element::numeric {operator} {value}::int8::numeric")
            }
            FilterValue::Float(value) => {
                let value = self.add(*value);
                format!("WHEN 'number' THEN element::float8 {operator} {value}::float8")
            }
            FilterValue::Text(value) => {
                let value = self.add(value.clone());
                format!(
                    "WHEN 'string' THEN (element #>> '{{}}') COLLATE \"C\" {operator} {value}::text"
                )
            }
        };
        let field = format!("metadata -> {}::text", self.add(field.to_owned()));
        format!(
            "EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof({field})
                WHEN 'array' THEN {field} ELSE jsonb_build_array({field}) END) AS elements (element)
            WHERE CASE jsonb_typeof(element) {compared} ELSE FALSE END)"
        )
    }
}
