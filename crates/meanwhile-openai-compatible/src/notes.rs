//! [`Notes`]: what becomes of settings that the wire cannot carry.

use std::borrow::Cow;

use meanwhile_core::{Error, ErrorKind, OnUnsupported, Result, Warning};

/// What could not be written as it was: warnings, or the first of them as an error.
///
/// ```
/// use meanwhile_core::{ErrorKind, OnUnsupported};
/// use meanwhile_openai_compatible::dialect::Notes;
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

    fn note(&mut self, warning: Warning) -> Result<()> {
        if self.strict {
            return Err(Error::new(ErrorKind::Unsupported, warning.to_string()));
        }
        self.mention(warning);
        Ok(())
    }

    /// Something about the conversation that is worth knowing but asks for nothing; never an error.
    pub fn mention(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}
