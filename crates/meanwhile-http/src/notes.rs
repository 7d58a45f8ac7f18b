//! [`Notes`]: what of a request a wire cannot carry as it was asked for.

use std::borrow::Cow;

use meanwhile_core::{Effort, Error, ErrorKind, OnUnsupported, Result, Warning};

/// Collects the warnings of one request, or fails with the first of them where the request asks for that.
///
/// ```
/// use meanwhile_core::{ErrorKind, OnUnsupported};
/// use meanwhile_http::Notes;
///
/// let mut notes = Notes::new(OnUnsupported::Warn);
/// notes.dropped("top_k", "the wire has no such setting")?;
/// assert_eq!(notes.into_warnings()[0].subject, "top_k");
/// // Where the request wants an error instead:
/// let mut notes = Notes::new(OnUnsupported::Error);
/// let error = notes.dropped("top_k", "the wire has no such setting").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// # Ok::<(), meanwhile_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Notes {
    strict: bool,
    warnings: Vec<Warning>,
}

impl Notes {
    /// Starts without a warning.
    #[must_use]
    pub fn new(unsupported: OnUnsupported) -> Self {
        Self { strict: unsupported == OnUnsupported::Error, warnings: Vec::new() }
    }

    /// The warnings, in the order of their causes.
    #[must_use]
    pub fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }

    /// Something that was asked for is left out.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported), where the request wants that instead of a warning.
    pub fn dropped(
        &mut self,
        subject: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Result<()> {
        self.note(Warning::dropped(subject, message))
    }

    /// Something that was asked for is sent in a weaker form.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported), where the request wants that instead of a warning.
    pub fn changed(
        &mut self,
        subject: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Result<()> {
        self.note(Warning::changed(subject, message))
    }

    /// The level of reasoning that a model knows and that is nearest to what was asked for, rather less than more.
    /// Without known levels, what was asked for.
    ///
    /// # Errors
    ///
    /// As [`changed`](Self::changed), where the level is another one.
    pub fn nearest_effort(&mut self, asked: Effort, known: &[Effort]) -> Result<Effort> {
        let distance = |effort: &&Effort| (**effort as u8).abs_diff(asked as u8);
        let nearest = known.iter().min_by_key(distance).copied().unwrap_or(asked);
        if nearest != asked {
            let message = format!(
                "this model knows no level `{}`; the nearest is `{}`",
                asked.as_str(),
                nearest.as_str()
            );
            self.changed("reasoning", message)?;
        }
        Ok(nearest)
    }

    fn note(&mut self, warning: Warning) -> Result<()> {
        if self.strict {
            return Err(Error::new(ErrorKind::Unsupported, warning.to_string()));
        }
        self.mention(warning);
        Ok(())
    }

    /// Something about the conversation that is worth knowing but loses nothing that was asked for; never an
    /// error, and said once.
    pub fn mention(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}
