//! [`ProgramState`]: what the predictors of a program have been taught, as JSON that is small and safe to
//! load: ours, or what DSPy's `program.save("….json")` writes.

mod dspy;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use meanwhile_core::{Error, ErrorKind, Result, Settings};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::module::{each, within_reach};
use crate::{Demo, Module, Overlay, Predictor, SignatureSpec};

/// What the predictors of a program have been taught: instructions, descriptions of fields, demos.
///
/// A state belongs to programs whose predictors have the same paths. It holds no code, no key and no
/// address.
///
/// ```
/// use meanwhile_programs::{ChainOfThought, ModuleExt as _, ProgramState};
///
/// let mut think = ChainOfThought::parse("question -> answer")?;
/// let optimised = r#"{"predictors": {"predict": {"instructions": "Answer in one word."}}}"#;
/// think.load_state(&ProgramState::from_json(optimised)?)?;
/// assert_eq!(think.predict.predictor.spec().instructions, "Answer in one word.");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProgramState {
    /// The states by the paths of the predictors, in order.
    #[serde(serialize_with = "write_map", deserialize_with = "read_map")]
    pub predictors: Vec<(String, PredictorState)>,
    /// What of a file of DSPy has no place here, a line each.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

/// What one predictor has been taught. What is not there stays as the program has it.
///
/// ```
/// use meanwhile_programs::{ChainOfThought, ModuleExt as _, PredictorState, ProgramState};
///
/// let taught = ChainOfThought::parse("question -> answer")?.instructions("Answer in one word.");
/// let state = PredictorState::of(&taught.predict.predictor);
/// assert_eq!(state.instructions.as_deref(), Some("Answer in one word."));
///
/// // Another program of the same shape takes it over.
/// let mut other = ChainOfThought::parse("question -> answer")?;
/// other.load_state(&ProgramState::default().with("predict", state))?;
/// assert_eq!(other.predict.predictor.spec().instructions, "Answer in one word.");
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PredictorState {
    /// What the model is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// What is said of the fields: by name, or where no field has one, in the order of the signature,
    /// inputs first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldState>,
    /// The examples that the model is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demos: Option<Vec<Demo>>,
    /// The model to ask, where the predictor has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelState>,
}

/// What is said of one field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FieldState {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The words before its value in old prompts of DSPy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// The model of a predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelState {
    /// A `provider/model` string.
    pub name: String,
    /// The randomness of the choice of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

impl ProgramState {
    /// Takes the state of a program. Models are left to the program.
    #[must_use]
    pub fn of<M: Module + ?Sized>(module: &M) -> Self {
        let mut state = Self::default();
        each(module, |path, predictor| {
            state.predictors.push((path.to_owned(), PredictorState::of(predictor)));
        });
        state
    }

