//! [`Report`]: what came of each case, to be read by people.

use std::fmt;
use std::time::Duration;

use super::Verdict;

/// What came of all cases, in the order in which they ran.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[must_use = "a report does nothing until it is looked at; call `assert`"]
pub struct Report {
    /// The cases.
    pub cases: Vec<Case>,
}

/// What came of one case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Case {
    /// What was tried.
    pub name: &'static str,
    /// What happened instead, where it failed.
    pub failure: Option<String>,
    /// The longest turn that it took of its thread, where that was measured
    /// ([`nobody_is_starved`](super::nobody_is_starved)).
    pub longest_turn: Option<Duration>,
}

impl Case {
    pub(super) fn new(name: &'static str, verdict: Verdict) -> Self {
        Self { name, failure: verdict.err(), longest_turn: None }
    }
}

impl Report {
    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.failure.is_some())
    }

    /// Whether no case failed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Ends the test if a case failed.
    ///
    /// # Panics
    ///
    /// When a case failed; the message lists every one.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_passed(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().count();
        writeln!(f, "{} cases passed, {failed} failed", self.cases.len() - failed)?;
        for case in &self.cases {
            if let Some(turn) = case.longest_turn {
                writeln!(f, "{turn:?}  {}", case.name)?;
            }
        }
        for case in self.failed() {
            writeln!(f, "FAILED  {}: {}", case.name, case.failure.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}
