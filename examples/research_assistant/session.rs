//! A conversation: questions, answers while they are written, sources, costs, and a timeline.

use std::io::{Write as _, stdout};
use std::sync::Arc;

use meanwhile::layers::{Budget, Prices};
use meanwhile::observe::History;
use meanwhile::observe::terminal::Timeline;
use meanwhile::prelude::*;
use meanwhile::rag::{ChatEngine, ChatMode, Index, TokenBudget};
use meanwhile::{RunKind, Settings, Usd, scope};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

use crate::tools::{Calculate, Notes};

/// A conversation over an index.
pub(crate) struct Session {
    chat: ChatEngine,
    settings: Settings,
    history: History,
    notes: Arc<Notes>,
}

impl Session {
    pub(crate) fn new(index: &Index, model: &str, tools: bool, dollars: Option<u32>) -> Self {
        let (history, notes) = (History::new(1_000), Arc::<Notes>::default());
        let mut settings = Settings::new().seed(1).max_tokens(120).observe(history.clone());
        if let Some(dollars) = dollars {
            settings = settings.layer(Budget::money(Usd::dollars(dollars.into())));
        }
        let mut chat = if tools {
            let more = Arc::clone(&notes).tools().with_all(<Calculate as ToolSet>::toolbox());
            index.chat(ChatMode::Tools).tools(more)
        } else {
            index.chat(ChatMode::CondensePlusContext).top_k(4)
        };
        chat = chat.model(model).memory(TokenBudget(2_000)).context_tokens(1_200);
        Self { chat, settings, history, notes }
    }

    /// Answers what is typed, until there is no more. What fails is told, and asked anew if wanted.
    pub(crate) async fn talk(&mut self) -> Result<()> {
        println!("Ask, or :notes, :timeline, :forget, :quit.");
        let mut lines = BufReader::new(stdin()).lines();
        loop {
            print!("\n> ");
            stdout().flush().ok();
            let Ok(Some(line)) = lines.next_line().await else { return Ok(()) };
            match line.trim() {
                "" => {}
                ":quit" => return Ok(()),
                ":notes" => self.notes.all().iter().for_each(|note| println!("- {note}")),
                ":timeline" => self.timeline()?,
                ":forget" => self.chat.remembered().clear().await?,
                // Ctrl-C gives up the answer, not the session: the request is dropped, and so cancelled.
                question => tokio::select! {
                    answered = self.answer(question) => {
                        if let Err(error) = answered {
                            println!("\n{error}");
                        }
                    }
                    _ = tokio::signal::ctrl_c() => println!("\n(given up)"),
                },
            }
        }
    }

    /// Prints the answer as it is written, then where it is from and what it took.
    pub(crate) async fn answer(&self, question: &str) -> Result<()> {
        let answered = scope(self.settings.clone(), async {
            let mut stream = self.chat.stream_chat(question).await?;
            while let Some(piece) = stream.next().await {
                print!("{}", piece?.delta);
                stdout().flush().ok();
            }
            stream.finish().await
        });
        let answer = answered.await?;
        println!("\n");
        for (number, source) in answer.chunks.iter().enumerate() {
            let (chunk, span) = (&source.chunk, &source.chunk.span);
            let is_cited = answer.citations.iter().any(|citation| citation.chunk == number);
            let mark = if is_cited { "*" } else { " " };
            println!("{mark}[{}] {}, bytes {span:?}", number + 1, chunk.document_id);
        }
        let usage = &answer.usage;
        let tokens = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
        let (read, written) = (tokens(usage.input.total), tokens(usage.output.total));
        println!("{read} tokens read, {written} written; {}", self.cost());
        Ok(())
    }

    /// What all answers of this session have cost.
    fn cost(&self) -> String {
        let prices = Prices::bundled();
        let mut total = Usd::ZERO;
        for run in self.history.runs().iter().filter(|run| run.kind == RunKind::Model) {
            let (provider, model) = run.name.split_once('/').unwrap_or((&run.name, ""));
            match prices.cost(provider, model, None, &run.usage) {
                Some(cost) => total += cost.total(),
                None if provider == "local" => {}
                None => return format!("the price of {} is not known", run.name),
            }
        }
        format!("{total} so far")
    }

    /// Draws what ran, and when.
    pub(crate) fn timeline(&self) -> Result<()> {
        println!();
        Timeline::of(&self.history)
            .print()
            .map_err(|error| Error::new(ErrorKind::Other, "cannot print").with_source(error))
    }
}
