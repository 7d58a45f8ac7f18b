//! [`Report`]: what came of each case, to be read by people.

use std::fmt;
use std::future::Future;

use super::{Conformance, LIMIT};

/// What came of all cases, in the order in which they ran.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use = "a report does nothing until it is looked at; call `assert`"]
pub struct Report {
    /// The cases.
    pub cases: Vec<Case>,
    except: Vec<(String, String)>,
}

/// What came of one case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Case {
    /// What was tried: `tool call, streamed: split at every byte`.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It went as it must.
    Passed,
    /// It did not; this is what happened instead.
    Failed(String),
    /// It was not tried, for this reason.
    Skipped(String),
}

/// What a case says about itself.
pub(super) type Verdict = Outcome;

impl Report {
    pub(super) fn new(suite: &Conformance) -> Self {
        Self { cases: Vec::new(), except: suite.except.clone() }
    }

    pub(super) fn add(&mut self, name: impl Into<String>, outcome: Outcome) {
        self.cases.push(Case { name: name.into(), outcome });
    }

    /// Runs one case, unless it is left out, and not for ever.
    pub(super) async fn case(
        &mut self,
        name: impl Into<String>,
        case: impl Future<Output = Result<(), String>>,
    ) {
        let name = name.into();
        let except = self.except.iter().find(|(prefix, _)| name.starts_with(&**prefix));
        let outcome = match except {
            Some((_, reason)) => Outcome::Skipped(reason.clone()),
            None => match tokio::time::timeout(LIMIT, case).await {
                Ok(Ok(())) => Outcome::Passed,
                Ok(Err(what)) => Outcome::Failed(what),
                Err(_) => Outcome::Failed(format!("nothing came of it within {LIMIT:?}")),
            },
        };
        self.add(name, outcome);
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed(_)))
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
        let count =
            |of: fn(&Outcome) -> bool| self.cases.iter().filter(|case| of(&case.outcome)).count();
        let passed = count(|outcome| matches!(outcome, Outcome::Passed));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let failed = self.failed().count();
        writeln!(f, "{passed} cases passed, {failed} failed, {skipped} skipped")?;
        for case in &self.cases {
            match &case.outcome {
                Outcome::Failed(what) => writeln!(f, "FAILED  {}: {what}", case.name)?,
                Outcome::Skipped(why) => writeln!(f, "skipped {}: {why}", case.name)?,
                Outcome::Passed => {}
            }
        }
        Ok(())
    }
}
