//! [`Timeline`]: what ran, in what, when and how long, as a tree with bars.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use meanwhile_core::{RunId, RunKind};
use tokio::time::Instant;
use unicode_width::UnicodeWidthStr as _;

use super::{BOLD, DIM, ERROR, TOOL, WARNING, clean, paint, shows_colors};
use crate::{History, RunRecord};

/// Columns of a bar.
const BAR: usize = 28;
/// Columns of a name, with what shows its place in the tree; longer ones are cut.
const NAME: usize = 36;

/// A picture of runs: a line each, under the run that it is a part of, with a bar on a common axis,
/// when it started, how long it took, how long the first token took, tokens read and written, failed
/// tries and errors.
///
/// In a bar, `░` is the time until the first piece of an answer. Shown with `{}`, it is plain text;
/// [`print`](Self::print) writes colours where the standard output shows them.
///
/// ```
/// use meanwhile_core::{Model, Scripted};
/// use meanwhile_observe::History;
/// use meanwhile_observe::terminal::Timeline;
/// # futures_util::FutureExt::now_or_never(async {
/// let history = History::new(100);
/// let model = Model::new(Scripted::new().reply("Dune"), "any");
/// model.call::<String>("Recommend a book").observe(history.clone()).await?;
///
/// let text = Timeline::of(&history).to_string();
///
/// assert!(text.starts_with("call "));
/// assert!(text.contains("└ scripted/any "));
/// assert!(text.contains("1 → 1 tokens"));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Timeline {
    runs: Vec<RunRecord>,
    colors: bool,
}

/// A run and its place in the tree.
struct Row<'a> {
    run: &'a RunRecord,
    /// What stands before its name.
    branch: String,
}

impl Timeline {
    /// Draws these runs, in the order of their starts.
    #[must_use]
    pub fn new(runs: impl IntoIterator<Item = RunRecord>) -> Self {
        let mut runs: Vec<RunRecord> = runs.into_iter().collect();
        // Stable: those that start at the same moment keep their order.
        runs.sort_by_key(|run| run.started);
        Self { runs, colors: false }
    }

    /// Draws what a history keeps.
    #[must_use]
    pub fn of(history: &History) -> Self {
        Self::new(history.runs())
    }

    /// Sets whether colours are written.
    #[must_use]
    pub fn colors(mut self, colors: bool) -> Self {
        self.colors = colors;
        self
    }

    /// Writes the timeline to the standard output, in colours where it shows them.
    ///
    /// # Errors
    ///
    /// Those of the standard output.
    pub fn print(self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let colors = shows_colors(&stdout);
        write!(stdout, "{}", self.colors(colors))?;
        stdout.flush()
    }

