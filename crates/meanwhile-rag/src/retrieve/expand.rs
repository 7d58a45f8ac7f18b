//! [`QueryExpander`], which makes several questions of one, by a model or by cutting a long one.

use std::fmt;

use async_trait::async_trait;
use meanwhile_core::{Message, Response, Result};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::ask::{Ask, asks, whole};
use crate::record_usage;
use crate::spent::usage_of;

/// Makes several questions of one.
#[async_trait]
pub trait QueryExpander: fmt::Debug + Send + Sync + 'static {
    /// Says what else to ask; the question itself is asked in any case. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// Whatever a model reports.
    async fn expand(&self, query: &str) -> Result<Vec<String>>;
}

/// Has a model write more questions, one call for each search.
///
/// What the model says first counts; bullets and numbers in front of lines are taken off. A refusal, and an
/// answer that was cut or filtered, are errors.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{ModelQueries, QueryExpander as _};
/// # futures::executor::block_on(async {
/// # let model = Model::new(Scripted::new().reply("1. refund deadline\n2. money back"), "any");
/// let expander = ModelQueries::new(2).model(model);
/// let more = expander.expand("When are refunds paid?").await?;
/// assert_eq!(more, ["refund deadline", "money back"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct ModelQueries {
    ask: Ask,
    count: usize,
}

asks!(ModelQueries, ask);

impl ModelQueries {
    /// Asks for this many questions beside the given one.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { ask: Ask::default(), count }
    }
}

#[async_trait]
impl QueryExpander for ModelQueries {
    async fn expand(&self, query: &str) -> Result<Vec<String>> {
        if self.count == 0 {
            return Ok(Vec::new());
        }
        let instructions = format!(
            "You prepare searches. Write {} other search queries that would find documents which \
             answer the user's question: use other words, and ask for its parts. One query a line, \
             nothing else.",
            self.count
        );
        let messages = vec![Message::system(instructions), Message::user(query)];
        // A model with nothing to add may say nothing.
        let response: Response = self.ask.call("expand", messages).await?;
        record_usage(&usage_of(&response));
        let response = whole(response)?;
        let text = response.text();
        let lines = text.lines().map(item);
        let lines = lines.filter(|line| line.chars().any(char::is_alphanumeric));
        Ok(lines.take(self.count).map(str::to_owned).collect())
    }
}

/// A line without what stands in front of the items of a list: bullets, and a number with a mark behind it.
fn item(line: &str) -> &str {
    let bullet = |c: char| c.is_whitespace() || "-*•(`\"".contains(c);
    let line = line.trim_start_matches(bullet);
    let behind = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = behind.len() < line.len();
    let marked = behind.strip_prefix(['.', ')', ':']).filter(|_| is_number);
    // `1.5 volts` begins with no number of a list.
    let marked = marked.filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    marked.unwrap_or(line).trim_start_matches(bullet).trim_end().trim_end_matches(['`', '"'])
}

/// Cuts a long question into stretches of whole sentences, each of which is searched for, too.
///
/// An embedder reads a few hundred words at most, and one vector for a long story is near to nothing. Needs
/// no model. A question that is not longer than one stretch is asked as it is.
///
/// ```
/// # use meanwhile_rag::{QueryExpander as _, WindowQueries};
/// # futures::executor::block_on(async {
/// let expander = WindowQueries::new(5);
/// let windows = expander.expand("The lamp is broken. I want a refund. When is it paid?").await?;
/// assert_eq!(windows, ["The lamp is broken.", "I want a refund.", "When is it paid?"]);
/// // A short question is asked as it is.
/// assert!(expander.expand("When is it paid?").await?.is_empty());
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WindowQueries {
    words: usize,
    max_windows: usize,
}

impl WindowQueries {
    /// Makes stretches of about this many words.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self { words, max_windows: 64 }
    }

    /// Sets the most stretches that are searched for; 64 without. What comes after them is only a part
    /// of the whole question.
    #[must_use]
    pub fn max_windows(mut self, windows: usize) -> Self {
        self.max_windows = windows;
        self
    }

    fn cut(self, text: &str) -> Vec<String> {
        let mut windows: Vec<String> = Vec::new();
        let (mut window, mut words) = (String::new(), 0);
        for sentence in text.lines().flat_map(|line| line.unicode_sentences()) {
            let length = sentence.unicode_words().count();
            if words > 0 && words + length > self.words {
                windows.push(std::mem::take(&mut window));
                words = 0;
            }
            if length > 0 {
                if words > 0 {
                    window.push(' ');
                }
                window.push_str(sentence.trim());
                words += length;
            }
        }
        if words > 0 {
            windows.push(window);
        }
        if windows.len() < 2 {
            return Vec::new();
        }
        windows.truncate(self.max_windows);
        windows
    }
}

impl Default for WindowQueries {
    /// Stretches of about 80 words.
    fn default() -> Self {
        Self::new(80)
    }
}

#[async_trait]
impl QueryExpander for WindowQueries {
    async fn expand(&self, query: &str) -> Result<Vec<String>> {
        Ok(self.cut(query))
    }
}
