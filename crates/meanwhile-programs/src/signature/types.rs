//! [`FieldType`]: what the values of a field are, in our words, in Python's, and as a JSON Schema.

use std::fmt;

use meanwhile_core::Schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the values of a field are. `Display` says it in the words that the model is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// Any JSON.
    Any,
    /// A list of values of one type.
    List(Box<FieldType>),
    /// Values of one type by name.
    Map(Box<FieldType>),
    /// A value or null.
    Optional(Box<FieldType>),
    /// One of these values: texts, whole numbers or booleans.
    Choice(Vec<Value>),
    /// A record of a type of the program.
    Record {
        /// The name of the type.
        name: String,
        /// Its JSON Schema.
        schema: Schema,
    },
    /// A picture; for inputs.
    Image,
    /// A sound recording; for inputs.
    Audio,
    /// A document; for inputs.
    Document,
    /// The conversation so far: a list of [`Fields`](crate::Fields), one for each exchange; for inputs.
    History,
}

impl FieldType {
    /// The type that serde and schemars make of `T`. Costs some microseconds.
    ///
    /// ```
    /// use meanwhile_programs::FieldType;
    ///
    /// assert_eq!(FieldType::of::<Vec<Option<u8>>>().to_string(), "list of (whole number or null)");
    /// ```
    #[must_use]
    pub fn of<T: JsonSchema + ?Sized>() -> Self {
        Self::from_schema(&T::schema_name(), &Schema::of::<T>())
    }

    /// The type that a JSON Schema describes; a record called `name` where it is nothing simpler.
    #[must_use]
    pub fn from_schema(name: &str, schema: &Schema) -> Self {
        let root = schema.as_value();
        Self::read(name, root, root.get("$defs"))
    }

    /// A choice between texts.
    #[must_use]
    pub fn one_of<S: Into<String>>(choices: impl IntoIterator<Item = S>) -> Self {
        Self::Choice(choices.into_iter().map(|choice| Value::String(choice.into())).collect())
    }

    fn read(name: &str, schema: &Value, defs: Option<&Value>) -> Self {
        let list = |key: &str| schema.get(key).and_then(Value::as_array);
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            let name = path.rsplit('/').next().unwrap_or(name);
            return match defs.and_then(|defs| defs.get(name)) {
                Some(found) => Self::read(name, found, defs),
                None => Self::record(name, schema, defs),
            };
        }
        if let Some(choices) = list("enum") {
            return Self::Choice(choices.clone());
        }
        if let Some(choices) = list("oneOf") {
            // What schemars makes of an enum whose variants have documentation.
            let consts: Option<Vec<Value>> =
                choices.iter().map(constants).collect::<Option<Vec<_>>>().map(|all| all.concat());
            return consts.map_or_else(|| Self::record(name, schema, defs), Self::Choice);
        }
        if let Some([one, other]) = list("anyOf").map(Vec::as_slice) {
            let is_null = |schema: &Value| schema.get("type") == Some(&json!("null"));
            if is_null(other) {
                return Self::Optional(Box::new(Self::read(name, one, defs)));
            }
            if is_null(one) {
                return Self::Optional(Box::new(Self::read(name, other, defs)));
            }
        }
        if let Some([Value::String(word), Value::String(null)]) = list("type").map(Vec::as_slice)
            && null == "null"
        {
            let mut inner = schema.clone();
            if let Some(inner) = inner.as_object_mut() {
                inner.insert("type".into(), word.as_str().into());
            }
            return Self::Optional(Box::new(Self::read(name, &inner, defs)));
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => Self::String,
            Some("integer") => Self::Integer,
            Some("number") => Self::Float,
            Some("boolean") => Self::Boolean,
            Some("array") => match schema.get("items") {
                Some(items) => Self::List(Box::new(Self::read("item", items, defs))),
                None if schema.get("prefixItems").is_some() => Self::record(name, schema, defs),
                None => Self::List(Box::new(Self::Any)),
            },
            Some("object") if schema.get("properties").is_none() => {
                match schema.get("additionalProperties") {
                    Some(Value::Bool(true)) => Self::Map(Box::new(Self::Any)),
                    Some(values @ Value::Object(_)) => {
                        Self::Map(Box::new(Self::read("value", values, defs)))
                    }
                    _ => Self::record(name, schema, defs),
                }
            }
            None if schema.as_bool() == Some(true) || !has_rules(schema) => Self::Any,
            _ => Self::record(name, schema, defs),
        }
    }

    fn record(name: &str, schema: &Value, defs: Option<&Value>) -> Self {
        let mut schema = schema.clone();
        if let (Some(fields), Some(defs)) = (schema.as_object_mut(), defs) {
            fields.entry("$defs").or_insert_with(|| defs.clone());
        }
        Self::Record { name: name.to_owned(), schema: schema.into() }
    }

    /// Whether null is one of its values.
    #[must_use]
    pub fn allows_null(&self) -> bool {
        matches!(self, Self::Optional(_) | Self::Any)
    }

    /// Whether the values are text as it stands, or null.
    #[must_use]
    pub fn is_text(&self) -> bool {
        match self {
            Self::String => true,
            Self::Optional(inner) => inner.is_text(),
            _ => false,
        }
    }

    /// Whether the values are media, which travel beside the text of a message.
    #[must_use]
    pub fn is_media(&self) -> bool {
        match self {
            Self::Image | Self::Audio | Self::Document => true,
            Self::List(inner) | Self::Optional(inner) => inner.is_media(),
            _ => false,
        }
    }

    /// The JSON Schema of the values.
    #[must_use]
    pub fn schema(&self) -> Schema {
        if let Self::Record { schema, .. } = self {
            return schema.clone();
        }
        let mut defs = Map::new();
        let schema = self.build(&mut defs);
        with_defs(schema, defs).into()
    }

    /// The schema, with what it refers to put into `defs`.
    pub(crate) fn build(&self, defs: &mut Map<String, Value>) -> Value {
        match self {
            Self::String => json!({"type": "string"}),
            Self::Integer => json!({"type": "integer"}),
            Self::Float => json!({"type": "number"}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::Any => json!({}),
            Self::List(inner) => json!({"type": "array", "items": inner.build(defs)}),
            Self::Map(inner) => {
                let values = match &**inner {
                    Self::Any => Value::Bool(true),
                    other => other.build(defs),
                };
                json!({"type": "object", "additionalProperties": values})
            }
            Self::Optional(inner) => json!({"anyOf": [inner.build(defs), {"type": "null"}]}),
            Self::Choice(choices) => choice_schema(choices),
            Self::Record { name, schema } => {
                let mut schema = schema.as_value().clone();
                let inner = schema.as_object_mut().and_then(|fields| fields.shift_remove("$defs"));
                if let Some(Value::Object(inner)) = inner {
                    for (name, schema) in inner {
                        defs.entry(name).or_insert(schema);
                    }
                }
                if schema.get("$ref").is_some() {
                    return schema;
                }
                // Two types of one name are two definitions.
                let mut key = name.clone();
                while defs.get(&key).is_some_and(|known| *known != schema) {
                    key.push('_');
                }
                defs.insert(key.clone(), schema);
                json!({"$ref": format!("#/$defs/{key}")})
            }
            Self::Image | Self::Audio | Self::Document => json!({"type": "object"}),
            Self::History => json!({"type": "array", "items": {"type": "object"}}),
        }
    }

    /// The type as Python writes it, for prompts that equal those of DSPy.
    #[must_use]
    pub fn python_name(&self) -> String {
        match self {
            Self::String => "str".into(),
            Self::Integer => "int".into(),
            Self::Float => "float".into(),
            Self::Boolean => "bool".into(),
            Self::Any => "Any".into(),
            Self::List(inner) => format!("list[{}]", inner.python_name()),
            Self::Map(inner) => format!("dict[str, {}]", inner.python_name()),
            Self::Optional(inner) => format!("Union[{}, NoneType]", inner.python_name()),
            Self::Choice(choices) => {
                let choices: Vec<String> = choices.iter().map(quoted).collect();
                format!("Literal[{}]", choices.join(", "))
            }
            Self::Record { name, .. } => name.clone(),
            Self::Image => "Image".into(),
            Self::Audio => "Audio".into(),
            Self::Document => "Document".into(),
            Self::History => "History".into(),
        }
    }
}

