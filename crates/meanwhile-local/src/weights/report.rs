//! [`Report`] shows how far a fetch is, on the standard error stream.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// When fetching shows how far it is, on the standard error stream.
///
/// ```
/// use meanwhile_local::{Local, LocalError, Progress};
///
/// // A service whose standard error is a log.
/// let local = Local::builder().progress(Progress::Hide).weights("models/mine.gguf").build();
/// assert!(matches!(local.fetch(), Err(LocalError::Weights { .. })));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Progress {
    /// A bar where standard error is a terminal, nothing elsewhere.
    #[default]
    Auto,
    /// A bar on a terminal, plain lines elsewhere.
    Show,
    /// Nothing.
    Hide,
}

/// One fetch, as its user sees it. Dropping it clears the bar.
pub(super) struct Report {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Report {
    /// Says what begins. How long it takes is not known until [`measure`](Self::measure).
    pub(super) fn new(progress: Progress, text: String) -> Self {
        let terminal = io::stderr().is_terminal();
        let shown = progress != Progress::Hide && terminal;
        let report = Self {
            bar: shown.then(ProgressBar::new_spinner),
            lines: progress == Progress::Show && !terminal,
        };
        report.say(text);
        if let Some(bar) = &report.bar {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        report
    }

    /// Says what comes next, of which there are `bytes`.
    pub(super) fn measure(&self, text: String, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(bytes);
            bar.set_position(0);
            let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
        }
        self.say(text);
    }

    /// So many more bytes are done.
    pub(super) fn advance(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }

    /// So many bytes are done, of all that were measured.
    #[cfg(feature = "hub")]
    pub(super) fn reach(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn say(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.lines => _ = writeln!(io::stderr(), "{text}"),
            None => {}
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
