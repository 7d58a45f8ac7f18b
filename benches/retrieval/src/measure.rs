//! [`measure`], which asks all questions of a collection, and [`Scores`], how well they are answered.

use anyhow::Result;
use meanwhile_rag::Retrieve;

use crate::data::Collection;

/// How well the documents that answer are found, for one question or on the mean over many.
#[derive(Clone, Copy, Default)]
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

impl Scores {
    pub(crate) fn mean(scores: &[Self]) -> Self {
        let count = scores.len() as f64;
        let mut mean = Self::default();
        for scores in scores {
            for (mean, recall) in mean.recall.iter_mut().zip(scores.recall) {
                *mean += recall / count;
            }
            mean.hit += scores.hit / count;
            mean.mrr += scores.mrr / count;
        }
        mean
    }
}

/// Asks all questions.
pub(crate) async fn measure(
    collection: &Collection,
    retrieve: impl Fn(String) -> Retrieve,
) -> Result<Scores> {
    Ok(Scores::mean(&measure_each(collection, retrieve).await?))
}

/// Asks all questions and tells of each. Of the chunks that are found, the best one of a document is its place.
pub(crate) async fn measure_each(
    collection: &Collection,
    retrieve: impl Fn(String) -> Retrieve,
) -> Result<Vec<Scores>> {
    let mut all = Vec::with_capacity(collection.questions.len());
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
        let first = places.iter().take(10).position(answers);
        all.push(Scores {
            recall: [5, 10, 20].map(|most| among(most) as f64 / question.answers.len() as f64),
            hit: f64::from(u8::from(first.is_some())),
            mrr: first.map_or(0.0, |first| 1.0 / (first + 1) as f64),
        });
    }
    Ok(all)
}

/// The scores of a setting that was chosen on other questions than those it is measured on: what found most
/// among ten for every second question is measured on the others, and the other way round. `tried` is what
/// each setting scored, question by question.
pub(crate) fn chosen_on_others(tried: &[(usize, Vec<Scores>)]) -> (Scores, [usize; 2]) {
    let half = |scores: &[Scores], rest: usize| -> Vec<Scores> {
        scores.iter().skip(rest).step_by(2).copied().collect()
    };
    let mut measured = Vec::new();
    let chosen = [0, 1].map(|rest| {
        let recall = |scores: &[Scores]| Scores::mean(&half(scores, 1 - rest)).recall[1];
        let best = tried.iter().max_by(|(_, a), (_, b)| recall(a).total_cmp(&recall(b)));
        best.map_or(0, |(setting, scores)| {
            measured.extend(half(scores, rest));
            *setting
        })
    });
    (Scores::mean(&measured), chosen)
}