/// The values of a schema that allows only these.
fn constants(schema: &Value) -> Option<Vec<Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one.clone()]),
        (None, Some(Value::Array(all))) => Some(all.clone()),
        _ => None,
    }
}

/// Whether a schema says more than how its values are called.
fn has_rules(schema: &Value) -> bool {
    let is_word =
        |key: &String| matches!(key.as_str(), "title" | "description" | "$defs" | "default");
    schema.as_object().is_none_or(|fields| !fields.keys().all(is_word))
}

/// Puts definitions into a schema that may refer to them.
pub(crate) fn with_defs(mut schema: Value, defs: Map<String, Value>) -> Value {
    if let Some(fields) = schema.as_object_mut()
        && !defs.is_empty()
    {
        fields.insert("$defs".into(), Value::Object(defs));
    }
    schema
}

fn choice_schema(choices: &[Value]) -> Value {
    let ty = |value: &Value| match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        _ => "",
    };
    let first = choices.first().map(ty).unwrap_or_default();
    let mut schema = Map::new();
    match choices {
        [one] => schema.insert("const".into(), one.clone()),
        all => schema.insert("enum".into(), Value::Array(all.to_vec())),
    };
    if !first.is_empty() && choices.iter().all(|choice| ty(choice) == first) {
        schema.insert("type".into(), first.into());
    }
    Value::Object(schema)
}

/// A choice as a word: texts without quotes.
pub(crate) fn word_of(choice: &Value) -> String {
    match choice {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A choice as Python writes it.
pub(crate) fn quoted(choice: &Value) -> String {
    match choice {
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Null => "None".into(),
        Value::String(text) => match (text.contains('\''), text.contains('"')) {
            (true, false) => format!("\"{text}\""),
            (true, true) => format!("'{}'", text.replace('\'', "\\'")),
            (false, _) => format!("'{text}'"),
        },
        other => other.to_string(),
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("text"),
            Self::Integer => f.write_str("whole number"),
            Self::Float => f.write_str("number"),
            Self::Boolean => f.write_str("true or false"),
            Self::Any => f.write_str("any JSON"),
            Self::List(inner) => write!(f, "list of {}", Inner(inner)),
            Self::Map(inner) => {
                write!(f, "object with names of your choice, each {}", Inner(inner))
            }
            Self::Optional(inner) => write!(f, "{} or null", Inner(inner)),
            Self::Choice(choices) => {
                let choices: Vec<String> = choices.iter().map(word_of).collect();
                write!(f, "one of: {}", choices.join(", "))
            }
            Self::Record { name, .. } => f.write_str(name),
            Self::Image => f.write_str("image"),
            Self::Audio => f.write_str("audio"),
            Self::Document => f.write_str("document"),
            Self::History => f.write_str("conversation"),
        }
    }
}

/// A type within another one, in brackets where it is several words that could be misread.
struct Inner<'a>(&'a FieldType);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            inner @ (FieldType::Optional(_) | FieldType::Choice(_) | FieldType::Map(_)) => {
                write!(f, "({inner})")
            }
            inner => inner.fmt(f),
        }
    }
}