    /// Sets the state of a predictor.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, state: PredictorState) -> Self {
        let path = path.into();
        match self.predictors.iter_mut().find(|(known, _)| *known == path) {
            Some(slot) => slot.1 = state,
            None => self.predictors.push((path, state)),
        }
        self
    }

    /// The state of a predictor.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&PredictorState> {
        self.predictors.iter().find(|(known, _)| known == path).map(|(_, state)| state)
    }

    /// Checks that a program can take over the state.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the program has a predictor that the state does not know, or the other
    /// way round, or a field is described that a signature does not have.
    pub fn check<M: Module + ?Sized>(&self, module: &M) -> Result<()> {
        let mut known: Vec<String> = Vec::new();
        let mut wrong: Vec<String> = Vec::new();
        each(module, |path, predictor| {
            known.push(path.to_owned());
            match self.get(path) {
                None => wrong.push(format!("nothing is saved for the predictor `{path}`")),
                Some(state) => {
                    if let Err(error) = state.spec(predictor.spec()) {
                        wrong.push(format!("`{path}`: {}", error.message()));
                    }
                }
            }
        });
        let strangers = self.predictors.iter().filter(|(path, _)| !known.contains(path));
        wrong.extend(strangers.map(|(path, _)| format!("the program has no predictor `{path}`")));
        if wrong.is_empty() {
            return Ok(());
        }
        let known = if known.is_empty() { "none".into() } else { known.join("`, `") };
        let message = format!(
            "the state does not fit the program, whose predictors are `{known}`: {}",
            wrong.join("; ")
        );
        Err(Error::new(ErrorKind::Config, message))
    }

    /// Gives a program this state, or leaves it as it is.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`ErrorKind::Config`] when a predictor is shared, so that it cannot
    /// be changed.
    pub fn apply<M: Module + ?Sized>(&self, module: &mut M) -> Result<()> {
        self.check(module)?;
        within_reach(module)?;
        let mut outcome = Ok(());
        module.predictors_mut(&mut |path, predictor| {
            if let Some(state) = self.get(crate::module::root(path))
                && let Err(error) = state.apply(predictor)
            {
                outcome = Err(error);
            }
        });
        outcome
    }

    /// Makes the overlay with which a program runs as if it had this state, without being changed.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn overlay<M: Module + ?Sized>(&self, module: &M) -> Result<Overlay> {
        self.check(module)?;
        let mut outcome = Ok(Overlay::new());
        each(module, |path, predictor| {
            let Some(state) = self.get(path) else { return };
            let before = std::mem::replace(&mut outcome, Ok(Overlay::new()));
            outcome = before.and_then(|overlay| state.lay_over(overlay, predictor));
        });
        outcome
    }

    /// Writes the state as JSON.
    ///
    /// # Errors
    ///
    /// None in practice: everything in it is JSON already.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| {
            let message = format!("the state cannot be written as JSON: {error}");
            Error::new(ErrorKind::Other, message).with_source(error)
        })
    }

    /// Reads a state: our own JSON, or DSPy's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the text is neither, and when ours has a key that means nothing.
    pub fn from_json(text: &str) -> Result<Self> {
        let wrong = |error: serde_json::Error| {
            let message = format!("the state of a program cannot be read: {error}");
            Error::new(ErrorKind::Config, message).with_source(error)
        };
        let value: Value = serde_json::from_str(text).map_err(wrong)?;
        if dspy::is_state(&value) {
            return dspy::read(value);
        }
        serde_json::from_value(value).map_err(wrong)
    }

    /// Writes the state to a file, as JSON: the whole of it or nothing. Blocks for as long as the file system
    /// takes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`] with the path when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, mut text) = (path.as_ref(), self.to_json()?);
        text.push('\n');
        write_whole(path, text.as_bytes()).map_err(|error| of_file("written", path, error))
    }

    /// Reads the state in a file: our own JSON, or DSPy's. Blocks for as long as the file system takes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`] with the path when the file cannot be read, and as
    /// [`from_json`](Self::from_json).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| of_file("read", path, error))?;
        Self::from_json(&text).map_err(|error| {
            let message = format!("`{}`: {}", path.display(), error.message());
            error.with_message(message)
        })
    }
}

/// Writes a file that takes the place of the old one when all of it is there.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{number}.part", std::process::id()));
    let part = path.with_file_name(name);
    let write = || {
        let mut file = File::create_new(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&part)))
}

fn of_file(what: &str, path: &Path, error: std::io::Error) -> Error {
    let message = format!("`{}` cannot be {what}: {error}", path.display());
    Error::new(ErrorKind::Other, message).with_source(error)
}

impl PredictorState {
    /// Takes the state of a predictor.
    #[must_use]
    pub fn of(predictor: &Predictor) -> Self {
        let spec = predictor.spec();
        let fields = spec.fields().map(|field| FieldState {
            name: Some(field.name.clone()),
            description: field.description.clone(),
            prefix: field.prefix.clone(),
        });
        Self {
            instructions: Some(spec.instructions.clone()),
            fields: fields.collect(),
            demos: Some(predictor.demos().to_vec()),
            model: None,
        }
    }

    /// Sets the instructions.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets the demos.
    #[must_use]
    pub fn demos(mut self, demos: impl IntoIterator<Item = impl Into<Demo>>) -> Self {
        self.demos = Some(demos.into_iter().map(Into::into).collect());
        self
    }

