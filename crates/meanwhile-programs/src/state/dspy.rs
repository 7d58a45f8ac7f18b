//! Reading the JSON that DSPy's `program.save("….json")` writes (source: DSPy 3.4, `primitives/base_module.py`
//! and `predict/predict.py`). Addresses and keys in it are never taken over.

use meanwhile_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::{FieldState, ModelState, PredictorState, ProgramState};
use crate::{Demo, Fields};

/// Whether the JSON is what DSPy writes.
pub(super) fn is_state(value: &Value) -> bool {
    let is_predictor = |value: &Value| value.get("signature").is_some_and(Value::is_object);
    let Some(entries) = value.as_object() else { return false };
    !entries.contains_key("predictors")
        && (entries.get("metadata").is_some_and(|data| data.get("dependency_versions").is_some())
            || is_predictor(value)
            || entries.values().any(is_predictor))
}

/// Reads what DSPy has written.
pub(super) fn read(value: Value) -> Result<ProgramState> {
    let Value::Object(mut entries) = value else { return Err(wrong("it is no object")) };
    // Which versions wrote it says nothing about what is in it.
    entries.shift_remove("metadata");
    let mut state = ProgramState::default();
    if entries.contains_key("signature") {
        // A program that is a predictor itself is saved without a path.
        let predictor = predictor("self", entries, &mut state.ignored)?;
        state.predictors.push(("self".into(), predictor));
        return Ok(state);
    }
    for (path, entry) in entries {
        let Value::Object(entry) = entry else {
            return Err(wrong(format!("`{path}` is no predictor")));
        };
        let predictor = predictor(&path, entry, &mut state.ignored)?;
        state.predictors.push((path, predictor));
    }
    Ok(state)
}

fn predictor(
    path: &str,
    entry: Map<String, Value>,
    ignored: &mut Vec<String>,
) -> Result<PredictorState> {
    let mut state = PredictorState::default();
    for (key, value) in entry {
        match (key.as_str(), value) {
            ("signature", Value::Object(signature)) => {
                state.instructions =
                    signature.get("instructions").and_then(Value::as_str).map(str::to_owned);
                let fields = signature.get("fields").and_then(Value::as_array);
                state.fields = fields.into_iter().flatten().map(field).collect();
            }
            ("demos", Value::Array(demos)) => {
                state.demos = Some(
                    demos
                        .into_iter()
                        .map(demo)
                        .collect::<Option<_>>()
                        .ok_or_else(|| wrong(format!("a demo of `{path}` is no record")))?,
                );
            }
            ("lm", Value::Object(model)) => state.model = self::model(path, model, ignored),
            // Nothing was saved.
            (_, Value::Null) => {}
            (_, Value::Array(list)) if list.is_empty() => {}
            (key, _) => ignored.push(format!("`{key}` of `{path}`")),
        }
    }
    if state.instructions.is_none() {
        return Err(wrong(format!("`{path}` has no signature with instructions")));
    }
    Ok(state)
}

fn field(field: &Value) -> FieldState {
    let text = |key: &str| field.get(key).and_then(Value::as_str).map(str::to_owned);
    // `${name}` is what stands where nothing was said.
    let is_said = |text: &String| !(text.starts_with("${") && text.ends_with('}'));
    FieldState {
        name: None,
        description: text("description").filter(is_said),
        prefix: text("prefix"),
    }
}

fn demo(demo: Value) -> Option<Demo> {
    let Value::Object(mut fields) = demo else { return None };
    let augmented = fields.shift_remove("augmented") == Some(Value::Bool(true));
    let fields = Fields::from(fields);
    Some(if augmented { Demo::augmented(fields) } else { Demo::new(fields) })
}

fn model(path: &str, model: Map<String, Value>, ignored: &mut Vec<String>) -> Option<ModelState> {
    let name = model.get("model")?.as_str()?.to_owned();
    let mut state = ModelState { name, temperature: None, max_tokens: None };
    for (key, value) in model {
        match key.as_str() {
            "temperature" => state.temperature = value.as_f64(),
            "max_tokens" => {
                state.max_tokens = value.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
            }
            // How Python asks, not what.
            "model" | "model_type" | "cache" | "num_retries" | "_dspy_lm_class" => {}
            _ if value.is_null() || value.as_object().is_some_and(Map::is_empty) => {}
            key => ignored.push(format!("`{key}` of the model of `{path}`")),
        }
    }
    Some(state)
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("the state that DSPy saved cannot be read: {why}"))
}
