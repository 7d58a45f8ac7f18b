//! A bar on the terminal for a [`Gather`](crate::Gather). Only with the feature `progress`.

use std::future::IntoFuture;

use indicatif::{ProgressBar, ProgressStyle};
use meanwhile_core::Result;

use crate::Gather;

/// What the bar shows.
const TEMPLATE: &str = "{bar:30} {pos}/{len} {elapsed}, {eta} to go";

impl<I, C, T> Gather<I>
where
    I: Iterator<Item = C>,
    C: IntoFuture<Output = Result<T>>,
{
    /// Shows on standard error how many calls are done, and when the rest will be. Shows nothing
    /// where that is no terminal.
    ///
    /// ```
    /// # use meanwhile_core::{Model, Scripted};
    /// # use meanwhile_concurrency::map_concurrent;
    /// # futures::executor::block_on(async {
    /// let model = Model::new(Scripted::new().reply_with(|asked| asked.messages[0].text()), "any");
    /// let answers = map_concurrent(["a", "b"], 2, |text| model.call::<String>(text))
    ///     .progress_bar()
    ///     .await?;
    /// assert_eq!(answers, ["a", "b"]);
    /// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
    /// ```
    pub fn progress_bar(self) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        self.progress_on(bar)
    }

    /// Moves a bar of the program, whatever it looks like; finishes it when no call is left.
    pub fn progress_on(self, bar: ProgressBar) -> Self {
        let whole = bar.clone();
        let moved = self.progress(move |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        moved.finished(move || whole.finish())
    }
}
