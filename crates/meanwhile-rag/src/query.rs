//! [`QueryEngine`], which answers questions from what a retriever finds, and [`Query`], one such question.

use std::future::IntoFuture;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile_core::{AnyTool, Result, Tool, ToolCall, ToolContext, ToolOutput, ToolSpec, chain};

use crate::ask::asks;
use crate::retrieve::{Steps, parameters, question, steps};
use crate::spent::Meter;
use crate::splitters::TokenCounter;
use crate::synthesis::{chained, sources};
use crate::{Answer, AnswerStream, Index, RetrievalQuery, Retriever, Synthesis, Synthesizer};

/// Answers questions: finds chunks, and has a model write an answer from them. Cheap to clone.
///
/// ```
/// # use meanwhile_core::{Model, Scripted};
/// # use meanwhile_rag::{Document, Index, MemoryStore};
/// # futures::executor::block_on(async {
/// # let index = Index::new(MemoryStore::new());
/// # index.ingest().run_all([
/// #     Document::new("refunds", "Refunds are paid within 30 days."),
/// #     Document::new("gifts", "Gift cards are not taken back."),
/// # ]).await?;
/// # let model = Model::new(Scripted::new().reply("Within 30 days [1].").reply("No [1]."), "any");
/// // Configured once, asked often.
/// let engine = index.query_engine().model(model).top_k(3);
/// let answer = engine.query("When are refunds paid?").await?;
/// assert_eq!(answer.text, "Within 30 days [1].");
/// assert_eq!(answer.cited().next().unwrap().chunk.document_id, "refunds");
/// assert_eq!(engine.query("Are gift cards taken back?").await?.text, "No [1].");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct QueryEngine {
    retriever: Arc<dyn Retriever>,
    query: RetrievalQuery,
    steps: Steps,
    synthesizer: Synthesizer,
}

/// One question: configure it, then `.await` it for an [`Answer`], or [`stream`](Self::stream) it.
///
/// Nothing is sent before the first poll; dropping the future cancels.
#[derive(Debug, Clone)]
#[must_use = "a question does nothing unless it is awaited or streamed"]
pub struct Query {
    retriever: Arc<dyn Retriever>,
    query: RetrievalQuery,
    steps: Steps,
    synthesizer: Synthesizer,
}

/// Writes what both have.
macro_rules! engine {
    ($type:ty) => {
        steps!($type);
        asks!($type, synthesizer.ask);

        impl $type {
            /// Sets what finds the chunks.
            #[must_use = "settings are set on the value that is returned"]
            pub fn retriever(mut self, retriever: impl Retriever) -> Self {
                self.retriever = Arc::new(retriever);
                self
            }

            /// Sets how the answer is made of the chunks; [`Synthesis::Compact`] without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn synthesis(mut self, mode: Synthesis) -> Self {
                self.synthesizer = self.synthesizer.synthesis(mode);
                self
            }

            /// Sets what the model is told about answering, in the place of what it is told otherwise: to
            /// use nothing but the sources, and to cite them.
            #[must_use = "settings are set on the value that is returned"]
            pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
                self.synthesizer = self.synthesizer.instructions(instructions);
                self
            }

            /// Sets how many tokens of chunks one prompt has at most; 4,096 without. A chunk that is longer
            /// has a prompt of its own, and is not cut.
            #[must_use = "settings are set on the value that is returned"]
            pub fn context_tokens(mut self, tokens: usize) -> Self {
                self.synthesizer = self.synthesizer.context_tokens(tokens);
                self
            }

            /// Sets what counts tokens; [`EstimatedTokens`](crate::splitters::EstimatedTokens) without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn counter(mut self, counter: impl TokenCounter) -> Self {
                self.synthesizer = self.synthesizer.counter(counter);
                self
            }

            /// Sets how many calls run at once, where an answer takes several; 8 without.
            #[must_use = "settings are set on the value that is returned"]
            pub fn concurrency(mut self, calls: usize) -> Self {
                self.synthesizer = self.synthesizer.concurrency(calls);
                self
            }
        }
    };
}
engine!(QueryEngine);
engine!(Query);

