//! [`table`]: which provider can do what, each cell the number of recordings that prove it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use serde::Deserialize;

use crate::{Corpus, Kind, Record};

/// What the columns show, and the tag that a recording of it has. The first counts all answers.
const COLUMNS: &[(&str, &str)] = &[
    ("answers", ""),
    ("streams", "stream"),
    ("tool calls", "tool_call"),
    ("parallel", "parallel_tools"),
    ("structured", "structured"),
    ("thinking", "thinking"),
    ("images", "image"),
    ("audio", "audio"),
    ("documents", "document"),
    ("citations", "citations"),
    ("own tools", "builtin_tools"),
    ("prompt cache", "prompt_cache"),
    ("logprobs", "logprobs"),
    ("refusals", "refusal"),
];

/// What is offered beside chat, in the order of the columns.
const BESIDE_CHAT: &[&str] = &[
    "embeddings",
    "rankings",
    "lists of models",
    "batches",
    "token counts",
    "moderations",
    "speech",
    "transcriptions",
    "images",
];

const HEAD_BESIDE_CHAT: &str = "
## Beside chat

Numbers of recorded answers again, each asked for through the public trait of the provider with the
recording in place of the network, and cut in pieces and cut off likewise. Hosts of the dialect that are
not in this table have the same calls all the same; whether a host answers them is for the host to say.
Azure lists models and takes batches, by Microsoft's reference, and Vertex AI lists Google's models, by
Google's; no recording shows these. Azure lists the deployments of a resource through Azure Resource Manager
alone, and batches of Vertex AI are files in Cloud Storage or BigQuery: neither is here.

";

const OTHER_HOSTS: &str = "
## Models of one vendor at another

A host that serves another vendor's models on that vendor's wire is asked on it, with that vendor's codec
and options. In the `meanwhile` crate, Mistral on Vertex AI and `:invoke` are features of their own,
`vertex-mistral` and `bedrock-invoke`:

| model string | wire |
|---|---|
| `vertex/claude-…` | Anthropic's Messages, by `rawPredict` and `streamRawPredict` |
| `vertex/mistral-…`, `codestral-…`, `ministral-…` and so on | Mistral's chat, by the same |
| `bedrock/…anthropic.claude-…:invoke` | Anthropic's Messages, by `InvokeModel`; without `:invoke`, Converse |
| `bedrock/…amazon.nova-…:invoke` | Nova's own body, nearly that of Converse, by the same |
| `bedrock/…mistral.mistral-large-…:invoke`, and `openai.gpt-oss`, `qwen`, `ai21.jamba`, `deepseek.v3` likewise | Chat Completions as Bedrock has it, by the same |
| `bedrock/…cohere.command-r-…:invoke`, and `command-r-plus` likewise | the first version of Cohere's chat, by the same |
| `bedrock/…meta.llama3-…:invoke`, and `llama4`, `amazon.titan-text`, `mistral-7b`, `mixtral`, `deepseek.r1` likewise | one prompt, in which the vendor's marks tell the turns apart, by the same |
| `azure/DEPLOYMENT` | by the name of the deployment: Messages, Responses or Chat Completions; `:responses` and `:completions` behind it choose |

No recording shows Command R or DeepSeek V3 behind `:invoke`: they are written by AWS's page, by the examples
that Cohere publishes for AWS, and by programs that ask V3. Whole answers to prompts for Mistral's models and
for DeepSeek R1 count no tokens; streamed ones do.

## Hosts that speak the dialect in one place and not in another

`otari`, `sagemaker`, `watsonx` and `mlx` are asked where they serve Chat Completions: an Otari gateway
under `/v1`; an endpoint of SageMaker under its `/openai/v1`, where `SAGEMAKER_BASE_URL` is that address
and `SAGEMAKER_API_KEY` a bearer token of SageMaker's SDK; watsonx.ai through its model gateway, under
`/ml/gateway/v1`; the server of MLX LM at port 8080. Their other doors are closed: `InvokeEndpoint` of
SageMaker, whose body is whatever a container takes, and watsonx.ai's own `/ml/v1/text/chat`, which wants a
project and a token of IBM Cloud's own. Where only those are open, put a gateway in front that speaks the
dialect, such as `litellm`.
";

#[derive(Deserialize)]
struct Entry {
    file: String,
    tags: Vec<String>,
}