    /// The signature as it is in this state.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a field is described that the signature does not have, and when fields
    /// without names are not as many as the signature has, or in another order as far as their prefixes
    /// tell.
    pub fn spec(&self, spec: &SignatureSpec) -> Result<SignatureSpec> {
        let mut spec = spec.clone();
        if let Some(instructions) = &self.instructions {
            spec.instructions.clone_from(instructions);
        }
        let by_place = self.fields.iter().all(|state| state.name.is_none());
        if by_place {
            self.check_places(&spec)?;
            for (field, state) in spec.inputs.iter_mut().chain(&mut spec.outputs).zip(&self.fields)
            {
                state.describe(field);
            }
            return Ok(spec);
        }
        for state in &self.fields {
            let Some(name) = &state.name else { continue };
            let mut fields = spec.inputs.iter_mut().chain(&mut spec.outputs);
            match fields.find(|field| field.name == *name) {
                Some(field) => state.describe(field),
                None => {
                    let message = format!("the signature has no field `{name}`");
                    return Err(Error::new(ErrorKind::Config, message));
                }
            }
        }
        Ok(spec)
    }

    /// Whether fields without names are those of the signature.
    fn check_places(&self, spec: &SignatureSpec) -> Result<()> {
        let (given, known) = (self.fields.len(), spec.fields().count());
        if given != 0 && given != known {
            let message = format!("{given} fields are described, and the signature has {known}");
            return Err(Error::new(ErrorKind::Config, message));
        }
        // DSPy makes `Next Tool Name:` of `next_tool_name`.
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let plain = |text: &str| plain(text).to_lowercase();
        for (field, state) in spec.fields().zip(&self.fields) {
            let Some(meant) = state.prefix.as_deref().map(plain) else { continue };
            if plain(&field.name) != meant && spec.fields().any(|one| plain(&one.name) == meant) {
                let name = &field.name;
                let message = format!("`{meant}` is described where the signature has `{name}`");
                return Err(Error::new(ErrorKind::Config, message));
            }
        }
        Ok(())
    }

    /// Gives a predictor this state.
    ///
    /// # Errors
    ///
    /// As [`spec`](Self::spec).
    pub fn apply(&self, predictor: &mut Predictor) -> Result<()> {
        let spec = self.spec(predictor.spec())?;
        predictor.set_spec(spec);
        if let Some(demos) = &self.demos {
            predictor.set_demos(demos.clone());
        }
        if let Some(model) = &self.model {
            predictor.set_settings(model.settings());
        }
        Ok(())
    }

    /// Adds the state of a predictor to an overlay.
    ///
    /// # Errors
    ///
    /// As [`spec`](Self::spec).
    pub fn lay_over(&self, overlay: Overlay, predictor: &Predictor) -> Result<Overlay> {
        let mut overlay = overlay;
        // What the state leaves is left to an overlay around.
        if self.instructions.is_some() || !self.fields.is_empty() {
            overlay = overlay.spec(predictor.id(), self.spec(predictor.spec())?);
        }
        if let Some(demos) = &self.demos {
            overlay = overlay.demos(predictor.id(), demos.clone());
        }
        if let Some(model) = &self.model {
            overlay = overlay.settings(predictor.id(), model.settings());
        }
        Ok(overlay)
    }
}

impl FieldState {
    fn describe(&self, field: &mut crate::FieldSpec) {
        if self.description.is_some() {
            field.description.clone_from(&self.description);
        }
        if self.prefix.is_some() {
            field.prefix.clone_from(&self.prefix);
        }
    }
}

impl ModelState {
    fn settings(&self) -> Settings {
        let mut settings = Settings::new().model(self.name.as_str());
        if let Some(temperature) = self.temperature {
            settings = settings.temperature(temperature);
        }
        if let Some(tokens) = self.max_tokens {
            settings = settings.max_tokens(tokens);
        }
        settings
    }
}

fn write_map<S: Serializer>(
    predictors: &[(String, PredictorState)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(predictors.len()))?;
    for (path, state) in predictors {
        map.serialize_entry(path, state)?;
    }
    map.end()
}

/// Reads a map in its order.
fn read_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, PredictorState)>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(String, PredictorState)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("states of predictors by path")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Entries)
}