    /// The runs as a tree, from the top.
    fn rows(&self) -> Vec<Row<'_>> {
        let known: HashMap<RunId, usize> =
            self.runs.iter().enumerate().map(|(at, run)| (run.id, at)).collect();
        let mut parts: HashMap<RunId, Vec<&RunRecord>> = HashMap::new();
        let mut waiting: Vec<(&RunRecord, String, String)> = Vec::new();
        for run in self.runs.iter().rev() {
            match run.parent.filter(|parent| known.contains_key(parent)) {
                Some(parent) => parts.entry(parent).or_default().push(run),
                None => waiting.push((run, String::new(), String::new())),
            }
        }
        let mut rows = Vec::new();
        while let Some((run, branch, below)) = waiting.pop() {
            rows.push(Row { run, branch });
            // The last one comes first, so that the first one is taken first.
            for (at, part) in parts.remove(&run.id).unwrap_or_default().into_iter().enumerate() {
                let (branch, deeper) = if at == 0 { ("└ ", "  ") } else { ("├ ", "│ ") };
                waiting.push((part, format!("{below}{branch}"), format!("{below}{deeper}")));
            }
        }
        rows
    }

    /// When the first run started, and how long it is until the last one ended.
    fn axis(&self) -> Option<(Instant, Duration)> {
        let start = self.runs.iter().map(|run| run.started).min()?;
        let ends = self.runs.iter().map(|run| run.started + run.duration.unwrap_or_default());
        Some((start, ends.max()?.saturating_duration_since(start)))
    }

    fn row(&self, out: &mut String, row: &Row<'_>, start: Instant, whole: Duration) {
        let run = row.run;
        let offset = run.started.saturating_duration_since(start);
        let mut name = String::new();
        clean(&mut name, &format!("{}{}", row.branch, run.name));
        let name = fit(&name.replace(['\n', '\t'], " "), NAME);
        let style = match run.kind {
            _ if run.error.is_some() => ERROR,
            RunKind::Tool => TOOL,
            _ => BOLD,
        };
        paint(out, self.colors, style, &name);
        out.push(' ');
        out.push_str(&bar(run, offset, whole));
        let started = format!(" {:>9}", format!("+{}", shown(offset)));
        paint(out, self.colors, DIM, &started);
        let took = run.duration.map_or("running".to_owned(), shown);
        out.push_str(&format!(" {took:>9}"));
        self.details(out, run);
        out.truncate(out.trim_end().len());
        out.push('\n');
    }

    fn details(&self, out: &mut String, run: &RunRecord) {
        if let Some(first) = run.first_token {
            out.push_str(&format!("  first {}", shown(first)));
        }
        let count = |count: Option<u64>| count.map_or("?".to_owned(), |count| count.to_string());
        let (input, output) = (run.usage.input.total, run.usage.output.total);
        if input.or(output).is_some() {
            out.push_str(&format!("  {} → {} tokens", count(input), count(output)));
        }
        match run.attempts.len() {
            0 => {}
            1 => paint(out, self.colors, WARNING, "  1 retry"),
            many => paint(out, self.colors, WARNING, &format!("  {many} retries")),
        }
        if let Some((kind, message)) = &run.error {
            let (kind, first) = (kind.to_string(), message.lines().next().unwrap_or_default());
            // A history without content describes an error beginning with its kind.
            let text = if first.starts_with(&kind) {
                format!("  {first}")
            } else {
                format!("  {kind}: {first}")
            };
            paint(out, self.colors, ERROR, &text);
        }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((start, whole)) = self.axis() else { return Ok(()) };
        let mut out = String::new();
        for row in self.rows() {
            self.row(&mut out, &row, start, whole);
        }
        f.write_str(&out)
    }
}

/// The part of the axis that a run takes, at least one column.
fn bar(run: &RunRecord, offset: Duration, whole: Duration) -> String {
    let column = |time: Duration| {
        let share = if whole.is_zero() { 0.0 } else { time.as_secs_f64() / whole.as_secs_f64() };
        // Between 0 and the width, so that nothing is lost.
        (share * BAR as f64).round().clamp(0.0, BAR as f64) as usize
    };
    let from = column(offset).min(BAR - 1);
    let to = run.duration.map_or(BAR, |duration| column(offset + duration)).max(from + 1);
    let first = run.first_token.map_or(from, |first| column(offset + first)).clamp(from, to);
    (0..BAR)
        .map(|at| match at {
            at if at < from || at >= to => ' ',
            at if at < first => '░',
            _ => '█',
        })
        .collect()
}

/// Cuts or fills text to so many columns.
fn fit(text: &str, columns: usize) -> String {
    let mut fitted = String::new();
    if text.width() <= columns {
        fitted.push_str(text);
    } else {
        for c in text.chars() {
            let mut longer = fitted.clone();
            longer.push(c);
            if longer.width() >= columns {
                break;
            }
            fitted = longer;
        }
        fitted.push('…');
    }
    let missing = columns.saturating_sub(fitted.width());
    fitted.extend(std::iter::repeat_n(' ', missing));
    fitted
}

/// A time for people: `0.4 ms`, `310 ms`, `1.24 s`, `2 m 03 s`.
fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match time.as_secs() {
        0 if time.is_zero() => "0 ms".to_owned(),
        0 if ms < 9.95 => format!("{ms:.1} ms"),
        0 if ms < 999.5 => format!("{ms:.0} ms"),
        seconds if seconds < 60 => format!("{:.2} s", time.as_secs_f64()),
        seconds => format!("{} m {:02} s", seconds / 60, seconds % 60),
    }
}