const HEAD: &str = "# Which provider can do what

Made by `cargo xtask replay --json OUT --table docs/providers.md`; do not edit. CI makes it again where
the recordings are at hand, and fails where this page says something else.

A number is how many recorded answers of that provider with that content our codec read in full, in
pieces cut at every byte, and with an early end noticed. An empty cell is not proven: it may work,
but no recording shows it. *Errors* are recorded refusals whose kind, status, code and words a judge
outside this code reads in the same way.

";

/// Writes the table of all providers, as Markdown.
///
/// # Errors
///
/// When the corpus has no index.
pub fn table(corpus: &Corpus, records: &[Record]) -> anyhow::Result<String> {
    let index = fs::read_to_string(corpus.root.join("index.jsonl"))
        .context("the corpus has no index.jsonl, which says what each recording holds")?;
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in index.lines().filter(|line| !line.trim().is_empty()) {
        let entry: Entry = serde_json::from_str(line).context("a line of index.jsonl")?;
        tags.insert(entry.file, entry.tags);
    }

    let mut rows: BTreeMap<(&str, &str), (Vec<u64>, u64)> = BTreeMap::new();
    for record in records {
        let failed = [record.split_ok, record.cut_ok, record.mutate_ok].contains(&Some(false));
        if record.kind == Kind::Skip || failed {
            continue;
        }
        if record.beside_chat.is_some() {
            continue;
        }
        let row = rows
            .entry((&record.provider, &record.api))
            .or_insert_with(|| (vec![0; COLUMNS.len()], 0));
        if record.kind != Kind::Ok {
            row.1 += u64::from(record.kind != Kind::Truncated);
            continue;
        }
        let found = tags.get(&record.file);
        for (count, (_, tag)) in row.0.iter_mut().zip(COLUMNS) {
            let has = |tags: &Vec<String>| tags.iter().any(|found| found == tag);
            *count += u64::from(tag.is_empty() || found.is_some_and(has));
        }
    }

    let mut text = HEAD.to_owned();
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    writeln!(text, "| provider | wire | {} | errors |", names.join(" | "))?;
    writeln!(text, "|---|---|{}---|", "---|".repeat(COLUMNS.len()))?;
    for ((provider, api), (counts, errors)) in &rows {
        let cells: Vec<String> = counts.iter().map(show).collect();
        writeln!(text, "| {provider} | {api} | {} | {} |", cells.join(" | "), show(errors))?;
    }

    let proven: BTreeSet<&str> = rows.keys().map(|(provider, _)| *provider).collect();
    let unproven: Vec<String> = meanwhile_openai_compatible::presets::ALL
        .iter()
        .filter(|preset| !proven.contains(preset.id))
        .map(|preset| format!("`{}`", preset.id))
        .collect();
    writeln!(
        text,
        "\nHosts of the Chat Completions dialect that no recording shows, so that nothing about them is\n\
         proven but the dialect itself: {}.",
        unproven.join(", ")
    )?;
    text.push_str(OTHER_HOSTS);
    beside_chat(records, &mut text)?;
    Ok(text)
}

/// Adds the table of what is no chat.
fn beside_chat(records: &[Record], text: &mut String) -> std::fmt::Result {
    let mut rows: BTreeMap<&str, (Vec<u64>, u64)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.split_ok != Some(false)) {
        let Some(column) = record.beside_chat else { continue };
        let row = rows.entry(&record.provider).or_insert_with(|| (vec![0; BESIDE_CHAT.len()], 0));
        match record.kind {
            Kind::Ok => {
                let cells = row.0.iter_mut().zip(BESIDE_CHAT);
                cells.for_each(|(count, name)| *count += u64::from(*name == column));
            }
            _ => row.1 += 1,
        }
    }
    text.push_str(HEAD_BESIDE_CHAT);
    writeln!(text, "| provider | {} | errors |", BESIDE_CHAT.join(" | "))?;
    writeln!(text, "|---|{}---|", "---|".repeat(BESIDE_CHAT.len()))?;
    for (provider, (counts, errors)) in &rows {
        let cells: Vec<String> = counts.iter().map(show).collect();
        writeln!(text, "| {provider} | {} | {} |", cells.join(" | "), show(errors))?;
    }
    Ok(())
}

fn show(count: &u64) -> String {
    if *count == 0 { String::new() } else { count.to_string() }
}
