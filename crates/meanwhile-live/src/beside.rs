//! What providers offer beside answers: embeddings, lists of models, counts of tokens.

use anyhow::{Context as _, Result, ensure};
use meanwhile::provider::{anthropic::Anthropic, openai_compatible::presets};
use meanwhile::{Message, Request};
use meanwhile_core::{EmbeddingModel, ListModels};

use crate::report::Report;
use crate::servers::Servers;

pub(crate) async fn check(report: &mut Report, servers: &Servers) -> Result<()> {
    let key = servers.key.as_str();
    let (llama, lite) = (&servers.llama_server, &servers.litellm);
    let (llama_v1, lite_v1) = (format!("{llama}/v1"), format!("{lite}/v1"));
    let llamacpp = || presets::LLAMACPP.builder().base_url(&llama_v1).api_key(key);
    let litellm = || presets::LITELLM.builder().base_url(&lite_v1).api_key(key);
    let anthropic = Anthropic::builder().base_url(llama).api_key(key).api()?;

    let embed = servers.embed.as_str();
    let (at_llama, at_lite) = ("llamacpp @ llama-server", "litellm @ litellm");
    let model = EmbeddingModel::of(llamacpp().embedder()?, embed);
    report.check(at_llama, "embeddings", embeddings(&model)).await;
    let model = EmbeddingModel::of(litellm().embedder()?, embed);
    report.check(at_lite, "embeddings", embeddings(&model)).await;

    let chat = servers.chat.as_str();
    report.check(at_llama, "the list of models", models(&*llamacpp().models()?, chat)).await;
    report.check(at_lite, "the list of models", models(&*litellm().models()?, chat)).await;
    report.check("anthropic @ llama-server", "the list of models", models(&anthropic, chat)).await;

    let (short, long) = (request(chat, "Hello."), request(chat, "Hello, and much more than that."));
    report
        .check("anthropic @ llama-server", "a count of tokens", async {
            counted(anthropic.count_tokens(&short).await?, anthropic.count_tokens(&long).await?)
        })
        .await;
    Ok(())
}

async fn embeddings(model: &EmbeddingModel) -> Result<String> {
    let texts = ["A cat sleeps.", "Ein Käfer schläft.", "A cat sleeps.", "東京 🦊"];
    let embeddings = model.embed(texts).await?;
    let [cat, beetle, again, _] = &embeddings.vectors[..] else {
        anyhow::bail!("{} vectors came for 4 texts", embeddings.vectors.len());
    };
    let (same, other) = (likeness(cat, again), likeness(cat, beetle));
    ensure!(same > 0.99 && other < same, "equal texts: {same}, others: {other}");
    let one = model.embed_one("A cat sleeps.").await?;
    ensure!(likeness(&one, cat) > 0.99, "alone and among others, a text differs");
    Ok(format!("{} dimensions", embeddings.dimensions()))
}

/// The cosine of two vectors.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

async fn models(list: &dyn ListModels, wanted: &str) -> Result<String> {
    let models = list.list_models().await?;
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    ids.iter().find(|id| **id == wanted).with_context(|| format!("{wanted} is not in {ids:?}"))?;
    Ok(format!("{} models", ids.len()))
}

fn request(model: &str, text: &str) -> Request {
    Request::new(model, vec![Message::user(text)])
}

fn counted(short: u64, long: u64) -> Result<String> {
    ensure!(
        short > 0 && long > short,
        "{long} tokens for the longer text, {short} for the shorter"
    );
    Ok(format!("{short} and {long}"))
}
