//! [`measure`], which asks all questions of a collection, and [`Scores`], how well they are answered.

use anyhow::Result;
use meanwhile_rag::Retrieve;

use crate::data::Collection;

/// How well the documents that answer are found, on the mean over all questions.
#[derive(Default)]
pub(crate) struct Scores {
    /// Which part of the documents that answer is among the first 5, 10 and 20.
    pub(crate) recall: [f64; 3],
    /// How often one of them is among the first 10.
    pub(crate) hit: f64,
    /// One divided by the place of the first one, where that is among the first 10.
    pub(crate) mrr: f64,
}

impl Scores {
    pub(crate) const HEAD: &str = "| search | recall@5 | recall@10 | recall@20 | hit@10 | MRR@10 |\n\
        |---|---|---|---|---|---|";

    pub(crate) fn print(&self, name: &str) {
        let [five, ten, twenty] = self.recall;
        let (hit, mrr) = (self.hit, self.mrr);
        println!("| {name} | {five:.3} | {ten:.3} | {twenty:.3} | {hit:.3} | {mrr:.3} |");
    }
}

/// Asks all questions. Of the chunks that are found, the best one of a document is its place.
pub(crate) async fn measure(
    collection: &Collection,
    retrieve: impl Fn(String) -> Retrieve,
) -> Result<Scores> {
    let mut scores = Scores::default();
    for question in &collection.questions {
        let found = retrieve(question.text.clone()).top_k(150).await?;
        let mut places: Vec<&str> = Vec::new();
        for found in &found {
            if !places.contains(&found.chunk.document_id.as_str()) {
                places.push(&found.chunk.document_id);
            }
        }
        let answers = |id: &&str| question.answers.iter().any(|answer| answer == id);
        let among = |most: usize| places.iter().take(most).filter(|id| answers(id)).count();
        for (recall, most) in scores.recall.iter_mut().zip([5, 10, 20]) {
            *recall += among(most) as f64 / question.answers.len() as f64;
        }
        scores.hit += f64::from(u8::from(among(10) > 0));
        if let Some(first) = places.iter().take(10).position(answers) {
            scores.mrr += 1.0 / (first + 1) as f64;
        }
    }
    let questions = collection.questions.len() as f64;
    scores.recall.iter_mut().for_each(|recall| *recall /= questions);
    scores.hit /= questions;
    scores.mrr /= questions;
    Ok(scores)
}