impl QueryEngine {
    /// Answers from what this retriever finds.
    #[must_use]
    pub fn new(retriever: impl Retriever) -> Self {
        Self {
            retriever: Arc::new(retriever),
            query: RetrievalQuery::new(""),
            steps: Steps::default(),
            synthesizer: Synthesizer::default(),
        }
    }

    /// Asks a question. Awaiting it answers; nothing is sent before.
    pub fn query(&self, question: impl Into<String>) -> Query {
        let Self { retriever, query, steps, synthesizer } = self.clone();
        let query = RetrievalQuery { text: question.into(), ..query };
        Query { retriever, query, steps, synthesizer }
    }

    /// Makes a tool of the engine: a model asks it questions and reads its answers, with the names of the
    /// documents that they cite below. The description tells the model what it knows, and when to ask.
    #[must_use]
    pub fn tool(self, name: impl Into<String>, description: impl Into<String>) -> AnyTool {
        let (name, description) = (name.into(), description.into());
        AnyTool::new(QueryTool { engine: self, name, description })
    }
}

impl Query {
    /// Finds the chunks, and begins to answer.
    ///
    /// Returns once the model has begun to write its last answer: [`AnswerStream::sources`] is known from
    /// then on.
    ///
    /// # Errors
    ///
    /// Whatever the retriever, a post-processor or the model reports until then; failures after that come as
    /// the last item of the stream.
    pub async fn stream(self) -> Result<AnswerStream> {
        let begin = async move {
            let meter = Meter::new();
            let found = meter.run(self.steps.run(&self.retriever, &self.query)).await?;
            self.synthesizer.stream_from(&self.query.text, found, meter.usage()).await
        };
        chained("query", begin).await
    }
}

impl IntoFuture for Query {
    type Output = Result<Answer>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(chain("query", async move {
            let meter = Meter::new();
            let found = meter.run(self.steps.run(&self.retriever, &self.query)).await?;
            self.synthesizer.answer_from(&self.query.text, found, meter.usage()).await
        }))
    }
}

impl Index {
    /// Makes an engine that answers questions from the index.
    #[must_use]
    pub fn query_engine(&self) -> QueryEngine {
        QueryEngine::new(self.retriever())
    }

    /// Asks a question. Awaiting it finds chunks and answers; nothing is sent before.
    ///
    /// ```no_run
    /// # use meanwhile_core::Model;
    /// # use meanwhile_rag::{Index, Synthesis};
    /// # async fn example(index: Index, model: Model) -> meanwhile_core::Result<()> {
    /// let answer = index.query("Can a gift card be refunded?").model(model).await?;
    /// println!("{}", answer.text);
    /// for citation in &answer.citations {
    ///     println!("{} {:?}", citation.document_id, citation.span);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn query(&self, question: impl Into<String>) -> Query {
        self.query_engine().query(question)
    }
}

/// An engine that a model may ask.
#[derive(Debug)]
struct QueryTool {
    engine: QueryEngine,
    name: String,
    description: String,
}

#[async_trait]
impl Tool for QueryTool {
    fn spec(&self) -> ToolSpec {
        let parameters = parameters("The question, as a whole sentence.");
        ToolSpec::new(self.name.clone(), self.description.clone(), parameters)
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        let answer = self.engine.query(question(call)?).await?;
        if answer.text.is_empty() {
            return Ok(ToolOutput::new("Nothing was found."));
        }
        // Whoever asked did not see the sources: what the numbers stand for goes with them.
        let mut text = answer.text.clone();
        for found in answer.cited() {
            let place = answer.chunks.iter().position(|chunk| std::ptr::eq(chunk, found));
            if let Some(place) = place {
                sources::append(&mut text, &sources::name(place + 1, found));
            }
        }
        Ok(ToolOutput::new(text))
    }
}
