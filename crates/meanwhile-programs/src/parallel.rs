//! [`Parallel`]: one program over many inputs at the same time, an outcome for each; and [`majority`].

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use meanwhile_core::{Error, ErrorKind, Result};

use crate::evaluate::words;
use crate::{Fields, Forward};

/// Runs a program over many inputs at the same time.
///
/// Nothing runs twice and nothing is spawned: all of it happens in the task that waits, and dropping the
/// future cancels what is under way.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_programs::{Parallel, Predict, fields};
///
/// # futures::executor::block_on(async {
/// let model = Model::new(
///     Scripted::new().reply_with(|request| {
///         let asked = request.messages.last().map(|last| last.text()).unwrap_or_default();
///         let answer = if asked.contains("Peru") { "Lima" } else { "Quito" };
///         format!("[[ ## capital ## ]]\n{answer}\n\n[[ ## completed ## ]]")
///     }),
///     "any",
/// );
/// let predict = Predict::parse("country -> capital")?.model(model);
/// let inputs = ["Peru", "Ecuador"].map(|country| fields! { country: country });
///
/// let outcomes = Parallel::new(8).run(&predict, inputs).await;
///
/// let capitals: Vec<String> =
///     outcomes.into_iter().map(|one| one?.get("capital")).collect::<Result<_, _>>()?;
/// assert_eq!(capitals, ["Lima", "Quito"]);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallel {
    concurrency: usize,
    max_errors: Option<usize>,
}

impl Parallel {
    /// Runs so many at the same time; 0 counts as 1.
    #[must_use]
    pub const fn new(concurrency: usize) -> Self {
        Self { concurrency, max_errors: None }
    }

    /// Bears so many runs that fail; after one more, no further run is started. Those that are under way are
    /// waited for; those that were not started are errors of the kind [`ErrorKind::Cancelled`].
    #[must_use]
    pub const fn max_errors(mut self, errors: usize) -> Self {
        self.max_errors = Some(errors);
        self
    }

    /// Runs the program over all inputs, and returns the outcomes in their order. An error says which
    /// input it is of ([`Error::index`]).
    pub async fn run<F: Forward>(
        self,
        program: &F,
        inputs: impl IntoIterator<Item = F::In>,
    ) -> Vec<Result<F::Out>> {
        let mut outcomes: Vec<(usize, Result<F::Out>)> =
            self.stream(program, inputs).collect().await;
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Runs the program over all inputs, and returns the outcomes as they come, each with the place of its
    /// input.
    pub fn stream<'a, F: Forward>(
        self,
        program: &'a F,
        inputs: impl IntoIterator<Item = F::In> + 'a,
    ) -> impl Stream<Item = (usize, Result<F::Out>)> + 'a {
        let errors = std::sync::Arc::new(AtomicUsize::new(0));
        stream::iter(inputs.into_iter().enumerate())
            .map(move |(index, input)| {
                let errors = errors.clone();
                let run = async move {
                    let failed = errors.load(Ordering::Acquire);
                    if self.max_errors.is_some_and(|most| failed > most) {
                        let message =
                            format!("not started, since {failed} runs before it have failed");
                        return Err(Error::new(ErrorKind::Cancelled, message));
                    }
                    let outcome = program.forward(input).await;
                    if outcome.is_err() {
                        errors.fetch_add(1, Ordering::AcqRel);
                    }
                    outcome
                };
                run.map(move |outcome| (index, outcome.map_err(|error| error.with_index(index))))
            })
            .buffer_unordered(self.concurrency.max(1))
    }
}

/// The answer that most agree on, of several answers to one question: those whose field is the same text
/// but for case, punctuation and articles. Of those that are as many, the first. Without a name it is the
/// last field that counts. `None` where none has the field.
///
/// ```
/// use meanwhile_programs::{fields, majority};
///
/// let answers = ["Lima", "Cusco", "lima."].map(|answer| fields! { answer: answer });
/// assert_eq!(majority(&answers, None).and_then(|one| one.text("answer")), Some("Lima"));
/// ```
#[must_use]
pub fn majority<'a>(
    answers: impl IntoIterator<Item = &'a Fields>,
    field: Option<&str>,
) -> Option<&'a Fields> {
    let mut groups: Vec<(String, usize, &Fields)> = Vec::new();
    let mut empty = None;
    for answer in answers {
        let name = field.or_else(|| answer.names().last());
        let Some(value) = name.and_then(|name| answer.value(name)) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let key = words(&text);
        if key.is_empty() {
            // Says nothing, and counts where nobody says anything.
            empty = empty.or(Some(answer));
            continue;
        }
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, count, _)) => *count += 1,
            None => groups.push((key, 1, answer)),
        }
    }
    // The last of the greatest would be taken: so from the end.
    let most = groups.iter().rev().max_by_key(|(_, count, _)| *count);
    most.map(|(_, _, answer)| *answer).or(empty)
}
