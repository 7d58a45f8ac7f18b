//! [`Report`]: runs checks one after the other and prints a line for each.

use std::fmt::Display;
use std::io::{Write as _, stdout};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Longest time of one check. The first one waits for a model to be loaded.
const LIMIT: Duration = Duration::from_secs(180);

/// What was checked so far.
#[derive(Debug)]
pub(crate) struct Report {
    filter: Option<String>,
    passed: usize,
    failed: Vec<String>,
    start: Instant,
}

impl Report {
    pub(crate) fn new(filter: Option<String>) -> Self {
        Self { filter, passed: 0, failed: Vec::new(), start: Instant::now() }
    }

    /// Runs a check, unless the filter leaves it out; what it returns is shown.
    pub(crate) async fn check(
        &mut self,
        of: &str,
        what: &str,
        check: impl Future<Output = Result<String>>,
    ) {
        let name = format!("{of}: {what}");
        if self.filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            return;
        }
        let start = Instant::now();
        let outcome = tokio::time::timeout(LIMIT, check).await;
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("no end after {LIMIT:?}")));
        let time = start.elapsed().as_secs_f64();
        match outcome {
            Ok(seen) => {
                self.passed += 1;
                say(format_args!("ok     {time:6.2} s  {name}  ({seen})"));
            }
            Err(error) => {
                // Errors of ours tell more to developers: the body of the answer, what had arrived.
                let told = match error.downcast_ref::<meanwhile::Error>() {
                    Some(error) => format!("{error:?}"),
                    None => format!("{error:#}"),
                };
                say(format_args!("FAILED {time:6.2} s  {name}\n    {told}"));
                self.failed.push(name);
            }
        }
    }

    /// Prints the sum; whether there was a check and none failed.
    pub(crate) fn finish(self) -> bool {
        let Self { passed, failed, start, filter: _ } = self;
        let time = start.elapsed().as_secs_f64();
        say(format_args!("\n{passed} passed, {} failed, {time:.0} s", failed.len()));
        for name in &failed {
            say(format_args!("  failed: {name}"));
        }
        failed.is_empty() && passed > 0
    }
}

/// Writes a line right away. Whoever closed the output does not want to know.
fn say(line: impl Display) {
    let mut out = stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}
