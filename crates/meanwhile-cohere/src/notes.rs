//! [`Notes`]: what could not be written as it was: warnings, or the first of them as an error.

use std::borrow::Cow;

use meanwhile_core::{Error, ErrorKind, OnUnsupported, Result, Warning};

#[derive(Debug)]
pub(crate) struct Notes {
    strict: bool,
    pub(crate) warnings: Vec<Warning>,
}

impl Notes {
    pub(crate) fn new(unsupported: OnUnsupported) -> Self {
        Self { strict: unsupported == OnUnsupported::Error, warnings: Vec::new() }
    }

    /// Something that was asked for is left out.
    pub(crate) fn dropped(
        &mut self,
        subject: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Result<()> {
        self.note(Warning::dropped(subject, message))
    }

    /// Something that was asked for is sent in a weaker form.
    pub(crate) fn changed(
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
    pub(crate) fn mention(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}
